"""Webhook endpoints and deliveries over HTTP: each tenant's own, for keys that may."""

from collections.abc import Iterator

import pytest
from standardwebhooks.webhooks import Webhook

from tests.integration.api.conftest import Door, DoorMaker
from tests.sinks import ADDRESS, Sink, sink
from workers.delivery import run_delivery
from workers.states import Scope

ADMIN = frozenset({Scope.ADMIN, Scope.WRITE, Scope.READ})


@pytest.fixture
def receiver() -> Iterator[Sink]:
    with sink() as made:
        yield made


@pytest.fixture
def keyed(open_door: DoorMaker) -> Door:
    return open_door(is_open=False, outbound_allow=f"{ADDRESS}/32")


def test_an_endpoint_is_added_tested_and_verified_over_http(keyed: Door, receiver: Sink) -> None:
    with keyed.http(keyed.key(scopes=ADMIN)) as http:
        added = http.post("/v1/webhooks", json={"url": receiver.url("/hooks")})
        assert added.status_code == 201, added.text
        endpoint = added.json()
        fired = http.post(f"/v1/webhooks/{endpoint['id']}/test")
        assert (fired.status_code, fired.json()["status"]) == (202, "ready")
        run_delivery(keyed.client.runtime, fired.json()["id"])
        [came] = receiver.came
        assert Webhook(endpoint["secret"]).verify(came.body.decode(), came.headers)["type"] == "webhook.test"
        seen = http.get(f"/v1/deliveries/{fired.json()['id']}").json()
        assert (seen["status"], [each["http_status"] for each in seen["attempts"]]) == ("delivered", [200])
        assert seen["payload"].encode() == came.body
        assert http.post(f"/v1/deliveries/{seen['id']}/replay").status_code == 202
        assert http.post(f"/v1/deliveries/{seen['id']}/replay").json()["code"] == "NOT_ALLOWED_IN_STATE"
        run_delivery(keyed.client.runtime, seen["id"])
        assert receiver.came[1].headers["webhook-id"] == receiver.came[0].headers["webhook-id"]


def test_a_secret_is_shown_when_it_is_made_and_never_again(keyed: Door) -> None:
    with keyed.http(keyed.key(scopes=ADMIN)) as http:
        made = http.post("/v1/webhooks", json={"url": "https://app.example/", "events": ["transcription.job.failed"]})
        [listed] = http.get("/v1/webhooks").json()
        assert "secret" not in listed
        assert (listed["events"], listed["enabled"]) == (["transcription.job.failed"], True)
        rotated = http.post(f"/v1/webhooks/{listed['id']}/rotate", params={"overlap_h": 1}).json()
        assert rotated["secret"] != made.json()["secret"]
        assert http.post(f"/v1/webhooks/{listed['id']}/disable").json()["disabled_reason"] == "SWITCHED_OFF"
        assert http.post(f"/v1/webhooks/{listed['id']}/enable").json()["enabled"] is True
        assert http.delete(f"/v1/webhooks/{listed['id']}").status_code == 204
        assert http.get("/v1/webhooks").json() == []


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"url": "http://169.254.169.254/"}, 422, "URL_NOT_ALLOWED"),
        ({"url": "file:///etc/passwd"}, 422, "URL_NOT_ALLOWED"),
        ({"url": "https://app.example/", "events": ["coffee"]}, 422, "INVALID_OPTIONS"),
        ({"url": "https://app.example/", "secret": "mine"}, 422, "INVALID_REQUEST"),
        ({}, 422, "INVALID_REQUEST"),
        ({"url": "https://twice.example/"}, 409, "ENDPOINT_EXISTS"),
    ],
)
def test_an_endpoint_that_can_not_be_is_refused(keyed: Door, body: dict[str, object], status: int, code: str) -> None:
    with keyed.http(keyed.key(scopes=ADMIN)) as http:
        assert http.post("/v1/webhooks", json={"url": "https://twice.example/"}).status_code == 201
        answer = http.post("/v1/webhooks", json=body)
    assert (answer.status_code, answer.json()["code"]) == (status, code)


def test_what_is_anothers_is_unknown_and_a_key_without_the_scope_sees_nothing(keyed: Door) -> None:
    with keyed.http(keyed.key("north", ADMIN)) as north:
        endpoint = north.post("/v1/webhooks", json={"url": "https://north.example/"}).json()["id"]
        delivery = north.post(f"/v1/webhooks/{endpoint}/test").json()["id"]
        assert [each["id"] for each in north.get("/v1/deliveries", params={"endpoint_id": endpoint}).json()] == [
            delivery
        ]
    acts = [
        ("DELETE", f"/v1/webhooks/{endpoint}"),
        *(("POST", f"/v1/webhooks/{endpoint}/{verb}") for verb in ("rotate", "enable", "disable", "test")),
        ("GET", f"/v1/deliveries/{delivery}"),
        ("POST", f"/v1/deliveries/{delivery}/replay"),
    ]
    with keyed.http(keyed.key("south", ADMIN)) as south, keyed.http(keyed.key("north")) as weak:
        for method, path in acts:
            assert south.request(method, path).status_code == 404, path
            assert weak.request(method, path).status_code == 403, path
        assert (south.get("/v1/webhooks").json(), south.get("/v1/deliveries").json()) == ([], [])
        assert weak.get("/v1/webhooks").status_code == 403


INSIDE = [
    "file:///etc/passwd",
    "http://169.254.169.254/",
    "https://u:p@app.example/",
    "https://[::ffff:127.0.0.1]/",
    "https://127.0.0.1/",
    "https://93.184.216.34:6379/",
]


@pytest.mark.parametrize("url", INSIDE)
def test_an_endpoint_that_leads_inside_is_refused(keyed: Door, url: str) -> None:
    with keyed.http(keyed.key(scopes=ADMIN)) as http:
        answer = http.post("/v1/webhooks", json={"url": url})
        assert (answer.status_code, answer.json()["code"]) == (422, "URL_NOT_ALLOWED")
        assert http.get("/v1/webhooks").json() == []


@pytest.mark.parametrize("url", INSIDE)
def test_a_callback_that_leads_inside_is_refused_with_the_job(door: Door, url: str) -> None:
    with door.http() as http:
        answer = http.post("/v1/jobs", files={"file": b"RIFF"}, data={"config": f'{{"callback_url": "{url}"}}'})
    assert (answer.status_code, answer.json()["code"]) == (422, "URL_NOT_ALLOWED")
    assert door.client.recent() == []


def test_the_callback_of_a_job_over_http_is_told(keyed: Door, receiver: Sink) -> None:
    config = f'{{"callback_url": "{receiver.url("/back")}"}}'
    job = keyed.submit(keyed.key("north"), config=config)
    keyed.client.cancel(job["id"])
    [delivery] = keyed.client.runtime.webhooks.deliveries()
    run_delivery(keyed.client.runtime, delivery.id)
    [came] = receiver.came
    told = Webhook(keyed.client.runtime.webhooks.callback_secret("north")).verify(came.body.decode(), came.headers)
    assert (came.path, told["data"]["job_id"], told["data"]["status"]) == ("/back", job["id"], "canceled")

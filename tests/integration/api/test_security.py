"""Who may do what: keys, scopes, tenants, rates, and pages of other sites."""

import json
from typing import Any
from uuid import uuid4

import httpx2
import pytest

from tests.integration.api.conftest import Door, DoorMaker
from workers.jobs.keys import ApiKeys
from workers.states import Scope

READ, WRITE = frozenset({Scope.READ}), frozenset({Scope.WRITE})


@pytest.fixture
def locked(open_door: DoorMaker) -> Door:
    return open_door(is_open=False)


def ask(door: Door, method: str, path: str, key: str | None = None, **request: Any) -> httpx2.Response:
    with door.http(key) as http:
        return http.request(method, path, **request)


@pytest.mark.parametrize(
    "header", [None, "", "Bearer", "Bearer x", "Basic eDp4", "Bearer vq_live_000000000000_" + "A" * 43]
)
def test_without_a_key_that_exists_nothing_is_told(locked: Door, header: str | None) -> None:
    headers = {} if header is None else {"Authorization": header}
    for method, path in (("GET", "/v1/jobs"), ("POST", "/v1/jobs"), ("GET", "/v1/jobs/x"), ("GET", "/v1/events")):
        answer = ask(locked, method, path, headers=headers)
        assert (answer.status_code, answer.json()["code"]) == (401, "UNAUTHORIZED")
        assert answer.headers["WWW-Authenticate"] == "Bearer"
    assert ask(locked, "GET", "/healthz").status_code == ask(locked, "GET", "/readyz").status_code == 200


def test_who_guesses_keys_is_slowed_down_and_whoever_has_one_is_not(locked: Door) -> None:
    with locked.http() as http:
        for index in range(200):
            refused = http.get("/v1/jobs", headers={"Authorization": f"Bearer vq_live_{index}"})
            if refused.status_code != 401:
                break
    assert (refused.status_code, refused.json()["code"]) == (429, "RATE_LIMITED")
    assert 1 <= int(refused.headers["Retry-After"]) <= 60
    assert ask(locked, "GET", "/v1/jobs", locked.key()).status_code == 200


def test_a_scope_that_is_missing_is_named(locked: Door) -> None:
    reader, writer = locked.key(scopes=READ), locked.key(scopes=WRITE)
    assert ask(locked, "GET", "/v1/jobs", reader).status_code == 200
    refused = ask(locked, "POST", f"/v1/jobs/{uuid4()}/cancel", reader)
    assert (refused.status_code, refused.json()["code"]) == (403, "FORBIDDEN")
    assert "write" in refused.json()["detail"]
    assert ask(locked, "GET", "/v1/jobs", writer).status_code == 403


def test_a_revoked_key_is_refused_soon(locked: Door) -> None:
    keys = ApiKeys(locked.client.runtime.database)
    made, token = keys.create()
    assert ask(locked, "GET", "/v1/jobs", token).status_code == 200
    keys.revoke(made.id)
    statuses = set()
    for _ in range(300):
        statuses.add(ask(locked, "GET", "/v1/jobs", token).status_code)
        if 401 in statuses:
            break
    assert 401 in statuses


ROUTES = [
    ("GET", "/v1/jobs/{id}"),
    ("GET", "/v1/jobs/{id}?wait=1"),
    ("GET", "/v1/jobs/{id}/events"),
    ("GET", "/v1/jobs/{id}/transcript"),
    ("GET", "/v1/jobs/{id}/transcript?format=srt"),
    ("GET", "/v1/jobs/{id}/preflight"),
    ("GET", "/v1/jobs/{id}/playback"),
    ("GET", "/v1/jobs/{id}/waveform"),
    ("GET", "/v1/jobs/{id}/corrections"),
    ("PUT", "/v1/jobs/{id}/corrections"),
    ("GET", "/v1/jobs/{id}/audio"),
    ("GET", "/v1/jobs/{id}/audio/redacted"),
    ("DELETE", "/v1/jobs/{id}"),
    ("POST", "/v1/jobs/{id}/redecode"),
    ("POST", "/v1/jobs/{id}/cancel"),
    ("POST", "/v1/jobs/{id}/retry"),
    ("POST", "/v1/jobs/{id}/retry?from_step=format"),
]


BODIES: dict[str, dict[str, Any]] = {
    "POST": {"json": {}},
    "PUT": {"json": {"base_revision": 0, "words": [{"segment": 0, "position": 0, "text": "x"}]}},
}


def test_another_tenants_job_is_a_404_with_the_same_body_on_every_route(locked: Door) -> None:
    north, south = locked.key("north"), locked.key("south")
    done, waiting = locked.submit(south)["id"], locked.submit(south)["id"]
    locked.complete(done)
    for method, path in ROUTES:
        body: dict[str, Any] = BODIES.get(method, {})
        ids = (done, waiting, str(uuid4()))
        answers = [ask(locked, method, path.format(id=job_id), north, **body) for job_id in ids]
        assert {answer.status_code for answer in answers} == {404}, path
        assert len({answer.content for answer in answers}) == 1
        assert len({frozenset(answer.headers) for answer in answers}) == 1
    assert ask(locked, "GET", "/v1/jobs", north).json()["jobs"] == []
    assert ask(locked, "GET", "/v1/usage", north).json()["jobs"] == 0
    states = {job["id"]: job["status"] for job in ask(locked, "GET", "/v1/jobs", south).json()["jobs"]}
    assert states == {done: "completed", waiting: "queued"}


def test_every_route_of_a_job_is_in_the_list_above(locked: Door) -> None:
    paths = ask(locked, "GET", "/openapi.json").json()["paths"]
    known = {(method, path.partition("?")[0].format(id="{job_id}")) for method, path in ROUTES}
    assert {(method.upper(), path) for path, item in paths.items() if "{job_id}" in path for method in item} == known


def test_the_same_idempotency_key_is_free_for_another_tenant(locked: Door) -> None:
    headers = {"Idempotency-Key": "order-7"}
    files = {"file": ("call.wav", b"RIFF of a kind")}
    ids = [
        ask(locked, "POST", "/v1/jobs", locked.key(tenant), files=files, headers=headers).json()["id"]
        for tenant in ("north", "south", "north")
    ]
    assert ids[0] == ids[2] != ids[1]


def test_a_key_without_the_scope_sees_no_card_number(locked: Door) -> None:
    job_id = locked.submit(locked.key())["id"]
    locked.complete(job_id)
    for name in ("json", "text", "srt", "vtt", "csv", "ctm"):
        path = f"/v1/jobs/{job_id}/transcript?format={name}"
        full, redacted = ask(locked, "GET", path, locked.key()), ask(locked, "GET", path, locked.key(scopes=READ))
        assert "4111" in full.text
        assert "1111" not in redacted.text
        assert full.headers["ETag"] != redacted.headers["ETag"]
        assert "Authorization" in full.headers["Vary"]


def test_requests_are_counted_and_the_headers_say_what_is_left(open_door: DoorMaker) -> None:
    door = open_door(is_open=False, api_rate_per_min=5)
    first, second = door.key(), door.key()
    answers = [ask(door, "GET", "/v1/jobs", first) for _ in range(6)]
    assert [answer.status_code for answer in answers] == [200] * 5 + [429]
    assert answers[0].headers["RateLimit-Policy"] == '"default";q=5;w=60'
    assert answers[0].headers["RateLimit"] == '"default";r=4;t=12'
    assert answers[5].json()["code"] == "RATE_LIMITED"
    assert answers[5].headers["RateLimit"].startswith('"default";r=0;t=')
    assert int(answers[5].headers["Retry-After"]) <= 12
    assert ask(door, "GET", "/v1/jobs", second).status_code == 200


def test_on_this_machine_no_key_is_asked_for_until_there_is_one(door: Door) -> None:
    assert ask(door, "GET", "/v1/jobs").status_code == 200
    # A program that must send some key may.
    assert ask(door, "GET", "/v1/jobs", "sk-anything").status_code == 200
    key = door.key()
    for _ in range(300):
        if ask(door, "GET", "/v1/jobs").status_code == 401:
            break
    assert ask(door, "GET", "/v1/jobs").status_code == 401
    assert ask(door, "GET", "/v1/jobs", key).status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "attacker.example"},
        {"Host": "127.0.0.1.attacker.example"},
        {"Origin": "https://attacker.example"},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1:1"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ],
)
def test_a_page_of_another_site_reaches_nothing_without_a_key(door: Door, headers: dict[str, str]) -> None:
    files = {"file": ("call.wav", b"RIFF of a kind")}
    for answer in (
        ask(door, "GET", "/v1/jobs", headers=headers),
        ask(door, "POST", "/v1/jobs", headers=headers, files=files),
    ):
        assert (answer.status_code, answer.json()["code"]) == (403, "FOREIGN_ORIGIN")
    assert ask(door, "GET", "/v1/jobs").json()["jobs"] == []


def test_our_own_page_is_served(door: Door) -> None:
    headers = {"Origin": door.url, "Sec-Fetch-Site": "same-origin"}
    assert ask(door, "GET", "/v1/jobs", headers=headers).status_code == 200


def test_no_page_may_read_across_sites_and_every_answer_is_guarded(door: Door) -> None:
    preflight = {"Origin": "https://other.example", "Access-Control-Request-Method": "POST"}
    answers = [
        ask(door, "OPTIONS", "/v1/jobs", headers=preflight),
        ask(door, "GET", "/v1/jobs"),
        ask(door, "GET", "/x"),
    ]
    for answer in answers:
        assert not any(name.startswith("access-control-") for name in answer.headers)
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Content-Security-Policy"].startswith("default-src 'none'")
        assert answer.headers["Cache-Control"] == "no-store"
        assert "Server" not in answer.headers
    assert len({answer.headers["X-Request-Id"] for answer in answers}) == 3
    assert ask(door, "GET", "/docs").status_code == 404


def test_the_page_that_explores_the_api_is_there_when_it_is_wished(open_door: DoorMaker) -> None:
    assert ask(open_door(api_docs=True), "GET", "/docs").status_code == 200


def test_the_same_request_with_the_same_key_is_one_job(door: Door) -> None:
    def post(content: bytes, **config: Any) -> httpx2.Response:
        files = {"file": ("call.wav", content)}
        headers = {"Idempotency-Key": "k"}
        return ask(door, "POST", "/v1/jobs", files=files, headers=headers, data={"config": json.dumps(config)})

    first = post(b"RIFF of a kind")
    again = post(b"RIFF of a kind")
    assert (again.status_code, again.json()["id"]) == (202, first.json()["id"])
    assert again.headers["Location"] == first.headers["Location"]
    for other in (post(b"another"), post(b"RIFF of a kind", tags=["x"])):
        assert (other.status_code, other.json()["code"]) == (422, "IDEMPOTENCY_CONFLICT")
    assert len(ask(door, "GET", "/v1/jobs").json()["jobs"]) == 1

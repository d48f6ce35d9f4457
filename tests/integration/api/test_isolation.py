"""To a tenant, what is another's does not exist: on every address that takes an id, in words and in work."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any
from uuid import uuid4

import httpx2
import pytest
from sqlalchemy import event
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from tests.integration.api.conftest import Door, DoorMaker
from workers.states import Scope

BODIES = {
    "corrections": {"base_revision": 0, "words": [{"segment": 0, "position": 0, "text": "x"}]},
    "redecode": {"hotwords": ["Voxqueue"]},
}

# Keys that are recognised and events that are listened to concern no id.
BESIDE = ("BEGIN", "api_keys", "events")
TRIES = 5


@pytest.fixture
def locked(open_door: DoorMaker) -> Door:
    return open_door(is_open=False)


@pytest.fixture
def strangers(locked: Door) -> Iterator[httpx2.Client]:
    with locked.http(locked.key("north", frozenset(Scope))) as http:
        yield http


@pytest.fixture
def owned(locked: Door) -> dict[str, list[str]]:
    """Ids of everything that the tenant `south` has, by the name of the parameter that takes them."""
    key = locked.key("south", frozenset(Scope))
    done, waiting = locked.submit(key)["id"], locked.submit(key)["id"]
    locked.complete(done)
    with locked.http(key) as http:
        batch = http.post("/v1/jobs/batch", data={"manifest": '{"jobs": [{"file": "a"}]}'}, files={"a": b"RIFF"}).json()
        stream = http.post("/v1/streams", json={"name": "line 7"}).json()
        endpoint = http.post("/v1/webhooks", json={"url": "https://south.example/"}).json()
        delivery = http.post(f"/v1/webhooks/{endpoint['id']}/test").json()
    return {
        "job_id": [done, waiting],
        "batch_id": [batch["id"]],
        "stream_id": [stream["id"]],
        "endpoint_id": [endpoint["id"]],
        "delivery_id": [delivery["id"]],
    }


@contextmanager
def statements(door: Door) -> Iterator[list[str]]:
    """What the door asks of its database meanwhile."""
    told: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_more: object) -> None:
        told.append(statement)

    engine = door.client.runtime.database.engine
    event.listen(engine, "before_cursor_execute", note)
    yield told
    event.remove(engine, "before_cursor_execute", note)


def work_of(door: Door, ask: Callable[[], Any]) -> list[str]:
    with statements(door) as told:
        ask()
    return [each for each in told if not any(word in each for word in BESIDE)]


def acts(door: Door) -> list[tuple[str, str, str]]:
    """Method, path and parameter of every address that takes an id of a tenant's."""
    with door.http() as http:
        paths = http.get("/openapi.json").json()["paths"]
    found = [
        (method.upper(), path, path.partition("{")[2].partition("}")[0])
        for path, item in paths.items()
        for method in item
        if "{" in path and "{model}" not in path
    ]
    assert len(found) > 25
    return found


def body_of(method: str, path: str) -> dict[str, Any]:
    body = next((body for name, body in BODIES.items() if path.endswith(name)), None)
    return {} if body is None or method == "GET" else {"json": body}


def unknown_like(known: str) -> str:
    return f"msg_{uuid4().hex}" if known.startswith("msg_") else str(uuid4())


def test_every_address_tells_a_stranger_the_same_of_what_there_is_and_what_there_is_not(
    locked: Door, strangers: httpx2.Client, owned: dict[str, list[str]]
) -> None:
    for method, path, parameter in acts(locked):
        body = body_of(method, path)
        for known in owned[parameter]:
            ids = (known, unknown_like(known))
            answers = [strangers.request(method, path.format(**{parameter: each}), **body) for each in ids]
            assert [answer.status_code for answer in answers] == [404, 404], (method, path)
            assert answers[0].content == answers[1].content, path
            names = [set(answer.headers) for answer in answers]
            assert names[0] == names[1], path


def test_a_stranger_costs_the_database_the_same_whether_it_is_there_or_not(
    locked: Door, strangers: httpx2.Client, owned: dict[str, list[str]]
) -> None:
    # What takes the same statements takes the same time: nobody learns from a clock what they may not know.
    for method, path, parameter in acts(locked):
        paths = [path.format(**{parameter: each}) for each in (owned[parameter][0], unknown_like(owned[parameter][0]))]
        request = partial(strangers.request, method, **body_of(method, path))
        # The door looks at its backlog of itself now and then.
        for _ in range(TRIES):
            known, unknown = (work_of(locked, partial(request, each)) for each in paths)
            if known == unknown:
                break
        assert known == unknown != [], (method, path)


def test_nothing_of_it_was_touched(locked: Door, strangers: httpx2.Client, owned: dict[str, list[str]]) -> None:
    key = locked.key("south", frozenset(Scope))
    looks: list[Callable[[httpx2.Client], Any]] = [
        lambda http: http.get(f"/v1/jobs/{owned['job_id'][0]}/transcript").json(),
        lambda http: [(each["id"], each["status"]) for each in http.get("/v1/jobs").json()["jobs"]],
        lambda http: http.get("/v1/webhooks").json(),
        lambda http: http.get("/v1/streams").json(),
        lambda http: [each["id"] for each in http.get("/v1/deliveries").json()],
    ]
    with locked.http(key) as http:
        before = [look(http) for look in looks]
        for method, path, parameter in acts(locked):
            strangers.request(method, path.format(**{parameter: owned[parameter][0]}))
        assert [look(http) for look in looks] == before


def test_lists_and_filters_show_a_stranger_nothing(
    locked: Door, strangers: httpx2.Client, owned: dict[str, list[str]]
) -> None:
    (batch_id,), (endpoint_id,) = owned["batch_id"], owned["endpoint_id"]
    for path in ("/v1/webhooks", "/v1/streams", "/v1/deliveries", f"/v1/deliveries?endpoint_id={endpoint_id}"):
        assert strangers.get(path).json() == [], path
    assert strangers.get(f"/v1/deliveries?job_id={owned['job_id'][0]}").json() == []
    assert strangers.get("/v1/jobs").json()["jobs"] == []
    assert strangers.get(f"/v1/batches/{batch_id}?cursor=WzEsMl0").status_code == 404
    assert strangers.get("/v1/queue").json() == {"queued": 0, "running": 0, "audio_s_per_s": 0.0}
    strangers.put("/v1/vocabulary", json={"hotwords": ["north"]})
    with locked.http(locked.key("south")) as http:
        assert http.get("/v1/vocabulary").json()["hotwords"] == []
        assert len(http.get("/v1/jobs").json()["jobs"]) == len(owned["job_id"]) + 1


def test_a_stranger_can_bring_no_audio_to_a_call(locked: Door, owned: dict[str, list[str]]) -> None:
    headers = {"Authorization": f"Bearer {locked.key('north')}"}
    answers = []
    for stream_id in (owned["stream_id"][0], str(uuid4())):
        with pytest.raises(InvalidStatus) as refused:
            connect(f"{locked.url.replace('http', 'ws')}/v1/streams/{stream_id}/audio", additional_headers=headers)
        answers.append((refused.value.response.status_code, refused.value.response.body))
    assert answers[0] == answers[1]
    assert answers[0][0] == 404

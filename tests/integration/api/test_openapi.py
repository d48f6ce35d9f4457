"""Every route keeps what the OpenAPI document promises, whatever is sent: schemathesis makes up the requests."""

from collections.abc import Iterator
from typing import Any

import hypothesis
import pytest
import schemathesis
from hypothesis import strategies as st
from schemathesis.checks import CHECKS
from schemathesis.specs.openapi.checks import positive_data_acceptance

from api.app import make_app
from api.errors import Refusal, status_of
from pipeline.errors import VoxqueueError
from tests.integration.api.conftest import Door, DoorMaker, at_work
from workers.client import Client
from workers.settings import read_settings
from workers.states import Scope

EXAMPLES = 6
# A request may follow the document and still ask for the impossible: a job that there is not, a cursor of nobody's.
_NOT_CHECKED = {positive_data_acceptance}


@pytest.fixture
def locked(open_door: DoorMaker) -> Iterator[tuple[Door, str]]:
    door = open_door(is_open=False, api_rate_per_min=0, max_upload_bytes=100_000)
    with at_work(door.client):
        yield door, door.key(scopes=frozenset(Scope))


def known_ids(door: Door, key: str) -> dict[str, list[str]]:
    """What there is, in every state, by the parameter that takes its id: made-up ids never get past a 404."""
    with door.http(key) as http:
        jobs = [door.submit(key, content)["id"] for content in (b"RIFF", b"bad", b"RIFF")]
        for each in jobs:
            http.get(f"/v1/jobs/{each}?wait=20")
        http.delete(f"/v1/jobs/{jobs[-1]}")
        batch = http.post("/v1/jobs/batch", data={"manifest": '{"jobs": [{"file": "a"}]}'}, files={"a": b"RIFF"}).json()
        stream = http.post("/v1/streams", json={}).json()
        http.post(f"/v1/streams/{stream['id']}/end")
        endpoint = http.post("/v1/webhooks", json={"url": "https://app.example/"}).json()
        delivery = http.post(f"/v1/webhooks/{endpoint['id']}/test").json()
    made = {"batch_id": batch, "stream_id": stream, "endpoint_id": endpoint, "delivery_id": delivery}
    return {"job_id": jobs} | {name: [each["id"]] for name, each in made.items()}


def operations(door: Door) -> list[Any]:
    schema = schemathesis.openapi.from_url(f"{door.url}/openapi.json")
    # Listening to everything never ends, so no answer would ever be whole.
    found: Any = schema.exclude(path="/v1/events").get_all_operations()
    return [each.ok() for each in found]


@pytest.mark.timeout(400)
def test_no_request_breaks_a_route_or_its_promise(locked: tuple[Door, str]) -> None:
    door, key = locked
    checks = [check for check in CHECKS.get_all() if check not in _NOT_CHECKED]
    headers = {"Authorization": f"Bearer {key}"}
    known = known_ids(door, key)
    for operation in sorted(operations(door), key=lambda each: each.method.upper() == "DELETE"):

        @hypothesis.settings(
            max_examples=EXAMPLES, deadline=None, database=None, derandomize=True,
            suppress_health_check=list(hypothesis.HealthCheck),
        )  # fmt: skip
        @hypothesis.given(
            case=operation.as_strategy() | operation.as_strategy(generation_mode=schemathesis.GenerationMode.NEGATIVE),
            place=st.none() | st.integers(0, 2),
        )
        def ask(case: Any, place: int | None) -> None:
            name = next((each for each in case.path_parameters or () if each in known), None)
            if name is not None and place is not None:
                case.path_parameters[name] = known[name][place % len(known[name])]
            case.call_and_validate(base_url=door.url, headers=headers, checks=checks, timeout=30)

        ask()


def test_every_route_is_described_with_every_refusal(door: Door) -> None:
    document = make_app(Client(read_settings(home=door.client.settings.home_path))).openapi()
    for path, item in document["paths"].items():
        for operation in item.values():
            assert operation["summary"]
            if path.startswith("/v1/") and not path.startswith(("/v1/audio", "/v1/models")):
                assert {"401", "403", "422", "429", "503"} <= set(operation["responses"]), path
                kinds = {kind for code in ("401", "422") for kind in operation["responses"][code]["content"]}
                assert kinds == {"application/problem+json"}
                assert set(operation["security"][0]["HTTPBearer"]) & {"read", "write", "admin"}
    for name in ("JobConfig", "LinkedJob"):
        assert document["components"]["schemas"][name]["examples"]


def test_only_a_door_that_lets_everyone_in_says_that_the_key_may_be_left_out(open_door: DoorMaker) -> None:
    for is_open in (True, False):
        with open_door(is_open=is_open).http() as http:
            paths = http.get("/openapi.json").json()["paths"]
            asked = [each["security"] for item in paths.values() for each in item.values() if "security" in each]
            assert asked
            assert all(({} in security) is is_open for security in asked)
            assert (http.get("/v1/jobs").status_code == 200) is is_open


def kinds_of(kind: type[VoxqueueError]) -> Iterator[type[VoxqueueError]]:
    yield kind
    for each in kind.__subclasses__():
        yield from kinds_of(each)


def test_every_error_of_the_tree_is_an_answer_and_none_of_the_callers_is_ours() -> None:
    for kind in kinds_of(VoxqueueError):
        status = status_of(kind())
        assert 400 <= status < 600
        if issubclass(kind, ValueError) and kind.__module__ in {"pipeline.errors", "workers.errors", "api.errors"}:
            assert status < 500 or kind.code == "CONFIGURATION", kind
    codes = [kind.code for kind in kinds_of(Refusal)]
    assert len(codes) == len(set(codes))

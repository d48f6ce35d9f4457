"""What is said of webhooks and tenants: clean as the product is, and not with a defect planted."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import BinaryIO
from uuid import uuid4

import pytest

from tests.faults import checker
from tests.faults.checker import Verdict
from tests.faults.mutants import MUTANTS
from tests.faults.told import SETTINGS, TENANTS, check_tenants, check_told, tenant_of
from tests.sinks import Sink, sink
from workers.db.migrate import upgrade
from workers.delivery import run_delivery
from workers.jobs import NewJob
from workers.runtime import Runtime, make_runtime
from workers.settings import read_settings

DEFECTS = {"": (False, False), "tell-nobody": (False, True), "tell-every-tenant": (True, True)}
"""By mutant: whether a promise to tenants is broken, and whether one to receivers is."""


@pytest.fixture
def runtime(empty_database_url: str, tmp_path: Path) -> Iterator[Runtime]:
    absent = "redis://127.0.0.1:1/0"
    made = make_runtime(
        read_settings(home=tmp_path, database_url=empty_database_url, broker_url=absent, **dict(SETTINGS))
    )
    upgrade(made.database)
    yield made
    made.database.dispose()


@pytest.fixture
def receiver() -> Iterator[Sink]:
    with sink() as made:
        yield made


def end_of_a_job(runtime: Runtime, receiver: Sink) -> Verdict:
    """A job of one of two tenants ends, and what is to be told of it is sent."""
    for tenant in TENANTS:
        runtime.webhooks.add(receiver.url(f"/{tenant}"), tenant=tenant)
    job_id = str(uuid4())
    source = runtime.store.put(f"{job_id}/source.0", partial(_write, b"speech"))
    runtime.jobs.create(NewJob(id=job_id, source=source, file_name="call.wav", tenant=tenant_of(0)))
    runtime.jobs.cancel(job_id)
    for delivery in runtime.webhooks.deliveries():
        run_delivery(runtime, delivery.id)
    found, verdict = checker.read(runtime.database), Verdict()
    check_told(found, {job_id: 0}, receiver, verdict)
    check_tenants(found, {job_id: 0}, verdict)
    return verdict


def _write(content: bytes, file: BinaryIO) -> None:
    file.write(content)


@pytest.mark.parametrize("name", DEFECTS)
def test_an_end_that_is_not_told_or_told_to_others_is_noticed(
    runtime: Runtime, receiver: Sink, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if name:
        mutant = MUTANTS[name]
        monkeypatch.setattr(mutant.owner, mutant.attribute, mutant.replacement)
    verdict = end_of_a_job(runtime, receiver)
    assert (bool(verdict.wrong), bool(verdict.untold)) == DEFECTS[name], verdict

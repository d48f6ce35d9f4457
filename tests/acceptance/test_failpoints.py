"""A worker dies in each step, at each place that matters: the job completes once, with the right text."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline.stages import STEPS
from tests.acceptance.conftest import ROLES, Program, program_of
from workers.client import Client
from workers.stack import Stack
from workers.states import JobState

PLACES = ("claim.after_commit", "step.body", "finish.before_commit", "finish.after_commit")


@pytest.fixture(params=PLACES)
def struck(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[str, Program]]:
    """A stack whose workers are killed at one place in each step, once."""
    failpoint = ",".join(f"{request.param}@{step}:kill9" for step in STEPS)
    program = program_of(tmp_path, failpoint=failpoint, lease_s=60, reap_s=0.3)
    with Stack(program.settings, log_to=tmp_path / "stack.log"):
        yield request.param, program


def test_five_killed_workers_cost_a_job_nothing_but_time(
    struck: tuple[str, Program], short_call: Path, short_document: str
) -> None:
    place, program = struck
    with Client(program.settings) as client:
        job = client.enqueue(short_call, roles=ROLES)
        ended = client.wait(job.id, timeout_s=120)
        kinds = [event.kind for event in client.runtime.jobs.events_after(job.id)]
        assert ended.state is JobState.COMPLETED
        assert client.document(job.id) == short_document
    assert kinds.count("job.completed") == 1
    assert [kinds.count("step.done"), len(ended.steps)] == [5, 5]
    # Killed after the commit, a step is done and only its message is lost.
    attempts = 1 if place == "finish.after_commit" else 2
    assert [step.attempt for step in ended.steps] == [attempts] * 5
    assert kinds.count("step.lost") == 5 * (attempts - 1)

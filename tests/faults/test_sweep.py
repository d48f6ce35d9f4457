"""Every failpoint, in every way, one after another in one system: each job still ends, once, with its own text."""

from collections import Counter

import pytest

from pipeline.stages import STEPS
from tests.faults import told
from tests.faults.cluster import ON_CPU
from tests.faults.conftest import MakeScene
from tests.faults.processes import Supervised
from tests.faults.recordings import recording
from tests.faults.run import OPTIONS
from tests.faults.scene import Scene, wait_for
from tests.sinks import Sink, sink
from workers.failpoints import OF_A_DELIVERY, OF_A_STEP
from workers.states import FINAL_DELIVERY_STATES, JobState

pytestmark = [pytest.mark.faults, pytest.mark.timeout(900)]
# The functions that write while a job goes its way.
WRITES = ("claim", "finish", "heartbeat", "take_back", "mark_announced")
TRANSACTIONS = tuple(f"transaction.{when}_commit@{write}" for when in ("before", "after") for write in WRITES)
PLACES = (*(f"{name}@{step}" for name in sorted(OF_A_STEP) for step in STEPS), *sorted(OF_A_DELIVERY), *TRANSACTIONS)
# Every step comes by these, whatever else happens.
UNAVOIDABLE = {
    f"{name}@{step}"
    for name in ("claim.after_commit", "step.body", "finish.before_commit", "finish.after_commit")
    for step in STEPS
} | {"transaction.before_commit@finish", "transaction.after_commit@claim"}
JOBS = 12


def swept(make_scene: MakeScene, receiver: Sink, places: tuple[str, ...], action: str) -> tuple[Scene, set[str]]:
    """A system in which each place is struck in this way, once, while jobs pass through; which places were."""
    failpoint = ",".join(f"{place}:{action}" for place in places)
    # A pool that forks has another process at once; that of the model takes as long as a program does to start.
    wanted = [Supervised(f"cpu-{each}", ["worker", ON_CPU, "1"]) for each in (1, 2)]
    wanted += [Supervised("inference", ["worker", "inference", "1"]), Supervised("dispatch", ["dispatch"])]
    settings = {**told.SETTINGS, "max_crashes": 100, "max_retries": 20}
    # Not among the settings, which the door has as well: the process of this test is not to be struck.
    made = make_scene(wanted, {"VOXQUEUE_FAILPOINT": failpoint}, **settings)
    told.register(made.client, receiver, seed=1)
    for number in range(JOBS):
        job = made.client.enqueue(recording(number), OPTIONS, tenant=told.tenant_of(number))
        made.taken[job.id] = number
    made.settle(list(made.taken), timeout_s=500)
    wait_for(lambda: {each.state for each in made.client.webhooks.deliveries()} <= FINAL_DELIVERY_STATES)
    return made, {path.name for path in (made.cluster.settings.home_path / "failpoints").iterdir()}


@pytest.mark.parametrize(
    ("places", "action"),
    [(PLACES, "kill9"), (PLACES, "stop:4"), (TRANSACTIONS, "cut"), (("artifact.written",), "enospc")],
    ids=["killed", "stopped past the lease", "cut off", "disk full"],
)
def test_no_place_at_which_a_process_is_struck_costs_a_job_anything_but_time(
    make_scene: MakeScene, places: tuple[str, ...], action: str
) -> None:
    with sink() as receiver:
        made, struck = swept(make_scene, receiver, places, action)
        verdict, found = made.verdict(), made.found()
        told.check_told(found, made.taken, receiver, verdict)
        told.check_tenants(found, made.taken, verdict)
    assert verdict.is_clean, verdict
    assert verdict.completed == JOBS
    assert struck >= UNAVOIDABLE & set(places)


def test_an_error_that_nobody_foresaw_ends_its_job_as_failed_and_no_other(make_scene: MakeScene) -> None:
    places = tuple(f"step.body@{step}" for step in STEPS)
    with sink() as receiver:
        made, struck = swept(make_scene, receiver, places, "raise")
        found, verdict = made.found(), made.verdict()
        told.check_told(found, made.taken, receiver, verdict)
    ends = Counter((row.state, row.error_code) for row in found.jobs)
    assert ends == {(JobState.FAILED, "INTERNAL"): len(places), (JobState.COMPLETED, None): JOBS - len(places)}
    assert [verdict.twice, verdict.wrong, verdict.stuck, verdict.untold] == [{}] * 4
    assert struck == set(places)

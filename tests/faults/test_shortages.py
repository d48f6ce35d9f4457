"""The machine runs out of memory, processes or disk (rows 27, 31 and 37 of docs/faults.md)."""

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from pipeline.stages import Step
from tests.faults.conftest import MakeScene
from tests.faults.groups import group
from tests.faults.processes import Supervised
from tests.faults.recordings import poisonous
from tests.faults.scene import ALL, wait_for
from workers.errors import SystemFull
from workers.states import JobState, StepState

pytestmark = [pytest.mark.faults, pytest.mark.timeout(600)]
WITHOUT_INFERENCE = "preprocess,features,decode,format,deliver"
LIMIT_BYTES = 700 << 20
DISK_BYTES = 2 << 20


def test_an_input_for_which_the_kernel_kills_its_process_three_times_is_set_aside(make_scene: MakeScene) -> None:
    wanted = [
        Supervised("cpu", ["worker", WITHOUT_INFERENCE, "1"]),
        Supervised("inference", ["worker", "inference", "1"]),
        Supervised("dispatch", ["dispatch"]),
    ]
    made = make_scene(wanted, {"VOXQUEUE_FAULTS_POISON": "memory"})
    first = made.hand_in(1)
    made.settle(first)
    with group("memory") as limited:
        limited.limit(LIMIT_BYTES)
        limited.add(made.cluster.processes.named("inference").family())
        bad = made.hand_in(sound=poisonous())[0]
        good = made.hand_in(2)
        made.settle([bad, *good], timeout_s=200)
    job = made.client.status(bad)
    assert (job.state, job.error_code) == (JobState.FAILED, "QUARANTINED")

    def is_written_down() -> bool:
        # The dispatcher may have missed the process before its own worker did, who says what it died of.
        (evidence,) = made.client.runtime.jobs.quarantined(bad)
        return [each.exit_status for each in evidence.attempts] == ["signal 9 (SIGKILL)"] * 3

    wait_for(is_written_down)
    assert made.cluster.processes.named("inference").starts == 1
    verdict = made.verdict()
    assert verdict.is_clean, verdict
    assert verdict.completed == len(first) + len(good)


def test_a_worker_that_can_start_no_process_in_the_place_of_a_dead_one_comes_back_when_it_can(
    make_scene: MakeScene,
) -> None:
    made = make_scene(failpoint="step.body@decode:sleep:60")
    worker = made.cluster.processes.named("worker")
    ids = made.hand_in(2)
    doomed = made.running(ids[0], Step.DECODE)
    with group("pids") as limited:
        limited.add(worker.family())
        limited.limit(1)
        os.kill(doomed, signal.SIGKILL)
        time.sleep(5.0)
        limited.limit(None)
        made.settle(ids)
    verdict = made.verdict()
    assert verdict.is_clean, verdict
    assert verdict.completed == len(ids)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 2 MB, mounted for a process that does nothing else and looked into through that process."""
    if shutil.which("unshare") is None:
        pytest.skip("unshare is not installed")
    place = tmp_path / "disk"
    place.mkdir()
    mount = f"mount -t tmpfs -o size={DISK_BYTES} tmpfs {place} && echo mounted && exec sleep 600"
    with subprocess.Popen(["unshare", "-rm", "sh", "-c", mount], stdout=subprocess.PIPE, text=True) as holder:
        try:
            assert holder.stdout is not None
            if holder.stdout.readline() != "mounted\n":
                pytest.skip("no file system can be mounted here")
            yield Path(f"/proc/{holder.pid}/root{place}")
        finally:
            holder.kill()


def test_a_full_disk_lets_nothing_in_leaves_nothing_half_and_costs_the_jobs_in_hand_nothing_but_time(
    make_scene: MakeScene, small_disk: Path
) -> None:
    wanted = [Supervised(f"worker-{each}", ["worker", ALL, "1"]) for each in (1, 2)]
    made = make_scene(
        [*wanted, Supervised("dispatch", ["dispatch"])],
        artifacts=str(small_disk),
        max_retries=12,
        used_share=0.9,
        failpoint="step.body@preprocess:sleep:3",
    )
    ids = made.hand_in(4)
    made.running(ids[0], Step.PREPROCESS)
    ballast = small_disk / "ballast"
    with suppress(OSError), ballast.open("wb", buffering=0) as file:
        while True:
            file.write(b"\0" * 4096)
    wait_for(lambda: made.cluster.logged("step.failed") > 0)
    with pytest.raises(SystemFull) as refused:
        made.hand_in(1)
    assert refused.value.retry_after_s > 0
    ballast.unlink()
    made.settle(ids)
    verdict = made.verdict()
    assert verdict.is_clean, verdict
    assert verdict.completed == len(ids)
    assert not [path for path in small_disk.rglob("*") if path.name.endswith(".part")]
    steps = [step for job_id in ids for step in made.client.status(job_id).steps]
    assert {step.state for step in steps} == {StepState.DONE}
    assert any(row.outcome == "retried" for row in made.found().attempts)

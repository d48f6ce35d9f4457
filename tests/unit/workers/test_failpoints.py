"""Failpoints strike where and how they were told to, once, and nowhere else."""

import errno
import subprocess
import sys
import time
from pathlib import Path

import pytest
from sqlalchemy.exc import OperationalError

from pipeline.stages import Step
from workers.db.session import is_transient
from workers.errors import ConfigurationError
from workers.failpoints import NAMES, FailpointError, failpoints, nothing, switch


def test_with_nothing_set_nothing_happens_and_nothing_is_written(tmp_path: Path) -> None:
    reach = failpoints("", tmp_path)
    assert reach is nothing
    for name in NAMES:
        reach(name, Step.DECODE)
    assert list(tmp_path.iterdir()) == []


def test_a_failpoint_fires_once_in_a_home(tmp_path: Path) -> None:
    reach = failpoints("step.body:raise", tmp_path)
    with pytest.raises(FailpointError):
        reach("step.body", Step.DECODE)
    reach("step.body", Step.DECODE)
    failpoints("step.body:raise", tmp_path)("step.body", Step.FORMAT)


def test_a_failpoint_of_one_step_spares_the_others_and_other_places(tmp_path: Path) -> None:
    reach = failpoints("step.body@decode:raise", tmp_path)
    reach("step.body", Step.FORMAT)
    reach("finish.before_commit", Step.DECODE)
    with pytest.raises(FailpointError):
        reach("step.body", Step.DECODE)


def test_several_failpoints_are_armed_at_once(tmp_path: Path) -> None:
    reach = failpoints("step.body@decode:raise, step.body@format:raise", tmp_path)
    for step in (Step.DECODE, Step.FORMAT):
        with pytest.raises(FailpointError):
            reach("step.body", step)


def test_sleeping_takes_its_time(tmp_path: Path) -> None:
    started_at = time.monotonic()
    failpoints("claim.after_commit:sleep:0.2", tmp_path)("claim.after_commit", Step.DECODE)
    assert time.monotonic() - started_at >= 0.2


@pytest.mark.parametrize(("action", "status"), [("kill9", -9), ("stop:0.3", 0)])
def test_a_process_is_killed_or_stopped_for_a_while(tmp_path: Path, action: str, status: int) -> None:
    code = (
        "import sys; from pathlib import Path; from pipeline.stages import Step\n"
        "from workers.failpoints import failpoints\n"
        f"failpoints('step.body:{action}', Path(sys.argv[1]))('step.body', Step.DECODE)"
    )
    started_at = time.monotonic()
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path)], cwd=Path(__file__).parents[3], check=False)
    assert done.returncode == status
    if action.startswith("stop"):
        assert time.monotonic() - started_at >= 0.3


def test_a_full_disk_is_what_the_kernel_says_of_one(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="No space left") as caught:
        failpoints("artifact.written:enospc", tmp_path)("artifact.written", Step.FEATURES)
    assert caught.value.errno == errno.ENOSPC


def test_a_cut_connection_is_an_error_after_which_a_transaction_is_repeated(tmp_path: Path) -> None:
    with pytest.raises(OperationalError) as caught:
        failpoints("transaction.after_commit@finish:cut", tmp_path)("transaction.after_commit", "finish")
    assert is_transient(caught.value)


def test_a_failpoint_of_one_transaction_spares_the_others(tmp_path: Path) -> None:
    reach = failpoints("transaction.before_commit@claim:raise", tmp_path)
    reach("transaction.before_commit", "finish")
    with pytest.raises(FailpointError):
        reach("transaction.before_commit", "claim")


def test_a_probability_strikes_again_and_again_in_about_that_share(tmp_path: Path) -> None:
    reach = failpoints("step.body:raise*0.25", tmp_path)
    struck = 0
    for _ in range(2000):
        try:
            reach("step.body", Step.DECODE)
        except FailpointError:
            struck += 1
    assert 350 < struck < 650
    assert list(tmp_path.iterdir()) == []


def test_a_switch_turns_a_failpoint_on_and_off_while_processes_run(tmp_path: Path) -> None:
    reach = failpoints("artifact.written:enospc*on", tmp_path)
    reach("artifact.written", Step.FEATURES)
    on = switch("artifact.written", tmp_path)
    on.parent.mkdir()
    on.touch()
    for _ in range(2):
        with pytest.raises(OSError, match="No space left"):
            reach("artifact.written", Step.FEATURES)
    on.unlink()
    reach("artifact.written", Step.FEATURES)


@pytest.mark.parametrize(
    "wrong",
    [
        "nowhere:raise",
        "step.body@none:raise",
        "step.body:explode",
        "step.body:sleep:x",
        "step.body:raise*2",
        "step.body:raise*often",
    ],
)
def test_a_place_or_action_that_does_not_exist_is_refused(tmp_path: Path, wrong: str) -> None:
    with pytest.raises(ConfigurationError, match="VOXQUEUE_FAILPOINT"):
        failpoints(wrong, tmp_path)

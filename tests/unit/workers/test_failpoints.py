"""Failpoints strike where and how they were told to, once, and nowhere else."""

import subprocess
import sys
import time
from pathlib import Path

import pytest

from pipeline.stages import Step
from workers.errors import ConfigurationError
from workers.failpoints import NAMES, FailpointError, failpoints


def test_with_nothing_set_nothing_happens_and_nothing_is_written(tmp_path: Path) -> None:
    reach = failpoints("", tmp_path)
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


@pytest.mark.parametrize("wrong", ["nowhere:raise", "step.body@none:raise", "step.body:explode", "step.body:sleep:x"])
def test_a_place_or_action_that_does_not_exist_is_refused(tmp_path: Path, wrong: str) -> None:
    with pytest.raises(ConfigurationError, match="VOXQUEUE_FAILPOINT"):
        failpoints(wrong, tmp_path)

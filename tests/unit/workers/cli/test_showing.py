"""What people see of jobs: tables and progress that take names of files as they are."""

import io
from dataclasses import replace

import pytest
from rich.console import Console

from pipeline.stages import STEPS, Step
from workers.cli.progress import LiveProgress, PlainProgress, make_progress
from workers.cli.tables import job_document, print_job, print_jobs
from workers.jobs import JobStatus, StepStatus
from workers.states import JobState, StepState

# Rich would read each of these as markup or as an emoji.
AWKWARD_NAMES = ["[red]call.wav", "call [/].wav", "line:phone:.wav", "[link=x]a[/link].wav", "plain.wav"]


def step_of(name: Step, state: StepState, **changes: object) -> StepStatus:
    step = StepStatus(
        name=name,
        state=state,
        attempt=1,
        progress=0.0,
        ready_at=100.0,
        started_at=None,
        ended_at=None,
        worker=None,
        error_code=None,
        error_message=None,
    )
    return replace(step, **changes)  # type: ignore[arg-type]


def job_of(*steps: StepStatus, **changes: object) -> JobStatus:
    rest = [step_of(name, StepState.BLOCKED) for name in STEPS[len(steps) :]]
    job = JobStatus(
        id="0b1f0f2e-0000-4000-8000-000000000001",
        state=JobState.RUNNING,
        tenant="default",
        file_name="call.wav",
        version=1,
        duration_s=None,
        created_at=1_700_000_000.0,
        started_at=None,
        ended_at=None,
        error_code=None,
        error_message=None,
        external_id=None,
        annotations={},
        steps=(*steps, *rest),
    )
    return replace(job, **changes)  # type: ignore[arg-type]


def console() -> tuple[Console, io.StringIO]:
    out = io.StringIO()
    return Console(file=out, force_terminal=True, width=200, color_system=None), out


@pytest.mark.parametrize("name", AWKWARD_NAMES)
def test_the_name_of_a_file_is_shown_as_it_is_everywhere(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    job = job_of(step_of(Step.PREPROCESS, StepState.RUNNING), file_name=name)
    print_jobs([job])
    print_job(job)
    listed = capsys.readouterr().out
    assert listed.count(name) == 2
    for kind in (LiveProgress, PlainProgress):
        where, out = console()
        with kind(where) as progress:
            progress.show(job)
        assert name in out.getvalue()


def test_the_table_of_a_job_tells_waiting_from_running_and_says_nothing_of_what_has_not_been() -> None:
    done = step_of(Step.PREPROCESS, StepState.DONE, started_at=101.25, ended_at=103.75, progress=1.0, worker="[a]:1:2")
    # A clock that was set back must not show a negative time.
    odd = step_of(Step.FEATURES, StepState.RUNNING, started_at=99.0, progress=0.5)
    with pytest.MonkeyPatch.context() as patch:
        out = io.StringIO()
        patch.setattr("sys.stdout", out)
        print_job(job_of(done, odd, error_code="TOO_SHORT", error_message="The recording is too short."))
    lines = out.getvalue().splitlines()
    assert lines[0].endswith("call.wav  running  14%")
    assert lines[1] == "TOO_SHORT: The recording is too short."
    assert lines[3].split() == ["preprocess", "done", "100%", "1", "1.25", "s", "2.50", "s", "[a]:1:2"]
    assert lines[4].split() == ["features", "running", "50%", "1"]


def test_what_is_known_of_a_recording_that_cannot_be_used_is_shown_with_its_job(
    capsys: pytest.CaptureFixture[str],
) -> None:
    finding = {"code": "DECODE_ERROR", "severity": "error", "channel": None, "advice": "[bold] Fetch it again."}
    facts = {"container": "flac", "codec": "flac", "sample_rate_hz": 8000, "channel_count": 2, "duration_s": 61.04}
    print_job(job_of(state=JobState.FAILED, error_code="DECODE_ERROR", report={**facts, "findings": [finding]}))
    lines = [line.rstrip() for line in capsys.readouterr().out.splitlines()]
    assert lines[2] == "flac, flac, 8000 Hz, 2 channel(s), 61.0 s decoded"
    assert lines[3] == "error DECODE_ERROR [bold] Fetch it again."


def test_the_document_of_a_job_has_its_progress_and_all_steps_in_order() -> None:
    document = job_document(job_of(step_of(Step.PREPROCESS, StepState.DONE, progress=1 / 3)))
    assert document["progress"] == pytest.approx(0.12 / 3, abs=5e-4)
    assert [step["name"] for step in document["steps"]] == list(STEPS)
    assert document["file_name"] == "call.wav"


def test_plain_progress_is_a_line_a_change_and_only_when_a_step_starts_or_ends() -> None:
    where, out = console()
    running = job_of(step_of(Step.PREPROCESS, StepState.RUNNING, started_at=100.0))
    done = job_of(
        step_of(Step.PREPROCESS, StepState.DONE, started_at=100.0, ended_at=102.5),
        step_of(Step.FEATURES, StepState.READY),
    )
    other = replace(running, id="another", file_name="other.wav")
    with PlainProgress(where) as progress:
        for job in (job_of(), running, running, other, done, done):
            progress.show(job)
    assert out.getvalue().splitlines() == [
        "call.wav: preprocess running",
        "other.wav: preprocess running",
        "call.wav: preprocess done in 2.5 s",
    ]


@pytest.mark.parametrize("state", StepState)
def test_live_progress_has_a_mark_for_every_state_of_a_step(state: StepState) -> None:
    where, out = console()
    with LiveProgress(where) as progress:
        progress.show(job_of(step_of(Step.PREPROCESS, state, progress=0.42)))
    mark = "42%" if state is StepState.RUNNING else "✓✗-…·"
    shown = out.getvalue().split("preprocess ")[-1].split("features")[0].strip()
    assert shown
    assert shown in mark


def test_a_job_that_completed_is_shown_as_complete_whatever_its_steps_say() -> None:
    where, out = console()
    with LiveProgress(where) as progress:
        progress.show(job_of())
        progress.show(job_of(state=JobState.COMPLETED, ended_at=101.0))
    assert len(progress._progress.tasks) == 1
    assert progress._progress.tasks[0].finished
    assert "call.wav" in out.getvalue()


def test_progress_that_nobody_wants_is_not_shown(capsys: pytest.CaptureFixture[str]) -> None:
    with make_progress(is_wanted=False) as progress:
        progress.show(job_of(step_of(Step.PREPROCESS, StepState.RUNNING)))
    with make_progress() as progress:
        progress.show(job_of(step_of(Step.FEATURES, StepState.RUNNING)))
    assert capsys.readouterr().err == "call.wav: features running\n"

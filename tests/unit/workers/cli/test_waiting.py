"""Commands that wait for their jobs, while somebody else does the work."""

import json
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import srt
from typer.testing import CliRunner, Result

from pipeline.options import CaptionOptions
from pipeline.render import from_json, render, to_json
from tests.unit.workers.cli.conftest import TEXT, TRANSCRIPT
from workers.cli import app
from workers.cli.outcome import Exit
from workers.cli.session import WorkingSession
from workers.client import Client
from workers.states import JobState, StepState

RecordingMaker = Callable[..., Path]
DOCUMENT = to_json(TRANSCRIPT)


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(app, [str(each) for each in arguments], prog_name="voxqueue")


@pytest.fixture
def manifest(tmp_path: Path, recording_of: RecordingMaker) -> Path:
    """Three recordings: heard right, heard with one word wrong of four, and refused."""
    lines = [
        {"id": "right", "audio": "a.wav", "text": "please hold the line", "domain": "calls"},
        {"id": "wrong", "audio": "b.wav", "text": "please hold the lime", "domain": "calls"},
        {"id": "refused", "audio": "c.wav", "text": "nobody heard this", "domain": "[bad] calls"},
    ]
    for name, content in (("a.wav", b"good"), ("b.wav", b"good"), ("c.wav", b"bad")):
        recording_of(name, content)
    path = tmp_path / "manifest.jsonl"
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return path


@pytest.mark.usefixtures("colleague")
def test_a_transcript_goes_to_standard_output_and_progress_to_standard_error(recording_of: RecordingMaker) -> None:
    ran = run("transcribe", recording_of("call.wav"))
    assert (ran.exit_code, ran.stdout) == (Exit.OK, render(TRANSCRIPT, "text"))
    assert "call.wav: format done" in ran.stderr


@pytest.mark.usefixtures("colleague")
def test_json_is_the_canonical_document_a_line_a_recording_and_nothing_else(recording_of: RecordingMaker) -> None:
    ran = run("transcribe", recording_of("one.wav"), recording_of("two.wav"), "--json")
    assert (ran.exit_code, ran.stderr) == (Exit.OK, "")
    assert ran.stdout == 2 * DOCUMENT
    assert [from_json(line) for line in ran.stdout.splitlines()] == [TRANSCRIPT, TRANSCRIPT]


@pytest.mark.usefixtures("colleague")
def test_every_recording_has_a_file_of_its_own_in_the_folder_that_is_made_for_it(
    recording_of: RecordingMaker, tmp_path: Path
) -> None:
    out = tmp_path / "made" / "for it"
    ran = run("transcribe", recording_of("one.wav"), recording_of("two.wav"), "--format", "srt", "--out", out)
    assert ran.stdout.splitlines() == [str(out / "one.srt"), str(out / "two.srt")]
    [subtitle] = srt.parse((out / "two.srt").read_text(encoding="utf-8"))
    assert (subtitle.start.total_seconds(), subtitle.end.total_seconds()) == (0.5, 1.55)
    assert TEXT in subtitle.content


def test_two_recordings_that_would_share_a_file_are_refused_before_any_work(
    home: Path, recording_of: RecordingMaker, tmp_path: Path
) -> None:
    ran = run("transcribe", recording_of("one/call.wav"), recording_of("two/call.mp3"), "--out", tmp_path / "out")
    assert ran.exit_code == Exit.USAGE
    assert "--out" in ran.stderr
    assert not (tmp_path / "out").exists()
    assert not (home / "voxqueue.db").exists()


@pytest.mark.usefixtures("colleague")
def test_one_recording_that_fails_does_not_keep_the_others_from_their_transcripts(recording_of: RecordingMaker) -> None:
    bad = recording_of("bad [1].wav", b"bad")
    ran = run("transcribe", bad, recording_of("good.wav"), "--json")
    assert (ran.exit_code, ran.stdout) == (Exit.USAGE, DOCUMENT)
    assert ran.stderr == "error CORRUPT_HEADER: bad [1].wav: The header of the file is damaged. (no data)\n"


@pytest.mark.usefixtures("colleague")
def test_a_transcript_that_cannot_be_written_is_a_plain_error(recording_of: RecordingMaker) -> None:
    call = recording_of("call.wav")
    ran = run("transcribe", call, "--out", call / "inside a file")
    assert (ran.exit_code, ran.stdout) == (Exit.USAGE, "")
    assert ran.stderr.splitlines()[-1].startswith("error FILE_NOT_WRITABLE: The file can't be written. (")


def test_a_transcript_is_read_later_in_any_form_and_to_a_file(
    colleague: Client, recording_of: RecordingMaker, tmp_path: Path
) -> None:
    job_id = run("submit", recording_of("call.wav")).stdout.strip()
    colleague.wait(job_id, timeout_s=20)
    assert run("result", job_id, "--json").stdout == DOCUMENT
    assert run("result", job_id).stdout == render(TRANSCRIPT, "text")
    written = run("result", job_id, "--format", "vtt", "--out", tmp_path / "new" / "call.vtt")
    assert (written.exit_code, written.stdout) == (Exit.OK, "")
    assert (tmp_path / "new" / "call.vtt").read_text() == render(TRANSCRIPT, "vtt")
    narrow = ("--format", "srt", "--line-characters", "16", "--lines", "1", "--characters-per-s", "5")
    limits = CaptionOptions(line_characters=16, lines=1, characters_per_s=5)
    assert run("result", job_id, *narrow).stdout == render(TRANSCRIPT, "srt", limits) != render(TRANSCRIPT, "srt")
    assert run("transcribe", recording_of("other.wav"), *narrow).stdout == render(TRANSCRIPT, "srt", limits)
    assert run("result", job_id, "--lines", "5").exit_code == Exit.USAGE


def test_a_job_that_ended_is_shown_with_its_times_and_can_be_run_again(
    colleague: Client, recording_of: RecordingMaker
) -> None:
    job_id = run("submit", recording_of("call.wav")).stdout.strip()
    colleague.wait(job_id, timeout_s=20)
    shown = run("status", job_id).stdout
    assert "completed  100%" in shown
    assert shown.count("colleague") == 5
    again = json.loads(run("retry", job_id, "--from-step", "decode", "--json").stdout)
    assert again["version"] == 2
    assert [step["state"] for step in again["steps"]][:3] == [StepState.DONE] * 3
    assert colleague.wait(job_id, timeout_s=20).state is JobState.COMPLETED


@pytest.mark.usefixtures("colleague")
def test_rates_are_counted_over_what_the_queue_made_of_the_recordings(manifest: Path, tmp_path: Path) -> None:
    heard = tmp_path / "kept" / "heard.jsonl"
    ran = run("evaluate", manifest, "--json", "--hypotheses", heard)
    figures = json.loads(ran.stdout)
    # A recording that failed is three words missed: 1 + 3 errors in 4 + 4 + 3 words.
    assert (ran.exit_code, figures["all"]["n"]) == (Exit.JOB_FAILED, 3)
    assert figures["all"]["wer"] == pytest.approx(4 / 11, abs=1e-5)
    assert figures["domains"]["calls"]["wer"] == pytest.approx(1 / 8, abs=1e-5)
    assert figures["domains"]["[bad] calls"] == {"wer": 1.0, "cer": 1.0, "n": 1}
    assert figures["all"]["rtfx"] > 0
    kept = [json.loads(line) for line in heard.read_text().splitlines()]
    assert [(each["id"], each["hypothesis"]) for each in kept] == [("right", TEXT), ("wrong", TEXT), ("refused", "")]


@pytest.mark.usefixtures("colleague")
def test_people_read_rates_as_a_table_with_every_domain_by_its_own_name(manifest: Path) -> None:
    rows = run("evaluate", manifest).stdout.splitlines()
    assert any("[bad] calls" in row and "100.00%" in row for row in rows)
    assert any(row.split()[0] == "all" and "36.36%" in row for row in rows)
    assert rows[-1].endswith("times faster than real time")


@pytest.mark.usefixtures("home")
def test_a_manifest_without_recordings_and_one_whose_recording_is_absent_are_wrong_usage(tmp_path: Path) -> None:
    manifest = tmp_path / "manifest.jsonl"
    for content, complaint in (("\n\n", "no recording"), ('{"id": "1", "audio": "x.wav", "text": ""}', "x.wav")):
        manifest.write_text(content)
        ran = run("evaluate", manifest)
        assert ran.exit_code == Exit.USAGE
        assert complaint in ran.stderr


@pytest.fixture
def session(home: Path) -> Iterator[WorkingSession]:
    assert home
    with WorkingSession() as made:
        yield made


def test_jobs_that_are_watched_are_canceled_by_an_interrupt_and_those_that_ended_are_not(
    session: WorkingSession,
) -> None:
    ended, running = (session.client.enqueue(b"audio").id for _ in range(2))
    session.client.cancel(ended)
    again = session.client.enqueue(b"audio").id
    watched = session.watch([ended, running])
    assert {next(watched).id, next(watched).id} == {ended, running}
    threading.Timer(0.05, session.client.cancel, (again,)).start()
    with pytest.raises(KeyboardInterrupt):
        watched.throw(KeyboardInterrupt())  # type: ignore[attr-defined]  # a generator
    assert session.client.status(running).state is JobState.CANCELED
    assert session.client.wait(again, timeout_s=5).state is JobState.CANCELED


def test_watching_shows_each_job_until_its_end_and_then_no_more(session: WorkingSession) -> None:
    job_id = session.client.enqueue(b"audio").id
    threading.Timer(0.3, session.client.cancel, (job_id,)).start()
    states = [job.state for job in session.watch([job_id, job_id])]
    assert states[-1] is JobState.CANCELED
    assert states.count(JobState.CANCELED) == 1
    assert set(states[:-1]) == {JobState.QUEUED}
    assert list(session.watch([])) == []


def test_a_session_beside_a_running_stack_starts_no_process_of_its_own(session: WorkingSession, home: Path) -> None:
    session.keep_working()
    assert not (home / "broker.sock").exists()
    assert not (home / "log").exists()
    assert session.client.recent() == []

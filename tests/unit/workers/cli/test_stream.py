"""`voxqueue stream` prints what is said, `voxqueue session` shows it from anywhere, a killed streamer loses nothing."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from pipeline.options import JobOptions, RedactionOptions
from pipeline.values import Utterance, Word
from tests.sinks import ADDRESS, Handler, Sink, sink
from tests.unit.workers.cli import conftest
from tests.unit.workers.cli.conftest import TEXT
from workers.cli import app
from workers.cli.outcome import Exit
from workers.cli.stream import until_interrupted
from workers.client import Client
from workers.jobs.sessions import NewPiece, NewSession
from workers.settings import settings

ROOT = Path(__file__).parents[4]
DEMO_CALL = ROOT / "workers" / "demo" / "call.wav"
RATE_HZ = 8000
LINE = f"{TEXT}\n"


def run(*arguments: str, given: bytes | None = None) -> Result:
    return CliRunner().invoke(app, list(arguments), prog_name="voxqueue", input=given)


def mu_law(start_s: float, end_s: float) -> bytes:
    content = DEMO_CALL.read_bytes()
    samples = content[content.index(b"data") + 8 :]
    return samples[int(start_s * RATE_HZ) * 2 : int(end_s * RATE_HZ) * 2]


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Sink]:
    monkeypatch.setenv("VOXQUEUE_OUTBOUND_ALLOW", ADDRESS)
    settings.cache_clear()
    with sink() as made:
        yield made


def session_of(ran: Result) -> str:
    return str(ran.stderr.splitlines()[0].removeprefix("session "))


def test_what_is_said_is_printed_and_stays_in_the_session(colleague: Client) -> None:
    ran = run("stream", "-", "--roles", "agent,customer", given=DEMO_CALL.read_bytes()[: 13 * RATE_HZ * 2])
    session_id = session_of(ran)
    count = colleague.sessions.status(session_id).pieces
    assert (ran.exit_code, ran.stdout) == (Exit.OK, LINE * count)
    assert count >= 2
    assert run("session", "show", session_id).stdout == LINE * count
    assert run("session", "show", session_id, "--follow").stdout == LINE * count
    shown = json.loads(run("session", "show", session_id, "--json").stdout)
    assert [piece["state"] for piece in shown["pieces"]] == ["completed"] * count
    starts = [each["start_s"] for each in shown["transcript"]["segments"]]
    assert starts == sorted(piece["start_s"] + 0.5 for piece in shown["pieces"])
    assert [each["id"] for each in json.loads(run("session", "list", "--json").stdout)] == [session_id]
    assert "stdin" in run("session", "list").stdout


def test_a_stream_of_a_server_is_read_while_it_comes(colleague: Client, server: Sink) -> None:
    def play(handler: Handler) -> None:
        handler.send_response(200)
        handler.end_headers()
        for second in range(7):
            handler.wfile.write(mu_law(second, second + 1))
            handler.wfile.flush()

    server.answer = play
    ran = run("stream", server.url("/line7"), "--encoding", "mulaw", "--channels", "2")
    assert (ran.exit_code, ran.stdout) == (Exit.OK, LINE)
    assert colleague.sessions.status(session_of(ran)).name == "line7"
    assert colleague.sessions.status(session_of(ran)).duration_s == pytest.approx(7.0, abs=0.1)


def test_a_stream_that_breaks_off_says_so_after_the_text_of_what_came(colleague: Client, server: Sink) -> None:
    def break_off(handler: Handler) -> None:
        handler.send_response(200)
        handler.send_header("Content-Length", "99999999")
        handler.end_headers()
        handler.wfile.write(mu_law(0, 7))
        handler.close_connection = True

    server.answer = break_off
    ran = run("stream", server.url("/line7"), "--encoding", "mulaw", "--channels", "2")
    assert ran.stdout == LINE
    assert "error FETCH_AWAY: " in ran.stderr
    session = colleague.sessions.status(session_of(ran))
    assert session.ended_at is None
    assert session.duration_s == pytest.approx(7.0, abs=0.1)


def test_a_stream_that_is_none_is_one_plain_line(colleague: Client) -> None:
    ran = run("stream", "-", given=b"This is a letter." * 999)
    assert ran.exit_code == Exit.USAGE
    assert ran.stderr.splitlines()[1].startswith("error UNRECOGNISED_FORMAT: ")
    assert colleague.sessions.status(session_of(ran)).ended_at is not None


def test_an_unknown_session_is_one_plain_line(home: Path) -> None:
    for command in (("session", "show", "none"), ("session", "end", "none")):
        ran = run(*command)
        assert (ran.exit_code, ran.stderr) == (
            Exit.USAGE,
            "error SESSION_NOT_FOUND: There is no such session. (none)\n",
        )


def test_what_a_stream_leaves_out_is_not_shown(colleague: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    text = "my ssn is 219-09-9999"
    words = tuple(Word(word, at * 0.1, at * 0.1 + 0.1, 0.9) for at, word in enumerate(text.split(" ")))
    utterance = Utterance(0, None, 0.0, 0.5, text, 0.9, words)
    monkeypatch.setattr(conftest, "TRANSCRIPT", replace(conftest.TRANSCRIPT, utterances=(utterance,)))
    session_id = colleague.sessions.open(NewSession("session", "line"))
    options = JobOptions(redaction=RedactionOptions())
    colleague.enqueue_piece(NewPiece(session_id, 0, 0.0, 1.0, 1.0), "piece", b"good", options, file_name="00000.wav")
    colleague.wait("piece", timeout_s=30)
    assert run("session", "end", session_id).exit_code == Exit.OK
    for ran in (run("session", "show", session_id, *more) for more in ((), ("--follow",), ("--json",))):
        assert ran.exit_code == Exit.OK
        assert "[SSN]" in ran.stdout
        assert "219-09" not in ran.stdout  # a time may hold any other digits


def test_a_piece_without_a_transcript_says_why(colleague: Client) -> None:
    session_id = colleague.sessions.open(NewSession("session", "line"))
    place = NewPiece(session_id, 0, 0.0, 1.0, 1.0)
    colleague.enqueue_piece(place, "piece", b"bad", JobOptions(), file_name="00000.wav")
    assert run("session", "end", session_id).exit_code == Exit.OK
    ran = run("session", "show", session_id, "--follow")
    assert ran.stdout == ""
    assert ran.stderr == "error CORRUPT_HEADER: piece 0 (piece)\n"
    assert run("session", "show", session_id).stdout == ""


def test_an_interrupt_while_waiting_is_the_end_of_the_stream() -> None:
    def chunks() -> Iterator[bytes]:
        yield b"one"
        os.kill(os.getpid(), signal.SIGINT)
        time.sleep(5)
        yield b"two"

    before = signal.getsignal(signal.SIGINT)
    assert list(until_interrupted(chunks())) == [b"one"]
    assert signal.getsignal(signal.SIGINT) is before


def test_an_interrupt_between_two_chunks_loses_neither() -> None:
    stream = until_interrupted(iter([b"one", b"two"]))
    assert next(stream) == b"one"
    os.kill(os.getpid(), signal.SIGTERM)
    assert list(stream) == []


def test_a_streamer_that_is_killed_leaves_its_pieces_and_the_next_one_goes_on(colleague: Client) -> None:
    session_id = colleague.sessions.open(NewSession("session", "line 7"))
    raw = ("--session", session_id, "--encoding", "mulaw", "--channels", "2")
    command = [sys.executable, "-m", "workers.cli", "stream", "-", *raw]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(command, env=environment, stdin=subprocess.PIPE, stderr=subprocess.DEVNULL) as first:
        assert first.stdin is not None
        first.stdin.write(mu_law(0, 12))
        first.stdin.flush()
        wait_for_pieces(colleague, session_id, 1)
        first.kill()
    before = colleague.sessions.status(session_id)
    assert before.ended_at is None
    ran = run("stream", "-", *raw, given=mu_law(before.duration_s, 16))
    after = colleague.sessions.pieces(session_id)
    assert [each.position for each in after] == list(range(len(after)))
    assert len(after) > before.pieces
    assert after[before.pieces].start_s == before.duration_s
    assert after[-1].end_s == pytest.approx(16.0, abs=0.2)
    assert ran.stdout == LINE * len(after)


def wait_for_pieces(client: Client, session_id: str, count: int) -> None:
    deadline = time.monotonic() + 100
    while client.sessions.status(session_id).pieces < count:
        assert time.monotonic() < deadline
        time.sleep(0.05)

"""A stream becomes the jobs of a session, in order and without a gap, also when things go wrong meanwhile."""

import io
import wave
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from pipeline.errors import UnrecognisedFormat
from pipeline.options import JobOptions, PreprocessOptions
from pipeline.stages import Step
from tests.integration.jobs.conftest import new_job
from workers.client import Client
from workers.db import migrate
from workers.errors import DatabaseAway, FetchAway, SessionTaken
from workers.jobs.sessions import NewPiece, NewSession, SessionStatus
from workers.settings import Settings
from workers.streaming import feed

DEMO_CALL = Path(__file__).parents[3] / "workers" / "demo" / "call.wav"
RATE_HZ = 8000
OPTIONS = JobOptions(preprocess=PreprocessOptions(roles=("agent", "customer")))
RAW = JobOptions(preprocess=PreprocessOptions(encoding="pcm_mulaw", channels=2))


def mu_law(start_s: float, end_s: float) -> bytes:
    content = DEMO_CALL.read_bytes()
    samples = content[content.index(b"data") + 8 :]
    return samples[int(start_s * RATE_HZ) * 2 : int(end_s * RATE_HZ) * 2]


def in_chunks(content: bytes, size: int = 1600) -> Iterator[bytes]:
    for start in range(0, len(content), size):
        yield content[start : start + size]


class FlakyClient(Client):
    """The database goes away for a moment: once before a piece is written, once just after."""

    faults = 0

    def enqueue_piece(self, place: NewPiece, job_id: str, *rest: Any, **details: Any) -> None:
        self.faults += 1
        if self.faults == 1:
            raise DatabaseAway
        super().enqueue_piece(place, job_id, *rest, **details)
        if self.faults == 2:
            raise DatabaseAway


@pytest.fixture
def quiet(tmp_path: Path) -> Settings:
    return Settings(home=tmp_path, database_url="", broker_url=f"redis+socket://{tmp_path}/absent.sock")


@pytest.fixture
def client(quiet: Settings) -> Iterator[Client]:
    with Client(quiet) as made:
        migrate.upgrade(made.runtime.database)
        yield made


@pytest.fixture
def session(client: Client) -> SessionStatus:
    return client.sessions.status(client.sessions.open(NewSession(str(uuid4()), "line 7")))


def recording_of(client: Client, job_id: str) -> bytes:
    lease = client.runtime.jobs.claim(Step.PREPROCESS, job_id, "worker")
    assert lease is not None
    assert lease.job_id == job_id
    with client.runtime.store.open(lease.source) as file:
        return file.read()


def test_a_stream_becomes_the_pieces_of_its_session(client: Client, session: SessionStatus) -> None:
    content = DEMO_CALL.read_bytes()[: 13 * RATE_HZ * 2]
    told = list(feed(client, session, in_chunks(content), OPTIONS))
    found = client.sessions.pieces(session.id)
    assert [(each.position, each.job_id) for each in found] == [(place.position, job) for place, job in told]
    assert [each.position for each in found] == list(range(len(found)))
    assert len(found) >= 2
    assert found[0].start_s == 0
    assert found[-1].end_s == pytest.approx(13, abs=0.1)
    assert all(later.start_s <= earlier.end_s for earlier, later in pairwise(found))
    assert [client.status(each.job_id).file_name for each in found][:2] == ["00000.wav", "00001.wav"]


def test_a_database_that_is_away_for_a_moment_costs_no_piece_and_doubles_none(
    client: Client, session: SessionStatus, quiet: Settings
) -> None:
    with FlakyClient(quiet) as flaky:
        told = list(feed(flaky, session, in_chunks(mu_law(0, 11)), RAW))
    assert flaky.faults == len(told) + 2
    assert [each.job_id for each in client.sessions.pieces(session.id)] == [job_id for _, job_id in told]
    assert len(client.recent()) == len(told) >= 2


def test_a_piece_is_a_recording_of_its_own_and_says_what_in_it_is_its(client: Client, session: SessionStatus) -> None:
    told = list(feed(client, session, in_chunks(mu_law(0, 8)), RAW))
    for place, job_id in told:
        lease = client.runtime.jobs.claim(Step.PREPROCESS, job_id, "worker")
        assert lease is not None
        options = lease.options.preprocess
        assert (options.encoding, options.sample_rate_hz, options.channels) == (None, None, None)
        assert options.stretches
        with client.runtime.store.open(lease.source) as file, wave.open(io.BytesIO(file.read())) as reader:
            assert (reader.getnchannels(), reader.getframerate(), reader.getsampwidth()) == (2, RATE_HZ, 2)
            assert reader.getnframes() / RATE_HZ == pytest.approx(place.end_s - place.start_s)


def test_who_goes_on_after_a_crash_goes_on_with_the_next_number_and_time(
    client: Client, session: SessionStatus
) -> None:
    place, _ = next(feed(client, session, in_chunks(mu_law(0, 13)), RAW))
    again = client.sessions.status(session.id)
    assert (again.pieces, again.duration_s) == (1, place.settled_s)
    told = list(feed(client, again, in_chunks(mu_law(place.settled_s, 13)), RAW))
    assert [each.position for each, _ in told] == list(range(1, 1 + len(told)))
    assert told[0][0].start_s == place.settled_s
    assert client.sessions.status(session.id).duration_s == pytest.approx(13, abs=0.2)


def test_what_came_before_the_source_broke_off_is_kept(client: Client, session: SessionStatus) -> None:
    def chunks() -> Iterator[bytes]:
        yield from in_chunks(mu_law(0, 3))
        yield b""
        raise FetchAway("it hung up")

    with pytest.raises(FetchAway):
        list(feed(client, session, chunks(), RAW))
    assert client.sessions.status(session.id).duration_s == pytest.approx(3.0)
    assert len(client.sessions.pieces(session.id)) == 1


def test_a_stream_that_is_none_makes_no_piece(client: Client, session: SessionStatus) -> None:
    with pytest.raises(UnrecognisedFormat):
        list(feed(client, session, in_chunks(b"This is a letter." * 999), OPTIONS))
    assert client.sessions.pieces(session.id) == []


def test_a_streamer_that_was_overtaken_stops_and_leaves_nothing(client: Client, session: SessionStatus) -> None:
    stream = feed(client, session, in_chunks(mu_law(0, 13)), RAW)
    _, first = next(stream)
    client.sessions.add(NewPiece(session.id, 1, 5.0, 6.0, 6.0), new_job())
    with pytest.raises(SessionTaken):
        list(stream)
    folders = {path.name for path in client.settings.artifact_path.iterdir()}
    assert folders == {first}


def test_a_piece_can_be_read_by_whoever_claims_it(client: Client, session: SessionStatus) -> None:
    (_, job_id), *_ = feed(client, session, in_chunks(mu_law(0, 3)), RAW)
    assert recording_of(client, job_id).startswith(b"RIFF")

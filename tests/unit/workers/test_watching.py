"""Every file of a watched folder is taken once it is whole, and once, whenever the watcher dies."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pipeline.errors import ResourceBusy
from pipeline.values import Channel, Recording, Transcript
from tests.unit.workers.test_client import complete
from workers.client import Client
from workers.db import migrate
from workers.errors import FileNotReadable
from workers.jobs import JobStatus
from workers.patterns import NamePattern
from workers.settings import Settings
from workers.watching import Seen, Watched, Watcher

ROOT = Path(__file__).parents[3]
TRANSCRIPT = Transcript("Hello.", "en", "tiny.en", Recording(1.5, 8000, "WAV/ULAW", (Channel(0, "agent"),)), ())


class CrashError(BaseException):
    """The watcher dies."""


class DyingClient(Client):
    """Dies once, just after a job was made and before anyone knows."""

    is_dying = True

    def enqueue(self, *arguments: Any, **details: Any) -> JobStatus:
        job = super().enqueue(*arguments, **details)
        if self.is_dying:
            self.is_dying = False
            raise CrashError
        return job


class BusyClient(Client):
    """Has no room at first."""

    refusals = 2

    def enqueue(self, *arguments: Any, **details: Any) -> JobStatus:
        if self.refusals:
            self.refusals -= 1
            raise ResourceBusy("no room")
        return super().enqueue(*arguments, **details)


@pytest.fixture
def quiet(tmp_path: Path) -> Settings:
    broker = f"redis+socket://{tmp_path}/absent.sock"
    return Settings(home=tmp_path / "home", database_url="", broker_url=broker, max_upload_bytes=1000)


@pytest.fixture
def client(quiet: Settings) -> Iterator[Client]:
    with Client(quiet) as made:
        migrate.upgrade(made.runtime.database)
        yield made


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "calls"
    made.mkdir()
    return made


def put(folder: Path, name: str, content: bytes = b"speech") -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def looks(watcher: Watcher, *times_s: float) -> list[Seen]:
    return [seen for at_s in times_s for seen in watcher.look(at_s)]


def taken(client: Client) -> list[str]:
    return sorted(str(job.external_id) for job in client.recent())


def test_a_file_is_taken_once_it_has_stopped_growing(client: Client, folder: Path) -> None:
    watcher = Watcher(client, Watched(folder))
    put(folder, "call.wav", b"spe")
    assert looks(watcher, 0, 1.9) == []
    put(folder, "call.wav", b"speech")
    assert looks(watcher, 2.0, 3.9) == []
    (seen,) = looks(watcher, 4.0)
    assert (seen.kind, seen.name) == ("taken", "call.wav")
    assert looks(watcher, 6.0, 60.0) == []
    assert [job.id for job in client.recent()] == [seen.detail]


def test_what_others_are_still_writing_or_hiding_is_left_alone(client: Client, folder: Path) -> None:
    for name in (".hidden.wav", "call.wav.part", "call.TMP", "x.crdownload", ".git/call.wav"):
        put(folder, name)
    put(folder, "empty.wav", b"")
    (folder / "pipe").symlink_to("/dev/zero")
    (folder / "dangling").symlink_to("nowhere")
    watcher = Watcher(client, Watched(folder, settle_s=0))
    assert looks(watcher, 0, 1) == []
    assert watcher.is_idle


def test_folders_inside_are_watched_and_those_for_results_are_not(client: Client, folder: Path) -> None:
    watched = Watched(folder, settle_s=0, done=folder / "done", out=folder / "out")
    for name in ("a/b/one.wav", "done/two.wav", "out/three.txt"):
        put(folder, name)
    looks(Watcher(client, watched), 0, 1)
    assert taken(client) == ["a/b/one.wav"]
    assert (folder / "done" / "a" / "b" / "one.wav").read_bytes() == b"speech"


def test_a_name_fills_the_annotations(client: Client, folder: Path) -> None:
    put(folder, "ann_20261122_1.wav")
    put(folder, "notes.txt")
    pattern = NamePattern("{agent}_{date:%Y%m%d}_*.wav")
    looks(Watcher(client, Watched(folder, pattern=pattern, settle_s=0)), 0, 1)
    (job,) = client.recent()
    assert (job.file_name, job.annotations) == ("ann_20261122_1.wav", {"agent": "ann", "date": "2026-11-22"})


def test_a_watcher_that_is_started_again_takes_nothing_twice(client: Client, folder: Path) -> None:
    for number in range(5):
        put(folder, f"{number}.wav", bytes([number + 1]))
    first = [seen.detail for seen in looks(Watcher(client, Watched(folder, settle_s=0)), 0, 1)]
    again = [seen.detail for seen in looks(Watcher(client, Watched(folder, settle_s=0)), 0, 1)]
    assert again == first
    assert len(client.recent()) == 5


def test_a_file_that_is_replaced_is_another_recording(client: Client, folder: Path) -> None:
    watcher = Watcher(client, Watched(folder, settle_s=0))
    put(folder, "call.wav", b"first")
    looks(watcher, 0, 1)
    put(folder, "call.wav", b"second")
    looks(watcher, 2, 3)
    assert taken(client) == ["call.wav", "call.wav"]


def test_a_file_that_was_taken_is_moved_without_covering_another(client: Client, folder: Path, tmp_path: Path) -> None:
    watcher = Watcher(client, Watched(folder, settle_s=0, done=tmp_path / "done"))
    for content in (b"first", b"second", b"third"):
        put(folder, "call.wav", content)
        looks(watcher, 0, 1)
    kept = {path.name: path.read_bytes() for path in (tmp_path / "done").iterdir()}
    assert kept == {"call.wav": b"first", "call-1.wav": b"second", "call-2.wav": b"third"}
    assert list(folder.iterdir()) == []


def test_a_watcher_that_dies_between_job_and_move_loses_nothing(
    client: Client, quiet: Settings, folder: Path, tmp_path: Path
) -> None:
    for number in range(3):
        put(folder, f"{number}.wav", bytes([number + 1]))
    watched = Watched(folder, settle_s=0, done=tmp_path / "done")
    with DyingClient(quiet) as dying, pytest.raises(CrashError):
        looks(Watcher(dying, watched), 0, 1)
    assert len(client.recent()) == 1
    assert len(list(folder.iterdir())) == 3
    looks(Watcher(client, watched), 0, 1)
    assert taken(client) == ["0.wav", "1.wav", "2.wav"]
    assert len(list((tmp_path / "done").iterdir())) == 3


def test_what_can_not_be_taken_now_is_taken_later(client: Client, quiet: Settings, folder: Path) -> None:
    put(folder, "call.wav")
    with BusyClient(quiet) as busy:
        watcher = Watcher(busy, Watched(folder, settle_s=0))
        assert looks(watcher, 0, 1, 2) == []
        assert not watcher.is_idle
        assert [seen.kind for seen in looks(watcher, 3, 4)] == ["taken"]


def test_what_can_never_be_taken_is_told_once_and_stays(client: Client, folder: Path) -> None:
    put(folder, "long.wav", bytes(1001))
    watcher = Watcher(client, Watched(folder, settle_s=0, done=folder / "done"))
    (seen,) = looks(watcher, 0, 1, 2)
    assert (seen.kind, seen.name) == ("refused", "long.wav")
    assert seen.detail.startswith("TOO_LARGE: ")
    assert watcher.is_idle
    assert (folder / "long.wav").exists()


def test_transcripts_are_written_beside_when_they_are_there(client: Client, folder: Path, tmp_path: Path) -> None:
    put(folder, "north/call.wav")
    watcher = Watcher(client, Watched(folder, settle_s=0, out=tmp_path / "out", output_format="json", suffix=".json"))
    (seen,) = looks(watcher, 0, 1)
    assert not watcher.is_idle
    complete(client, seen.detail)
    (written,) = looks(watcher, 2)
    target = tmp_path / "out" / "north" / "call.json"
    assert (written.kind, written.detail) == ("written", str(target))
    assert target.read_text(encoding="utf-8") == client.document(seen.detail)
    assert watcher.is_idle


def test_transcripts_that_are_done_while_nobody_watches_are_written_by_the_next(
    client: Client, folder: Path, tmp_path: Path
) -> None:
    watched = Watched(folder, settle_s=0, done=tmp_path / "done", out=tmp_path / "out")
    put(folder, "call.wav")
    (seen,) = looks(Watcher(client, watched), 0, 1)
    complete(client, seen.detail)
    assert [each.kind for each in looks(Watcher(client, watched), 0)] == ["written"]
    assert looks(Watcher(client, watched), 0) == []


def test_a_recording_that_fails_is_told(client: Client, folder: Path, tmp_path: Path) -> None:
    put(folder, "call.wav")
    watcher = Watcher(client, Watched(folder, settle_s=0, out=tmp_path / "out"))
    (seen,) = looks(watcher, 0, 1)
    client.cancel(seen.detail)
    (failed,) = looks(watcher, 2)
    assert (failed.kind, failed.name) == ("failed", "call.wav")
    assert failed.detail.startswith("CANCELED")


def test_names_that_are_no_text_are_taken_as_well(client: Client, folder: Path) -> None:
    path = os.fsencode(folder) + b"/caf\xe9.wav"
    Path(os.fsdecode(path)).write_bytes(b"speech")
    looks(Watcher(client, Watched(folder, settle_s=0)), 0, 1)
    assert taken(client) == ["caf\ufffd.wav"]


def test_two_folders_do_not_know_each_other(client: Client, folder: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    for each in (folder, other):
        path = put(each, "call.wav")
        os.utime(path, (1, 1))
        looks(Watcher(client, Watched(each, settle_s=0)), 0, 1)
    assert len(client.recent()) == 2


def test_what_is_no_folder_is_not_watched(client: Client, tmp_path: Path) -> None:
    with pytest.raises(FileNotReadable, match="no folder"):
        Watcher(client, Watched(tmp_path / "absent"))


def test_a_watcher_that_is_killed_takes_every_file_once(client: Client, folder: Path, tmp_path: Path) -> None:
    for number in range(6):
        put(folder, f"{number}.wav", bytes([number + 1]))
    program = [sys.executable, "-c", _PROGRAM, str(folder), str(tmp_path / "done")]
    settings = client.settings
    environment = {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "VOXQUEUE_HOME": str(settings.home),
        "VOXQUEUE_BROKER_URL": settings.broker_url,
        "VOXQUEUE_DATABASE_URL": "",
        "VOXQUEUE_FAILPOINT": "publish.before:kill9",
    }
    killed = subprocess.run(program, env=environment, check=False, timeout=120)
    assert killed.returncode == -9
    assert len(client.recent()) == 1
    ran = subprocess.run(program, env=environment, check=False, timeout=120)
    assert ran.returncode == 0
    assert taken(client) == [f"{number}.wav" for number in range(6)]
    assert list(folder.iterdir()) == []


_PROGRAM = """
import sys
from pathlib import Path
from workers.client import Client
from workers.watching import Watched, Watcher
with Client() as client:
    watcher = Watcher(client, Watched(Path(sys.argv[1]), settle_s=0, done=Path(sys.argv[2])))
    for look in (0, 1):
        list(watcher.look(look))
"""

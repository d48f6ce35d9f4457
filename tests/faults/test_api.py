"""The HTTP door is killed while it takes a job (row 38 of docs/faults.md)."""

import signal
import socket
import time
from contextlib import suppress

import pytest

from tests.faults.conftest import MakeScene
from tests.faults.door import Door
from tests.faults.processes import Supervised, send
from tests.faults.recordings import recording
from tests.faults.scene import SMALL, Scene, wait_for
from workers.states import JobState

pytestmark = [pytest.mark.faults, pytest.mark.timeout(600)]


def with_door(make_scene: MakeScene, door: Door, **settings: object) -> Scene:
    wanted = [Supervised(name, arguments) for name, arguments in SMALL]
    made = make_scene([*wanted, door.process], **settings)
    door.wait_open()
    return made


@pytest.mark.parametrize(
    "place", ["transaction.after_commit@create", "publish.before@preprocess", "publish.after@preprocess"]
)
def test_a_door_that_is_killed_between_its_commit_and_its_answer_gives_that_job_to_who_asks_again(
    make_scene: MakeScene, place: str
) -> None:
    door = Door(VOXQUEUE_FAILPOINT=f"{place}:kill9")
    made = with_door(make_scene, door)
    assert door.ask(recording(0), "key-1") is None
    (committed,) = made.found().jobs
    job_id, _ = door.hand_in(recording(0), "key-1")
    assert job_id == committed.id
    assert door.process.starts == 2
    made.taken[job_id] = 0
    made.settle([job_id])
    verdict = made.verdict()
    assert verdict.is_clean, verdict
    assert (verdict.completed, len(made.found().jobs)) == (1, 1)
    # Whoever asks once more is told the same again.
    assert door.hand_in(recording(0), "key-1") == (job_id, 1)


def test_a_door_that_is_killed_before_its_commit_leaves_a_file_that_is_collected_and_no_job(
    make_scene: MakeScene,
) -> None:
    door = Door(VOXQUEUE_FAILPOINT="transaction.before_commit@create:kill9")
    # No step may outlive what it has written, so a file of no job is kept for as long as a step may take.
    made = with_door(make_scene, door, step_deadline_s=20, orphan_after_s=20, collect_s=0.5, keep_audio_days=None)
    assert door.ask(recording(0), "key-1") is None
    store = made.client.runtime.store
    (left,) = store.entries()
    assert made.found().jobs == []
    job_id, _ = door.hand_in(recording(0), "key-1")
    made.taken[job_id] = 0
    made.settle([job_id])
    wait_for(lambda: left.key not in {entry.key for entry in store.entries()})
    verdict = made.verdict()
    assert verdict.is_clean, verdict
    assert [row.state for row in made.found().jobs] == [JobState.COMPLETED]


def test_an_upload_in_the_middle_of_which_the_door_is_killed_leaves_nothing(make_scene: MakeScene) -> None:
    door = Door()
    made = with_door(make_scene, door)
    sound = recording(0)
    with socket.create_connection(("127.0.0.1", door.port)) as caller:
        caller.sendall(begun_request(sound[: len(sound) // 2], len(sound)))
        time.sleep(1.0)
        for process in door.process.family():
            send(process, signal.SIGKILL)
        # The kernel tells the caller, who is not left waiting.
        caller.settimeout(30)
        with suppress(ConnectionResetError):
            assert caller.recv(1) == b""
    assert list(made.client.runtime.store.entries()) == []
    assert made.found().jobs == []
    door.wait_open()
    job_id, _ = door.hand_in(sound, "key-1")
    made.taken[job_id] = 0
    made.settle([job_id])
    assert made.verdict().completed == 1


def begun_request(body: bytes, length: int) -> bytes:
    """A form with a recording of `length` bytes, of which only these have come."""
    part = b'--edge\r\nContent-Disposition: form-data; name="file"; filename="call.wav"\r\n\r\n'
    whole = len(part) + length + len(b"\r\n--edge--\r\n")
    head = (
        "POST /v1/jobs HTTP/1.1\r\nHost: door\r\nContent-Type: multipart/form-data; boundary=edge\r\n"
        f"Content-Length: {whole}\r\n\r\n"
    )
    return head.encode() + part + body

"""The thread that keeps the leases of a process alive."""

import threading

import pytest

from tests.unit.workers.stack.test_processes import wait_until
from workers.heart import Heart


class Patient:
    """Wants `beats` signs of life, and says when it had them."""

    def __init__(self, beats: int) -> None:
        self.left = beats
        self.is_over = threading.Event()

    def beat(self) -> bool:
        self.left -= 1
        if self.left == 0:
            self.is_over.set()
        return self.left > 0


def test_what_is_held_is_kept_alive_until_it_wants_no_more() -> None:
    heart, one, other = Heart(), Patient(3), Patient(2)
    heart.add(one, 0.001)
    heart.add(other, 0.001)
    assert one.is_over.wait(5)
    assert other.is_over.wait(5)
    assert (one.left, other.left) == (0, 0)


def test_what_is_let_go_is_left_alone_and_the_same_thread_serves_the_next() -> None:
    heart, gone, next_one = Heart(), Patient(1), Patient(1)
    heart.add(gone, 0.05)
    heart.remove(gone)
    before = threading.active_count()
    heart.add(next_one, 0.1)
    assert next_one.is_over.wait(5)
    assert threading.active_count() == before
    assert gone.left == 1


def hearts() -> int:
    """How many threads of hearts there are, others come and go with what other tests started."""
    return sum(thread.name == "heart" for thread in threading.enumerate())


class Broken(Patient):
    """Wants as many, and only the last of them succeeds."""

    def beat(self) -> bool:
        if super().beat():
            raise ValueError(self.left)
        return False


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_beat_that_goes_wrong_is_tried_again_and_ends_no_other() -> None:
    heart, broken, sound = Heart(), Broken(3), Patient(5)
    before = hearts()
    heart.add(broken, 0.001)
    heart.add(sound, 0.001)
    assert broken.is_over.wait(5)
    assert sound.is_over.wait(5)
    heart.remove(broken)
    # The threads that it ended say so, in this test and in no other.
    wait_until(lambda: hearts() <= before + 1)

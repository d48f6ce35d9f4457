"""A worker is said to have ended only when that is known."""

import subprocess
import sys
import time

from workers.identity import is_gone, name_of, own_name


def test_this_process_is_there() -> None:
    assert not is_gone(own_name())


def test_a_process_of_this_machine_that_ended_is_gone() -> None:
    place = own_name().rpartition(":")[0]
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        process.wait()
    assert is_gone(f"{place}:{process.pid}")


def test_a_process_that_ended_and_was_not_waited_for_is_gone_too() -> None:
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        deadline = time.monotonic() + 60
        while not is_gone(name_of(process.pid)):
            assert time.monotonic() < deadline
            time.sleep(0.01)
        assert process.returncode is None


def test_nothing_is_known_of_processes_elsewhere_or_of_other_names() -> None:
    pid = own_name().rpartition(":")[2]
    assert not is_gone(f"another-host:1:{pid}")
    assert not is_gone("worker-1")
    assert not is_gone("")

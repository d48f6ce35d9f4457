"""A worker is said to have ended only when that is known."""

import subprocess
import sys

from workers.identity import is_gone, own_name


def test_this_process_is_there() -> None:
    assert not is_gone(own_name())


def test_a_process_of_this_machine_that_ended_is_gone() -> None:
    place = own_name().rpartition(":")[0]
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        process.wait()
    assert is_gone(f"{place}:{process.pid}")


def test_nothing_is_known_of_processes_elsewhere_or_of_other_names() -> None:
    pid = own_name().rpartition(":")[2]
    assert not is_gone(f"another-host:1:{pid}")
    assert not is_gone("worker-1")
    assert not is_gone("")

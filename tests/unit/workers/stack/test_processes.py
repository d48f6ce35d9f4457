import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from workers.errors import BrokerAway, ConfigurationError, DatabaseAway
from workers.settings import Settings, environment_of, read_settings
from workers.stack import Stack, is_running, processes, stack_settings
from workers.stack.broker import answers, broker_child, wait_for_broker
from workers.stack.lock import HomeLock
from workers.stack.processes import Child, Supervisor

ROOT = Path(__file__).parents[4]
SLEEP = [sys.executable, "-c", "import time; time.sleep(60)"]
STUBBORN = [
    sys.executable,
    "-c",
    "import signal, time, sys; signal.signal(signal.SIGTERM, signal.SIG_IGN); open(sys.argv[1], 'w'); time.sleep(60)",
]


def wait_until(holds: Callable[[], bool], timeout_s: float = 20) -> None:
    deadline = time.monotonic() + timeout_s
    while not holds():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.02)


def supervisor_of(*children: Child) -> Supervisor:
    return Supervisor(children, dict(os.environ), None)


def test_a_child_that_dies_is_started_again_at_the_same_priority() -> None:
    supervisor = supervisor_of(Child("sleeper", SLEEP, niceness=3))
    supervisor.start()
    wait_until(lambda: "sleeper" in supervisor.pids)
    first = supervisor.pids["sleeper"]
    os.kill(first, signal.SIGKILL)
    wait_until(lambda: supervisor.pids.get("sleeper", first) != first)
    second = supervisor.pids["sleeper"]
    wait_until(lambda: psutil.Process(second).nice() == os.nice(0) + 3)
    supervisor.stop(grace_s=5)
    assert not psutil.pid_exists(first)
    assert not psutil.pid_exists(second)


def test_a_child_that_always_dies_is_started_ever_less_often(tmp_path: Path) -> None:
    starts = tmp_path / "starts"
    child = Child("failing", [sys.executable, "-c", f"open({str(starts)!r}, 'a').write('x')"])
    supervisor = supervisor_of(child)
    supervisor.start()
    wait_until(lambda: child.back_off_s >= 2)
    supervisor.stop(grace_s=1)
    assert starts.read_text().count("x") <= 4


def test_a_child_that_ignores_the_request_to_end_is_killed(tmp_path: Path) -> None:
    ready = tmp_path / "ready"
    supervisor = supervisor_of(Child("stubborn", [*STUBBORN, str(ready)]))
    supervisor.start()
    wait_until(ready.exists)
    pid = supervisor.pids["stubborn"]
    supervisor.stop(grace_s=0.3)
    assert not psutil.pid_exists(pid)


def test_children_die_with_a_parent_that_is_killed() -> None:
    program = (
        "import os, sys, time\n"
        "from workers.stack.processes import Child, Supervisor\n"
        f"supervisor = Supervisor([Child('sleeper', {SLEEP!r})], dict(os.environ), None)\n"
        "supervisor.start()\n"
        "while not supervisor.pids: time.sleep(0.01)\n"
        "print(supervisor.pids['sleeper'], flush=True)\n"
        "time.sleep(60)\n"
    )
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True, cwd=ROOT) as parent:
        assert parent.stdout is not None
        child = psutil.Process(int(parent.stdout.readline()))
        # Killed before it became what it was to be, it would have died of that.
        wait_until(lambda: "sleep(60)" in " ".join(child.cmdline()) and "tether" not in " ".join(child.cmdline()))
        parent.kill()
        child.wait(timeout=10)


def test_the_broker_answers_on_its_socket_and_on_no_port(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path / "home")
    supervisor = supervisor_of(broker_child(settings))
    supervisor.start()
    try:
        wait_for_broker(settings, timeout_s=10)
        broker = psutil.Process(supervisor.pids["broker"])
        assert [each for each in broker.net_connections("inet") if each.status == psutil.CONN_LISTEN] == []
        assert settings.broker_socket.stat().st_mode & 0o077 == 0
    finally:
        supervisor.stop(grace_s=5)
    assert not answers(settings.broker_socket)


def test_a_broker_that_was_killed_does_not_stand_in_the_way_of_the_next(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path)
    for _ in range(2):
        supervisor = supervisor_of(broker_child(settings))
        supervisor.start()
        wait_for_broker(settings, timeout_s=10)
        os.kill(supervisor.pids["broker"], signal.SIGKILL)
        supervisor.stop(grace_s=5)


def test_a_home_with_a_long_path_still_has_a_socket(tmp_path: Path) -> None:
    long = Settings(home=tmp_path / ("x" * 120))
    assert len(str(long.broker_socket)) <= 107
    assert long.broker == f"redis+socket://{long.broker_socket}"
    assert long.broker_socket != Settings(home=tmp_path / ("y" * 120)).broker_socket
    assert Settings(home=Path("/srv/voxqueue")).broker_socket == Path("/srv/voxqueue/broker.sock")


def test_one_stack_at_a_time_has_the_lock_of_a_home(tmp_path: Path) -> None:
    first, second = HomeLock(tmp_path), HomeLock(tmp_path)
    assert not is_running(tmp_path)
    assert first.take()
    assert first.take()
    assert not second.take()
    assert is_running(tmp_path)
    first.release()
    assert second.take()
    second.release()


def test_children_read_the_settings_that_the_stack_was_given(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    chosen = stack_settings(Settings(home=tmp_path, threads=3, lease_s=7.5))
    for name, value in environment_of(chosen).items():
        monkeypatch.setenv(name, value)
    assert read_settings() == chosen


def test_leases_are_short_in_the_stack_unless_their_length_was_chosen(tmp_path: Path) -> None:
    assert stack_settings(Settings(home=tmp_path)).lease_s < Settings(home=tmp_path).lease_s
    assert stack_settings(Settings(home=tmp_path, lease_s=77)).lease_s == 77


def test_a_broker_that_does_not_come_is_waited_for_in_bounded_time(tmp_path: Path) -> None:
    started_at = time.monotonic()
    with pytest.raises(BrokerAway, match=r"0\.2 s"):
        wait_for_broker(Settings(home=tmp_path), timeout_s=0.2)
    assert time.monotonic() - started_at < 2


def test_a_stack_that_cannot_start_leaves_no_process_and_gives_its_home_back(tmp_path: Path) -> None:
    before = set(psutil.Process().children(recursive=True))
    settings = Settings(home=tmp_path, database_url="postgresql://nobody@127.0.0.1:1/none")
    stack = Stack(settings, log_to=tmp_path / "log" / "stack.log")
    with pytest.raises(DatabaseAway):
        stack.start()
    assert stack.pids == {}
    assert set(psutil.Process().children(recursive=True)) <= before
    assert not is_running(tmp_path)
    assert not answers(settings.broker_socket)


def test_a_stack_of_a_home_that_is_in_use_starts_nothing_and_does_not_disturb(tmp_path: Path) -> None:
    lock = HomeLock(tmp_path)
    assert lock.take()
    stack = Stack(Settings(home=tmp_path))
    assert not stack.start()
    with pytest.raises(ConfigurationError, match=str(tmp_path)), stack:
        pytest.fail("two stacks of one home")
    stack.stop()
    assert stack.pids == {}
    assert is_running(tmp_path)
    lock.release()


def test_a_lock_is_given_back_by_a_holder_that_is_killed(tmp_path: Path) -> None:
    program = (
        "import sys, time; from pathlib import Path; from workers.stack.lock import HomeLock\n"
        "lock = HomeLock(Path(sys.argv[1])); print(lock.take(), flush=True); time.sleep(60)"
    )
    command = [sys.executable, "-c", program, str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "True\n"
        assert is_running(tmp_path)
        holder.kill()
        holder.wait()
    assert not is_running(tmp_path)


def test_a_command_is_not_run_for_a_parent_that_is_gone_already(tmp_path: Path) -> None:
    ran_at_all = tmp_path / "ran"
    tether = Path(processes.__file__).with_name("tether.py")
    command = [sys.executable, str(tether), "1", "0", sys.executable, "-c", f"open({str(ran_at_all)!r}, 'w')"]
    ran = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (ran.returncode, ran.stderr) == (1, "the process that started this one is gone\n")
    assert not ran_at_all.exists()


def test_the_broker_is_ended_after_those_who_talk_to_it(tmp_path: Path) -> None:
    ends = tmp_path / "ends"
    program = (
        "import signal, sys, time\n"
        "def end(*_): open(sys.argv[1], 'a').write(sys.argv[2] + ' '); sys.exit()\n"
        "signal.signal(signal.SIGTERM, end); open(sys.argv[1] + sys.argv[2], 'w'); time.sleep(60)"
    )
    names = ["broker", "worker", "inference"]
    children = [Child(name, [sys.executable, "-c", program, str(ends), name], name == "broker") for name in names]
    supervisor = supervisor_of(*children)
    supervisor.start()
    wait_until(lambda: all((tmp_path / f"ends{name}").exists() for name in names))
    supervisor.stop(grace_s=10)
    assert ends.read_text().split()[-1] == "broker"
    assert sorted(ends.read_text().split()) == sorted(names)


def test_a_supervisor_that_never_started_can_be_stopped() -> None:
    supervisor = supervisor_of(Child("sleeper", SLEEP))
    supervisor.stop(grace_s=1)
    assert supervisor.pids == {}

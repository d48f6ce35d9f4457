"""Each fault that a running system gets over by itself: jobs before, during and after it all end with their own text.

Rows 9 to 19, 21, 22, 24, 31, 36 and 37 of docs/faults.md.
"""

import time
from collections.abc import Callable

import pytest

from tests.faults.scene import Scene

pytestmark = [pytest.mark.faults, pytest.mark.timeout(600)]


@pytest.mark.parametrize(
    "fault",
    [
        "doubled_messages",
        "ancient_messages",
        "garbage_messages",
        "flush_broker",
        "cut_connections",
        "kill_broker",
        "black_hole",
        "starve_broker",
        "fill_broker_disk",
        "starve_worker",
        "crash_postgres",
        "end_backends",
        "crowd_postgres",
        "kill_dispatcher",
        "full_disk",
        "kill_main",
    ],
)
def test_jobs_of_before_and_after_end_as_if_nothing_had_been(shared: Scene, fault: str) -> None:
    nemesis = shared.nemesis(seed=7)
    before = shared.hand_in(2)
    nemesis.run(0.5, only=(fault,))
    after = shared.hand_in(1)
    shared.settle([*before, *after])
    assert nemesis.counts[fault] >= 1
    verdict = shared.verdict()
    assert verdict.is_clean, verdict
    assert verdict.completed == len(shared.taken)


@pytest.mark.parametrize(
    "fault",
    [
        "garbage_messages",
        "flush_broker",
        "cut_connections",
        "kill_broker",
        "black_hole",
        "starve_broker",
        "fill_broker_disk",
        "crash_postgres",
        "end_backends",
        "crowd_postgres",
    ],
)
def test_no_process_ends_over_what_is_done_to_a_server(shared: Scene, fault: str) -> None:
    shared.settle(shared.hand_in(1))
    processes = shared.cluster.processes.wanted
    started = [(each.name, each.starts) for each in processes]
    nemesis = shared.nemesis(seed=1)
    nemesis.run(0.1, only=(fault,))
    # It takes them a while to fall over, if they do.
    time.sleep(2.0)
    shared.settle(shared.hand_in(1))
    assert [(each.name, each.starts) for each in processes] == started
    assert shared.verdict().is_clean


def away(shared: Scene, server: str) -> tuple[Callable[[], None], Callable[[], None]]:
    """How to take a server away and how to bring it back."""
    broker, proxy = shared.cluster.broker, shared.cluster.proxy
    return {"broker": (broker.kill, broker.start), "silent broker": (proxy.silence, proxy.speak)}[server]


@pytest.mark.parametrize("server", ["broker", "silent broker"])
def test_a_job_is_taken_in_seconds_while_the_broker_is_away(shared: Scene, server: str) -> None:
    take, bring = away(shared, server)
    take()
    try:
        started_at = time.monotonic()
        taken = shared.hand_in(1)
        took_s = time.monotonic() - started_at
    finally:
        bring()
    # Two tries of a second each, and what a busy machine adds.
    assert took_s < 10
    shared.settle(taken)
    assert shared.verdict().is_clean

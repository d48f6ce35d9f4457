"""The simulated day: who waits, who is paid for, and that the rules differ as they should."""

import pytest

from bench.scaling_simulation import BY_AUDIO, FIXED, START_S, Day, make_day, rules, simulate

SPEED = 10.0


def test_a_call_that_finds_a_free_worker_does_not_wait_and_the_next_waits_for_its_end() -> None:
    outcome = simulate(Day([20.0, 21.0], [100.0, 50.0]), rules(1)[FIXED], SPEED)
    assert outcome.waits_s == pytest.approx([0.0, 9.0])
    assert outcome.most == 1


def test_a_rule_that_wants_more_gets_them_after_their_start() -> None:
    lengths = [6000.0] * 3
    outcome = simulate(Day([1.0, 2.0, 3.0], lengths), rules(1)[BY_AUDIO], SPEED)
    assert outcome.most > 1
    assert START_S <= outcome.waits_s[1] < 600
    alone = simulate(Day([1.0, 2.0, 3.0], lengths), rules(1)[FIXED], SPEED)
    assert max(alone.waits_s) > max(outcome.waits_s)


def test_a_day_is_the_same_for_every_rule_and_its_calls_come_in_order() -> None:
    day = make_day(200, 1)
    assert day == make_day(200, 1)
    assert list(day.arrivals_s) == sorted(day.arrivals_s)
    assert len(day.arrivals_s) == len(day.lengths_s) == 200

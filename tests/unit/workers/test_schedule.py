"""When what could not be delivered is sent again."""

import itertools

import pytest

from workers.jobs.schedule import RetrySchedule


def waits(schedule: RetrySchedule) -> list[float]:
    found = [schedule.wait_s(attempt) for attempt in range(1, schedule.most_attempts)]
    assert None not in found
    return [each for each in found if each is not None]


def test_retries_begin_after_seconds_grow_and_end_after_a_day() -> None:
    planned = waits(RetrySchedule())
    assert 4 <= planned[0] <= 6
    assert all(later > earlier for earlier, later in itertools.pairwise(planned))
    assert 0.75 * 86400 < sum(planned) < 1.25 * 86400
    assert RetrySchedule().wait_s(RetrySchedule().most_attempts) is None


def test_no_two_receivers_are_asked_at_the_same_moment() -> None:
    drawn = [waits(RetrySchedule())[4] for _ in range(200)]
    assert len(set(drawn)) > 190
    assert min(drawn) >= 0.8 * 1800
    assert max(drawn) <= 1.2 * 1800
    assert abs(sum(drawn) / len(drawn) - 1800) < 0.05 * 1800


@pytest.mark.parametrize(
    ("asked_s", "least_s", "most_s"), [(600.0, 600, 600), (1.0, 4, 6), (None, 4, 6), (0.0, 4, 6), (1e9, 86400, 86400)]
)
def test_a_receiver_may_ask_for_more_patience_up_to_a_day(asked_s: float | None, least_s: float, most_s: float) -> None:
    wait_s = RetrySchedule().wait_s(1, asked_s)
    assert wait_s is not None
    assert least_s <= wait_s <= most_s


def test_a_receiver_can_not_make_the_last_attempt_not_the_last() -> None:
    assert RetrySchedule().wait_s(11, 60.0) is None

"""The state tables are complete and consistent with each other."""

from workers.states import (
    FINAL_JOB_STATES,
    JOB_TRANSITIONS,
    STEP_TRANSITIONS,
    JobState,
    StepState,
    sources_of,
)


def test_every_state_has_a_row_and_every_target_is_a_state() -> None:
    assert set(JOB_TRANSITIONS) == set(JobState)
    assert set(STEP_TRANSITIONS) == set(StepState)


def test_a_final_job_goes_nowhere_but_back_into_the_queue() -> None:
    for state in FINAL_JOB_STATES:
        assert JOB_TRANSITIONS[state] <= {JobState.QUEUED}


def test_every_state_can_be_reached_from_the_first() -> None:
    reached, frontier = {JobState.QUEUED}, {JobState.QUEUED}
    while frontier:
        frontier = {target for state in frontier for target in JOB_TRANSITIONS[state]} - reached
        reached |= frontier
    assert reached == set(JobState)


def test_sources_are_the_transitions_read_backwards() -> None:
    assert set(sources_of(JobState.COMPLETED)) == {JobState.RUNNING}
    assert set(sources_of(JobState.CANCELED)) == {JobState.QUEUED, JobState.RUNNING}
    assert JobState.EXPIRED not in sources_of(JobState.QUEUED)

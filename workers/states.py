"""The state machine of jobs and steps as tables; `workers.jobs` is the only writer."""

from enum import StrEnum


class JobState(StrEnum):
    """Where a job is; the value is what callers see as `status`."""

    QUEUED = "queued"
    RUNNING = "running"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELED = "canceled"
    EXPIRED = "expired"


class StepState(StrEnum):
    """Where a step of a job is."""

    BLOCKED = "blocked"
    READY = "ready"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    QUARANTINED = "quarantined"
    CANCELED = "canceled"


class Outcome(StrEnum):
    """How an attempt at a step ended."""

    DONE = "done"
    FAILED = "failed"
    RETRIED = "retried"
    LOST = "lost"
    CANCELED = "canceled"
    RETURNED = "returned"


class Scope(StrEnum):
    """What an API key may do; without `unredacted`, transcripts are shown redacted and audio not at all."""

    READ = "read"
    WRITE = "write"
    UNREDACTED = "unredacted"
    ADMIN = "admin"


class DeliveryState(StrEnum):
    """Where the delivery of an event to a webhook endpoint is."""

    READY = "ready"
    RUNNING = "running"
    DELIVERED = "delivered"
    FAILED = "failed"


FINAL_DELIVERY_STATES = frozenset({DeliveryState.DELIVERED, DeliveryState.FAILED})

FINAL_JOB_STATES = frozenset({JobState.COMPLETED, JobState.FAILED, JobState.CANCELED, JobState.EXPIRED})

JOB_TRANSITIONS: dict[JobState, frozenset[JobState]] = {
    JobState.QUEUED: frozenset({JobState.RUNNING, JobState.FAILED, JobState.CANCELED, JobState.EXPIRED}),
    JobState.RUNNING: frozenset({JobState.COMPLETED, JobState.FAILED, JobState.CANCELED, JobState.EXPIRED}),
    # A final job moves again only because someone asks for it: retry, or decode again.
    JobState.COMPLETED: frozenset({JobState.QUEUED}),
    JobState.FAILED: frozenset({JobState.QUEUED}),
    JobState.CANCELED: frozenset({JobState.QUEUED}),
    JobState.EXPIRED: frozenset(),
}

STEP_TRANSITIONS: dict[StepState, frozenset[StepState]] = {
    StepState.BLOCKED: frozenset({StepState.READY, StepState.CANCELED}),
    StepState.READY: frozenset({StepState.RUNNING, StepState.CANCELED}),
    # Back to blocked when its input is gone: the step before it is done once more.
    StepState.RUNNING: frozenset(
        {
            StepState.DONE,
            StepState.READY,
            StepState.BLOCKED,
            StepState.FAILED,
            StepState.QUARANTINED,
            StepState.CANCELED,
        }
    ),
    StepState.DONE: frozenset({StepState.READY, StepState.BLOCKED}),
    StepState.FAILED: frozenset({StepState.READY, StepState.BLOCKED}),
    StepState.QUARANTINED: frozenset({StepState.READY, StepState.BLOCKED}),
    StepState.CANCELED: frozenset({StepState.READY, StepState.BLOCKED}),
}


def sources_of(target: JobState) -> tuple[JobState, ...]:
    """The states from which a job may move to `target`: what a compare-and-set puts into its WHERE."""
    return tuple(state for state, targets in JOB_TRANSITIONS.items() if target in targets)

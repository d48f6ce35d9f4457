"""The five steps and their order, stated once; queues, states, progress and the chain all read it."""

from enum import StrEnum


class Step(StrEnum):
    """A step of the pipeline; its value names the queue, the Celery task and the row in the database."""

    PREPROCESS = "preprocess"
    FEATURES = "features"
    INFERENCE = "inference"
    DECODE = "decode"
    FORMAT = "format"


STEPS: tuple[Step, ...] = tuple(Step)


def following(step: Step) -> Step | None:
    """The step after `step`, or None after the last one."""
    position = STEPS.index(step) + 1
    return STEPS[position] if position < len(STEPS) else None


def remaining(step: Step) -> tuple[Step, ...]:
    """`step` and every step after it, in order."""
    return STEPS[STEPS.index(step) :]

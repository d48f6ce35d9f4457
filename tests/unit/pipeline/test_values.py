"""Values and steps: what holds them together."""

import dataclasses
import inspect

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline import values
from pipeline.stages import STEPS, Step, following, remaining
from pipeline.values import Channel, Recording, Span

VALUES = [kind for _, kind in inspect.getmembers(values, inspect.isclass) if kind.__module__ == values.__name__]


@pytest.mark.parametrize("kind", VALUES, ids=lambda kind: kind.__name__)
def test_every_value_that_crosses_a_step_is_frozen(kind: type) -> None:
    assert dataclasses.is_dataclass(kind)
    made = object.__new__(kind)
    with pytest.raises(dataclasses.FrozenInstanceError):
        setattr(made, dataclasses.fields(kind)[0].name, None)


def test_a_role_belongs_to_the_number_of_its_channel_not_to_its_place() -> None:
    recording = Recording(1.0, 8000, "wav", (Channel(3, "agent"), Channel(1), Channel(0, "customer")))
    assert [recording.role_of(channel) for channel in range(4)] == ["customer", None, None, "agent"]


@given(st.integers(0, 7), st.floats(0, 1e5), st.floats(0, 1e3))
def test_a_span_lasts_from_its_start_to_its_end(channel: int, start_s: float, length_s: float) -> None:
    span = Span(channel, start_s, start_s + length_s)
    assert span.duration_s == pytest.approx(length_s, abs=1e-9)


def test_following_one_step_after_another_passes_all_of_them_once() -> None:
    passed = [STEPS[0]]
    while (step := following(passed[-1])) is not None:
        passed.append(step)
    assert tuple(passed) == STEPS == tuple(Step)


@pytest.mark.parametrize("step", STEPS)
def test_what_remains_is_the_step_and_what_remains_after_it(step: Step) -> None:
    after = following(step)
    assert remaining(step) == (step, *(remaining(after) if after else ()))


def test_the_names_of_the_steps_are_those_on_the_wire() -> None:
    """Queues, rows and artifacts that exist carry them: a change needs a migration."""
    assert [str(step) for step in STEPS] == ["preprocess", "features", "inference", "decode", "format"]

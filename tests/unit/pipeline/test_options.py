"""Options are checked when they are made, never change, and survive the way through JSON."""

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ValidationError

from pipeline.options import (
    ENCODING_ALIASES,
    CaptionOptions,
    DecodeOptions,
    FormatOptions,
    Hotword,
    InferenceOptions,
    JobOptions,
    Options,
    PreprocessOptions,
    Stretch,
    Vocabulary,
)

STEPS: list[type[Options]] = [PreprocessOptions, InferenceOptions, DecodeOptions, FormatOptions]

# The least and the greatest value that each option takes; None where a bound is open or only its own number says it.
BOUNDS: list[tuple[type[Options], str, float, float]] = [
    (PreprocessOptions, "max_channels", 1, 64),
    (PreprocessOptions, "min_speech_s", 0, 1),
    (PreprocessOptions, "min_silence_s", 0.05, 5),
    (PreprocessOptions, "padding_s", 0, 1),
    (PreprocessOptions, "max_gap_s", 0, 10),
    (PreprocessOptions, "max_segment_s", 5, 30),
    (InferenceOptions, "beam_size", 1, 20),
    (InferenceOptions, "n_best", 1, 20),
    (DecodeOptions, "beam_width", 1, 500),
    (DecodeOptions, "hotword_weight", 0, 100),
    (DecodeOptions, "n_best", 1, 20),
    (CaptionOptions, "line_characters", 16, 120),
    (CaptionOptions, "lines", 1, 4),
    (CaptionOptions, "characters_per_s", 5, 60),
]
OPEN_BOUNDS: list[tuple[type[Options], str, float]] = [
    (PreprocessOptions, "speech_threshold", 0),
    (PreprocessOptions, "speech_threshold", 1),
    (PreprocessOptions, "max_duration_s", 0),
    (FormatOptions, "max_pause_s", 0),
    (FormatOptions, "max_utterance_s", 1),
]

roles = st.lists(st.none() | st.text(min_size=1, max_size=64), max_size=4).map(tuple)
jobs = st.builds(
    JobOptions,
    preprocess=st.builds(
        PreprocessOptions, roles=roles, speech_threshold=st.floats(0.01, 0.99), max_duration_s=st.floats(1, 1e6)
    ),
    inference=st.builds(InferenceOptions, beam_size=st.integers(1, 20)),
    decode=st.builds(DecodeOptions, hotwords=st.lists(st.text(min_size=1, max_size=100), max_size=4).map(tuple)),
    format=st.builds(FormatOptions, max_pause_s=st.floats(0.1, 10), numbers=st.booleans()),
)


@pytest.mark.parametrize(("kind", "name", "least", "greatest"), BOUNDS)
def test_a_value_is_taken_up_to_its_bounds_and_refused_beyond(
    kind: type[Options], name: str, least: float, greatest: float
) -> None:
    assert [getattr(kind(**{name: value}), name) for value in (least, greatest)] == [least, greatest]
    for beyond in (least - 1, greatest + 1):
        with pytest.raises(ValidationError, match=name):
            kind(**{name: beyond})


@pytest.mark.parametrize(("kind", "name", "bound"), OPEN_BOUNDS)
def test_an_open_bound_is_no_value(kind: type[Options], name: str, bound: float) -> None:
    with pytest.raises(ValidationError, match=name):
        kind(**{name: bound})


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_a_limit_that_is_not_a_number_is_refused(value: float) -> None:
    with pytest.raises(ValidationError, match="finite"):
        PreprocessOptions(max_duration_s=value)


@pytest.mark.parametrize("kind", [*STEPS, JobOptions])
def test_a_name_that_is_not_known_is_refused_instead_of_ignored(kind: type[Options]) -> None:
    with pytest.raises(ValidationError, match="max_pauses_s"):
        kind.model_validate({"max_pauses_s": 2.0})


@pytest.mark.parametrize("kind", [*STEPS, JobOptions])
def test_options_never_change(kind: type[Options]) -> None:
    options = kind()
    with pytest.raises(ValidationError, match="frozen"):
        setattr(options, next(iter(kind.model_fields)), None)


@given(jobs)
def test_options_are_the_same_after_their_way_through_json(options: JobOptions) -> None:
    assert JobOptions.model_validate_json(options.model_dump_json()) == options


@given(jobs)
def test_what_is_left_at_its_default_need_not_travel(options: JobOptions) -> None:
    assert JobOptions.model_validate(options.model_dump(mode="json", exclude_defaults=True)) == options


@pytest.mark.parametrize("roles", [("",), ("x" * 65,), (7,)])
def test_a_role_is_a_name_of_at_most_64_characters(roles: tuple[Any, ...]) -> None:
    with pytest.raises(ValidationError, match="roles"):
        PreprocessOptions(roles=roles)


@pytest.mark.parametrize("hotwords", [("",), ("x" * 101,), ("word",) * 501])
def test_hotwords_are_neither_empty_nor_endless(hotwords: tuple[str, ...]) -> None:
    with pytest.raises(ValidationError, match="hotwords"):
        DecodeOptions(hotwords=hotwords)


@pytest.mark.parametrize(
    ("declared", "reason"),
    [
        ({"sample_rate_hz": 8000}, "say its encoding"),
        ({"channels": 2}, "say its encoding"),
        ({"encoding": "gsm", "channels": 2}, "gsm has one channel"),
        ({"encoding": "g722", "channels": 2}, "g722 has one channel"),
        ({"encoding": "g722", "sample_rate_hz": 16_000}, "sample rate of its own"),
        ({"encoding": "g729", "sample_rate_hz": 8000}, "sample rate of its own"),
        ({"encoding": "pcm_f32le"}, "encoding"),
        ({"encoding": "pcm_s16le", "sample_rate_hz": 3999}, "sample_rate_hz"),
        ({"encoding": "pcm_s16le", "channels": 0}, "channels"),
    ],
)
def test_a_declaration_that_no_file_can_meet_is_refused_with_its_reason(declared: dict[str, Any], reason: str) -> None:
    with pytest.raises(ValidationError, match=reason):
        PreprocessOptions(**declared)


@pytest.mark.parametrize(
    ("channels", "roles"),
    [
        ([{"index": 0, "role": "agent"}, {"index": 1, "role": "customer"}], ("agent", "customer")),
        ([{"index": 1, "role": "agent"}], (None, "agent")),
        ([{"index": 2, "role": "coach"}, {"index": 0}], (None, None, "coach")),
        ([], ()),
    ],
)
def test_channels_may_be_named_one_by_one(channels: list[dict[str, Any]], roles: tuple[str | None, ...]) -> None:
    options = PreprocessOptions.model_validate({"channels": channels})
    assert options.channel_roles == roles
    assert PreprocessOptions.model_validate_json(options.model_dump_json()) == options


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ({"channels": [{"index": 0}, {"index": 0}]}, "one index twice"),
        ({"channels": [{"index": 0, "role": "agent"}], "roles": ("agent",)}, "leave one out"),
        ({"channels": [{"index": -1}]}, "greater than or equal to 0"),
        ({"channels": [{"index": 64}]}, "less than 64"),
        ({"channels": [{"index": 0, "role": ""}]}, "at least 1 character"),
        ({"channels": [{"index": 0, "speaker": "agent"}]}, "speaker"),
        ({"channels": [{"index": 0}, {"index": 1}], "encoding": "gsm"}, "gsm has one channel"),
    ],
)
def test_channels_that_contradict_themselves_are_refused(given: dict[str, Any], reason: str) -> None:
    with pytest.raises(ValidationError, match=reason):
        PreprocessOptions.model_validate(given)


def test_a_file_without_header_has_as_many_channels_as_are_counted_or_named() -> None:
    assert PreprocessOptions(encoding="pcm_mulaw", roles=("agent", "customer")).channel_count is None
    assert PreprocessOptions(encoding="pcm_mulaw", channels=2).channel_count == 2
    named = [{"index": 0, "role": "agent"}, {"index": 1, "role": "customer"}]
    options = PreprocessOptions.model_validate({"encoding": "pcm_mulaw", "channels": named})
    assert (options.channel_count, options.channel_roles) == (2, ("agent", "customer"))


@pytest.mark.parametrize(
    "declared",
    [
        {"encoding": "pcm_mulaw"},
        {"encoding": "pcm_s16be", "sample_rate_hz": 48_000, "channels": 2},
        {"encoding": "gsm", "channels": 1},
        {"encoding": "gsm", "sample_rate_hz": 8000},
        {"encoding": "g722"},
    ],
)
def test_a_file_without_header_is_described_by_what_its_encoding_leaves_open(declared: dict[str, Any]) -> None:
    options = PreprocessOptions(**declared)
    assert {name: getattr(options, name) for name in declared} == declared


@pytest.mark.parametrize(("alias", "name"), ENCODING_ALIASES.items())
def test_an_encoding_may_be_called_what_others_call_it_and_is_kept_by_one_name(alias: str, name: str) -> None:
    options = PreprocessOptions(encoding=alias)
    assert options.encoding == name
    assert PreprocessOptions.model_validate_json(options.model_dump_json()) == options


def _leaves(kind: type[BaseModel]) -> list[str]:
    """The names of all options, those of the steps with the step before them."""
    nested = {name: field.annotation for name, field in kind.model_fields.items()}
    return [
        leaf
        for name, of in nested.items()
        for leaf in (
            [f"{name}.{inner}" for inner in _leaves(of)]
            if isinstance(of, type) and issubclass(of, BaseModel)
            else [name]
        )
    ]


def test_a_job_has_the_options_of_its_steps_and_no_others() -> None:
    parts = {"preprocess", "inference", "decode", "format", "redaction"}
    assert {leaf.split(".")[0] for leaf in _leaves(JobOptions)} == parts
    assert len(_leaves(JobOptions)) == sum(len(step.model_fields) for step in STEPS) + 1


@pytest.mark.parametrize(("start_s", "end_s"), [(1.0, 1.0), (2.0, 1.0), (0.0, 30.1), (-1.0, 1.0), (0.0, math.inf)])
def test_a_stretch_that_no_model_could_read_is_refused(start_s: float, end_s: float) -> None:
    with pytest.raises(ValidationError):
        Stretch(start_s=start_s, end_s=end_s)


def test_stretches_survive_the_way_through_json() -> None:
    options = JobOptions.model_validate({"preprocess": {"stretches": [{"channel": 1, "start_s": 0.5, "end_s": 30.5}]}})
    assert options.preprocess.stretches == (Stretch(channel=1, start_s=0.5, end_s=30.5),)
    assert JobOptions.model_validate_json(options.model_dump_json()) == options


def test_a_job_goes_before_the_vocabulary_of_its_tenant() -> None:
    vocabulary = Vocabulary(
        hotwords=("Acme Corp", Hotword(text="Zyrtec")), replace={"vox cue": "Voxqueue", "E mail": "email"}
    )
    asked = DecodeOptions(hotwords=(Hotword(text="acme corp", weight=0.0),), hotword_weight=2.0)
    assert vocabulary.expected_by(asked).hotwords == (Hotword(text="acme corp", weight=0.0), Hotword(text="Zyrtec"))
    assert vocabulary.expected_by(asked).hotword_weight == 2.0
    chosen = vocabulary.replaced_by(FormatOptions(replace={"vox cue": "VQ"}, fillers="remove"))
    assert (chosen.replace, chosen.fillers) == ({"vox cue": "VQ", "E mail": "email"}, "remove")


def test_an_empty_vocabulary_changes_nothing() -> None:
    decode, words = DecodeOptions(hotwords=("Acme",)), FormatOptions()
    assert (Vocabulary().expected_by(decode), Vocabulary().replaced_by(words)) == (decode, words)


@pytest.mark.parametrize(
    ("chosen", "n_best"),
    [
        ({}, None),
        ({"decode": {"n_best": 2}}, None),
        ({"decode": {"n_best": 7}}, 7),
        ({"decode": {"hotwords": ["Acme"]}}, 5),
        ({"decode": {"language_model": "general"}}, 5),
        ({"decode": {"language_model": "none"}}, None),
        ({"decode": {"hotwords": ["Acme"]}, "inference": {"n_best": 2}}, 2),
        ({"decode": {"hotwords": ["Acme"]}, "inference": {"beam_size": 1}}, None),
    ],
)
def test_as_many_readings_are_searched_for_as_decode_lists_or_chooses_among(
    chosen: dict[str, object], n_best: int | None
) -> None:
    assert JobOptions.model_validate(chosen).search.n_best == n_best

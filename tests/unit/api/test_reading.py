"""JSON that two readers could understand differently is refused, with a sentence that says why."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.errors import InvalidRequest, MalformedBody
from api.reading import DEEPEST, check_json, read_as
from api.schemas import JobConfig

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


@given(VALUES)
def test_any_value_comes_back_as_it_was_written(value: Any) -> None:
    try:
        text = json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return
    assert check_json(text) == value


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (b"", "not JSON"),
        (b"{", "not JSON"),
        (b"{} {}", "not JSON"),
        (b"NaN", "NaN is no number"),
        (b"[-Infinity]", "-Infinity is no number"),
        (b"1e400", "out of range"),
        (b"[" + b"9" * 5000 + b"]", "out of range"),
        (b'{"a": 1, "a": 2}', "twice"),
        (b'{"a": {"b": 1, "b": 1}}', "twice"),
        (b'{"a": 1, "\\u0061": 2}', "twice"),
        (b'"\\ud800"', "no Unicode"),
        (b'{"\\udfff": 1}', "no Unicode"),
        (b'"\xff"', "no Unicode"),
        (b"\xef\xbb\xbf{}", "not JSON"),
        (b"[" * 100_000 + b"]" * 100_000, "too deeply"),
        (b"[" * (DEEPEST + 2) + b"]" * (DEEPEST + 2), "too deeply"),
        (b'{"a":' * 5000 + b"1" + b"}" * 5000, "too deeply"),
    ],
)
def test_what_is_not_read_alike_by_all_is_refused(text: bytes, why: str) -> None:
    with pytest.raises(MalformedBody, match=why):
        check_json(text)


def test_a_pair_of_surrogates_is_a_character() -> None:
    assert check_json(b'"\\ud83d\\ude00"') == "\U0001f600"
    assert check_json(b"[" * DEEPEST + b"]" * DEEPEST) is not None


@pytest.mark.parametrize(
    ("config", "field"),
    [
        ({"prority": 1}, "config.prority"),
        ({"priority": "1"}, "config.priority"),
        ({"priority": 1.5}, "config.priority"),
        ({"priority": 2**31}, "config.priority"),
        ({"priority": True}, "config.priority"),
        ({"roles": "agent"}, "config.roles"),
        ({"roles": [""]}, "config.roles.0"),
        ({"tags": ["\x00"]}, "config.tags.0"),
        ({"tags": ["x" * 65]}, "config.tags.0"),
        ({"expires_in_s": 0}, "config.expires_in_s"),
        ({"metadata": []}, "config.metadata"),
        ({"options": {"decode": {"beam_width": 10**9}}}, "config.options.decode.beam_width"),
        ({"options": {"decode": {"beam": 5}}}, "config.options.decode.beam"),
        ({"hotwords": ["x"] * 501}, "config.hotwords"),
        ([], "config"),
    ],
)
def test_a_config_that_asks_for_the_impossible_is_refused_by_field(config: Any, field: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        read_as(JobConfig, json.dumps(config), "config")
    assert refused.value.places[0][0] == field
    assert refused.value.detail.startswith(field)


def test_options_and_short_cuts_are_put_together() -> None:
    config = read_as(JobConfig, '{"roles": ["a", null], "options": {"preprocess": {"roles": ["b"]}, "decode": {}}}')
    assert config.job_options.preprocess.roles == ("a", None)
    assert read_as(JobConfig, "{}").job_options == JobConfig().options

"""Names of files say who called and when; a name that says something else is no match."""

import re
from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workers.patterns import NamePattern


@pytest.mark.parametrize(
    ("pattern", "name", "fields"),
    [
        (
            "{agent}_{date:%Y%m%d}_*.wav",
            "ann.lee_20261122_0042.wav",
            {"agent": "ann.lee", "date": "2026-11-22"},
        ),
        (
            "{queue}-{caller}-{at:%Y%m%d-%H%M%S}.wav",
            "sales-+4930123-20261122-235901.wav",
            {"queue": "sales", "caller": "+4930123", "at": "2026-11-22T23:59:01"},
        ),
        ("*.mp3", "anything at all.mp3", {}),
        ("call?.{kind}", "call7.wav", {"kind": "wav"}),
        ("{a}{b}", "xy", {"a": "x", "b": "y"}),
        ("{day:%d.%m.%y}", "01.02.26", {"day": "2026-02-01"}),
        ("({{x}})[1]+{n}", "({x})[1]+9", {"n": "9"}),
        ("{at:%b%d%I%p%f}", "Nov2203PM5", {"at": "1900-11-22T15:00:00.500000"}),
    ],
)
def test_a_name_gives_its_fields(pattern: str, name: str, fields: dict[str, str]) -> None:
    assert NamePattern(pattern).read(name) == fields


@pytest.mark.parametrize(
    ("pattern", "name"),
    [
        ("{agent}_{date:%Y%m%d}.wav", "ann_2026112.wav"),
        ("{agent}_{date:%Y%m%d}.wav", "ann_20260231.wav"),
        ("{agent}_{date:%Y%m%d}.wav", "_20261122.wav"),
        ("*.wav", "call.mp3"),
        ("*.wav", "call.wav.part"),
        ("call?.wav", "call.wav"),
        ("a.b", "aXb"),
    ],
)
def test_a_name_of_another_kind_gives_nothing(pattern: str, name: str) -> None:
    assert NamePattern(pattern).read(name) is None


@pytest.mark.parametrize(
    ("pattern", "why"),
    [
        ("{a}_{a}.wav", "there twice"),
        ("{}.wav", "no name"),
        ("{a b}.wav", "no name"),
        ("{0}.wav", "no name"),
        ("{at:%Q}.wav", "%Q is not known"),
        ("{a", "'}'"),
        ("a}", "'}'"),
    ],
)
def test_a_pattern_that_is_none_says_why(pattern: str, why: str) -> None:
    with pytest.raises(ValueError, match=re.escape(why)):
        NamePattern(pattern)


@given(st.datetimes(datetime(1970, 1, 1), datetime(2099, 12, 31)), st.text("abcxyz0189.", min_size=1, max_size=12))  # noqa: DTZ001
def test_any_date_in_a_name_is_read_as_it_was_written(at: datetime, agent: str) -> None:
    at = at.replace(microsecond=0)
    name = f"{agent}_{at:%Y-%m-%d_%H.%M.%S}.wav"
    expected = {"agent": agent, "at": at.isoformat()}
    assert NamePattern("{agent}_{at:%Y-%m-%d_%H.%M.%S}.wav").read(name) == expected


@given(st.text(max_size=40))
def test_no_name_breaks_a_pattern(name: str) -> None:
    found = NamePattern("{agent}_{date:%Y%m%d}_*.wav").read(name)
    assert found is None or set(found) == {"agent", "date"}

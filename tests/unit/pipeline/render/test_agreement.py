"""All formats tell of one transcript: what one says of words, times and speakers, the others say as well."""

import csv
import io
import json
from itertools import groupby, pairwise

import pytest
import srt
import webvtt
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.render import RENDERERS, render, to_csv, to_ctm, to_json, to_rttm, to_srt, to_text, to_vtt
from pipeline.render.cues import clock, cues
from pipeline.render.speakers import label_of
from pipeline.values import Channel, Recording, Transcript, Utterance, Word

# Whatever is seen, without white space, which never stands inside a word.
visible = st.text(
    st.characters(codec="utf-8", categories=("L", "N", "P", "S"), exclude_characters="\N{HANGUL FILLER}"),
    min_size=1,
    max_size=8,
)
roles = st.none() | st.text(st.characters(codec="utf-8", exclude_categories=("Cs", "Cc")), min_size=1, max_size=12)


@st.composite
def calls(draw: st.DrawFn) -> Transcript:
    """Two channels that take turns, words of any script one after another."""
    channels = (Channel(0, draw(roles)), Channel(1, draw(roles)))
    at_s = draw(st.floats(0, 4_000))
    utterances = []
    for _ in range(draw(st.integers(0, 4))):
        channel = draw(st.sampled_from(channels))
        words = []
        for text in draw(st.lists(visible, min_size=1, max_size=12)):
            length_s = draw(st.floats(0.05, 1.5))
            words.append(Word(text, at_s, at_s + length_s, draw(st.floats(0, 1))))
            at_s += length_s
        said = " ".join(word.text for word in words)
        utterances.append(
            Utterance(channel.index, channel.role, words[0].start_s, words[-1].end_s, said, 0.5, tuple(words))
        )
    text = "\n".join(utterance.text for utterance in utterances)
    return Transcript(text, "en", "m", Recording(at_s, 8_000, "wav", channels), tuple(utterances))


def _words(call: Transcript) -> list[Word]:
    return [word for utterance in call.utterances for word in utterance.words]


def _seconds(written: str) -> float:
    """The time of a cue of WebVTT, with its milliseconds, which the parser's own numbers leave out."""
    return float(srt.srt_timestamp_to_timedelta(written).total_seconds())


@settings(max_examples=40, deadline=None)
@given(calls())
def test_subtitles_show_every_word_once_while_it_is_said(call: Transcript) -> None:
    captions = webvtt.from_string(to_vtt(call)).captions
    shown = " ".join(cue.raw_text.split(">", 1)[1] for cue in captions).split()
    escaped = [word.text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;") for word in _words(call)]
    # A word longer than a line is broken, which moves no letter.
    assert "".join(shown) == "".join(escaped)
    shown_s = [(_seconds(cue.start), _seconds(cue.end)) for cue in captions]
    assert all(start_s < end_s for start_s, end_s in shown_s)
    assert shown_s == sorted(shown_s, key=lambda times: times[0])


@settings(max_examples=40, deadline=None)
@given(calls())
def test_no_subtitle_of_a_channel_reaches_into_its_next(call: Transcript) -> None:
    made = list(cues(call.utterances, [""] * len(call.utterances)))
    for channel in (0, 1):
        mine = [cue for cue in made if cue.utterance.channel == channel]
        assert all(before.end_s <= after.start_s for before, after in pairwise(mine))


@settings(max_examples=40, deadline=None)
@given(calls())
def test_both_kinds_of_subtitles_change_at_the_same_times(call: Transcript) -> None:
    """But for the name in the text of SubRip, which takes room there: calls are compared by their edges."""
    blocks = list(srt.parse(to_srt(call), ignore_errors=False))
    cues = webvtt.from_string(to_vtt(call)).captions
    assert bool(blocks) is bool(cues) is bool(call.utterances)
    starts = {block.start.total_seconds() for block in blocks}
    for utterance in call.utterances:
        assert any(abs(start_s - utterance.start_s) < 0.001 for start_s in starts)
    assert [block.index for block in blocks] == list(range(1, len(blocks) + 1))


@settings(max_examples=40, deadline=None)
@given(calls())
def test_ctm_holds_the_words_of_the_json_in_the_order_of_channel_and_time(call: Transcript) -> None:
    rows = [line.split(" ") for line in to_ctm(call).splitlines()]
    assert all(len(row) == 6 for row in rows)
    segments = json.loads(to_json(call))["segments"]
    expected = [
        (str(segment["channel"] + 1), word["text"])
        for segment in sorted(segments, key=lambda segment: int(segment["channel"]))
        for word in segment["words"]
    ]
    assert [(row[1], row[4]) for row in rows] == expected
    for _, of_channel in groupby(rows, key=lambda row: row[1]):
        times = [float(row[2]) for row in of_channel]
        assert times == sorted(times)


@settings(max_examples=40, deadline=None)
@given(calls())
def test_rttm_and_json_tell_of_the_same_stretches(call: Transcript) -> None:
    rows = [line.split(" ") for line in to_rttm(call).splitlines()]
    assert all(len(row) == 10 and all(row) for row in rows)
    for row, segment in zip(rows, json.loads(to_json(call))["segments"], strict=True):
        assert int(row[2]) == segment["channel"] + 1
        assert float(row[3]) == pytest.approx(segment["start_s"], abs=0.0011)
        assert float(row[3]) + float(row[4]) == pytest.approx(segment["end_s"], abs=0.0021)


@settings(max_examples=40, deadline=None)
@given(calls())
def test_a_table_holds_each_word_with_what_the_json_says_of_it(call: Transcript) -> None:
    rows = list(csv.DictReader(io.StringIO(to_csv(call), newline="")))
    spoken = [word for segment in json.loads(to_json(call))["segments"] for word in segment["words"]]
    for row, word in zip(rows, spoken, strict=True):
        assert row["text"].removeprefix("'") == word["text"].removeprefix("'")
        assert not row["text"].startswith(("=", "+", "-", "@"))
        assert float(row["start_s"]) == pytest.approx(word["start_s"], abs=0.0011)
        assert float(row["confidence"]) == pytest.approx(word["confidence"], abs=0.0011)


@settings(max_examples=40, deadline=None)
@given(calls())
def test_text_has_a_line_an_utterance_that_ends_with_what_was_said(call: Transcript) -> None:
    lines = to_text(call).split("\n")[:-1]
    for line, utterance in zip(lines, call.utterances, strict=True):
        assert line.endswith(f"] {label_of(utterance)}: {utterance.text}")


@pytest.mark.parametrize("role", [" ", "\t\n", "\N{NO-BREAK SPACE}"])
def test_a_role_of_nothing_but_space_is_no_name(role: str) -> None:
    word = Word("Hi.", 0.0, 0.4, 0.9)
    utterance = Utterance(1, role, 0.0, 0.4, "Hi.", 0.9, (word,))
    assert label_of(utterance) == "Channel 1"
    call = Transcript("Hi.", "en", "m", Recording(1.0, 8_000, "wav", (Channel(0), Channel(1, role))), (utterance,))
    assert to_text(call) == "[00:00] Channel 1: Hi.\n"
    assert to_rttm(call).split()[7] == "Channel_1"


@given(st.integers(0, 99 * 3_600_000))
def test_a_time_of_whole_milliseconds_is_read_back_as_it_was(time_ms: int) -> None:
    written = clock(time_ms / 1000, ",")
    assert srt.srt_timestamp_to_timedelta(written).total_seconds() * 1000 == pytest.approx(time_ms, abs=1e-3)


@settings(max_examples=20, deadline=None)
@given(calls(), st.sampled_from(sorted(RENDERERS)))
def test_every_format_is_a_function_of_the_transcript_alone(call: Transcript, name: str) -> None:
    written = render(call, name)  # type: ignore[arg-type]  # a name of the table
    assert written == render(call, name)  # type: ignore[arg-type]
    assert written == "" or written.endswith("\n")
    written.encode()

"""Subtitles and text keep to the rules of their formats, as parsers that we did not write see them."""

import io
from datetime import timedelta
from itertools import pairwise

import pytest
import srt
import webvtt
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.options import CaptionOptions
from pipeline.render import RENDERERS, render, to_json, to_srt, to_text, to_vtt
from pipeline.render.cues import LONGEST_S, clock, cues
from pipeline.values import Channel, Recording, Transcript, Utterance, Word

MONO = (Channel(0),)
STEREO = (Channel(0, "agent"), Channel(1))
SENTENCES = (
    "Thank you for calling Smith & Sons, my name is Dana, how can I help you today? "
    "Please hold the line while I look for your order, which should take no more than a minute or two."
)


def said(text: str, start_s: float = 0.0, channel: int = 0, role: str | None = None) -> Utterance:
    """An utterance of `text` at two and a half words a second."""
    parts = text.split()
    words = tuple(Word(part, start_s + i * 0.4, start_s + i * 0.4 + 0.35, 0.9) for i, part in enumerate(parts))
    return Utterance(channel, role, words[0].start_s, words[-1].end_s, text, 0.9, words)


def transcript(*utterances: Utterance, channels: tuple[Channel, ...] = MONO) -> Transcript:
    text = "\n".join(utterance.text for utterance in utterances)
    return Transcript(text, "en", "m", Recording(4000.0, 8000, "wav", channels), utterances)


CALL = transcript(
    said(SENTENCES, 1.0, role="agent"),
    said("Fine.", 9.2, channel=1),
    said("R&D <b> --> ok", 3725.5, channel=1),
    channels=STEREO,
)


def test_text_of_one_channel_is_only_what_was_said() -> None:
    assert to_text(transcript(said("Press one."), said("Goodbye.", 5))) == "Press one.\nGoodbye.\n"


def test_text_of_several_channels_names_time_and_speaker() -> None:
    lines = to_text(CALL).splitlines()
    assert lines[0].startswith("[00:01] Agent: Thank you for calling Smith & Sons,")
    assert lines[1:] == ["[00:09] Channel 1: Fine.", "[1:02:05] Channel 1: R&D <b> --> ok"]


def test_a_role_with_line_breaks_stays_on_its_line() -> None:
    call = transcript(said("Hi.", role="night\n\nshift"), channels=STEREO)
    assert to_text(call) == "[00:00] Night shift: Hi.\n"
    assert next(srt.parse(to_srt(call))).content == "Night shift: Hi."
    assert webvtt.from_string(to_vtt(call))[0].voice == "Night shift"


def test_srt_is_read_by_an_independent_parser() -> None:
    blocks = list(srt.parse(to_srt(CALL), ignore_errors=False))
    assert [block.index for block in blocks] == list(range(1, len(blocks) + 1))
    assert blocks[0].start == timedelta(seconds=1)
    assert blocks[0].content.startswith("Agent: Thank you")
    assert blocks[-1].start == timedelta(hours=1, minutes=2, seconds=5, milliseconds=500)
    assert blocks[-1].content == "Channel 1: R&D <b> -> ok"
    spoken = " ".join(block.content for block in blocks[:-2]).replace("\n", " ").removeprefix("Agent: ")
    assert spoken == SENTENCES


def test_vtt_is_read_by_an_independent_parser() -> None:
    captions = webvtt.from_buffer(io.StringIO(to_vtt(CALL))).captions
    assert captions[0].start == "00:00:01.000"
    assert {caption.voice for caption in captions} == {"Agent", "Channel 1"}
    assert captions[-1].raw_text == "<v Channel 1>R&amp;D &lt;b&gt; --&gt; ok"
    assert captions[-1].start == "01:02:05.500"
    assert " ".join(caption.text for caption in captions[:-2]).replace("\n", " ") == SENTENCES.replace("&", "&amp;")


def test_one_channel_needs_no_voice_tags_and_no_labels() -> None:
    call = transcript(said("Press one.", role="ivr"))
    assert to_vtt(call) == "WEBVTT\n\n00:00:00.000 --> 00:00:01.000\nPress one.\n"
    assert to_srt(call) == "1\n00:00:00,000 --> 00:00:01,000\nPress one.\n"


def test_a_sentence_that_ends_on_the_second_line_ends_its_cue() -> None:
    first, *_ = cues([said(SENTENCES)], [""])
    assert first.lines == ("Thank you for calling Smith & Sons, my", "name is Dana, how can I help you today?")


def test_a_flash_is_shown_long_enough_to_be_read() -> None:
    (cue,) = cues([Utterance(0, None, 2.0, 2.0, "No.", 0.9, (Word("No.", 2.0, 2.0, 0.9),))], [""])
    assert cue.end_s - cue.start_s == pytest.approx(1.0)


words = st.lists(st.text("abc.?'", min_size=1, max_size=60), min_size=1, max_size=40)
captions = st.builds(CaptionOptions, line_characters=st.integers(16, 60), lines=st.integers(1, 4))


@settings(max_examples=60)
@given(words, st.sampled_from(["", "agent", "a supervisor of the night shift"]), captions)
def test_cues_keep_the_limits_and_lose_no_word(parts: list[str], role: str, limits: CaptionOptions) -> None:
    call = transcript(said(" ".join(parts), role=role), channels=STEREO if role else MONO)
    shown = list(srt.parse(to_srt(call, limits), ignore_errors=False))
    name = f"{role.capitalize()}:" if role else ""
    assert "".join("".join(cue.content.split()) for cue in shown) == "".join([*name.split(), *parts])
    lines = [cue.content.splitlines() for cue in shown]
    lines += [each.text.splitlines() for each in webvtt.from_string(to_vtt(call, limits)).captions]
    assert all(len(each) <= limits.lines for each in lines)
    assert all(len(line) <= limits.line_characters for each in lines for line in each)
    assert all(timedelta() < cue.end - cue.start <= timedelta(seconds=LONGEST_S) for cue in shown)
    assert all(before.end <= after.start for before, after in pairwise(shown))


def test_a_caption_stays_until_slow_readers_have_read_it() -> None:
    for speed, end_s in ((60.0, 1.0), (20.0, 1.75), (5.0, 7.0)):
        (cue,) = cues([said("x" * 35)], [""], CaptionOptions(characters_per_s=speed))
        assert cue.end_s == pytest.approx(end_s)


def test_only_captions_have_caption_options() -> None:
    narrow = CaptionOptions(line_characters=16, lines=1)
    for name in RENDERERS:
        assert (render(CALL, name, narrow) != render(CALL, name)) is (name in {"srt", "vtt"})


def test_a_word_that_never_ends_is_shown_for_seven_seconds() -> None:
    (cue,) = cues([Utterance(0, None, 0.0, 30.0, "Ooh", 0.5, (Word("Ooh", 0.0, 30.0, 0.5),))], [""])
    assert cue.end_s == LONGEST_S


@pytest.mark.parametrize(
    ("time_s", "written"),
    [(0.0, "00:00:00,000"), (59.9996, "00:01:00,000"), (3599.9994, "00:59:59,999"), (360_000.0, "100:00:00,000")],
)
def test_times_are_rounded_to_milliseconds_across_minutes_and_hours(time_s: float, written: str) -> None:
    assert clock(time_s, ",") == written


def test_a_silent_call_has_no_cues_and_is_valid_in_every_format() -> None:
    silent = transcript()
    assert (to_text(silent), to_srt(silent), to_vtt(silent)) == ("", "", "WEBVTT\n")
    assert render(silent, "json") == to_json(silent)
    assert set(RENDERERS) == {"json", "text", "srt", "vtt", "csv", "ctm", "rttm", "markdown", "textgrid"}

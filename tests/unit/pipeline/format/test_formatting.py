"""The words of a call become the conversation: turns in order of time, sentences, and times that never run back."""

from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.format import format_transcript
from pipeline.format.prose import SentenceCase
from pipeline.options import FormatOptions
from pipeline.spec import AttentionVocabulary, CtcVocabulary, ModelSpec, RawWaveform, WhisperLogMel
from pipeline.values import Channel, Recording, Span, Stream, Transcript, Word, WordSegment
from pipeline.writing import ends_sentence

CALL = Recording(600.0, 8000, "pcm_mulaw", (Channel(0, "agent"), Channel(1, "customer")), ("truncated",))
WHISPER = ModelSpec(
    "tiny.en", "en", WhisperLogMel(), AttentionVocabulary((), 0, 0, (), 0, ()), frame_s=0.02, pads_freely=True
)
PLAIN = ModelSpec(
    "ctc", "en", RawWaveform(), CtcVocabulary(("<pad>", "|", "A"), 0, frozenset({0}), "|"), 0.02, pads_freely=True
)
PUNCTUATED = ModelSpec(
    "ctc", "en", RawWaveform(), CtcVocabulary(("▁A", ".", "<b>"), 2, frozenset({2}), "▁"), 0.08, pads_freely=True
)
WORD_S = 0.3


def said(text: str, start_s: float, channel: int = 0, gap_s: float = 0.05) -> WordSegment:
    """`text` from `start_s` on, each word `WORD_S` long."""
    each_s = WORD_S + gap_s
    starts = [start_s + index * each_s for index in range(len(text.split()))]
    words = tuple(Word(word, at, at + WORD_S, 0.9) for word, at in zip(text.split(), starts, strict=True))
    return WordSegment(Span(channel, start_s, starts[-1] + each_s if starts else start_s), words)


def formatted(*segments: WordSegment, spec: ModelSpec = WHISPER, **options: Any) -> Transcript:
    ordered = sorted(segments, key=lambda segment: (segment.span.start_s, segment.span.channel))
    return format_transcript(Stream(CALL, ordered), spec, FormatOptions.model_validate(options))


def turns(transcript: Transcript) -> list[tuple[int, str]]:
    return [(utterance.channel, utterance.text) for utterance in transcript.utterances]


def test_the_transcript_says_what_was_transcribed_and_with_what() -> None:
    transcript = formatted(said("Hello there.", 1.0))
    assert (transcript.language, transcript.model, transcript.recording) == ("en", "tiny.en", CALL)
    (utterance,) = transcript.utterances
    assert (utterance.role, utterance.text, utterance.start_s) == ("agent", "Hello there.", 1.0)
    assert utterance.confidence == pytest.approx(0.9)


def test_channels_are_merged_in_the_order_of_the_conversation() -> None:
    transcript = formatted(
        said("How can I help?", 0.0),
        said("My card is lost.", 2.0, channel=1),
        said("I see.", 4.0),
        said("Yes.", 6.0, 1),
    )
    assert turns(transcript) == [(0, "How can I help?"), (1, "My card is lost."), (0, "I see."), (1, "Yes.")]
    assert transcript.text == "How can I help?\nMy card is lost.\nI see.\nYes."


@pytest.mark.parametrize(("pause_s", "utterances"), [(0.9, 1), (1.1, 2)])
def test_a_long_pause_starts_a_new_utterance(pause_s: float, utterances: int) -> None:
    first = said("one two", 0.0, gap_s=0.0)
    assert len(formatted(first, said("three", 2 * WORD_S + pause_s)).utterances) == utterances


@pytest.mark.parametrize(("text", "utterances"), [("It is done.", 2), ("It is", 1), ("Ask Mr.", 1)])
def test_after_a_sentence_half_the_pause_is_enough(text: str, utterances: int) -> None:
    first = said(text, 0.0, gap_s=0.0)
    assert len(formatted(first, said("So then", first.words[-1].end_s + 0.6)).utterances) == utterances


def test_a_turn_ends_where_the_other_party_starts_to_speak_in_a_pause() -> None:
    agent = [said("your number please", 0.0), said("thank you", 2.0)]
    assert turns(formatted(*agent)) == [(0, "your number please thank you")]
    answered = formatted(*agent, said("seven", 1.4, channel=1))
    assert turns(answered) == [(0, "your number please"), (1, "seven"), (0, "thank you")]


def test_speaking_over_somebody_does_not_cut_their_sentence() -> None:
    transcript = formatted(said("and so we will send it to you", 0.0), said("right", 1.1, channel=1))
    assert turns(transcript) == [(0, "and so we will send it to you"), (1, "right")]


def test_a_long_utterance_is_cut_after_its_last_sentence_in_time() -> None:
    text = "one two three. four five six. seven eight nine ten"
    transcript = formatted(said(text, 0.0), max_utterance_s=3.0, numbers=False)
    assert turns(transcript) == [(0, "one two three. four five six."), (0, "seven eight nine ten")]


def test_a_long_utterance_without_sentences_is_cut_at_its_longest_pause() -> None:
    segments = said("one two three", 0.0), said("four five six seven", 1.5)
    assert turns(formatted(*segments, max_utterance_s=2.0, numbers=False)) == [
        (0, "one two three"),
        (0, "four five six seven"),
    ]


def test_a_word_longer_than_an_utterance_may_be_is_kept_whole() -> None:
    long = WordSegment(Span(0, 0, 9), (Word("Goal", 0.0, 8.0, 0.9), Word("indeed", 8.0, 8.3, 0.9)))
    assert turns(formatted(long, max_utterance_s=2.0)) == [(0, "Goal"), (0, "indeed")]


def test_plain_words_of_a_ctc_model_get_case_and_full_stops() -> None:
    transcript = formatted(
        said("YES I THINK I'M SURE IT'S IN INDIA", 0.0), said("okay", 5.0), said("why", 8.0, channel=1), spec=PLAIN
    )
    texts = [text.replace(",", "") for _, text in turns(transcript)]
    texts[-1] = texts[-1].replace("?", ".")
    assert texts == ["Yes I think I'm sure it's in India.", "Okay.", "Why."]


def test_a_sentence_of_plain_words_goes_on_after_a_pause_for_thought() -> None:
    first, second = said("I WOULD LIKE TO SPEAK TO THE", 0.0), said("MANAGER PLEASE", 3.6)
    assert [text for _, text in turns(formatted(first, second, spec=PLAIN))][1][0].islower()


def test_an_i_is_a_capital_in_english_only() -> None:
    words = said("kaj i mi", 0.0).words
    assert [word.text for word in SentenceCase("sl").punctuate(words)] == ["Kaj", "i", "mi."]


def test_what_a_model_wrote_is_kept_when_it_writes_sentences() -> None:
    assert turns(formatted(said("iPhone sales rose", 0.0))) == [(0, "iPhone sales rose")]
    assert turns(formatted(said("iPhone sales rose", 0.0), spec=PUNCTUATED)) == [(0, "iPhone sales rose")]


def test_languages_without_spaces_are_joined_without_them() -> None:
    japanese = ModelSpec("w", "ja", WHISPER.front_end, WHISPER.vocabulary, 0.02, pads_freely=True)
    assert formatted(said("日本 語 です。", 0.0), spec=japanese).text == "日本語です。"


def test_a_silent_call_is_an_empty_transcript() -> None:
    transcript = formatted(WordSegment(Span(0, 0.0, 5.0), ()))
    assert (transcript.text, transcript.utterances) == ("", ())
    assert transcript.recording.warnings == ("truncated",)


def test_words_of_overlapping_segments_do_not_overlap() -> None:
    first = WordSegment(Span(0, 0.0, 2.0), (Word("one", 0.0, 1.0, 0.9),))
    second = WordSegment(Span(0, 0.5, 3.0), (Word("two", 0.6, 0.9, 0.9), Word("three", 0.9, 2.0, 0.9)))
    (utterance,) = formatted(first, second).utterances
    assert [(word.start_s, word.end_s) for word in utterance.words] == [(0.0, 1.0), (1.0, 1.0), (1.0, 2.0)]


seconds = st.floats(-1, 700)
words = st.builds(Word, st.sampled_from(["yes", "no.", "I", "Well,"]), seconds, seconds, st.just(0.5))
spans = st.builds(Span, st.integers(0, 1), seconds, seconds)
segments = st.builds(WordSegment, spans, st.lists(words, max_size=6).map(tuple))


@given(st.lists(segments, max_size=5), st.sampled_from([WHISPER, PLAIN]))
def test_whatever_the_times_no_word_is_lost_and_time_never_runs_back(heard: list[WordSegment], spec: ModelSpec) -> None:
    transcript = formatted(*heard, spec=spec)
    assert sum(len(utterance.words) for utterance in transcript.utterances) == sum(len(each.words) for each in heard)
    starts = [utterance.start_s for utterance in transcript.utterances]
    assert starts == sorted(starts)
    for channel in (0, 1):
        words = [word for each in transcript.utterances if each.channel == channel for word in each.words]
        assert all(0 <= word.start_s <= word.end_s <= CALL.duration_s for word in words)
        assert all(before.end_s <= after.start_s for before, after in pairwise(words))


@pytest.mark.parametrize(
    ("word", "ends"),
    [("done.", True), ("really?”", True), ('no!)"', True), ("。", True), ("well,", False), ("Dr.", False), ("", False)],
)
def test_sentences_end_at_their_marks_but_not_at_titles(word: str, ends: bool) -> None:
    assert ends_sentence(word) is ends

"""Cutting: no word is lost, no utterance is too long, and turns are cut where they are taken."""

from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.format.lines import Part, format_line
from pipeline.format.prose import AsWritten, SentenceCase, punctuator_for
from pipeline.format.punctuation import TaggedSentences
from pipeline.format.sentences import utterance_cuts
from pipeline.format.turns import TURN_PAUSE_S, runs_of, timelines
from pipeline.options import FormatOptions
from pipeline.spec import AttentionVocabulary, CtcVocabulary, ModelSpec, RawWaveform, WhisperLogMel
from pipeline.values import Span, Word, WordSegment
from pipeline.writing import ends_sentence

texts = st.sampled_from(["yes", "no.", "well,", "really?", "Mr.", "go"])
gaps_s = st.sampled_from([0.0, 0.05, 0.2, 0.4, 0.6, 1.2, 3.0])
lengths_s = st.sampled_from([0.1, 0.3, 0.8, 2.5])


@st.composite
def spoken(draw: st.DrawFn, max_size: int = 25) -> list[Word]:
    """Words of one speaker, one after another."""
    at_s = draw(st.floats(0, 5))
    words = []
    for text in draw(st.lists(texts, max_size=max_size)):
        at_s += draw(gaps_s)
        end_s = at_s + draw(lengths_s)
        words.append(Word(text, at_s, end_s, 0.9))
        at_s = end_s
    return words


options = st.builds(FormatOptions, max_pause_s=st.sampled_from([0.3, 1.0, 4.0]), max_utterance_s=st.floats(1.5, 20))


@given(spoken(), options)
def test_utterances_are_the_words_in_order_and_none_is_too_long(words: list[Word], options: FormatOptions) -> None:
    cut = [list(part) for part in utterance_cuts(words, options)]
    assert [word for part in cut for word in part] == words
    assert all(cut)
    for part in cut:
        assert len(part) == 1 or part[-1].end_s - part[0].start_s <= options.max_utterance_s


@given(spoken(), options)
def test_no_utterance_goes_on_after_a_sentence_and_half_a_pause(words: list[Word], options: FormatOptions) -> None:
    for part in utterance_cuts(words, options):
        for before, after in pairwise(part):
            pause_s = after.start_s - before.end_s
            assert not (ends_sentence(before.text) and pause_s > options.max_pause_s / 2)


@given(spoken(), options)
def test_what_fits_is_cut_at_sentences_only(words: list[Word], options: FormatOptions) -> None:
    cut = list(utterance_cuts(words, options.model_copy(update={"max_utterance_s": 1e6})))
    assert all(ends_sentence(part[-1].text) for part in cut[:-1])


@given(spoken(12), spoken(12), st.sampled_from([0.3, 1.0, 4.0]))
def test_runs_are_the_words_of_each_channel_in_order(one: list[Word], other: list[Word], max_pause_s: float) -> None:
    runs = list(runs_of({0: one, 1: other}, max_pause_s))
    for channel, words in ((0, one), (1, other)):
        assert [word for of, run in runs if of == channel for word in run] == words
    for _, run in runs:
        assert run
        assert all(after.start_s - before.end_s <= max_pause_s for before, after in pairwise(run))


@given(spoken(12), spoken(12))
def test_a_run_ends_exactly_where_the_other_starts_in_a_pause(one: list[Word], other: list[Word]) -> None:
    """Said by looking at every word of the other for every gap, where the code searches."""
    runs = [run for channel, run in runs_of({0: one, 1: other}, max_pause_s=100.0) if channel == 0]
    ends = {id(run[-1]) for run in runs[:-1]}
    for before, after in pairwise(one):
        taken = any(before.end_s <= word.start_s < after.start_s for word in other)
        long = after.start_s - before.end_s >= TURN_PAUSE_S
        assert (id(before) in ends) is (taken and long)


@given(st.lists(st.tuples(st.integers(0, 2), spoken(5)), max_size=6), st.floats(0, 40))
def test_timelines_keep_every_word_with_its_channel_inside_the_recording(
    heard: list[tuple[int, list[Word]]], duration_s: float
) -> None:
    segments = [WordSegment(Span(channel, 0.0, 1.0), tuple(words)) for channel, words in heard]
    found = timelines(segments, duration_s)
    for channel, words in found.items():
        assert [word.text for word in words] == [word.text for of, said in heard if of == channel for word in said]
        edges = [edge for word in words for edge in (word.start_s, word.end_s)]
        assert edges == sorted(edges)
        assert all(0 <= edge <= duration_s for edge in edges)


def _ctc(*tokens: str) -> ModelSpec:
    vocabulary = CtcVocabulary(("<pad>", *tokens), 0, frozenset({0}), "|")
    return ModelSpec("ctc", "en", RawWaveform(), vocabulary, 0.02, pads_freely=True)


def test_sentences_are_made_only_for_models_that_write_none() -> None:
    whisper = ModelSpec("w", "en", WhisperLogMel(), AttentionVocabulary((), 0, 0, (), 0, ()), 0.02, pads_freely=True)
    slovene = replace(_ctc("|", "A"), language="sl")
    kinds = [type(punctuator_for(spec)) for spec in (_ctc("|", "A"), slovene, _ctc("▁a", "."), whisper)]
    assert kinds == [TaggedSentences, SentenceCase, AsWritten, AsWritten]


def test_without_a_tagger_each_stretch_of_speech_is_a_sentence() -> None:
    said = [Word(text, at, at + 0.5, 0.9) for at, text in enumerate(["dober", "dan", "kako", "ste"])]
    assert [word.text for word in SentenceCase("sl").punctuate(said, [2])] == ["Dober", "dan.", "Kako", "ste."]
    assert SentenceCase("sl").punctuate([]) == []


@given(spoken().filter(bool))
def test_a_sentence_has_a_capital_an_end_and_the_words_that_were_said(words: list[Word]) -> None:
    written = SentenceCase("en").punctuate(words)
    assert written[0].text[0].isupper()
    assert ends_sentence(written[-1].text)
    for before, after in zip(words, written, strict=True):
        assert after.text.lower().rstrip(".") == before.text.lower().rstrip(".")
        assert (after.start_s, after.end_s, after.confidence) == (before.start_s, before.end_s, before.confidence)


@pytest.mark.parametrize(
    ("word", "written"), [("i", "I"), ("i'm", "I'm"), ("I'LL", "I'll"), ("it", "it"), ("in", "in"), ("IVR", "ivr")]
)
def test_i_is_a_capital_wherever_it_stands(word: str, written: str) -> None:
    said = [Word(text, at, at + 0.5, 0.9) for at, text in enumerate(("so", word, "then"))]
    assert [each.text for each in SentenceCase("en").punctuate(said)] == ["So", written, "then."]


def test_a_line_without_its_sensitive_words_keeps_the_others_and_says_which_were_left_out() -> None:
    line = "my card is 4111 1111 1111 1111 thank you"
    formatted = format_line(line, [Part.REDACTION, Part.NUMBERS])
    (span,) = formatted.spans
    assert " ".join(formatted.tokens) == line
    assert (span.spoken, span.kind) == ("4111 1111 1111 1111", span.kind)
    assert formatted.tokens[span.start : span.end] == ("4111",) + ("1111",) * 3
    assert formatted.text == f"my card is {span.written} thank you"


@given(
    st.lists(st.sampled_from(["call", "one", "twenty", "five", "dollars", "may", "fifth", "Oh", "two."]), max_size=12)
)
def test_the_spans_of_a_line_lie_apart_in_order_and_spell_what_they_stand_for(words: list[str]) -> None:
    formatted = format_line(" ".join(words), [Part.NUMBERS])
    assert formatted.tokens == tuple(words)
    edges = [edge for span in formatted.spans for edge in (span.start, span.end)]
    assert edges == sorted(edges)
    for span in formatted.spans:
        assert 0 <= span.start < span.end <= len(words)
        assert span.spoken == " ".join(words[span.start : span.end]).lower().replace(".", "")
        assert span.written in formatted.text

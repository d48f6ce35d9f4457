"""The tagger that ships: what it is made of, that it is what was made, that it reads long talk as it reads short."""

import time
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.errors import ModelMismatch, ModelNotFound
from pipeline.format.punctuation import load_tagger, tagger
from pipeline.format.punctuation.features import (
    BUCKETS,
    NOTHING,
    PIECES,
    TURN_END,
    UNKNOWN_PAUSE,
    folded,
    pause_index,
    pieces,
)
from pipeline.format.punctuation.tagger import FILES, MARKS, Case, Tagger

PACKAGE = Path(tagger.__file__).parent
SENTENCE = "so i think we should call them back and ask what they want because nobody told us anything about it yet"
TALK = SENTENCE.split()


def content_of(name: str) -> bytes:
    return (PACKAGE / name).read_bytes()


@given(st.text(min_size=1, max_size=30))
def test_every_word_has_as_many_pieces_and_all_lie_in_the_table(word: str) -> None:
    found = pieces(folded(word))
    assert len(found) == PIECES
    assert all(0 <= row < BUCKETS for row in found)


def test_words_are_folded_to_lower_case_and_their_digits_to_zeros() -> None:
    assert [folded(word) for word in ("Hello", "2026", "$19.99", "3rd")] == ["hello", "0000", "$00.00", "0rd"]


def test_words_of_one_ending_share_pieces_and_others_share_few() -> None:
    shared = set(pieces("calling")) & set(pieces("falling"))
    assert len(shared) >= 4
    assert len(set(pieces("calling")) & set(pieces("to"))) <= 1


@given(st.lists(st.floats(-1, 60), min_size=2, max_size=20))
def test_a_longer_pause_never_has_a_lower_index(pauses_s: list[float]) -> None:
    found = [pause_index(pause_s) for pause_s in sorted(pauses_s)]
    assert all(before <= after for before, after in pairwise(found))
    assert all(UNKNOWN_PAUSE < index < TURN_END < NOTHING for index in found)


def test_the_files_are_small_and_those_that_the_code_names() -> None:
    assert sum((PACKAGE / name).stat().st_size for name in FILES) < 15e6
    load_tagger.cache_clear()
    assert load_tagger() is load_tagger()


def test_a_file_of_another_version_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    load_tagger.cache_clear()
    monkeypatch.setattr(tagger, "FILES", dict.fromkeys(FILES, "0" * 64))
    with pytest.raises(ModelMismatch, match=r"tagger\.onnx"):
        load_tagger()
    monkeypatch.setattr(tagger, "FILES", {"missing.onnx": "", **FILES})
    with pytest.raises(ModelNotFound, match=r"missing\.onnx"):
        load_tagger()


def test_each_word_gets_one_tag_however_many_there_are() -> None:
    for count in (1, 2, 21, 400, 1000):
        words = (TALK * 50)[:count]
        tags = load_tagger().tags(words, [UNKNOWN_PAUSE] * (count - 1) + [TURN_END])
        assert len(tags) == count
        assert all(tag.mark in MARKS for tag in tags)


def test_a_long_talk_is_read_in_parts_as_it_is_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    words = (TALK * 60)[:1200]
    pauses = [pause_index(0.7 if index % 21 == 20 else 0.05) for index in range(len(words))]
    in_parts = load_tagger().tags(words, pauses)
    monkeypatch.setattr(tagger, "_PART", 5000)
    at_once = load_tagger().tags(words, pauses)
    assert sum(map(tag_equals, in_parts, at_once)) >= 0.995 * len(words)


def tag_equals(one: object, other: object) -> bool:
    return one == other


def test_what_one_talk_said_changes_nothing_in_the_next() -> None:
    fresh = Tagger(*(content_of(name) for name in FILES))
    pauses = [UNKNOWN_PAUSE] * (len(TALK) - 1) + [TURN_END]
    first = fresh.tags(TALK, pauses)
    fresh.tags(["goodbye"] * 50, [TURN_END] * 50)
    assert fresh.tags(TALK, pauses) == first


def test_a_pause_makes_the_end_of_a_sentence_likelier() -> None:
    words = ["yes", "please", "call", "me", "tomorrow", "i", "will", "be", "at", "home", "in", "the", "evening"]
    close = [pause_index(0.03)] * (len(words) - 1) + [TURN_END]
    apart = [*close[:4], pause_index(1.2), *close[5:]]
    marks = [load_tagger().tags(words, pauses)[4].mark for pauses in (close, apart)]
    assert marks[1] == "."


def test_words_that_were_never_seen_are_written_by_their_looks() -> None:
    words = ["my", "name", "is", "brzezinskaya", "and", "i", "live", "in", "qwortham"]
    tags = load_tagger().tags(words, [UNKNOWN_PAUSE] * (len(words) - 1) + [TURN_END])
    assert tags[-1].mark == "."
    assert tags[0].case is Case.CAPITAL


def test_a_sentence_takes_less_than_a_millisecond_or_two() -> None:
    words, pauses = TALK[:15], [UNKNOWN_PAUSE] * 14 + [TURN_END]
    loaded = load_tagger()
    took_s = []
    for _ in range(60):
        began_s = time.process_time()
        loaded.tags(words, pauses)
        took_s.append(time.process_time() - began_s)
    # Two, because a busy machine counts waiting for its caches too; `bench.punctuation` measures.
    assert min(took_s) < 2e-3


@settings(max_examples=30, deadline=None)
@given(st.lists(st.tuples(st.text(min_size=1, max_size=8), st.integers(0, 11)), min_size=1, max_size=40))
def test_whatever_the_words_and_pauses_every_word_is_tagged(talk: list[tuple[str, int]]) -> None:
    tags = load_tagger().tags([word for word, _ in talk], [pause for _, pause in talk])
    assert len(tags) == len(talk)

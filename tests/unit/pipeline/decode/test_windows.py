"""Long emissions in windows: the same words, and no beam that carries an hour."""

from itertools import cycle, islice
from pathlib import Path

import numpy as np
import pytest

from pipeline.decode import CtcDecoder, GreedyDecoder
from pipeline.decode.labels import CtcLabels
from pipeline.decode.language import GENERAL, Continued, load_language_model
from pipeline.decode.windows import WINDOW_S, telling_frames, windows
from pipeline.options import DecodeOptions
from tests.unit.pipeline.decode.ctc_emissions import CHARACTERS, FRAME_S, PIECES, emissions_of, path_of

WORDS = ["it's", "a", "good", "bookkeeper's", "call", "and", "we", "all", "fell"]
MINUTE = list(islice(cycle(WORDS), 170))
MINUTE_OF_PIECES = ["▁he", "ll", "o", "▁wor", "ld", "▁book", "ke", "ep", "er", "▁a"] * 150


def in_characters(words: list[str]) -> list[int]:
    return path_of(CHARACTERS, [letter for word in words for letter in (*word, " ", "")])


@pytest.mark.parametrize(
    ("labels", "path"),
    [(CHARACTERS, in_characters(MINUTE)), (PIECES, path_of(PIECES, MINUTE_OF_PIECES))],
    ids=["characters", "pieces"],
)
def test_windows_begin_where_words_begin_and_hold_every_frame(labels: CtcLabels, path: list[int]) -> None:
    log_probs = emissions_of(labels, path, 0.95).log_probs
    cut = windows(log_probs, labels, FRAME_S)
    assert len(cut) == len(log_probs) * FRAME_S // WINDOW_S
    assert np.array_equal(np.concatenate(cut), log_probs)
    assert all(labels.texts[window[0].argmax()][:1] in {" ", "▁"} for window in cut[1:])
    assert min(len(window) for window in cut) * FRAME_S >= WINDOW_S


@pytest.mark.parametrize("lm", [None, Path(GENERAL)], ids=["no language model", "general"])
def test_words_and_times_over_windows_are_those_of_the_best_path(lm: Path | None) -> None:
    emissions = emissions_of(CHARACTERS, in_characters(MINUTE), 0.97)
    ours = CtcDecoder(CHARACTERS, DecodeOptions(), lm).decode(emissions).words
    reference = GreedyDecoder(CHARACTERS).decode(emissions).words
    assert [word.text for word in ours] == MINUTE
    assert [(word.start_s, word.end_s) for word in ours] == [(word.start_s, word.end_s) for word in reference]


def test_without_a_word_that_surely_begins_a_window_waits_for_any_that_does() -> None:
    log_probs = emissions_of(CHARACTERS, in_characters(MINUTE * 2), 0.6).log_probs
    cut = windows(log_probs, CHARACTERS, FRAME_S)
    assert len(cut) > 1
    assert min(len(window) for window in cut[:-1]) * FRAME_S >= 2 * WINDOW_S


def test_a_minute_in_which_no_word_begins_is_one_window() -> None:
    log_probs = emissions_of(CHARACTERS, [CHARACTERS.blank] * 3000).log_probs
    assert len(windows(log_probs, CHARACTERS, FRAME_S)) == 1


def test_a_language_model_reads_on_where_a_text_goes_on() -> None:
    """The library asks for the last word of each window as for the last of a sentence, and for none after a space."""
    general = load_language_model(Path(GENERAL))
    continued = Continued(general)
    state = continued.get_start_state()
    _, after = general.score(state, "thank")
    continued.ends = False
    assert continued.score(state, "thank", is_last_word=True) == general.score(state, "thank")
    assert continued.score(after, "", is_last_word=True) == (0.0, after)
    continued.ends = True
    assert continued.score(after, "you", is_last_word=True) == general.score(after, "you", is_last_word=True)
    assert continued.order == general.order


def test_of_a_pause_one_frame_is_left() -> None:
    blank = CHARACTERS.blank
    path = [blank, blank, *path_of(CHARACTERS, "a"), blank, blank, blank, *path_of(CHARACTERS, "a"), blank]
    emissions = emissions_of(CHARACTERS, path, 0.995)
    left = emissions.log_probs[telling_frames(emissions.log_probs, blank)]
    assert [CHARACTERS.texts[index] for index in left.argmax(axis=1)] == ["", "a", "a", "", "a", "a", ""]

"""CTC search against adding up every path: what a text is worth is the sum over all the ways to write it."""

import sys
from collections import defaultdict
from collections.abc import Sequence
from importlib.util import find_spec
from itertools import groupby, product
from pathlib import Path

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from pipeline.decode import CtcDecoder, CtcLabels, GreedyDecoder, load_decoder
from pipeline.decode.hotwords import Hotwords
from pipeline.decode.language import GENERAL
from pipeline.decode.search import CompiledSearch, PythonSearch, search_for
from pipeline.errors import ModelNotFound
from pipeline.options import DecodeOptions
from pipeline.spec import CtcVocabulary, ModelSpec, RawWaveform
from pipeline.values import CtcEmissions, Span, WordSegment
from tests.unit.pipeline.decode.ctc_emissions import CHARACTERS, PIECES, emissions_of, path_of

FRAME_S = 0.02
SMALL = CtcLabels(("", " ", "a", "b"), 0, pieces=False)
SMALL_PIECES = CtcLabels(("▁a", "▁b", "a", ""), 3, pieces=True)

seeds = st.integers(0, 2**32 - 1)


def _random(seed: int, frames: int, labels: CtcLabels, least: float = 0.02) -> CtcEmissions:
    """Random distributions in which no label is so unlikely that the beam search leaves it out."""
    size = len(labels.texts)
    probs = np.random.default_rng(seed).dirichlet([0.6] * size, frames) * (1 - size * least) + least
    return CtcEmissions(Span(0, 0.0, FRAME_S * frames), np.log(probs).astype(np.float16), FRAME_S)


def _collapsed(path: tuple[int, ...], labels: CtcLabels) -> str:
    """Repeats and blanks removed, words apart by one space."""
    written = "".join(labels.texts[label] for label, _ in groupby(path))
    return " ".join(written.replace("▁", " ").split())


def _worth_of_every_text(log_probs: NDArray[np.float16], labels: CtcLabels) -> list[tuple[float, str]]:
    """The probability of each text, the sum over all paths that write it, the likeliest first."""
    frames, size = log_probs.shape
    worth: defaultdict[str, float] = defaultdict(float)
    for path in product(range(size), repeat=frames):
        worth[_collapsed(path, labels)] += float(np.exp(sum(float(log_probs[at, of]) for at, of in enumerate(path))))
    return sorted(((probability, text) for text, probability in worth.items()), reverse=True)


def _text(segment: WordSegment) -> str:
    return " ".join(word.text for word in segment.words)


@settings(max_examples=25, deadline=None)
@given(seeds, st.integers(1, 5))
def test_a_wide_beam_finds_the_text_whose_paths_add_up_to_most(seed: int, frames: int) -> None:
    emissions = _random(seed, frames, SMALL)
    (most, text), (second, _), *_ = _worth_of_every_text(emissions.log_probs, SMALL)
    # The search keeps "a" and "a " apart where the sum does not: what is nearly as likely may win.
    assume(most > 1.5 * second)
    assert _text(CtcDecoder(SMALL, DecodeOptions(beam_width=500)).decode(emissions)) == text


@settings(max_examples=40, deadline=None)
@given(seeds, st.integers(1, 30), st.sampled_from([CHARACTERS, PIECES, SMALL_PIECES]))
def test_best_path_decoding_is_the_likeliest_label_of_each_frame_collapsed(
    seed: int, frames: int, labels: CtcLabels
) -> None:
    emissions = _random(seed, frames, labels, least=0.001)
    path = tuple(int(label) for label in emissions.log_probs.argmax(axis=1))
    assert _text(GreedyDecoder(labels).decode(emissions)) == _collapsed(path, labels)


@settings(max_examples=40, deadline=None)
@given(seeds, st.integers(1, 40), st.sampled_from([CHARACTERS, PIECES]), st.booleans())
def test_whatever_is_decoded_lies_in_its_segment_in_order(
    seed: int, frames: int, labels: CtcLabels, greedy: bool
) -> None:
    emissions = _random(seed, frames, labels, least=0.001)
    decoder = GreedyDecoder(labels) if greedy else CtcDecoder(labels, DecodeOptions())
    words = decoder.decode(emissions).words
    edges = [edge for word in words for edge in (word.start_s, word.end_s)]
    assert edges == sorted(edges)
    assert all(emissions.span.start_s <= edge <= emissions.span.end_s for edge in edges)
    assert all(word.end_s > word.start_s and 0 < word.confidence <= 1 for word in words)
    assert all(word.text == word.text.strip() != "" for word in words)


@settings(max_examples=20, deadline=None)
@given(seeds)
def test_the_same_emissions_give_the_same_words_whatever_was_decoded_before(seed: int) -> None:
    """A decoder keeps nothing from segment to segment, so that workers may share one."""
    first, second = _random(seed, 12, PIECES), _random(seed + 1, 12, PIECES)
    shared = CtcDecoder(PIECES, DecodeOptions(hotwords=("hello",)))
    used = [shared.decode(each) for each in (first, second, first)]
    fresh = [CtcDecoder(PIECES, DecodeOptions(hotwords=("hello",))).decode(each) for each in (first, second)]
    assert used == [*fresh, fresh[0]]


def test_hotwords_are_heard_in_the_case_that_the_model_writes() -> None:
    cased = CtcLabels(("▁Ann", "▁ann", ""), 2, pieces=True)
    probs = np.array([[0.44, 0.46, 0.1]])
    emissions = CtcEmissions(Span(0, 0.0, FRAME_S), np.log(probs).astype(np.float16), FRAME_S)
    said = {
        hotword: _text(CtcDecoder(cased, DecodeOptions(hotwords=(hotword,))).decode(emissions))
        for hotword in ("Ann", "ann")
    }
    assert said == {"Ann": "Ann", "ann": "ann"}


@pytest.mark.skipif(find_spec("kenlm") is not None, reason="kenlm is installed")
def test_a_language_model_without_its_library_says_what_to_install(tmp_path: Path) -> None:
    vocabulary = CtcVocabulary(("<pad>", "|", "a"), 0, frozenset({0}), "|")
    spec = ModelSpec("m", "en", RawWaveform(), vocabulary, FRAME_S, pads_freely=True)
    lm = tmp_path / "tiny.binary"
    lm.touch()
    with pytest.raises(ModelNotFound, match=r"voxqueue\[lm\]"):
        load_decoder(tmp_path, spec, DecodeOptions(beam_width=1), lm)


def _unsure(seed: int, labels: CtcLabels, spelled: Sequence[str]) -> CtcEmissions:
    path = path_of(labels, spelled)
    return emissions_of(labels, path, np.random.default_rng(seed).uniform(0.4, 0.95, len(path)).tolist())


def _behind_the_first(segment: WordSegment) -> list[float]:
    """How much less the readings are worth than the first; labels that write nothing are blanks to one library only."""
    return [segment.alternatives[0].score - each.score for each in segment.alternatives]


@pytest.mark.parametrize("seed", range(5))
def test_the_compiled_search_finds_the_texts_of_pyctcdecode(seed: int) -> None:
    pytest.importorskip("ctc_beam_decoder", reason="voxqueue[native] is not installed")
    python = DecodeOptions(beam_width=25, n_best=3)
    compiled = python.model_copy(update={"search": "ctc-beam-decoder"})
    for labels, emissions in (
        (SMALL, _random(seed, 30, SMALL, 0.002)),
        (SMALL_PIECES, _random(seed, 30, SMALL_PIECES, 0.002)),
        (CHARACTERS, _unsure(seed, CHARACTERS, "it's a bookkeeper's call")),
        (PIECES, _unsure(seed, PIECES, ["▁he", "ll", "o", "▁wor", "ld", "▁", "x", "▁a", "▁book", "ke", "ep", "er"])),
    ):
        expected, found = (CtcDecoder(labels, options).decode(emissions) for options in (python, compiled))
        assert found.words == expected.words
        assert [each.text for each in found.alternatives] == [each.text for each in expected.alternatives]
        assert _behind_the_first(found) == pytest.approx(_behind_the_first(expected), abs=0.1)


def test_the_compiled_search_is_for_texts_without_language_model_and_hotwords() -> None:
    pytest.importorskip("ctc_beam_decoder", reason="voxqueue[native] is not installed")
    chosen = DecodeOptions(search="ctc-beam-decoder")
    assert isinstance(search_for(CHARACTERS, chosen, Hotwords(chosen), None), CompiledSearch)
    expecting = chosen.model_copy(update={"hotwords": ("acme",)})
    assert isinstance(search_for(CHARACTERS, expecting, Hotwords(expecting), None), PythonSearch)
    assert isinstance(search_for(CHARACTERS, chosen, Hotwords(chosen), Path(GENERAL)), PythonSearch)


def test_a_search_that_is_not_installed_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ctc_beam_decoder", None)
    with pytest.raises(ModelNotFound, match="voxqueue\\[native\\]"):
        CtcDecoder(CHARACTERS, DecodeOptions(search="ctc-beam-decoder"))

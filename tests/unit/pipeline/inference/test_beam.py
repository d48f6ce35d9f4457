"""The beam search beside all that could be found, and beside CTranslate2's."""

import math
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import cast

import ctranslate2
import numpy as np
import pytest
import soundfile
import soxr
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from pipeline.features import whisper_log_mel
from pipeline.inference import ModelRuntime
from pipeline.inference.beam import BeamSearch
from pipeline.inference.decoder import Decoder, Scores
from pipeline.inference.encoder import PaddedEncoder
from pipeline.inference.engine import Search, WhisperEngine
from pipeline.inference.weights import read_variables
from pipeline.options import InferenceOptions
from pipeline.spec import AttentionVocabulary, ModelSpec, WhisperLogMel

Array = NDArray[np.float32]
DEMO_CALL = Path(__file__).parents[4] / "workers" / "demo" / "call.wav"
TURNS_S = ((0.6, 5.26), (10.43, 13.23), (18.92, 22.79))
NEVER = -1e9
TEXT, TIMESTAMPS = 30, 80
END, START, NO_SPEECH, NO_TIMESTAMPS = 30, 31, 32, 33
FIRST = NO_TIMESTAMPS + 1
PROMPT = (START, 1001, 1002)
VOCABULARY = AttentionVocabulary(
    tokens=(), end=END, no_timestamps=NO_TIMESTAMPS, prompt=(START,), no_speech=NO_SPEECH, suppressed=()
)


class Table:
    """A decoder of which the logits after a sequence are drawn by chance, always the same after the same."""

    def __init__(self, seed: int, ends_after: int) -> None:
        self.seed = seed
        self.ends_after = ends_after

    def logits(self, window: int, tokens: Sequence[int]) -> NDArray[np.float64]:
        """Of all tokens; the end is sure after some."""
        chance = np.random.default_rng(zlib.crc32(repr((self.seed, window, *tokens)).encode()))
        drawn = chance.standard_normal(FIRST + TIMESTAMPS) * 3
        drawn[END] = 40.0 if len(tokens) >= self.ends_after else drawn[END] - 2
        return drawn

    def begin(self, windows: Sequence[Array]) -> "TableSteps":
        return TableSteps(self, len(windows))


class TableSteps:
    """Keeps the tokens of each row."""

    def __init__(self, table: Table, windows: int) -> None:
        self.table = table
        self.windows = list(range(windows))
        self.rows: list[tuple[int, ...]] = [()] * windows

    def keep(self, windows: Sequence[int]) -> None:
        self.windows = [self.windows[each] for each in windows]

    def step(self, tokens: Sequence[int], parents: Sequence[int], candidates: int) -> Scores:
        self.rows = [(*self.rows[parent], token) for parent, token in zip(parents, tokens, strict=True)]
        width = len(tokens) // len(self.windows)
        logits = np.array(
            [
                self.table.logits(self.windows[row // width], [token for token in tokens if token not in PROMPT])
                for row, tokens in enumerate(self.rows)
            ]
        )
        text = logits[:, :END]
        best = np.argsort(-text, axis=1)[:, :candidates]
        total = np.log(np.exp(text).sum(axis=1, keepdims=True))
        return Scores(np.take_along_axis(text, best, axis=1), best, total, logits[:, END:])


def _searched(table: Table, windows: int, beam_size: int, kept: int) -> list[list[tuple[tuple[int, ...], float]]]:
    search = BeamSearch(cast("Decoder", table), VOCABULARY)
    found = search([np.zeros((1, 1, 1), np.float32)] * windows, beam_size, kept)
    return [list(zip(each.sequences, each.log_probs, strict=True)) for each in found]


def _allowed(tokens: Sequence[int], logits: NDArray[np.float64]) -> NDArray[np.float64]:
    """Logits after OpenAI's rules, written down once more, token by token."""
    logits = logits.copy()
    logits[END + 1 : FIRST] = -np.inf
    if not tokens:
        logits[:FIRST] = -np.inf
        logits[FIRST + 51 :] = -np.inf
        return logits
    last, before = tokens[-1] >= FIRST, len(tokens) < 2 or tokens[-2] >= FIRST
    if last and before:
        logits[FIRST:] = -np.inf
    elif last:
        logits[:END] = -np.inf
    latest = [token for token in tokens if token >= FIRST]
    logits[FIRST : latest[-1]] = -np.inf
    if np.exp(logits[FIRST:]).sum() > np.exp(logits[:FIRST].max()):
        logits[:FIRST] = -np.inf
    return logits


def _log_prob(table: Table, window: int, tokens: Sequence[int]) -> float:
    """Of a whole sequence with its end, after the rules."""
    total = 0.0
    for length, token in enumerate((*tokens, END)):
        logits = _allowed(tokens[:length], table.logits(window, tokens[:length]))
        total += logits[token] - math.log(np.exp(logits).sum())
    return total


@settings(deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 3), st.integers(1, 6), st.integers(1, 3))
def test_readings_obey_the_rules_and_are_as_likely_as_they_are_said_to_be(
    seed: int, windows: int, beam_size: int, kept: int
) -> None:
    table = Table(seed, ends_after=6)
    for window, readings in enumerate(_searched(table, windows, beam_size, kept)):
        assert 1 <= len(readings) <= kept
        for tokens, log_prob in readings:
            assert _log_prob(table, window, tokens) / (len(tokens) + 1) == pytest.approx(log_prob, abs=1e-4)
        texts = [tuple(min(token, FIRST) for token in tokens) for tokens, _ in readings]
        assert len(set(texts)) == len(texts)
        means = [log_prob * (len(tokens) + 1) / len(tokens) for tokens, log_prob in readings]
        assert means == sorted(means, reverse=True)


@settings(deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(2, 4))
def test_company_changes_nothing(seed: int, windows: int) -> None:
    table = Table(seed, ends_after=5)
    together = _searched(table, windows, 3, 3)
    search = BeamSearch(cast("Decoder", table), VOCABULARY)
    assert [each.sequences for each in search([np.zeros((1, 1, 1), np.float32)], 3, 3)] == [
        tuple(tokens for tokens, _ in together[0])
    ]


def test_a_prompt_of_several_tokens_is_read_first() -> None:
    table = Table(4, ends_after=5)
    search = BeamSearch(cast("Decoder", table), replace(VOCABULARY, prompt=PROMPT))
    (reading,) = search([np.zeros((1, 1, 1), np.float32)], 3, 3)
    assert [*zip(reading.sequences, reading.log_probs, strict=True)] == _searched(table, 1, 3, 3)[0]
    logits = table.logits(0, ())
    assert reading.no_speech_prob == pytest.approx(math.exp(logits[NO_SPEECH]) / np.exp(logits).sum())


def _sequences(table: Table, tokens: tuple[int, ...] = ()) -> Iterator[tuple[int, ...]]:
    """All that the rules allow, of those with the likeliest timestamps only."""
    logits = _allowed(tokens, table.logits(0, tokens))
    if tokens and np.isfinite(logits[END]):
        yield tokens
    if len(tokens) == table.ends_after:
        return
    timestamp = FIRST + int(np.argmax(logits[FIRST:]))
    for token in (*range(TEXT), timestamp):
        if np.isfinite(logits[token]):
            yield from _sequences(table, (*tokens, token))


@settings(deadline=None, max_examples=20)
@given(st.integers(0, 2**32 - 1))
def test_a_wide_beam_finds_the_likeliest_of_all(seed: int) -> None:
    """Of up to 900 sequences of a timestamp and two tokens."""
    table = Table(seed, ends_after=3)
    best = max(_log_prob(table, 0, tokens) / len(tokens) for tokens in _sequences(table))
    ((tokens, log_prob), *_) = _searched(table, 1, 1000, 1000)[0]
    assert log_prob * (len(tokens) + 1) / len(tokens) >= best - 1e-4


def test_hypotheses_differ_in_their_text() -> None:
    """One of a hundred timestamps is as likely as the next; a beam of two still holds two texts."""

    class Unsure(Table):
        def logits(self, _window: int, tokens: Sequence[int]) -> NDArray[np.float64]:
            found = np.full(FIRST + TIMESTAMPS, -30.0)
            if not tokens:
                found[FIRST:] = 0.0
            elif len(tokens) == 1:
                found[:2] = 1.0, 0.5
            else:
                found[END] = 10.0
            return found

    readings = _searched(Unsure(0, 0), 1, 2, 2)[0]
    assert [tokens[1:] for tokens, _ in readings] == [(0,), (1,)]


def test_a_reading_that_never_ends_is_cut_off() -> None:
    class Endless(Table):
        def logits(self, window: int, tokens: Sequence[int]) -> NDArray[np.float64]:
            found = super().logits(window, tokens)
            found[END] = NEVER
            return found

    ((tokens, _), *_) = _searched(Endless(1, 10_000), 1, 2, 1)[0]
    assert len(tokens) == 224
    timestamps = [token for token in tokens if token >= FIRST]
    assert all(earlier <= later for earlier, later in pairwise(timestamps))


@pytest.fixture(scope="module")
def turns(default_spec: ModelSpec) -> list[Array]:
    """Log-mel frames of the agent's turns in the demo call."""
    samples, rate_hz = soundfile.read(DEMO_CALL, dtype="float32")
    said = [samples[round(start_s * rate_hz) : round(end_s * rate_hz), 0] for start_s, end_s in TURNS_S]
    resampled = [soxr.resample(each, rate_hz, 16_000) for each in said]
    return [whisper_log_mel(each, WhisperLogMel(bands=80)).astype(np.float32) for each in resampled]


@pytest.fixture(scope="module")
def encoder(default_folder: Path) -> PaddedEncoder:
    return PaddedEncoder(read_variables(default_folder / "model.bin", "encoder/"), 1)


def test_tokens_are_as_probable_as_ctranslate2_finds_them(
    default_folder: Path, default_spec: ModelSpec, encoder: PaddedEncoder, turns: list[Array]
) -> None:
    """With all of the padding in floating point there, and most of it in brief here."""
    vocabulary = default_spec.vocabulary
    assert isinstance(vocabulary, AttentionVocabulary)
    engine = WhisperEngine(default_folder, vocabulary, 3000, ModelRuntime(compute_type="float32", threads=1))
    view = engine.encode(turns[:1])
    tokens = [
        token
        for token in engine.search(view, 1, InferenceOptions(), Search())[0].sequences[0]
        if token < vocabulary.end
    ]
    (aligned,) = ctranslate2.models.Whisper(str(default_folder), intra_threads=1).align(
        view[0], list(vocabulary.prompt), [tokens], 400
    )
    decoder = Decoder(read_variables(default_folder / "model.bin", "decoder/"), vocabulary, 1, encoder.padding)
    steps = decoder.begin([encoder.encode(turns[0])])
    found = []
    for before, token in pairwise((*vocabulary.prompt, vocabulary.no_timestamps, *tokens)):
        scores = steps.step([before], [0], vocabulary.end)
        (place,) = np.flatnonzero(scores.text_tokens[0] == token) if token < vocabulary.end else (0,)
        found.append(math.exp(scores.text[0, place] - scores.text_total[0, 0]))
    assert found[1:] == pytest.approx(aligned.text_token_probs, abs=0.15)
    assert np.mean(np.abs(np.array(found[1:]) - aligned.text_token_probs)) < 0.03


def test_clear_speech_reads_as_with_ctranslate2_also_in_company(
    default_folder: Path, default_spec: ModelSpec, turns: list[Array]
) -> None:
    vocabulary = default_spec.vocabulary
    assert isinstance(vocabulary, AttentionVocabulary)
    texts: list[list[list[int]]] = []
    for compute_type in ("int8", "float32"):
        engine = WhisperEngine(default_folder, vocabulary, 3000, ModelRuntime(compute_type=compute_type, threads=1))
        alone = [engine.search(engine.encode([each]), 1, InferenceOptions(), Search())[0] for each in turns]
        # Only commas and stops differ.
        is_said = [token < vocabulary.end and text not in ",." for token, text in enumerate(vocabulary.tokens)]
        texts.append([[token for token in each.sequences[0] if is_said[token]] for each in alone])
        if compute_type == "int8":
            together = engine.search(engine.encode(turns), len(turns), InferenceOptions(), Search())
            assert [each.sequences[0] for each in together] == [each.sequences[0] for each in alone]
            assert all(each.no_speech_prob < 0.2 for each in alone)
    assert len(texts[0]) == len(TURNS_S)
    assert texts[0] == texts[1]

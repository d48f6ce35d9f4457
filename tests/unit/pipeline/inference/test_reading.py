"""How Whisper reads on: windows, loops that are searched again, and the edges of alignment."""

import zlib
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import soundfile
import soxr
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from tokenizers import Tokenizer

from pipeline.features import extract
from pipeline.inference import ModelRuntime
from pipeline.inference.engine import Encoded, Search, WhisperEngine, _timed
from pipeline.inference.timestamps import Passage, Reading, frames_read, joined, text_within
from pipeline.inference.whisper import Whisper, Window
from pipeline.options import InferenceOptions
from pipeline.spec import AttentionVocabulary, ModelSpec
from pipeline.values import (
    AttentionEmissions,
    Channel,
    FeatureSegment,
    Hypothesis,
    Recording,
    Span,
    SpeechSegment,
    Stream,
)
from tests.line_sounds import music

DEMO_CALL = Path(__file__).parents[4] / "workers" / "demo" / "call.wav"
RECORDING = Recording(60.0, 16_000, "wav", (Channel(0),))
WINDOW_FRAMES = 3000
ONE_BEAM = InferenceOptions(beam_size=1)
AGENT_TURNS_S = ((0.6, 5.26), (10.43, 13.23), (18.92, 22.79))
SENTENCE_ENDS = (13, 30)
"""`.` and `?` as tokens of the default model."""
VOCABULARY = AttentionVocabulary(tokens=(), end=100, no_timestamps=110, prompt=(101,), no_speech=0, suppressed=())


@pytest.fixture(scope="module")
def whisper(default_folder: Path, default_spec: ModelSpec) -> Whisper:
    return Whisper(default_folder, default_spec, ModelRuntime(threads=2))


@pytest.fixture(scope="module")
def agent() -> NDArray[np.float32]:
    """The agent of the demo call at 16 kHz: `Thank you for calling ...` from 0.6 s on."""
    samples, rate_hz = soundfile.read(DEMO_CALL, frames=6 * 8_000, dtype="float32")
    at_16_khz: NDArray[np.float32] = soxr.resample(samples[:, 0], rate_hz, 16_000)
    return at_16_khz


def _features(samples: NDArray[np.float32], spec: ModelSpec) -> FeatureSegment:
    speech = SpeechSegment(Span(0, 0.0, len(samples) / 16_000), (np.clip(samples, -1, 1) * 32_767).astype(np.int16))
    return next(iter(extract(Stream(RECORDING, [speech]), spec).segments))


def _read(whisper: Whisper, segment: FeatureSegment) -> AttentionEmissions:
    (emissions,) = whisper.emit([segment], ONE_BEAM)
    assert isinstance(emissions, AttentionEmissions)
    return emissions


def _ratio(text: str) -> float:
    return len(text.encode()) / len(zlib.compress(text.encode()))


class Watched(WhisperEngine):
    """The real engine; keeps how it was told to search."""

    def __init__(
        self, folder: Path, vocabulary: AttentionVocabulary, window_frames: int, runtime: ModelRuntime
    ) -> None:
        super().__init__(folder, vocabulary, window_frames, runtime)
        self.searches: list[Search] = []

    def search(self, encoded: Encoded, count: int, options: InferenceOptions, search: Search) -> list[Reading]:
        self.searches.append(search)
        return super().search(encoded, count, options, search)


@pytest.fixture(scope="module")
def watched(default_folder: Path, default_spec: ModelSpec) -> tuple[Whisper, Watched]:
    """A model and what it asks of its engine."""
    model = Whisper(default_folder, default_spec, ModelRuntime(threads=2))
    assert isinstance(default_spec.vocabulary, AttentionVocabulary)
    engine = Watched(default_folder, default_spec.vocabulary, WINDOW_FRAMES, ModelRuntime(threads=2))
    model._engine = engine
    return model, engine


def test_what_is_read_as_a_loop_is_searched_again_with_repetition_penalised(
    watched: tuple[Whisper, Watched], default_folder: Path, agent: NDArray[np.float32], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same second over and over is what makes small models loop."""
    model, engine = watched
    again = np.tile(agent[int(0.6 * 16_000) : int(1.9 * 16_000)], 10)
    engine.searches.clear()
    emissions = _read(model, _features(again, model.spec))
    plain, mild, strict = Search(), Search(1.1, 5), Search(1.2, 3)
    assert engine.searches[:2] == [plain, mild]
    # What is left when a reading stops early, as it does on some processors, is read like any other; two parts of a
    # window are read together, and each that loops is searched again.
    following = {plain: {plain, mild}, mild: {plain, mild, strict}, strict: {plain, mild}}
    assert all(later in following[earlier] for earlier, later in pairwise(engine.searches))
    monkeypatch.setattr("pipeline.inference.whisper._AGAINST_REPETITION", ())
    looping = _read(model, _features(again, model.spec))
    tokenizer = Tokenizer.from_file(str(default_folder / "tokenizer.json"))
    penalised, free = (tokenizer.decode(list(each.hypotheses[0].tokens)).strip() for each in (emissions, looping))
    assert _ratio(penalised) < _ratio(free)


def test_what_is_no_loop_is_searched_once(watched: tuple[Whisper, Watched], agent: NDArray[np.float32]) -> None:
    model, engine = watched
    engine.searches.clear()
    _read(model, _features(agent[: 3 * 16_000], model.spec))
    assert engine.searches == [Search()]


class Hasty(WhisperEngine):
    """The real engine; its first reading begins with the last sentences, as that of a small model does now and then."""

    searches = 0

    def search(self, encoded: Encoded, count: int, options: InferenceOptions, search: Search) -> list[Reading]:
        self.searches += 1
        readings = super().search(encoded, count, options, search)
        return [_last_two_sentences(reading) for reading in readings] if self.searches == 1 else readings


def _last_two_sentences(reading: Reading) -> Reading:
    """The reading with its first timestamp, and text from the last sentence but one on."""
    (tokens,) = reading.sequences
    marks = [index for index, token in enumerate(tokens) if token in SENTENCE_ENDS]
    return replace(reading, sequences=((tokens[0], *tokens[marks[-3] + 1 :]),))


def test_speech_that_a_reading_left_out_is_read_after_all_and_nothing_twice(
    default_folder: Path, default_spec: ModelSpec
) -> None:
    """Three turns of the agent, of which the first reading has nothing but the last two sentences."""
    samples, rate_hz = soundfile.read(DEMO_CALL, dtype="float32")
    turns = [samples[round(start_s * rate_hz) : round(end_s * rate_hz), 0] for start_s, end_s in AGENT_TURNS_S]
    segment = _features(soxr.resample(np.concatenate(turns), rate_hz, 16_000), default_spec)
    assert isinstance(default_spec.vocabulary, AttentionVocabulary)
    hasty = Hasty(default_folder, default_spec.vocabulary, WINDOW_FRAMES, ModelRuntime(threads=2))
    model = Whisper(default_folder, default_spec, ModelRuntime(threads=2))
    model._engine = hasty
    (best,) = _read(model, segment).hypotheses
    text = Tokenizer.from_file(str(default_folder / "tokenizer.json")).decode(list(best.tokens))
    assert hasty.searches == 2
    for said in ("Thank you for calling", "How can I help", "your account number?", "What would you like to know?"):
        assert text.count(said) == 1
    assert list(best.token_start_s) == sorted(best.token_start_s)


def test_music_before_speech_is_no_speech_that_was_left_out(
    whisper: Whisper, default_folder: Path, agent: NDArray[np.float32]
) -> None:
    """It is as loud, and the first token lasts as long as it; read by itself it would be words."""
    melody = soxr.resample(music("piano", 12.0), 8_000, 16_000)
    (best,) = _read(whisper, _features(np.concatenate((melody, agent[: int(5.3 * 16_000)])), whisper.spec)).hypotheses
    text = Tokenizer.from_file(str(default_folder / "tokenizer.json")).decode(list(best.tokens))
    assert text.strip().startswith("Thank you for calling")
    assert text.count("Thank") == 1


def test_tokens_are_timed_where_their_words_are_said(whisper: Whisper, agent: NDArray[np.float32]) -> None:
    """The same words a second later: every time moves by as much, to a frame or a few."""
    # Up to a pause, since what a model makes of half a word differs from one processor to the next.
    spoken = agent[: int(3.8 * 16_000)]
    later = np.concatenate((np.zeros(16_000, np.float32), spoken))
    plain, moved = (_read(whisper, _features(each, whisper.spec)).hypotheses[0] for each in (spoken, later))
    assert plain.tokens == moved.tokens
    shifts = np.array(moved.token_end_s[:-1]) - np.array(plain.token_end_s[:-1])
    assert float(np.median(shifts)) == pytest.approx(1.0, abs=0.1)


def test_other_readings_are_kept_without_being_asked_for_and_say_no_less(
    whisper: Whisper, agent: NDArray[np.float32]
) -> None:
    """A hotword or a language model chooses among them, also long after the audio is gone."""
    chance = np.random.default_rng(3)
    noisy = [agent + chance.normal(0, level, len(agent)).astype(np.float32) for level in (0.05, 0.08, 0.1, 0.12, 0.15)]
    kept = whisper.emit([_features(each, whisper.spec) for each in noisy], InferenceOptions())
    others = 0
    for emissions in kept:
        assert isinstance(emissions, AttentionEmissions)
        best, *rest = emissions.hypotheses
        others += len(rest)
        assert all(len(other.tokens) > 0.6 * len(best.tokens) for other in rest)
        assert all(len(other.token_end_s) == len(other.tokens) for other in rest)
    assert others


@given(st.integers(0, 40), st.integers(0, 40))
def test_a_window_is_read_on_from_where_it_was_left(length: int, read: int) -> None:
    frames = np.random.default_rng(length).standard_normal((length, 3)).astype(np.float32)
    window = Window(2, 100, frames)
    rest = window.after(read)
    assert (rest.index, rest.start) == (2, 100 + read)
    np.testing.assert_array_equal(rest.frames, frames[read:])


paths = st.lists(st.integers(0, 3), min_size=3, max_size=3).map(lambda steps: [0, *np.cumsum(steps).tolist()])


@given(paths, st.integers(1, 4))
def test_a_token_lasts_from_its_first_frame_to_the_first_of_the_next(firsts: list[int], frames_each: int) -> None:
    path = [(token, first + more) for token, first in enumerate(firsts) for more in range(frames_each)]
    timed = _timed(Hypothesis((7, 8, 9), -0.3), path, (0.9, 0.8, 0.7), 0.02)
    assert timed.token_start_s == pytest.approx([first * 0.02 for first in firsts[:-1]])
    assert timed.token_end_s == pytest.approx([first * 0.02 for first in firsts[1:]])
    assert (timed.tokens, timed.log_prob, timed.token_probs) == ((7, 8, 9), -0.3, (0.9, 0.8, 0.7))


def test_nothing_read_has_no_times() -> None:
    nothing = Hypothesis((), -0.3)
    assert _timed(nothing, [(0, 0)], (), 0.02) is nothing


tokens = st.lists(st.sampled_from([1, 2, 3, 100, 111, 112, 161, 261]), max_size=10)


@given(tokens)
def test_a_window_is_read_on_behind_its_start_or_not_at_all(read: Sequence[int]) -> None:
    """Otherwise the same window would be read for ever."""
    stop = frames_read(read, VOCABULARY)
    assert stop is None or stop > 0


@given(tokens)
def test_what_is_kept_of_a_window_is_text_in_order_and_more_of_it_the_further_it_was_read(read: Sequence[int]) -> None:
    everything = text_within(read, None, VOCABULARY)
    assert everything == tuple(token for token in read if token < VOCABULARY.end)
    kept = [text_within(read, frames, VOCABULARY) for frames in (0, 2, 100, 300)]
    for less, more in zip(kept, [*kept[1:], everything], strict=True):
        assert more[: len(less)] == less


readings = st.lists(st.integers(0, 99), max_size=4).map(tuple)


@given(st.lists(st.tuples(readings, st.floats(-3, 0)), min_size=1, max_size=5))
def test_joining_keeps_every_token_and_the_sum_of_the_log_probabilities(
    parts: list[tuple[tuple[int, ...], float]],
) -> None:
    passages = []
    for at, (ids, log_prob) in enumerate(parts):
        starts = tuple(0.1 * index for index in range(len(ids)))
        timed = Hypothesis(ids, log_prob, starts, tuple(start + 0.1 for start in starts), (0.5,) * len(ids))
        passages.append(Passage(at * 0.25, (timed,), 0.1))
    (whole,) = joined(passages)
    assert whole.tokens == tuple(token for ids, _ in parts for token in ids)
    assert len(whole.tokens) == len(whole.token_start_s) == len(whole.token_end_s) == len(whole.token_probs)
    assert list(whole.token_start_s) == sorted(whole.token_start_s)
    assert list(whole.token_end_s) == sorted(whole.token_end_s)
    # A mean counts the end token of each passage, so that the sum over all of them is kept.
    summed = sum(log_prob * (len(ids) + 1) for ids, log_prob in parts)
    assert whole.log_prob * sum(len(ids) + 1 for ids, _ in parts) == pytest.approx(summed, abs=1e-9)

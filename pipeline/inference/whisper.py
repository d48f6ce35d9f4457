"""Whisper: a segment is read window by window, as OpenAI's and faster-whisper's `transcribe` read a file.

With timestamp tokens, again from where the model stopped, until the end, with their checks and constants. Token
times come from the cross-attention, which is finer than timestamp tokens. Two things differ: a repetitive reading is
searched again with repetition penalised, not by drawing lots, so that the same audio always gives the same words; and
a window of which speech was left out is read in two parts.
"""

import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer

from pipeline.errors import ModelMismatch, ModelNotFound
from pipeline.inference.alternatives import alternatives
from pipeline.inference.engine import Search, WhisperEngine
from pipeline.inference.memory import memory_errors_named
from pipeline.inference.model import ModelRuntime
from pipeline.inference.timestamps import Passage, Reading, frames_read, joined, text_within
from pipeline.options import InferenceOptions
from pipeline.spec import AttentionVocabulary, ModelSpec, WhisperLogMel
from pipeline.values import SAMPLE_RATE_HZ, AttentionEmissions, Emissions, FeatureSegment, Hypothesis

_MAX_COMPRESSION_RATIO = 2.4
_NO_SPEECH_PROB = 0.6
_UNSURE_LOG_PROB = -1.0
_PLAIN = Search()
_AGAINST_REPETITION = (Search(1.1, 5), Search(1.2, 3))
# What is left of a segment is not read when it holds hardly more than the padding after its last word.
_SHORTEST_REST_S = 0.5
# No word lasts as long, and what lasts as long and is as loud as speech is no pause: where the alignment spreads a
# token over more, the reading left speech out. Small models begin with the last sentence of several now and then.
_LONGEST_TOKEN_S = 3.0
# A window is not cut in ever smaller ones: less than this is read as it is.
_SHORTEST_CUT_S = 10.0
_MARGIN_S = 1.0
_PAUSE_S = 0.3


@dataclass(frozen=True, slots=True)
class Window:
    """What is still to be read of segment `index` of a batch: its float32 frames from number `start` to its end."""

    index: int
    start: int
    frames: NDArray[np.float32]

    def before(self, frames: int | None) -> "Window":
        """The first `frames` of it, all of them if that is None."""
        return Window(self.index, self.start, self.frames[:frames])

    def after(self, frames: int) -> "Window":
        """What is left when so many `frames` have been read."""
        return Window(self.index, self.start + frames, self.frames[frames:])

    def is_loud(self, first: int, last: int) -> bool:
        """Whether the loudest tenth of the frames from number `first` to `last` is as loud as half of the others."""
        levels = self.frames.mean(axis=1)
        others = np.concatenate((levels[:first], levels[last:]))
        return len(others) > 0 and bool(np.quantile(levels[first:last], 0.9) >= np.median(others))

    def quietest(self, first: int, last: int, width: int) -> int:
        """The middle of the quietest `width` frames from number `first` to `last`."""
        level = self.frames[first:last].mean(axis=1)
        return first + int(np.argmin(np.convolve(level, np.ones(width), "valid"))) + width // 2


class Whisper:
    """A Whisper model in CTranslate2's form, any size, English-only or multilingual."""

    def __init__(self, folder: Path, spec: ModelSpec, runtime: ModelRuntime) -> None:
        if not isinstance(spec.front_end, WhisperLogMel) or not isinstance(spec.vocabulary, AttentionVocabulary):
            raise ModelMismatch(f"{spec.name} is not a Whisper model")
        self.spec = spec
        self._front_end = spec.front_end
        self._vocabulary = spec.vocabulary
        self._tokenizer = _load_tokenizer(folder)
        self._engine = WhisperEngine(folder, spec.vocabulary, spec.front_end.window_frames, runtime)
        if self._engine.bands != self._front_end.bands:
            raise ModelMismatch(f"the weights want {self._engine.bands} mel bands, not {self._front_end.bands}")

    def emit(self, batch: Sequence[FeatureSegment], options: InferenceOptions) -> list[Emissions]:
        """The n-best readings of each segment, with times and probabilities of their tokens."""
        passages: list[list[Passage]] = [[] for _ in batch]
        windows = [Window(index, 0, segment.frames.astype(np.float32)) for index, segment in enumerate(batch)]
        for window, passage in self._read_on(windows, options):
            found = passages[window.index]
            for each in self._mended(window, passage, options) or [passage]:
                found.extend([] if found and _is_silence(each) else [each])
        return [
            AttentionEmissions(segment.span, joined(found)[: options.n_best], found[0].no_speech_prob)
            for segment, found in zip(batch, passages, strict=True)
        ]

    def _read_on(self, pending: Sequence[Window], options: InferenceOptions) -> Iterator[tuple[Window, Passage]]:
        """The passages of all windows from their starts to their ends, each with the window that it was read in."""
        while pending:
            with memory_errors_named():
                read = [
                    pair
                    for alike in self._alike(pending)
                    for pair in zip(alike, self._read(alike, options), strict=True)
                ]
            yield from ((window.before(frames), passage) for window, (passage, frames) in read)
            pending = [
                window.after(frames)
                for window, (_, frames) in read
                if frames is not None and self._duration_s(len(window.frames) - frames) >= _SHORTEST_REST_S
            ]

    def _mended(self, window: Window, passage: Passage, options: InferenceOptions) -> list[Passage]:
        """What is read of a window in two parts, where `passage` left speech out and these do not; else nothing."""
        gap = self._left_out(window, passage)
        if gap is None or self._duration_s(len(window.frames)) < _SHORTEST_CUT_S:
            return []
        margin = self._frames(_MARGIN_S)
        cut = window.quietest(gap[0] + margin, gap[1] - margin, self._frames(_PAUSE_S))
        read = list(self._read_on([window.before(cut), window.after(cut)], options))
        # Music is as loud as speech, and of that the model makes words that nobody said.
        if any(self._left_out(part, each) or _is_doubtful(each) for part, each in read):
            return []
        return sorted((each for _, each in read), key=lambda each: each.offset_s)

    def _left_out(self, window: Window, passage: Passage) -> tuple[int, int] | None:
        """From which to which frame there is speech that the reading of the window left out, if there is."""
        best = passage.hypotheses[0]
        starts = np.array([self._frames(each) for each in best.token_start_s], np.intp)
        ends = np.array([self._frames(each) for each in best.token_end_s], np.intp).clip(max=len(window.frames))
        if not len(starts):
            return None
        longest = int(np.argmax(ends - starts))
        first, last = int(starts[longest]), int(ends[longest])
        is_left_out = last - first > self._frames(_LONGEST_TOKEN_S) and window.is_loud(first, last)
        return (first, last) if is_left_out else None

    def _alike(self, windows: Sequence[Window]) -> list[list[Window]]:
        """The windows in groups that are filled to one length, so that company in a batch changes nothing."""
        groups: dict[int, list[Window]] = {}
        for window in windows:
            groups.setdefault(self._engine.filled_frames(len(window.frames)), []).append(window)
        return list(groups.values())

    def _read(self, windows: Sequence[Window], options: InferenceOptions) -> list[tuple[Passage, int | None]]:
        """The passage at the start of each of these alike windows, and the frames after which to read on, or None."""
        frames = [window.frames for window in windows]
        encoded = self._engine.encode(frames)
        readings = self._engine.search(encoded, len(windows), options, _PLAIN)
        for index, reading in enumerate(readings):
            if self._is_repetitive(reading):
                readings[index] = self._less_repetitive(frames[index], reading, options)
        stops = [frames_read(reading.sequences[0], self._vocabulary) for reading in readings]
        # What is read on later is not aligned as well: the words before it would be stretched over it.
        sound = [len(window.before(stop).frames) for window, stop in zip(windows, stops, strict=True)]
        best = self._engine.align(encoded, self._best(readings, stops), sound, self.spec.frame_s)
        passages = [
            Passage(
                self._duration_s(window.start),
                (timed, *alternatives(reading, timed, self._vocabulary)),
                reading.no_speech_prob,
            )
            for window, reading, timed in zip(windows, readings, best, strict=True)
        ]
        return list(zip(passages, stops, strict=True))

    def _best(self, readings: Sequence[Reading], stops: Sequence[int | None]) -> list[Hypothesis]:
        """The best text of each reading, up to where it is read on."""
        return [
            Hypothesis(text_within(reading.sequences[0], stop, self._vocabulary), reading.log_probs[0])
            for reading, stop in zip(readings, stops, strict=True)
        ]

    def _less_repetitive(self, frames: NDArray[np.float32], reading: Reading, options: InferenceOptions) -> Reading:
        """The first reading of `frames` that does not loop; `reading` itself if all do."""
        encoded = self._engine.encode([frames])
        for search in _AGAINST_REPETITION:
            (retried,) = self._engine.search(encoded, 1, options, search)
            if not self._is_repetitive(retried):
                return retried
        return reading

    def _is_repetitive(self, reading: Reading) -> bool:
        tokens = text_within(reading.sequences[0], None, self._vocabulary)
        text = self._tokenizer.decode(list(tokens)).strip().encode()
        return len(text) / len(zlib.compress(text)) > _MAX_COMPRESSION_RATIO

    def _duration_s(self, frames: int) -> float:
        return frames * self._front_end.hop_length / SAMPLE_RATE_HZ

    def _frames(self, duration_s: float) -> int:
        return round(duration_s * SAMPLE_RATE_HZ / self._front_end.hop_length)


def _is_doubtful(passage: Passage) -> bool:
    """Whether the model thinks that nobody spoke, or is unsure of what it read."""
    return passage.no_speech_prob > _NO_SPEECH_PROB or passage.hypotheses[0].log_prob < _UNSURE_LOG_PROB


def _is_silence(passage: Passage) -> bool:
    """Whether the model thinks that nobody spoke, and is unsure of what it read all the same."""
    return passage.no_speech_prob > _NO_SPEECH_PROB and passage.hypotheses[0].log_prob < _UNSURE_LOG_PROB


def _load_tokenizer(folder: Path) -> Tokenizer:
    path = folder / "tokenizer.json"
    if not path.exists():
        raise ModelNotFound(f"no {path.name} in {folder}")
    return Tokenizer.from_file(str(path))

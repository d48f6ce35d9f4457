"""The values that cross the steps: frozen, each stage with its own type.

Times are seconds from the start of the recording; channels count from 0. A `Stream` carries the header of the
recording and its segments, which may be produced while they are read, so that hours of audio pass in bounded memory.
Segments of a stream are ordered by start time, then channel.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from pipeline.conversation import CallStatistics
from pipeline.preflight import Preflight

Segment = TypeVar("Segment")

SAMPLE_RATE_HZ = 16_000
"""Rate of all speech after preprocess."""


@dataclass(frozen=True, slots=True)
class Channel:
    """One audio channel of a call and who speaks on it (`agent`, `customer`, ...), if the caller said so."""

    index: int
    role: str | None = None


@dataclass(frozen=True, slots=True)
class Recording:
    """What is known of a recording once its audio was decoded to the end; `preflight` says what is wrong with it."""

    duration_s: float
    sample_rate_hz: int
    codec: str
    channels: tuple[Channel, ...]
    warnings: tuple[str, ...] = ()
    preflight: Preflight | None = None

    def role_of(self, channel: int) -> str | None:
        """The role of the speaker on `channel`, None when nobody named it."""
        return next((each.role for each in self.channels if each.index == channel), None)


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of one channel: where a segment lies in the recording."""

    channel: int
    start_s: float
    end_s: float

    @property
    def duration_s(self) -> float:
        """Length in seconds."""
        return self.end_s - self.start_s


@dataclass(frozen=True, slots=True)
class SpeechSegment:
    """Speech found by preprocess: 16 kHz mono, shape (samples,), int16 full scale."""

    span: Span
    samples: NDArray[np.int16]


@dataclass(frozen=True, slots=True)
class FeatureSegment:
    """What the acoustic model reads: log-mel (frames, bands), or (samples,) for models of the waveform; float16."""

    span: Span
    frames: NDArray[np.float16]


@dataclass(frozen=True, slots=True)
class CtcEmissions:
    """Natural log-probabilities of a CTC model, shape (frames, vocabulary), float16; one frame lasts `frame_s`."""

    span: Span
    log_probs: NDArray[np.float16]
    frame_s: float


@dataclass(frozen=True, slots=True)
class Hypothesis:
    """One reading of a segment by an attention decoder.

    `tokens` are text token ids without specials; `token_end_s` (same length, seconds from the start of the segment)
    says when each token ends and `token_probs` how sure the model was of it, both empty unless aligned;
    `log_prob` is the mean natural log-probability a token.
    """

    tokens: tuple[int, ...]
    log_prob: float
    token_start_s: tuple[float, ...] = ()
    token_end_s: tuple[float, ...] = ()
    token_probs: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class AttentionEmissions:
    """The n-best list of an attention decoder, best first, and its probability (0 to 1) that nobody spoke."""

    span: Span
    hypotheses: tuple[Hypothesis, ...]
    no_speech_prob: float


Emissions = CtcEmissions | AttentionEmissions


@dataclass(frozen=True, slots=True)
class Word:
    """A word as decoded or as formatted, with a confidence between 0 and 1.

    Where format wrote several spoken words in another form, such as a number, `text` is that form (it may hold
    spaces), `spoken` what was said, and `kind` what it stands for: `money`, `date`, `phone`, ...
    """

    text: str
    start_s: float
    end_s: float
    confidence: float
    spoken: str | None = None
    kind: str | None = None


@dataclass(frozen=True, slots=True)
class Alternative:
    """One way to read a segment, as decoded, and its score: a natural log-probability, comparable in its segment."""

    text: str
    score: float


@dataclass(frozen=True, slots=True)
class WordSegment:
    """The words decoded from one segment of speech; none when nothing was said.

    `alternatives` are the best readings, the first that of the words; none unless somebody asked for them.
    """

    span: Span
    words: tuple[Word, ...]
    alternatives: tuple[Alternative, ...] = ()


@dataclass(frozen=True, slots=True)
class NBest:
    """The best readings of a segment of speech, in order."""

    span: Span
    alternatives: tuple[Alternative, ...]


@dataclass(frozen=True, slots=True)
class Utterance:
    """A readable stretch of one speaker: the unit of transcripts and subtitles."""

    channel: int
    role: str | None
    start_s: float
    end_s: float
    text: str
    confidence: float
    words: tuple[Word, ...]


@dataclass(frozen=True, slots=True)
class Transcript:
    """The result: everything a reader needs, and nothing that differs from run to run (no ids, no clock).

    `redacted` names the kinds of information that this view leaves out; None: it is the transcript itself. `n_best` are
    the readings of each segment of speech, in order of time, if they were asked for.
    """

    text: str
    language: str
    model: str
    recording: Recording
    utterances: tuple[Utterance, ...]
    call_statistics: CallStatistics | None = None
    redacted: tuple[str, ...] | None = None
    n_best: tuple[NBest, ...] = ()


@dataclass(frozen=True, slots=True)
class Stream(Generic[Segment]):
    """A recording on its way through the steps: its header and its segments in order of time."""

    recording: Recording
    segments: Iterable[Segment]

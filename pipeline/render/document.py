"""The JSON document `voxqueue.transcript/1`: the one form from which a transcript can be read back.

The same transcript always gives the same bytes: fields in the order below, times and confidences with three decimals,
no white space, UTF-8 without escapes. Programs may find more fields in later versions of the same schema.
"""

from typing import Annotated, Final, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from pipeline.conversation import CallStatistics
from pipeline.errors import ArtifactDamaged
from pipeline.preflight import Preflight
from pipeline.values import Alternative, Channel, NBest, Recording, Span, Transcript, Utterance, Word

SCHEMA: Final = "voxqueue.transcript/1"
_DECIMALS = 3


def _rounded(value: float) -> float:
    # Adding zero turns -0.0 into 0.0, which would be written differently.
    return round(value, _DECIMALS) + 0.0


def _is_absent(value: object) -> bool:
    return value is None


Seconds = Annotated[float, Field(description="From the start of the recording."), AfterValidator(_rounded)]
Confidence = Annotated[float, Field(ge=0, le=1), AfterValidator(_rounded)]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, allow_inf_nan=False, from_attributes=True)


class DocumentWord(_Part):
    """A word of a segment; `spoken` and `kind` are there only where it is written otherwise than it was said."""

    text: str
    start_s: Seconds
    end_s: Seconds
    confidence: Confidence
    spoken: str | None = Field(None, exclude_if=_is_absent)
    kind: str | None = Field(None, exclude_if=_is_absent)


class DocumentSegment(_Part):
    """An utterance of one speaker; `id` counts from 0."""

    id: int
    channel: int
    role: str | None
    start_s: Seconds
    end_s: Seconds
    text: str
    confidence: Confidence
    words: tuple[DocumentWord, ...]


class DocumentChannel(_Part):
    """An audio channel and the role of its speaker, if known."""

    index: int
    role: str | None


class DocumentAlternative(_Part):
    """One way to read a segment of speech, as decoded; scores are natural log-probabilities, comparable in it only."""

    text: str
    score: Annotated[float, AfterValidator(_rounded)]


class DocumentNBest(_Part):
    """The best readings of a segment of speech, in order."""

    channel: int
    start_s: Seconds
    end_s: Seconds
    alternatives: tuple[DocumentAlternative, ...]


class Document(_Part):
    """A whole transcript."""

    schema_name: Literal["voxqueue.transcript/1"] = Field(SCHEMA, alias="schema")
    text: str
    language: str
    duration_s: Seconds
    model: str
    codec: str
    sample_rate_hz: int
    channels: tuple[DocumentChannel, ...]
    segments: tuple[DocumentSegment, ...]
    warnings: tuple[str, ...]
    preflight: Preflight | None = Field(None, exclude_if=_is_absent)
    call_statistics: CallStatistics | None = Field(None, exclude_if=_is_absent)
    n_best: tuple[DocumentNBest, ...] | None = Field(None, description="If asked for.", exclude_if=_is_absent)
    redacted: tuple[str, ...] | None = Field(None, description="What this view leaves out.", exclude_if=_is_absent)


def to_json(transcript: Transcript) -> str:
    """The document of `transcript`, one line."""
    recording = transcript.recording
    document = Document(
        text=transcript.text,
        language=transcript.language,
        duration_s=recording.duration_s,
        model=transcript.model,
        codec=recording.codec,
        sample_rate_hz=recording.sample_rate_hz,
        channels=tuple(DocumentChannel.model_validate(channel) for channel in recording.channels),
        segments=tuple(_segment(index, utterance) for index, utterance in enumerate(transcript.utterances)),
        warnings=recording.warnings,
        preflight=recording.preflight,
        call_statistics=transcript.call_statistics,
        n_best=tuple(map(_n_best, transcript.n_best)) or None,
        redacted=transcript.redacted,
    )
    return document.model_dump_json(by_alias=True) + "\n"


def from_json(document: str) -> Transcript:
    """The transcript that `to_json` wrote, with times and confidences as rounded there.

    Raises:
        ArtifactDamaged: not such a document.
    """
    try:
        read = Document.model_validate_json(document)
    except ValidationError as error:
        raise ArtifactDamaged(f"not a {SCHEMA}: {error.errors()[0]['msg']}") from error
    recording = Recording(
        duration_s=read.duration_s,
        sample_rate_hz=read.sample_rate_hz,
        codec=read.codec,
        channels=tuple(Channel(channel.index, channel.role) for channel in read.channels),
        warnings=read.warnings,
        preflight=read.preflight,
    )
    utterances = tuple(_utterance(segment) for segment in read.segments)
    return Transcript(
        text=read.text,
        language=read.language,
        model=read.model,
        recording=recording,
        utterances=utterances,
        call_statistics=read.call_statistics,
        redacted=read.redacted,
        n_best=tuple(map(_read_n_best, read.n_best or ())),
    )


def _segment(index: int, utterance: Utterance) -> DocumentSegment:
    return DocumentSegment(
        id=index,
        channel=utterance.channel,
        role=utterance.role,
        start_s=utterance.start_s,
        end_s=utterance.end_s,
        text=utterance.text,
        confidence=utterance.confidence,
        words=tuple(DocumentWord.model_validate(word) for word in utterance.words),
    )


def _n_best(listed: NBest) -> DocumentNBest:
    return DocumentNBest(
        channel=listed.span.channel,
        start_s=listed.span.start_s,
        end_s=listed.span.end_s,
        alternatives=tuple(DocumentAlternative.model_validate(each) for each in listed.alternatives),
    )


def _read_n_best(listed: DocumentNBest) -> NBest:
    alternatives = tuple(Alternative(each.text, each.score) for each in listed.alternatives)
    return NBest(Span(listed.channel, listed.start_s, listed.end_s), alternatives)


def _utterance(segment: DocumentSegment) -> Utterance:
    return Utterance(
        channel=segment.channel,
        role=segment.role,
        start_s=segment.start_s,
        end_s=segment.end_s,
        text=segment.text,
        confidence=segment.confidence,
        words=tuple(
            Word(word.text, word.start_s, word.end_s, word.confidence, word.spoken, word.kind) for word in segment.words
        ),
    )

"""Joins the transcripts of the pieces of a call into the transcript of the call."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from pipeline.callstats import call_statistics
from pipeline.values import Recording, Span, Transcript, Utterance


@dataclass(frozen=True, slots=True)
class Part:
    """The transcript of a piece, and when it began, in seconds from the start of the call."""

    start_s: float
    transcript: Transcript


def join(parts: Sequence[Part]) -> Transcript | None:
    """One transcript with the times of the call, its utterances in order of start, then channel; None without parts.

    The format of the recording is that of the first part; warnings are those of any; call statistics are those of the
    whole call.
    """
    if not parts:
        return None
    utterances = [_shifted(each, part.start_s) for part in parts for each in part.transcript.utterances]
    utterances.sort(key=lambda utterance: (utterance.start_s, utterance.channel))
    first, recording = parts[0].transcript, _recording(parts)
    return Transcript(
        text="\n".join(utterance.text for utterance in utterances),
        language=first.language,
        model=first.model,
        recording=recording,
        utterances=tuple(utterances),
        call_statistics=call_statistics(recording, utterances) if first.call_statistics else None,
        n_best=tuple(
            replace(each, span=_later(each.span, part.start_s)) for part in parts for each in part.transcript.n_best
        ),
    )


def _recording(parts: Sequence[Part]) -> Recording:
    recordings = [part.transcript.recording for part in parts]
    # A piece in which nobody spoke on a channel may not know of it.
    channels = max((each.channels for each in recordings), key=len)
    warnings = dict.fromkeys(token for each in recordings for token in each.warnings)
    return replace(
        recordings[0],
        duration_s=max(part.start_s + part.transcript.recording.duration_s for part in parts),
        channels=channels,
        warnings=tuple(warnings),
        # Pieces overlap, so what was measured on each does not add up.
        preflight=None,
    )


def _later(span: Span, by_s: float) -> Span:
    return replace(span, start_s=span.start_s + by_s, end_s=span.end_s + by_s)


def _shifted(utterance: Utterance, by_s: float) -> Utterance:
    words = tuple(replace(word, start_s=word.start_s + by_s, end_s=word.end_s + by_s) for word in utterance.words)
    return replace(utterance, start_s=utterance.start_s + by_s, end_s=utterance.end_s + by_s, words=words)

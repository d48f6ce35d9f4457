"""Words to a transcript that reads well: who said what, in the order in which it was said, as sentences."""

from collections.abc import Sequence
from itertools import groupby
from operator import itemgetter

from pipeline.callstats import call_statistics
from pipeline.format.figures import NumberWriter
from pipeline.format.prose import Punctuator
from pipeline.format.sentences import utterance_cuts
from pipeline.format.turns import runs_of, timelines
from pipeline.format.wording import Wording
from pipeline.options import FormatOptions
from pipeline.spec import ModelSpec
from pipeline.values import Recording, Stream, Transcript, Utterance, Word, WordSegment

__all__ = ["NumberWriter", "Punctuator", "format_transcript"]


def format_transcript(words: Stream[WordSegment], spec: ModelSpec, options: FormatOptions) -> Transcript:
    """The transcript of a recording from the words of all its channels.

    Utterances are in order of start, then channel; those of one channel never overlap, and no end is before its start
    or after the recording's.
    """
    recording = words.recording
    segments = list(words.segments)
    channels = timelines(segments, recording.duration_s)
    wording = Wording(spec, options)
    separator = " " if spec.separates_words else ""
    utterances = [
        _utterance(recording, channel, part, separator)
        for channel, runs in groupby(runs_of(channels, options.max_pause_s), key=itemgetter(0))
        for run in wording.worded([run for _, run in runs])
        for part in utterance_cuts(run, options)
    ]
    # Each channel was cut by itself, so the order of the conversation is made here.
    utterances.sort(key=lambda utterance: (utterance.start_s, utterance.channel))
    text = "\n".join(utterance.text for utterance in utterances)
    statistics = call_statistics(recording, utterances)
    n_best = tuple(wording.listed(segment) for segment in segments if segment.alternatives)
    return Transcript(text, spec.language, spec.name, recording, tuple(utterances), statistics, n_best=n_best)


def _utterance(recording: Recording, channel: int, words: Sequence[Word], separator: str) -> Utterance:
    return Utterance(
        channel=channel,
        role=recording.role_of(channel),
        start_s=words[0].start_s,
        end_s=words[-1].end_s,
        text=separator.join(word.text for word in words),
        confidence=sum(word.confidence for word in words) / len(words),
        words=tuple(words),
    )

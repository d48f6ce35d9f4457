"""Words to a transcript that reads well: who said what, in the order in which it was said, as sentences."""

from collections.abc import Iterator, Sequence
from itertools import accumulate, chain, groupby, pairwise
from operator import itemgetter

from pipeline.callstats import call_statistics
from pipeline.format.figures import NumberWriter, number_writer_for
from pipeline.format.prose import Punctuator, punctuator_for
from pipeline.format.sentences import utterance_cuts
from pipeline.format.turns import runs_of, timelines
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
    channels = timelines(words.segments, recording.duration_s)
    writer = number_writer_for(spec, options)
    punctuator = punctuator_for(spec)
    separator = " " if spec.separates_words else ""
    utterances = [
        _utterance(recording, channel, part, separator)
        for channel, runs in groupby(runs_of(channels, options.max_pause_s), key=itemgetter(0))
        for run in _punctuated([writer.write(run) for _, run in runs], punctuator)
        for part in utterance_cuts(run, options)
    ]
    # Each channel was cut by itself, so the order of the conversation is made here.
    utterances.sort(key=lambda utterance: (utterance.start_s, utterance.channel))
    text = "\n".join(utterance.text for utterance in utterances)
    statistics = call_statistics(recording, utterances)
    return Transcript(text, spec.language, spec.name, recording, tuple(utterances), statistics)


def _punctuated(runs: Sequence[Sequence[Word]], punctuator: Punctuator) -> Iterator[Sequence[Word]]:
    """The runs of one channel, punctuated together: a sentence may go on after a pause."""
    edges = list(accumulate(map(len, runs), initial=0))
    words = punctuator.punctuate(list(chain.from_iterable(runs)), edges[1:-1])
    return (words[start:end] for start, end in pairwise(edges))


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

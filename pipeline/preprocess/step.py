"""The preprocess step: decode, level, find the speech, and hand it out while it is read."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pipeline.options import PreprocessOptions
from pipeline.preflight import Preflight
from pipeline.preprocess import level
from pipeline.preprocess.findings import channel_findings, file_findings
from pipeline.preprocess.ingest import Ingested, Relation, ingest
from pipeline.preprocess.meter import worst
from pipeline.preprocess.report import Measured, channel_report
from pipeline.preprocess.search import Heard, Search, samples_of
from pipeline.preprocess.segments import Spoken, given_stretches, plan, widen, within
from pipeline.preprocess.spool import FULL_SCALE, Track
from pipeline.values import SAMPLE_RATE_HZ, Channel, Recording, Span, SpeechSegment, Stream

DECODED, LEVELLED = 0.25, 0.35
"""Progress after decoding and after measuring, by the time that they take."""

_TOKENS = {Relation.IDENTICAL: ("dual_mono",), Relation.INVERTED: ("inverted_channels",), Relation.INDEPENDENT: ()}


@dataclass(frozen=True, slots=True)
class _Cut:
    """One segment before it is read: its samples and its channel, and where they are kept.

    `muted` are the samples of tones, which models take for words, and of what leaks from another channel in a pause.
    """

    start: int
    channel: int
    stop: int
    track: Track
    muted: tuple[tuple[int, int], ...]


def ignore(_: float) -> None:
    """Progress that nobody watches."""


def preprocess(
    source: Path, options: PreprocessOptions, on_progress: Callable[[float], None] = ignore
) -> Stream[SpeechSegment]:
    """Decode the recording at `source` and find its speech: 16 kHz, each channel on its own, at an even level.

    The whole recording has been decoded and searched when this returns; segments are read from a temporary file while
    the stream is, once. `on_progress` hears 0 to 1 and may raise to stop the work. Raises an InputError of
    `pipeline.errors` for a recording that can't be used, ModelNotFound or ModelMismatch for the detector.
    """
    examined = examine(source, options, on_progress)
    cuts = [
        cut
        for each in examined.channels
        if each.heard
        for cut in _cuts(each, each.heard, len(examined.channels), options)
    ]
    cuts.sort(key=lambda cut: (cut.start, cut.channel))
    return Stream(examined.recording, _read(cuts))


@dataclass(frozen=True, slots=True)
class Examined:
    """A recording that was decoded and searched, with its report, and the channels that are transcribed."""

    recording: Recording
    channels: tuple[Measured, ...]


def examine(source: Path, options: PreprocessOptions, on_progress: Callable[[float], None] = ignore) -> Examined:
    """What `preprocess` does before it cuts segments; see there."""
    ingested = ingest(source, options, lambda share: on_progress(DECODED * share))
    channels, tracks = _tracks(ingested, options)
    readings = ingested.readings if len(channels) == len(ingested.readings) else (worst(ingested.readings),)
    search = Search(tracks, options)
    on_progress(LEVELLED)
    measured = []
    for order in range(len(tracks)):
        watch = _part(on_progress, order, len(tracks))
        heard = None if search.is_silent(order) else search.hear(order, watch)
        measured.append(
            Measured(channels[order], search.decoupled[order], readings[order], search.levels[order], heard)
        )
        watch(1.0)
    warnings = (*ingested.warnings, *_TOKENS[ingested.relation])
    preflight = _preflight(ingested, measured, warnings)
    recording = Recording(ingested.duration_s, ingested.sample_rate_hz, ingested.codec, channels, warnings, preflight)
    return Examined(recording, tuple(measured))


def _preflight(ingested: Ingested, measured: Sequence[Measured], warnings: Sequence[str]) -> Preflight:
    channels = tuple(channel_report(each) for each in measured)
    return Preflight(
        container=ingested.container,
        codec=ingested.codec,
        sample_rate_hz=ingested.sample_rate_hz,
        duration_s=round(ingested.duration_s, 3),
        channel_count=len(ingested.spools),
        channels=channels,
        findings=(*file_findings(warnings), *channel_findings(channels, ingested.sample_rate_hz)),
    )


def _cuts(measured: Measured, heard: Heard, channel_count: int, options: PreprocessOptions) -> Iterator[_Cut]:
    """The segments of one channel."""
    track, index = measured.track, measured.channel.index
    planned = plan(heard.speech, heard.probability, options)
    if options.stretches is not None:
        planned = within(given_stretches(options, index), heard.found, Spoken(heard.speech, planned))
    # Beside another channel, the silence of this one may hold a quiet copy of the other speaker.
    elif channel_count == 1:
        planned = widen(planned, len(heard.probability), options)
    unwanted = [(pulse.start, pulse.stop) for pulse in heard.listened.sounds.pulses]
    unwanted += [samples_of(each, track) for each in heard.copied]
    for stretch in planned:
        start, stop = samples_of(stretch, track)
        muted = tuple((first, last) for first, last in unwanted if first < stop and start < last)
        yield _Cut(start, index, stop, track, muted)


def _tracks(ingested: Ingested, options: PreprocessOptions) -> tuple[tuple[Channel, ...], list[Track]]:
    """The channels to transcribe, and the samples of each; copies of one channel are transcribed once.

    A channel that stands for several speakers has no role, unless it is the only one there was.
    """
    spools, count = ingested.spools, len(ingested.spools)
    if ingested.relation is Relation.IDENTICAL:
        return (Channel(0),), [Track(spools[:1])]
    if count > 1 and options.channel_mode == "mix":
        # Two channels that are wired the wrong way round would cancel out.
        sign = -1.0 if ingested.relation is Relation.INVERTED else 1.0
        return (Channel(0),), [Track(spools, (1 / count, *[sign / count] * (count - 1)))]
    roles = (*options.channel_roles, *[None] * count)
    return tuple(Channel(index, roles[index]) for index in range(count)), [Track((spool,)) for spool in spools]


def _part(on_progress: Callable[[float], None], order: int, count: int) -> Callable[[float], None]:
    """Progress of the search on one of `count` channels, as progress of the step."""
    return lambda share: on_progress(LEVELLED + (1 - LEVELLED) * (order + share) / count)


def _read(cuts: Sequence[_Cut]) -> Iterator[SpeechSegment]:
    for cut in cuts:
        samples = cut.track.read(cut.start, cut.stop)
        for start, stop in cut.muted:
            samples[max(0, start - cut.start) : stop - cut.start] = 0
        samples = np.rint(samples * np.float32(level.segment_gain(samples) * FULL_SCALE))
        span = Span(cut.channel, cut.start / SAMPLE_RATE_HZ, cut.stop / SAMPLE_RATE_HZ)
        yield SpeechSegment(span, np.clip(samples, -FULL_SCALE, FULL_SCALE).astype(np.int16))
    # A stream that is dropped half-way frees its files with its tracks.
    for cut in cuts:
        cut.track.close()

"""The preprocess step: decode, level, find the speech, and hand it out while it is read."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pipeline.options import PreprocessOptions
from pipeline.preprocess import level, loudness
from pipeline.preprocess.crosstalk import without_leaks
from pipeline.preprocess.ingest import Ingested, Relation, ingest
from pipeline.preprocess.loudness import HOP
from pipeline.preprocess.segments import Spoken, Stretch, find_speech, given_stretches, plan, widen, within
from pipeline.preprocess.spool import FULL_SCALE, Track
from pipeline.preprocess.tones import is_tone
from pipeline.preprocess.vad import WINDOW, SileroVad, find_model
from pipeline.values import SAMPLE_RATE_HZ, Channel, Recording, Span, SpeechSegment, Stream

BLOCK = 8 * HOP * WINDOW // 64
"""Samples (6.4 s) that are measured or searched at once: whole hops and whole VAD windows."""
DECODED, LEVELLED = 0.25, 0.35
"""Progress after decoding and after measuring, by the time that they take."""

_TOKENS = {Relation.IDENTICAL: ("dual_mono",), Relation.INVERTED: ("inverted_channels",), Relation.INDEPENDENT: ()}


@dataclass(frozen=True, slots=True)
class _Cut:
    """One segment before it is read: its samples and its channel, where they are kept, and what levels them."""

    start: int
    channel: int
    stop: int
    track: Track
    gain: float


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
    ingested = ingest(source, options, lambda share: on_progress(DECODED * share))
    channels, tracks = _tracks(ingested, options)
    levels = [loudness.measure(track.blocks(BLOCK)) for track in tracks]
    on_progress(LEVELLED)
    vad = SileroVad(find_model())
    cuts: list[_Cut] = []
    for order, gain in enumerate(level.detection_gains(levels)):
        watch = _part(on_progress, order, len(tracks))
        track = tracks[order]
        # Without a gain the channel is silent, and searching it would be most of the work.
        if gain is not None:
            heard = vad.probability(_amplified(track, gain, watch))
            probability = without_leaks(heard, track, [*tracks[:order], *tracks[order + 1 :]])
            found = find_speech(probability, options)
            speech = [each for each in found if not is_tone(track, *_samples(each, track))]
            speech_gain = level.speech_gain(levels[order], [_samples(each, track) for each in speech])
            planned = plan(speech, probability, options)
            # Beside another channel, the silence of this one may hold a quiet copy of the other speaker.
            if options.stretches is not None:
                planned = within(given_stretches(options, channels[order].index), found, Spoken(speech, planned))
            elif len(tracks) == 1:
                planned = widen(planned, len(probability), options)
            stretches = [_samples(each, track) for each in planned]
            cuts += [_Cut(start, channels[order].index, stop, track, speech_gain) for start, stop in stretches]
        watch(1.0)
    cuts.sort(key=lambda cut: (cut.start, cut.channel))
    warnings = (*ingested.warnings, *_TOKENS[ingested.relation])
    recording = Recording(ingested.duration_s, ingested.sample_rate_hz, ingested.codec, channels, warnings)
    return Stream(recording, _read(cuts))


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
    roles = (*options.roles, *[None] * count)
    return tuple(Channel(index, roles[index]) for index in range(count)), [Track((spool,)) for spool in spools]


def _part(on_progress: Callable[[float], None], order: int, count: int) -> Callable[[float], None]:
    """Progress of the search on one of `count` channels, as progress of the step."""
    return lambda share: on_progress(LEVELLED + (1 - LEVELLED) * (order + share) / count)


def _amplified(track: Track, gain: float, watch: Callable[[float], None]) -> Iterator[NDArray[np.float32]]:
    done = 0
    for block in track.blocks(BLOCK):
        yield np.clip(block * np.float32(gain), -1, 1)
        done += len(block)
        watch(done / len(track))


def _samples(stretch: Stretch, track: Track) -> tuple[int, int]:
    return stretch[0] * WINDOW, min(stretch[1] * WINDOW, len(track))


def _read(cuts: Sequence[_Cut]) -> Iterator[SpeechSegment]:
    for cut in cuts:
        samples = np.rint(cut.track.read(cut.start, cut.stop) * np.float32(cut.gain * FULL_SCALE))
        span = Span(cut.channel, cut.start / SAMPLE_RATE_HZ, cut.stop / SAMPLE_RATE_HZ)
        yield SpeechSegment(span, np.clip(samples, -FULL_SCALE, FULL_SCALE).astype(np.int16))
    # A stream that is dropped half-way frees its files with its tracks.
    for cut in cuts:
        cut.track.close()

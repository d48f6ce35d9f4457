"""Reads a channel once, block by block, and hears everything that spectra tell."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from pipeline.preflight import MarkKind
from pipeline.preprocess import loudness
from pipeline.preprocess.loudness import Levels
from pipeline.preprocess.marks.bursts import Burst, find_bursts
from pipeline.preprocess.marks.dtmf import find_keys
from pipeline.preprocess.marks.music import FRAMES, MusicMeter
from pipeline.preprocess.marks.sounds import Pulse, Range, Sounds
from pipeline.preprocess.marks.spectra import FRAME, HOP, find_tones, joined, spectra
from pipeline.preprocess.spool import Track
from pipeline.preprocess.vad import WINDOW

SPEECH, NO_SPEECH = 0.5, 0.35
"""Probabilities: surely speech; surely none, as music must be."""
LOUD_PERCENTILE, LOUD_DB = 95, 30.0
"""Hold music is not further below the loudest of a channel: what is softer is line noise."""
LEAST_MUSIC_S = 4.0
MOST_TONES = 0.4
"""Of a stretch of music that may be ringing, dialling or the like."""
WINDOWS_A_FRAME = FRAME // WINDOW

_MELODIC: Final = frozenset({MarkKind.BEEP, MarkKind.TONE})
"""What notes of a pure instrument are taken for."""


@dataclass(frozen=True, slots=True)
class Listened:
    """The sounds of a channel, and what tells noise and bandwidth.

    `level` is the mean square of each frame (HOP samples apart), `speech_power` the mean power spectrum of speech,
    (bins,), zeros where nobody speaks.
    """

    sounds: Sounds
    level: NDArray[np.float32]
    speech_power: NDArray[np.float64]


def listen(track: Track, probability: NDArray[np.float32], levels: Levels) -> Listened:
    """Hear `track`, whose speech has `probability` window by window, and whose loudness is in `levels`."""
    highest, lowest = _over_frames(probability)
    candidates = _is_loud(levels, len(highest)) & (highest < NO_SPEECH)
    is_speech = lowest >= SPEECH
    music = MusicMeter(candidates)
    parts = []
    speech_power = np.zeros(FRAME // 2 + 1)
    first = 0
    for power in spectra(track):
        music.feed(power)
        parts.append(find_tones(power))
        speech_power += power[is_speech[first : first + len(power)]].sum(axis=0, dtype=np.float64)
        first += len(power)
    tones = joined(parts)
    bursts = find_bursts(tones)
    keys = [Pulse(MarkKind.DTMF, start, stop, key) for key, start, stop in find_keys(track)]
    named = [(each.start, each.stop) for each in bursts if each.kind not in _MELODIC]
    named += [(key.start, key.stop) for key in keys]
    stretches = _music(music.blocks, candidates, named)
    sounds = Sounds(_pulses(bursts, keys, stretches), tuple(stretches))
    return Listened(sounds, tones.level, speech_power / max(1, int(is_speech.sum())))


def _over_frames(probability: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """The highest and the lowest probability of the windows of each frame."""
    frames = -(-len(probability) // (HOP // WINDOW))
    padded = np.pad(probability, (0, WINDOWS_A_FRAME))
    windows = np.lib.stride_tricks.sliding_window_view(padded, WINDOWS_A_FRAME)[:: HOP // WINDOW][:frames]
    return windows.max(axis=1), windows.min(axis=1)


def _is_loud(levels: Levels, frames: int) -> NDArray[np.bool_]:
    if not len(levels.energy):
        return np.zeros(frames, bool)
    hops = np.minimum((np.arange(frames) * HOP + FRAME // 2) // loudness.HOP, len(levels.energy) - 1)
    least = np.percentile(levels.energy, LOUD_PERCENTILE) * 10 ** (-LOUD_DB / 10)
    loud: NDArray[np.bool_] = levels.energy[hops] > max(float(least), np.finfo(np.float32).tiny)
    return loud


def _music(blocks: list[int], candidates: NDArray[np.bool_], tones: list[Range]) -> list[Range]:
    """The stretches of music, from the frames at which its blocks start and the `tones` that are none."""
    toned = np.zeros(len(candidates), bool)
    for start, stop in tones:
        toned[start // HOP : -(-stop // HOP)] = True
    playing = np.zeros(len(candidates), bool)
    for start in blocks:
        block = slice(start, start + FRAMES)
        if toned[block].mean() < MOST_TONES:
            playing[block] = True
    edges = np.flatnonzero(np.diff(np.pad(playing, 1).astype(np.int8)))
    ranges = []
    for start, stop in zip(edges[::2], edges[1::2], strict=True):
        heard = start + np.flatnonzero(candidates[start:stop])
        ranges.append((int(heard[0]) * HOP, (int(heard[-1]) + 1) * HOP))
    return [each for each in ranges if each[1] - each[0] >= LEAST_MUSIC_S * loudness.HOP / loudness.HOP_S]


def _pulses(bursts: list[Burst], keys: list[Pulse], music: list[Range]) -> tuple[Pulse, ...]:
    tones = [
        Pulse(burst.kind, burst.start, burst.stop)
        for burst in bursts
        if not _is_within(burst, [(key.start, key.stop) for key in keys])
        and not (burst.kind in _MELODIC and _is_within(burst, music))
    ]
    return tuple(sorted((*keys, *tones), key=lambda pulse: pulse.start))


def _is_within(burst: Burst, ranges: list[Range]) -> bool:
    return any(start < burst.stop and burst.start < stop for start, stop in ranges)

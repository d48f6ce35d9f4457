"""Puts the preflight report of a recording together from what was measured while it was read."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.preflight import ChannelReport, MarkKind, SpeechStretch
from pipeline.preprocess import loudness
from pipeline.preprocess.loudness import Levels
from pipeline.preprocess.marks.spectra import BIN_HZ, HOP
from pipeline.preprocess.meter import Reading, decibels
from pipeline.preprocess.search import Heard
from pipeline.preprocess.spool import Track
from pipeline.preprocess.vad import WINDOW
from pipeline.values import SAMPLE_RATE_HZ, Channel

HOPS_A_SECOND = round(1 / loudness.HOP_S)
MOST_SNR_DB = 60.0
"""Networks that send nothing in pauses, and files of 16 bits, have no noise to measure."""
NOISE_PROBABILITY = 0.15
"""Of speech, at most, in a frame that is noise."""
MARGIN = 4
"""Frames (0.26 s) beside speech that still hold its echo."""
FEWEST_NOISE = 8
"""Frames (0.5 s) of pause; with less, the softest frames of speech are taken for noise."""
SOFTEST_PERCENTILE = 5
EDGE_DB = 50.0
"""Speech ends where its mean spectrum has fallen so far below its peak."""
SMOOTHING = 8


@dataclass(frozen=True, slots=True)
class Measured:
    """What is known of one transcribed channel; `heard` is None where it is silent."""

    channel: Channel
    track: Track
    reading: Reading
    levels: Levels
    heard: Heard | None


def channel_report(measured: Measured) -> ChannelReport:
    """The report on one channel."""
    heard, levels, reading = measured.heard, measured.levels, measured.reading
    speech = heard.speech_samples(measured.track) if heard else []
    marks = heard.listened.sounds.marks(speech) if heard else ()
    total = len(measured.track)
    music = sum(mark.end_s - mark.start_s for mark in marks if mark.kind is MarkKind.MUSIC)
    return ChannelReport(
        index=measured.channel.index,
        role=measured.channel.role,
        is_silent=heard is None,
        speech_share=round(sum(stop - start for start, stop in speech) / total, 4),
        speech_lufs=_lufs(levels, speech),
        speech_dbfs=_speech_dbfs(heard) if heard else None,
        peak_dbfs=decibels(reading.peak),
        true_peak_dbtp=decibels(reading.true_peak),
        clipped_share=round(reading.clipped_share, 6),
        snr_db=snr_db(heard.listened.level, _is_speech(heard), _is_pause(heard)) if heard else None,
        bandwidth_hz=bandwidth_hz(heard.listened.speech_power) if heard else None,
        dc_offset=round(reading.dc_offset, 5) + 0.0,
        leak_share=_leak_share(heard) if heard else 0.0,
        music_share=round(music * SAMPLE_RATE_HZ / total, 4),
        marks=marks,
        speech=tuple(_stretch(levels, start, stop) for start, stop in speech),
    )


def snr_db(level: NDArray[np.float32], speech: NDArray[np.bool_], pause: NDArray[np.bool_]) -> float | None:
    """How far speech is above the noise of the pauses, in dB, at most MOST_SNR_DB; None without speech.

    `level` is the mean square of each frame. Speech and noise together are in frames of speech, the noise alone is
    the median of the pauses: the active speech level of ITU-T P.56 over the noise between the words.
    """
    if not speech.any():
        return None
    together = float(level[speech].mean())
    is_continuous = pause.sum() < FEWEST_NOISE
    noise = float(np.percentile(level, SOFTEST_PERCENTILE)) if is_continuous else float(np.median(level[pause]))
    tiny = float(np.finfo(np.float32).tiny)
    ratio_db = 10 * math.log10(max(together - noise, tiny) / max(noise, tiny))
    return round(min(ratio_db, MOST_SNR_DB), 1)


def bandwidth_hz(power: NDArray[np.float64]) -> int | None:
    """The highest frequency of speech in its mean power spectrum (bins,), to 50 Hz; None without speech."""
    if not power.any():
        return None
    smooth = np.convolve(power, np.full(SMOOTHING, 1 / SMOOTHING), "same")
    reaching = np.flatnonzero(smooth >= smooth.max() * 10 ** (-EDGE_DB / 10))
    return 50 * round(int(reaching[-1]) * BIN_HZ / 50)


def _lufs(levels: Levels, speech: Sequence[tuple[int, int]]) -> float | None:
    chosen = np.zeros(len(levels.energy), bool)
    for start, stop in speech:
        chosen[start // loudness.HOP : -(-stop // loudness.HOP)] = True
    lufs = loudness.integrated_lufs(levels.energy[chosen])
    return None if lufs == -math.inf else round(lufs, 1)


def _speech_dbfs(heard: Heard) -> float | None:
    speech = _is_speech(heard)
    return decibels(math.sqrt(float(heard.listened.level[speech].mean()))) if speech.any() else None


def _is_speech(heard: Heard) -> NDArray[np.bool_]:
    """The frames that lie in speech."""
    return _frames(heard, heard.speech, 0)


def _is_pause(heard: Heard) -> NDArray[np.bool_]:
    """The frames in which nothing but the line is heard."""
    sounds = heard.listened.sounds
    ranges = [*((pulse.start, pulse.stop) for pulse in sounds.pulses), *sounds.music]
    loud = [(start // WINDOW, -(-stop // WINDOW)) for start, stop in ranges]
    faint = np.pad(heard.raw, (0, HOP // WINDOW))[: len(heard.listened.level) * HOP // WINDOW].reshape(
        -1, HOP // WINDOW
    )
    quiet: NDArray[np.bool_] = faint.max(axis=1) < NOISE_PROBABILITY
    return quiet & ~_frames(heard, [*heard.found, *heard.leaked, *loud], MARGIN)


def _frames(heard: Heard, stretches: Sequence[tuple[int, int]], margin: int) -> NDArray[np.bool_]:
    inside = np.zeros(len(heard.listened.level), bool)
    for start, stop in stretches:
        inside[max(0, start * WINDOW // HOP - margin) : -(-stop * WINDOW // HOP) + margin] = True
    return inside


def _leak_share(heard: Heard) -> float:
    leaked = sum(stop - start for start, stop in heard.leaked)
    found = sum(stop - start for start, stop in heard.found)
    return round(leaked / (leaked + found), 4) if leaked else 0.0


def _stretch(levels: Levels, start: int, stop: int) -> SpeechStretch:
    energy = levels.energy[start // loudness.HOP : -(-stop // loudness.HOP)]
    seconds = [energy[first : first + HOPS_A_SECOND] for first in range(0, len(energy), HOPS_A_SECOND)]
    loud = tuple(round(loudness.momentary_lufs(float(each.mean())), 1) for each in seconds)
    return SpeechStretch(round(start / SAMPLE_RATE_HZ, 3), round(stop / SAMPLE_RATE_HZ, 3), loud)

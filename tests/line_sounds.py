"""Makes what is heard on telephone lines besides voices: tones of exchanges, keys, and music of several instruments."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import soundfile
from numpy.typing import NDArray
from scipy.signal import butter, lfilter, sosfilt

RATE_HZ = 8000
KEYS = {
    key: (low, high)
    for low, row in zip((697, 770, 852, 941), ("123A", "456B", "789C", "*0#D"), strict=True)
    for high, key in zip((1209, 1336, 1477, 1633), row, strict=True)
}
"""ITU-T Q.23."""
CHORDS = ((60, 64, 67, 71), (57, 60, 64, 67), (62, 65, 69, 72), (55, 59, 62, 65))
BEAT_S = 0.6
CALL = Path(__file__).parents[1] / "workers" / "demo" / "call.wav"

Samples = NDArray[np.float32]
Sounded = tuple[Sequence[float], float]
"""Frequencies that sound together, and for how many seconds; none is a pause."""


def sounding(*parts: Sounded, level: float = 0.2) -> Samples:
    """Tones one after another."""
    return np.concatenate([_tone(hertz, seconds) * np.float32(level) for hertz, seconds in parts])


def dialled(digits: str, on_s: float = 0.08, off_s: float = 0.08, detune: float = 1.0) -> Samples:
    """Keys pressed one after another, every frequency off by a factor."""
    pressed = [([hertz * detune for hertz in KEYS[digit]], on_s) for digit in digits]
    return sounding(*(part for press in pressed for part in (press, ((), off_s))))


def on_the_line(samples: Samples, noise: float = 2e-3) -> Samples:
    """`samples` with line noise, as G.711 mu-law leaves them."""
    noisy = samples + np.random.default_rng(1).normal(0, noise, len(samples))
    limited = np.clip(noisy, -1, 1)
    code = np.round(np.log1p(255 * np.abs(limited)) / np.log(256) * 127) / 127
    heard: Samples = (np.sign(limited) * (256**code - 1) / 255).astype(np.float32)
    return heard


def music(instrument: str, seconds: float) -> Samples:
    """Four chords over and over in a telephone band: `piano`, `strings`, `guitar`, `organ`, `flute` or `band`."""
    rng = np.random.default_rng(3)
    beat = int(BEAT_S * RATE_HZ)
    played = np.zeros(int(seconds * RATE_HZ) + 8 * beat)
    for index in range(int(seconds / BEAT_S)):
        for midi, offset, strength in _notes(instrument, index):
            note = _note(instrument, 440 * 2 ** ((midi - 69) / 12), 2 * beat, rng)
            start = index * beat + int(offset * beat)
            played[start : start + len(note)] += strength * note
        if instrument == "band":
            drum = rng.standard_normal(beat // 4) * np.exp(-np.arange(beat // 4) / 200)
            played[index * beat : index * beat + len(drum)] += (0.6 if index % 2 else 0.2) * drum
    band = sosfilt(butter(4, (300, 3400), "bandpass", fs=RATE_HZ, output="sos"), played[: int(seconds * RATE_HZ)])
    return on_the_line((0.1 * band / band.std()).astype(np.float32))


def choir(seconds: float) -> Samples:
    """Voices that hold one chord with an `ah`: sawtooth waves with vibrato through three formants."""
    time_s = np.arange(int(seconds * RATE_HZ)) / RATE_HZ
    sung = np.zeros(len(time_s))
    for midi in CHORDS[1]:
        for detune in (-0.004, 0.0, 0.005):
            hertz = 440 * 2 ** ((midi - 69) / 12) * (1 + detune)
            swing = 1 + 0.01 * np.sin(2 * np.pi * (5 + 50 * detune) * time_s + midi)
            sung += 2 * (np.cumsum(hertz * swing) / RATE_HZ % 1) - 1
    formants = ((730, 1.0), (1090, 0.7), (2440, 0.3))
    bands = [
        strength * sosfilt(butter(2, (0.92 * hertz, 1.08 * hertz), "bandpass", fs=RATE_HZ, output="sos"), sung)
        for hertz, strength in formants
    ]
    mixed = np.sum(bands, axis=0)
    return on_the_line((0.1 * mixed / mixed.std()).astype(np.float32))


def agent(start_s: float, seconds: float) -> Samples:
    """The agent of the demo call: speaks from 0.7 to 5.1 s, and is silent from 5.6 to 10."""
    heard, _ = soundfile.read(CALL, int(seconds * RATE_HZ), int(start_s * RATE_HZ), dtype="float32", always_2d=True)
    return np.asarray(heard[:, 0], np.float32)


def _notes(instrument: str, index: int) -> list[tuple[int, float, float]]:
    """MIDI number, offset in beats, and strength of the notes of a beat."""
    chord = CHORDS[index // 4 % len(CHORDS)]
    if instrument == "guitar":
        return [(chord[(place + index) % 4], place / 4, 1.0) for place in range(4)]
    if instrument == "flute":
        return [(chord[index * 3 % 4] + 12, 0.0, 1.0), (chord[0] - 12, 0.0, 0.3)]
    melody = (chord[index % 4] + 12, 0.5, 0.7)
    return [*((midi, 0.0, 0.5) for midi in chord), melody]


def _note(instrument: str, hertz: float, length: int, rng: np.random.Generator) -> NDArray[np.float64]:
    time_s = np.arange(length) / RATE_HZ
    turn = 2 * np.pi * hertz * time_s
    fade = np.minimum(1, np.minimum(time_s, time_s[::-1]) / 0.05)
    if instrument == "guitar":
        return _plucked(hertz, length, rng)
    if instrument in {"piano", "band"}:
        decay = np.exp(-2.5 * time_s)
        struck: NDArray[np.float64] = decay * np.sin(turn + 1.5 * decay * np.sin(turn)) * fade
        return struck
    # Vibrato of 5 Hz, as strings and flutes are played.
    vibrato = 0 if instrument == "organ" else hertz * 0.008 / 5 * np.sin(2 * np.pi * 5 * time_s)
    harmonics = 4 if instrument in {"organ", "flute"} else int(3600 / hertz)
    blown: NDArray[np.float64] = fade * sum(np.sin(k * (turn + vibrato)) / k for k in range(1, harmonics + 1))
    return blown


def _plucked(hertz: float, length: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """A string by Karplus and Strong (1983)."""
    period = int(RATE_HZ / hertz)
    excited = np.zeros(length)
    excited[:period] = rng.uniform(-1, 1, period)
    feedback = np.zeros(period + 2)
    feedback[0], feedback[period:] = 1, -0.4985
    string: NDArray[np.float64] = lfilter([1], feedback, excited)
    return string


def _tone(hertz: Sequence[float], seconds: float) -> Samples:
    time_s = np.arange(round(seconds * RATE_HZ)) / RATE_HZ
    tones = [np.sin(2 * np.pi * each * time_s) for each in hertz]
    mixed: Samples = np.sum([np.zeros(len(time_s)), *tones], axis=0).astype(np.float32)
    return mixed

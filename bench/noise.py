"""Whether noise reduction before everything else helps: word error rates of noisy speech with it and without.

Utterances are brought to 8 kHz and joined; pink noise or the babble of six
other recordings is added. noisereduce (MIT, spectral gating) is no dependency: this bench is why.
"""

import tempfile
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Final

import numpy as np
import soundfile

from bench.harness import Figure, Findings, Plan, installed
from bench.recognisers import Ours
from bench.report import PACKAGES, Report, Row, progress
from bench.speech import TELEPHONE_RATE_HZ, Samples, Spoken, join, utterances
from workers import evaluate

UTTERANCES: Final = 150
SNR_DB: Final = 5.0
LONGEST_S: Final = 28.0
VOICES: Final = 6

Denoise = Callable[[Samples], Samples]


def unchanged(samples: Samples) -> Samples:
    """As it is."""
    return samples


def gate(samples: Samples, *, stationary: bool) -> Samples:
    """Spectral gating by noisereduce, with its defaults."""
    import noisereduce  # noqa: PLC0415  # only who compares needs it

    reduced = noisereduce.reduce_noise(y=samples, sr=TELEPHONE_RATE_HZ, stationary=stationary)
    return np.asarray(reduced, np.float32)


DENOISERS: Final[Mapping[str, Denoise]] = {
    "none": unchanged,
    "noisereduce, stationary": partial(gate, stationary=True),
    "noisereduce, not stationary": partial(gate, stationary=False),
}


def pink(frames: int, seed: int) -> Samples:
    """Noise whose power falls by 3 dB an octave, of unit power."""
    spectrum = np.fft.rfft(np.random.default_rng(seed).standard_normal(frames))
    spectrum /= np.sqrt(np.maximum(1, np.arange(len(spectrum))))
    return _unit(np.fft.irfft(spectrum, frames))


def babble(recordings: Sequence[Spoken], but: int, frames: int) -> Samples:
    """The voices of other recordings all at once, of unit power."""
    voices = [recordings[(but + 1 + number) % len(recordings)].samples for number in range(VOICES)]
    return _unit(np.sum([np.resize(np.roll(voice, 3000 * n), frames) for n, voice in enumerate(voices)], axis=0))


def _unit(samples: Any) -> Samples:
    return np.asarray(samples / np.sqrt(np.mean(samples * samples)), np.float32)


def measure(recordings: Sequence[Spoken], snr_db: float, model: str) -> list[Row]:
    """A row for each noise and each way to reduce it, WER in percent."""
    ours = Ours(model)
    rows: list[Row] = []
    for kind in ("pink", "babble"):
        for name, denoise in DENOISERS.items():
            heard = [_hear(ours, denoise, recordings, number, (kind, snr_db)) for number in range(len(recordings))]
            wer = evaluate.score(heard).wer or 0.0
            rows.append({"noise": kind, "reduction": name, "wer": round(100 * wer, 2)})
            progress(rows[-1])
    return rows


def _hear(
    ours: Ours, denoise: Denoise, recordings: Sequence[Spoken], number: int, noise: tuple[str, float]
) -> evaluate.Spoken:
    clean = recordings[number].samples
    kind, snr_db = noise
    added = pink(len(clean), number) if kind == "pink" else babble(recordings, number, len(clean))
    level = np.sqrt(np.mean(clean * clean)) * 10 ** (-snr_db / 20)
    with tempfile.NamedTemporaryFile(suffix=".wav") as file:
        soundfile.write(file.name, denoise(clean + np.float32(level) * added), TELEPHONE_RATE_HZ, "PCM_16")
        return evaluate.Spoken("", recordings[number].text, ours.transcribe(Path(file.name)).text, 0.0)


def run(plan: Plan) -> Findings:
    """A row for each noise and each way to reduce it."""
    installed("noisereduce", "pip install noisereduce==3.0.3")
    recordings = join(utterances(plan, 4 if plan.quick else UTTERANCES), LONGEST_S)
    columns = {"noise": "noise", "reduction": "reduction", "wer": "WER, %"}
    rows = measure(recordings, SNR_DB, plan.model)
    figures = {
        f"reduced_over_noisy_wer_{kind}": Figure((_best_over_none([row for row in rows if row["noise"] == kind]),))
        for kind in ("pink", "babble")
    }
    note = f"{len(recordings)} recordings at {SNR_DB:g} dB; {plan.model}, int8."
    return Findings(figures, [Report("Noise reduction", columns, rows, (note,), (*PACKAGES, "noisereduce"))])


def _best_over_none(rows: Sequence[Row]) -> float:
    """The best error rate with reduction over that without."""
    none, *reduced = (row["wer"] for row in rows)
    return float(min(reduced) / max(none, 0.01))

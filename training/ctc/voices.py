"""Speech to learn from: sentences read by the free voices of Debian, as a telephone might carry them."""

import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile as sf
import soxr
from numpy.typing import NDArray

from pipeline.values import SAMPLE_RATE_HZ

Samples = NDArray[np.float32]

_FLITE = ("awb", "rms", "slt", "kal16")
_FESTIVAL = ("cmu_us_slt_arctic_hts", "kal_diphone", "ked_diphone")
_ACCENTS = ("en-us", "en-us", "en-gb", "en-gb-x-rp", "en-gb-scotland", "en-gb-x-gbcwmd")
_TIMBRES = (
    "m1", "m2", "m3", "m4", "m5", "m6", "m7", "m8", "f1", "f2", "f3", "f4", "f5", "Alex", "Alicia", "Andrea", "Andy",
    "Annie", "Denis", "Diogo", "Gene", "Henrique", "Hugo", "Jacky", "Lee", "Marco", "Mario", "Michael", "Mike",
    "adam", "anika", "announcer", "antonio", "aunty", "belinda", "benjamin", "caleb", "david", "ed", "edward",
    "grandma", "grandpa", "gustave", "iven", "john", "klatt4", "klatt6", "linda", "marcelo", "max", "michel",
    "miguel", "norbert", "pablo", "paul", "pedro", "quincy", "rob", "robert", "sandro", "shelby", "steph", "travis",
    "victor", "zac",
)  # fmt: skip
_BAND_HZ = 8000
_SHORTEST_S = 0.3
# Of all voices these sound the most like people, which is what the model is to hear.
_SHARES = {"festival": 0.2, "flite": 0.4, "espeak": 0.4}


@dataclass(frozen=True, slots=True)
class Spoken:
    """A sentence in lower case, and float32 samples (n,) of it at `SAMPLE_RATE_HZ`, between -1 and 1."""

    text: str
    samples: Samples


def read_out(sentences: Sequence[str], chance: np.random.Generator) -> list[Spoken]:
    """Each sentence by a voice that chance picks; those that no sound comes of are left out."""
    engines = chance.choice(list(_SHARES), len(sentences), p=list(_SHARES.values()))
    with tempfile.TemporaryDirectory() as folder:
        files = [Path(folder, f"{number}.wav") for number in range(len(sentences))]
        by_festival = [number for number, engine in enumerate(engines) if engine == "festival"]
        _festival([(sentences[number], files[number]) for number in by_festival], chance)
        for sentence, file, engine in zip(sentences, files, engines, strict=True):
            if engine != "festival":
                _SPEAK[engine](sentence, file, chance)
        return [
            Spoken(sentence, samples)
            for sentence, file in zip(sentences, files, strict=True)
            if file.exists() and len(samples := _loaded(file, chance)) > _SHORTEST_S * SAMPLE_RATE_HZ
        ]


def through_a_line(samples: Samples, chance: np.random.Generator) -> Samples:
    """The samples with an echo of a room, noise and the band of a telephone, each by chance."""
    if chance.random() < 0.3:
        length_s = chance.uniform(0.05, 0.35)
        tail = np.arange(round(length_s * SAMPLE_RATE_HZ)) / SAMPLE_RATE_HZ
        echo = chance.normal(0, 1, len(tail)) * np.exp(-6.9 * tail / length_s) * chance.uniform(0.02, 0.15)
        echo[0] = 1.0
        samples = np.convolve(samples, echo)[: len(samples)].astype(np.float32)
    if chance.random() < 0.5:
        snr_db = chance.uniform(5, 30)
        noise = chance.normal(0, 1, len(samples))
        # From white to the roll-off of most rooms.
        noise = noise if chance.random() < 0.3 else _rolled_off(noise, chance.uniform(0.5, 1.0))
        noise *= np.sqrt(np.mean(samples**2) / np.mean(noise**2)) * 10 ** (-snr_db / 20)
        samples = (samples + noise).astype(np.float32)
    if chance.random() < 0.4:
        narrow = soxr.resample(samples, SAMPLE_RATE_HZ, _BAND_HZ)
        samples = soxr.resample(narrow, _BAND_HZ, SAMPLE_RATE_HZ).astype(np.float32)
    return samples * np.float32(0.5 / max(np.abs(samples).max(), 1e-6))


def _rolled_off(noise: NDArray[np.float64], slope: float) -> NDArray[np.float64]:
    spectrum = np.fft.rfft(noise)
    spectrum[1:] /= np.arange(1, len(spectrum)) ** slope
    spectrum[0] = 0
    return np.fft.irfft(spectrum, len(noise))


def _loaded(file: Path, chance: np.random.Generator) -> Samples:
    """The samples of a file; faster or slower by chance, which is another voice as well."""
    samples: Samples
    samples, rate_hz = sf.read(file, dtype="float32")
    if not len(samples):
        return samples
    faster: Samples = soxr.resample(samples, rate_hz * chance.uniform(0.85, 1.18), SAMPLE_RATE_HZ)
    return faster


def _espeak(sentence: str, file: Path, chance: np.random.Generator) -> None:
    voice = f"{chance.choice(_ACCENTS)}+{chance.choice(_TIMBRES)}"
    speed, pitch = str(chance.integers(130, 200)), str(chance.integers(25, 75))
    _run(["espeak-ng", "-v", voice, "-s", speed, "-p", pitch, "-w", str(file), sentence])


def _flite(sentence: str, file: Path, chance: np.random.Generator) -> None:
    stretch = f"duration_stretch={chance.uniform(0.85, 1.25):.2f}"
    _run(["flite", "-voice", str(chance.choice(_FLITE)), "--setf", stretch, "-t", sentence, "-o", str(file)])


def _festival(readings: Sequence[tuple[str, Path]], chance: np.random.Generator) -> None:
    """All at once: its start takes longer than a sentence."""
    script = []
    for sentence, file in sorted(readings):
        script.append(f"(voice_{chance.choice(_FESTIVAL)})")
        script.append(f'(utt.save.wave (utt.synth (Utterance Text "{sentence}")) "{file}")')
    with tempfile.NamedTemporaryFile("w", suffix=".scm") as commands:
        commands.write("\n".join(script))
        commands.flush()
        _run(["festival", "-b", commands.name])


def _run(command: Sequence[str]) -> None:
    subprocess.run(command, check=False, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=900)


_SPEAK = {"espeak": _espeak, "flite": _flite}

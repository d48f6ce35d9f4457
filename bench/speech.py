"""Real speech for benches: utterances joined to recordings, at the rate of the telephone.

They are those of the manifests that were named, or the turns of the demo call, speaker by speaker.
"""

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import soundfile
import soxr
from numpy.typing import NDArray

from bench.harness import Plan
from workers.evaluate import read_manifest

DEMO: Final = Path(__file__).parents[1] / "workers" / "demo"
CALL: Final = DEMO / "call.wav"
TELEPHONE_RATE_HZ = 8000
PAUSE_S = 0.6
"""Between utterances that are joined to one recording."""
LINE_NOISE = 10 ** (-66 / 20)
"""Between words no telephone line is digitally silent."""
SPEECH_RMS = 0.06

Samples = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Spoken:
    """Samples, shape (n,), and what is said in them."""

    samples: Samples
    text: str


def speakers(plan: Plan, most: int) -> list[list[Spoken]]:
    """At most so many utterances of each speaker: a list for each manifest of the plan, or two of the demo call."""
    if plan.speech:
        return [list(read_utterances(path, most)) for path in plan.speech]
    call, rate_hz = soundfile.read(CALL, dtype="float32")
    (line,) = (DEMO / "manifest.jsonl").read_text(encoding="utf-8").splitlines()
    turns: list[list[Spoken]] = [[] for _ in range(call.shape[1])]
    for turn in json.loads(line)["turns"]:
        start, stop = (round(turn[key] * rate_hz) for key in ("start_s", "end_s"))
        turns[turn["channel"]].append(Spoken(_equally_loud(call[start:stop, turn["channel"]]), turn["text"]))
    return [each[:most] for each in turns]


def utterances(plan: Plan, most: int) -> list[Spoken]:
    """At most so many utterances of all speakers, one speaker after the other."""
    return [spoken for each in speakers(plan, most) for spoken in each][:most]


def read_utterances(manifest: Path, most: int) -> Iterator[Spoken]:
    """The first `most` utterances of a manifest as `voxqueue evaluate` reads it: mono, 8 kHz, equally loud."""
    for line in read_manifest(manifest)[:most]:
        yield read_utterance(line.audio, line.text)


def read_utterance(audio: Path, text: str) -> Spoken:
    """What is said in a file: mono, 8 kHz, as loud as any other."""
    samples, rate_hz = soundfile.read(audio, dtype="float32", always_2d=True)
    narrow = soxr.resample(samples.mean(axis=1), rate_hz, TELEPHONE_RATE_HZ)
    return Spoken(_equally_loud(narrow), text)


def join(utterances: Iterable[Spoken], most_s: float) -> list[Spoken]:
    """Recordings of several utterances, as long as they can be below `most_s`: a model reads 30 s at the price of 3."""
    recordings: list[list[Spoken]] = []
    length = 0
    for each in utterances:
        needed = len(each.samples) + round(PAUSE_S * TELEPHONE_RATE_HZ)
        if not recordings or length + needed > most_s * TELEPHONE_RATE_HZ:
            recordings.append([])
            length = 0
        recordings[-1].append(each)
        length += needed
    return [_joined(each) for each in recordings]


def line_noise(frames: int, seed: int) -> Samples:
    """The faint hiss of a line, the same at every call with the same seed."""
    return (np.random.default_rng(seed).standard_normal(frames) * LINE_NOISE).astype(np.float32)


def _equally_loud(samples: Samples) -> Samples:
    level = float(np.sqrt(np.mean(samples * samples))) or 1.0
    return (samples * np.float32(SPEECH_RMS / level)).astype(np.float32)


def _joined(utterances: Sequence[Spoken]) -> Spoken:
    pause = np.zeros(round(PAUSE_S * TELEPHONE_RATE_HZ), np.float32)
    samples = np.concatenate([part for each in utterances for part in (each.samples, pause)])
    return Spoken(samples + line_noise(len(samples), len(samples)), " ".join(each.text for each in utterances))

"""Recordings to run whole: the demo call, and calls made of the prompts of a telephone exchange where Debian has them.

`apt install asterisk-core-sounds-en-wav` brings 560 prompts of one voice, 8 kHz, and a list of what is said in most.
"""

import gzip
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import soundfile

from bench.harness import Plan, Unavailable
from bench.speech import (
    CALL,
    PAUSE_S,
    TELEPHONE_RATE_HZ,
    Samples,
    Spoken,
    join,
    line_noise,
    read_utterance,
    read_utterances,
)
from workers.evaluate import read_manifest

PROMPTS: Final = Path("/usr/share/asterisk/sounds/en_US_f_Allison")
TEXTS: Final = Path("/usr/share/doc/asterisk-core-sounds-en/core-sounds-en.txt.gz")
LENGTHS_S: Final = (20.0, 90.0, 45.0, 150.0)
"""Of the calls that are made of prompts, in turn."""
SHORTEST_PROMPT_S: Final = 1.0
LONGEST_JOINED_S: Final = 90.0


@dataclass(frozen=True, slots=True)
class Recorded:
    """A file, how long it is, and what is said in it if that is known."""

    path: Path
    duration_s: float
    text: str | None = None


def make_recordings(plan: Plan, folder: Path, count: int) -> list[Recorded]:
    """So many recordings in `folder`: of the plan's speech, or demo calls and calls of prompts by turns."""
    if plan.speech:
        return list(_joined(plan, folder, count))
    demo = read_manifest(CALL.with_name("manifest.jsonl"))[0].text
    prompts = _calls_of_prompts(count // 2)
    made = []
    for number in range(count):
        path = folder / f"{number}.wav"
        if number % 2 and number // 2 < len(prompts):
            soundfile.write(path, prompts[number // 2], TELEPHONE_RATE_HZ, "PCM_16")
            made.append(Recorded(path, len(prompts[number // 2]) / TELEPHONE_RATE_HZ))
        else:
            shutil.copyfile(CALL, path)
            made.append(Recorded(path, float(soundfile.info(path).duration), demo))
    return made


def prompts() -> Iterator[Spoken]:
    """Each prompt whose text is known, in order of name; none where they are not installed."""
    if not TEXTS.exists():
        return
    for line in gzip.decompress(TEXTS.read_bytes()).decode("utf-8", "replace").splitlines():
        name, _, text = line.partition(": ")
        path = PROMPTS / f"{name}.wav"
        # In brackets stands what is no speech.
        if text.strip() and "[" not in text and not name.startswith(";") and path.exists():
            yield read_utterance(path, " ".join(text.split()))


def spoken_or_prompts(plan: Plan, most: int) -> list[Spoken]:
    """The plan's speech, at most so many utterances of each manifest; all prompts if it names none."""
    found = [each for path in plan.speech for each in read_utterances(path, most)] or list(prompts())
    if not found:
        raise Unavailable("--speech names no manifest, and asterisk-core-sounds-en-wav of Debian is not installed")
    return found


def told(recordings: Sequence[Recorded]) -> str:
    """What they are, for a note."""
    minutes = sum(each.duration_s for each in recordings) / 60
    words = sum(len((each.text or "").split()) for each in recordings)
    return f"{len(recordings)} recordings, {minutes:.1f} minutes; error rates on the {words} words that are known."


def _joined(plan: Plan, folder: Path, count: int) -> Iterator[Recorded]:
    spoken = [each for path in plan.speech for each in read_utterances(path, 20 * count)]
    for number, each in enumerate(join(spoken, LONGEST_JOINED_S)[:count]):
        path = folder / f"{number}.wav"
        soundfile.write(path, each.samples, TELEPHONE_RATE_HZ, "PCM_16")
        yield Recorded(path, len(each.samples) / TELEPHONE_RATE_HZ, each.text)


def _calls_of_prompts(count: int) -> list[Samples]:
    """Calls of the lengths of `LENGTHS_S` in turn; none without the prompts."""
    found = [soundfile.read(path, dtype="float32") for path in sorted(PROMPTS.glob("*.wav"))]
    speech = [samples for samples, rate_hz in found if len(samples) >= SHORTEST_PROMPT_S * rate_hz]
    pause = np.zeros(round(PAUSE_S * TELEPHONE_RATE_HZ), np.float32)
    calls: list[Samples] = []
    while speech and len(calls) < count:
        parts: list[Samples] = []
        while speech and sum(map(len, parts)) < LENGTHS_S[len(calls) % len(LENGTHS_S)] * TELEPHONE_RATE_HZ:
            parts += [speech.pop(0), pause]
        samples = np.concatenate(parts)
        calls.append(samples + line_noise(len(samples), len(calls)))
    return calls

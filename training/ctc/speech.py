"""What the encoder of Whisper hears in synthesised sentences, written to files to learn from.

    python -m training.ctc.speech TEXT --whisper MODEL --out FOLDER [--hours 12]

`TEXT` holds corpora as `NAME.txt.xz` (see README.md); `MODEL` is a folder of Whisper in CTranslate2's form. Each file
holds float16 encodings of some hundred sentences, one after another, their lengths and their texts.
"""

import argparse
import random
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import ctranslate2
import numpy as np
from numpy.typing import NDArray
from rich.progress import Progress

from pipeline.features import whisper_log_mel
from pipeline.spec import WhisperLogMel
from pipeline.values import SAMPLE_RATE_HZ
from training.ctc.voices import Samples, Spoken, read_out, through_a_line
from training.punctuation.text import TYPED, conversations, held_out, turn_of

LETTERS = "abcdefghijklmnopqrstuvwxyz'"
FRAME_S = 0.02
_SENTENCES_A_FILE = 200
_MOST_WORDS, _FEWEST_WORDS = 24, 2
_LONGEST_S = 14.0
_WINDOW_STEP_S, _SHORTEST_WINDOW_S = 5.0, 15.0
_PAUSE_S = (0.05, 0.8)
# Dialogues that were typed are most of the text, and say the same over and over.
_TYPED_SHARE = 0.35


class Encoder:
    """Whisper's encoder, which hears a recording as Voxqueue's inference does: in windows of 15 s or more."""

    def __init__(self, folder: Path, *, threads: int = 1) -> None:
        self._front_end = WhisperLogMel(bands=80)
        self._model = ctranslate2.models.Whisper(str(folder), compute_type="int8", intra_threads=threads)

    def __call__(self, samples: Samples) -> NDArray[np.float16]:
        """The encodings (frames of 20 ms, width) of float32 samples (n,) at `SAMPLE_RATE_HZ`."""
        mel = whisper_log_mel(samples, self._front_end)
        hop_s = self._front_end.hop_length / SAMPLE_RATE_HZ
        length_s = len(mel) * hop_s + 1
        filled_s = max(_SHORTEST_WINDOW_S, -(-length_s // _WINDOW_STEP_S) * _WINDOW_STEP_S)
        filled = np.pad(mel, ((0, round(filled_s / hop_s) - len(mel)), (0, 0)))
        view = ctranslate2.StorageView.from_array(np.ascontiguousarray(filled.T[None], np.float32))
        encoded = np.asarray(self._model.encode(view, to_cpu=True))[0]
        frames: NDArray[np.float16] = encoded[: len(mel) // 2].astype(np.float16)
        return frames


def sentences(folder: Path, chance: random.Random) -> Iterator[str]:
    """Turns of the conversations that are not held out, in pieces of some words, in an order of chance."""
    typed: list[str] = []
    said: list[str] = []
    for path in sorted(folder.glob("*.txt.xz")):
        is_typed = path.name.removesuffix(".txt.xz") in TYPED
        learnt = [lines for number, lines in enumerate(conversations(path)) if not held_out(number)]
        turns = [turn_of(line, typed=is_typed, chance=chance) for lines in learnt for line in lines]
        for turn in filter(None, turns):
            (typed if is_typed else said).extend(_pieces(turn.words, chance))
    chance.shuffle(typed)
    chance.shuffle(said)
    while typed and said:
        yield (typed if chance.random() < _TYPED_SHARE else said).pop()


def _pieces(words: Sequence[str], chance: random.Random) -> Iterator[str]:
    """Pieces of a turn that can be written with letters alone."""
    start = 0
    while start < len(words):
        length = chance.randint(_FEWEST_WORDS, _MOST_WORDS)
        piece = " ".join(words[start : start + length]).replace("-", " ").replace("\u2019", "'")
        start += length
        if set(piece) <= set(LETTERS + " ") and " " in piece:
            yield piece


@dataclass(frozen=True, slots=True)
class Part:
    """What one file is made of."""

    number: int
    sentences: Sequence[str]
    whisper: Path
    out: Path


def write_part(part: Part) -> float:
    """Write a file; the seconds of speech in it."""
    chance = np.random.default_rng(part.number)
    encoder = Encoder(part.whisper)
    spoken = list(_joined(read_out(part.sentences, chance), chance))
    encoded = [encoder(through_a_line(each.samples, chance)) for each in spoken]
    np.savez(
        part.out / f"{part.number:04}.npz",
        frames=np.concatenate(encoded),
        lengths=np.array([len(each) for each in encoded]),
        texts=np.array([each.text for each in spoken]),
    )
    return sum(len(each.samples) for each in spoken) / SAMPLE_RATE_HZ


def _joined(spoken: Sequence[Spoken], chance: np.random.Generator) -> Iterator[Spoken]:
    """Segments of some sentences with pauses between: most of a window around a short one would be empty."""
    texts: list[str] = []
    sound: list[Samples] = []
    longest = chance.uniform(2, _LONGEST_S)
    for each in spoken:
        pause = np.zeros(round(chance.uniform(*_PAUSE_S) * SAMPLE_RATE_HZ), np.float32)
        if texts and sum(map(len, sound)) + len(each.samples) > longest * SAMPLE_RATE_HZ:
            yield Spoken(" ".join(texts), np.concatenate(sound))
            texts, sound, longest = [], [], chance.uniform(2, _LONGEST_S)
        if len(each.samples) < _LONGEST_S * SAMPLE_RATE_HZ:
            # Some voices are louder than others.
            loudness = 0.1 / max(float(np.sqrt(np.mean(each.samples**2))), 1e-4)
            texts.append(each.text)
            sound += [pause, each.samples * np.float32(loudness)]
    if texts:
        yield Spoken(" ".join(texts), np.concatenate(sound))


def main() -> None:
    """Write so many hours."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("text", type=Path)
    parser.add_argument("--whisper", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--hours", type=float, default=12)
    parser.add_argument("--processes", type=int, default=2)
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    source = sentences(arguments.text, random.Random(1))
    parts = (
        Part(number, batch, arguments.whisper, arguments.out)
        for number, batch in enumerate(iter(lambda: list(islice(source, _SENTENCES_A_FILE)), []))
    )
    made_s = 0.0
    with ProcessPoolExecutor(arguments.processes) as pool, Progress() as bar:
        task = bar.add_task("hours of speech", total=arguments.hours)
        while made_s < arguments.hours * 3600:
            made = list(pool.map(write_part, [next(parts) for _ in range(4 * arguments.processes)]))
            made_s += sum(made)
            bar.advance(task, sum(made) / 3600)


if __name__ == "__main__":
    main()

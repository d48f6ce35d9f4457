"""Speed of CTC beam search over length: `python -m bench.decode TEXT_FILE [--seconds 10 30 300]`.

Emissions are made from text, characters at 50 frames a second, peaky, with some frames torn between two letters. The
same words are searched in segments of the pipeline's length and in longer ones: pyctcdecode carries all that was said
in each beam, so that its cost grows faster than the length, and segments of at most 30 s keep decoding flat.
"""

import argparse
import time
from pathlib import Path

import numpy as np
from jiwer import wer

from pipeline.decode import CtcDecoder, CtcLabels
from pipeline.decode.estimate import words_of
from pipeline.decode.language import GENERAL
from pipeline.options import DecodeOptions
from pipeline.values import CtcEmissions, Span

FRAME_S = 0.02
LABELS = CtcLabels(("", " ", *"abcdefghijklmnopqrstuvwxyz'"), 0, pieces=False)
_TORN = 0.06


def emissions_of(text: str, chance: np.random.Generator) -> CtcEmissions:
    """What a model says of `text`: each letter a frame of its own, blanks between, some letters mistaken."""
    path = [label for letter in text if letter in LABELS.texts for label in (LABELS.texts.index(letter), 0, 0)]
    logits = chance.normal(0, 0.5, (len(path), len(LABELS.texts)))
    logits[np.arange(len(path)), path] += 9
    torn = np.flatnonzero(chance.random(len(path)) < _TORN)
    logits[torn, chance.integers(2, len(LABELS.texts), len(torn))] += 8.8
    log_probs = logits - np.logaddexp.reduce(logits, axis=1, keepdims=True)
    return CtcEmissions(Span(0, 0.0, len(path) * FRAME_S), log_probs.astype(np.float16), FRAME_S)


def measure(text: str, segment_s: float, lm: Path | None) -> tuple[float, float]:
    """Seconds of audio for a second of processor time, and the word error rate, in segments of that length."""
    decoder = CtcDecoder(LABELS, DecodeOptions(), lm)
    letters = round(segment_s / FRAME_S / 3)
    chance = np.random.default_rng(1)
    segments = [emissions_of(text[start : start + letters], chance) for start in range(0, len(text), letters)]
    began_s = time.process_time()
    heard = [word.text for segment in segments for word in decoder.decode(segment).words]
    took_s = time.process_time() - began_s
    return sum(segment.span.duration_s for segment in segments) / took_s, wer(text, " ".join(heard))


def main() -> None:
    """Measures and prints."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("text", type=Path)
    arguments.add_argument("--seconds", type=float, nargs="+", default=[10.0, 30.0, 120.0])
    chosen = arguments.parse_args()
    longest = round(max(chosen.seconds) / FRAME_S / 3)
    text = " ".join(word for line in chosen.text.read_text(encoding="utf-8").splitlines() for word in words_of(line))
    for lm in (None, Path(GENERAL)):
        for seconds in chosen.seconds:
            rate, errors = measure(text[: 2 * longest], seconds, lm)
            name = lm or "no language model"
            print(f"{name}: segments of {seconds:g} s: {rate:.0f} x real time a core, word error rate {errors:.1%}")


if __name__ == "__main__":
    main()

"""How good the punctuation tagger is, and how fast: `python -m bench.punctuation TEXT_FOLDER [CORPUS ...]`.

On the conversations that training did not read, for each corpus: F1 of each mark and of all together, of capitals, with
and without pauses; what pauses alone tell; milliseconds a sentence on one core. Text has no pauses: they are simulated
(`training/punctuation/pauses.py`), so figures with pauses are as good as that is.
"""

import argparse
import random
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pipeline.format.punctuation import Tagger, load_tagger
from pipeline.format.punctuation.features import TURN_END
from pipeline.format.punctuation.tagger import MARKS
from training.punctuation.corpus import FILLERS, SHARES
from training.punctuation.pauses import simulated
from training.punctuation.scores import micro_f1
from training.punctuation.text import TYPED, UNKNOWN, Turn, conversations, held_out, turn_of

_COMMA_PAUSE, _STOP_PAUSE = 5, 7
_MOST_TURNS = 2000


def held_out_turns(path: Path, name: str) -> list[Turn]:
    """The turns of the held-out conversations of a corpus."""
    chance = random.Random(name)
    kept = [lines for number, lines in enumerate(conversations(path)) if held_out(number)]
    turns = [turn_of(line, typed=name in TYPED, chance=chance) for lines in kept for line in lines]
    return [turn for turn in turns if turn][:_MOST_TURNS]


def pauses_of(turn: Turn, chance: np.random.Generator, hidden: float) -> list[int]:
    """Simulated pause indices after the words of a turn."""
    marks = np.maximum(np.array([turn.labels]), 0) // 3
    fillers = np.array([[word in FILLERS for word in turn.words]])
    ends = np.zeros(marks.shape, bool)
    ends[0, -1] = True
    found: list[int] = simulated(marks, fillers, ends, chance, hidden)[0].tolist()
    return found


def tagged(tagger: Tagger, turns: Sequence[Turn], hidden: float) -> tuple[NDArray[np.int64], NDArray[np.int64], float]:
    """Labels that were given, labels by two thresholds of the pause, and processor seconds a turn."""
    chance = np.random.default_rng(1)
    given, ruled = [], []
    pauses = [pauses_of(turn, chance, hidden) for turn in turns]
    began_s = time.process_time()
    for turn, gaps in zip(turns, pauses, strict=True):
        given += [MARKS.index(tag.mark) * 3 + tag.case for tag in tagger.tags(turn.words, gaps)]
    took_s = time.process_time() - began_s
    for gaps in pauses:
        ruled += [6 if gap >= _STOP_PAUSE else 3 if gap >= _COMMA_PAUSE else 0 for gap in gaps]
    return np.array(given), np.array(ruled), took_s / len(turns)


def report(name: str, tagger: Tagger, turns: Sequence[Turn]) -> None:
    """Print the figures of one corpus."""
    truth = np.concatenate([turn.labels for turn in turns])
    told = truth != UNKNOWN
    truth = truth[told]
    print(f"{name}: {len(turns)} turns, {told.sum()} words")
    for title, hidden in (("with pauses", 0.0), ("without", 1.0)):
        given, ruled, turn_s = tagged(tagger, turns, hidden)
        given, ruled = given[told], ruled[told]
        each = [f"{MARKS[mark]} {micro_f1(truth // 3 == mark, given // 3 == mark):.3f}" for mark in (1, 2, 3)]
        print(
            f"  {title:12} marks {micro_f1(truth // 3, given // 3):.3f} ({', '.join(each)}); capitals "
            f"{micro_f1(truth % 3, given % 3):.3f}; pauses alone {micro_f1(truth // 3, ruled // 3):.3f}; "
            f"{turn_s * 1000:.2f} ms a turn"
        )


def sentence_ms(tagger: Tagger) -> float:
    """Median processor milliseconds for a sentence of fifteen words."""
    words = [
        "so",
        "what",
        "i",
        "would",
        "suggest",
        "is",
        "that",
        "we",
        "call",
        "them",
        "back",
        "tomorrow",
        "in",
        "the",
        "morning",
    ]
    pauses = [1] * (len(words) - 1) + [TURN_END]
    took = []
    for _ in range(200):
        began_s = time.process_time()
        tagger.tags(words, pauses)
        took.append(time.process_time() - began_s)
    return float(np.median(took) * 1000)


def main() -> None:
    """Measures and prints."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("text", type=Path)
    arguments.add_argument("corpora", nargs="*", default=list(SHARES))
    chosen = arguments.parse_args()
    tagger = load_tagger()
    print(f"{sentence_ms(tagger):.2f} ms a sentence of 15 words")
    for name in chosen.corpora:
        report(name, tagger, held_out_turns(chosen.text / f"{name}.txt.xz", name))


if __name__ == "__main__":
    main()

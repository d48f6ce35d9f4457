"""How good the punctuation tagger is, and how fast.

On the conversations that training did not read, for each corpus: F1 of each mark and of all together, of capitals, with
and without pauses; what pauses alone tell; milliseconds a sentence on one core. Text has no pauses: they are simulated
(`training/punctuation/pauses.py`), so figures with pauses are as good as that is.
"""

import random
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bench.harness import Figure, Findings, Plan
from bench.report import Report, Row
from pipeline.format.punctuation import Tagger, load_tagger
from pipeline.format.punctuation.features import TURN_END
from pipeline.format.punctuation.tagger import MARKS
from training.punctuation.corpus import FILLERS, SHARES
from training.punctuation.pauses import simulated
from training.punctuation.scores import micro_f1
from training.punctuation.text import TYPED, UNKNOWN, Turn, conversations, held_out, turn_of

_COMMA_PAUSE, _STOP_PAUSE = 5, 7
_MOST_TURNS = 2000
COLUMNS = {
    "corpus": "corpus",
    "pauses": "pauses",
    "words": "words",
    "marks": "F1 of marks",
    **{mark: mark for mark in MARKS[1:]},
    "capitals": "capitals",
    "pauses_alone": "marks by pauses alone",
    "turn_ms": "ms a turn",
}


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


def scores(name: str, tagger: Tagger, turns: Sequence[Turn]) -> Iterator[Row]:
    """Two rows of one corpus: with pauses and without."""
    truth = np.concatenate([turn.labels for turn in turns])
    told = truth != UNKNOWN
    truth = truth[told]
    for title, hidden in (("with", 0.0), ("without", 1.0)):
        given, ruled, turn_s = tagged(tagger, turns, hidden)
        given, ruled = given[told], ruled[told]
        yield {
            "corpus": name,
            "pauses": title,
            "words": int(told.sum()),
            "marks": micro_f1(truth // 3, given // 3),
            **{mark: micro_f1(truth // 3 == n, given // 3 == n) for n, mark in enumerate(MARKS) if n},
            "capitals": micro_f1(truth % 3, given % 3),
            "pauses_alone": micro_f1(truth // 3, ruled // 3),
            "turn_ms": turn_s * 1000,
        }


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


def run(plan: Plan) -> Findings:
    """Time of a sentence, and with `--text FOLDER` a row for each corpus in it, with pauses and without."""
    tagger = load_tagger()
    figures = {
        "sentence_ms": Figure(
            tuple(sentence_ms(tagger) for _ in range(plan.rounds(3))), higher_is_better=False, is_ratio=False
        )
    }
    if plan.text is None:
        rows: list[Row] = [{"corpus": "a sentence of 15 words", "turn_ms": figures["sentence_ms"].value}]
        note = "Marks and capitals are measured with --text and the folder of corpora that training read."
        return Findings(figures, [Report("Punctuation", {"corpus": "", "turn_ms": "ms"}, rows, (note,))])
    corpora = [(name, plan.text / f"{name}.txt.xz") for name in SHARES]
    rows = [
        row
        for name, path in plan.track([each for each in corpora if each[1].exists()], "corpora")
        for row in scores(name, tagger, held_out_turns(path, name))
    ]
    figures |= {f"f1_{row['corpus']}": Figure((row["marks"],)) for row in rows if row["pauses"] == "with"}
    return Findings(figures, [Report("Punctuation", COLUMNS, rows, ("Pauses are simulated.",))])

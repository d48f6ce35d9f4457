"""How many hotwords are written that nobody said, and how many that were said are found, over their weight.

Emissions are made from text, as in `bench.decode`. Half of a list of hotwords are rare words of the text; the other
half nobody says, but each is one letter away from a word that somebody does, as no list of a user's would be. A false
accept is one of the latter in the result, or more of the former than were said.
"""

from collections import Counter
from pathlib import Path
from typing import Final

import numpy as np

from bench.decode import FRAME_S, LABELS, emissions_of, text_of
from bench.harness import Figure, Findings, Plan, Unavailable
from bench.report import Report, Row
from pipeline.decode import CtcDecoder
from pipeline.decode.language import GENERAL
from pipeline.options import HOTWORD_WEIGHT, DecodeOptions

WEIGHTS: Final = (0.0, 2.0, 4.0, 6.0, 8.0, 10.0)
COLUMNS: Final = {
    "lm": "language model",
    "weight": "weight",
    "found": "found of those said",
    "false": "false accepts a thousand words",
}
_HOTWORDS = 50
_SEGMENT_S = 15.0
_SEGMENTS = 40


def run(plan: Plan) -> Findings:
    """A row for each language model and weight."""
    if plan.text is None:
        raise Unavailable("--text names a text of several thousand words")
    text = text_of(plan).split()
    letters = round(_SEGMENT_S / FRAME_S / 3)
    segments = _segments(text, letters)[: 10 if plan.quick else _SEGMENTS]
    said = Counter(word for segment in segments for word in segment.split())
    hotwords = _listed(said, Counter(text))
    rows: list[Row] = []
    for lm in plan.track((None, Path(GENERAL)), "language models"):
        for weight in WEIGHTS:
            options = DecodeOptions(hotwords=hotwords, hotword_weight=weight)
            heard = _heard(segments, CtcDecoder(LABELS, options, lm))
            found = sum(min(heard[word], said[word]) for word in hotwords)
            false = sum(max(0, heard[word] - said[word]) for word in hotwords)
            row = {"lm": lm.stem if lm else "none", "weight": weight, "found": found / sum(said[w] for w in hotwords)}
            rows.append({**row, "false": 1000 * false / said.total()})
    figures = {
        f"false_accepts_a_thousand_words_{row['lm']}": Figure(
            (float(row["false"]),), higher_is_better=False, is_ratio=True
        )
        for row in rows
        if row["weight"] == HOTWORD_WEIGHT
    }
    return Findings(figures, [Report("Hotwords", COLUMNS, rows)])


def _segments(words: list[str], letters: int) -> list[str]:
    segments, segment = [], ""
    for word in words:
        segment = f"{segment} {word}".strip()
        if len(segment) >= letters:
            segments.append(segment)
            segment = ""
    return segments


def _listed(said: Counter[str], everywhere: Counter[str]) -> tuple[str, ...]:
    """Words said once or twice, as rare and long as names are, and neighbours of as many others that nobody says."""
    chance = np.random.default_rng(2)
    rare = [str(word) for word in chance.permutation(sorted(w for w in said if everywhere[w] <= 3 and len(w) >= 4))]
    neighbours = (_neighbour(word, chance) for word in rare[_HOTWORDS // 2 :])
    unsaid = [word for word in neighbours if word not in everywhere]
    return (*rare[: _HOTWORDS // 2], *unsaid[: _HOTWORDS // 2])


def _neighbour(word: str, chance: np.random.Generator) -> str:
    at = int(chance.integers(len(word)))
    return word[:at] + chr(ord("a") + int(chance.integers(26))) + word[at + 1 :]


def _heard(segments: list[str], decoder: CtcDecoder) -> Counter[str]:
    chance = np.random.default_rng(1)
    emissions = (emissions_of(segment, chance) for segment in segments)
    return Counter(word.text for each in emissions for word in decoder.decode(each).words)

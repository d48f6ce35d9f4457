"""How many hotwords are written that nobody said, and how many that were said are found, over their weight.

Emissions are made from text, as in `bench.decode`, and those of a real CTC model (`bench.ctc_model`) on what people
said. Half of a list of hotwords are rare words of it; the other half nobody says, but each is one letter away from a
word that somebody does, as no list of a user's would be. A false accept is one of the latter in the result. One of the
former that is heard more often than it was said is too much of what was expected: `conferences` for `conference is`.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from bench.ctc_model import CtcModel, segments
from bench.decode import FRAME_S, LABELS, emissions_of, text_of
from bench.harness import Figure, Findings, Plan, Unavailable
from bench.report import Report, Row
from pipeline.decode import CtcDecoder
from pipeline.decode.estimate import words_of
from pipeline.decode.language import GENERAL
from pipeline.options import HOTWORD_WEIGHT, DecodeOptions
from pipeline.values import CtcEmissions

WEIGHTS: Final = (0.0, 2.0, 4.0, 6.0, 8.0, 10.0)
COLUMNS: Final = {
    "heard": "emissions of",
    "lm": "language model",
    "weight": "weight",
    "found": "found of those said",
    "false": "false accepts a thousand words",
    "too_often": "heard too often, a thousand words",
}
_HOTWORDS = 50
_SEGMENT_S = 15.0
_SEGMENTS = 40


@dataclass(frozen=True, slots=True)
class Material:
    """Segments of speech, the words that are said in them, and hotwords of which half are among those."""

    emissions: Sequence[CtcEmissions]
    said: Counter[str]
    hotwords: tuple[str, ...]


def run(plan: Plan) -> Findings:
    """A row for each material, language model and weight."""
    if plan.text is None:
        raise Unavailable("--text names a text of several thousand words")
    materials = {"text": _of_text(plan), "speech": _of_speech(plan)}
    rows: list[Row] = []
    cases = [(name, lm, weight) for name in materials for lm in (None, Path(GENERAL)) for weight in WEIGHTS]
    for name, lm, weight in plan.track(cases, "searches"):
        row = _row(materials[name], CtcDecoder(LABELS, _options(materials[name], weight), lm))
        rows.append({"heard": name, "lm": lm.stem if lm else "none", "weight": weight, **row})
    figures = {
        f"false_accepts_a_thousand_words_{row['heard']}_{row['lm']}": Figure(
            (float(row["false"]),), higher_is_better=False, is_ratio=True
        )
        for row in rows
        if row["weight"] == HOTWORD_WEIGHT
    }
    return Findings(figures, [Report("Hotwords", COLUMNS, rows)])


def _options(material: Material, weight: float) -> DecodeOptions:
    return DecodeOptions(hotwords=material.hotwords, hotword_weight=weight)


def _row(material: Material, decoder: CtcDecoder) -> Row:
    heard = Counter(word.text for each in material.emissions for word in decoder.decode(each).words)
    said, hotwords = material.said, material.hotwords
    found = sum(min(heard[word], said[word]) for word in hotwords)
    false = sum(heard[word] for word in hotwords if not said[word])
    too_often = sum(max(0, heard[word] - said[word]) for word in hotwords if said[word])
    return {
        "found": found / sum(said[word] for word in hotwords),
        "false": 1000 * false / said.total(),
        "too_often": 1000 * too_often / said.total(),
    }


def _of_text(plan: Plan) -> Material:
    text = text_of(plan).split()
    segments = _segments(text, round(_SEGMENT_S / FRAME_S / 3))[: 10 if plan.quick else _SEGMENTS]
    chance = np.random.default_rng(1)
    said = Counter(word for segment in segments for word in segment.split())
    return Material([emissions_of(each, chance) for each in segments], said, _listed(said, Counter(text)))


def _of_speech(plan: Plan) -> Material:
    spoken = segments(plan)
    model = CtcModel(plan.model)
    said = Counter(word for each in spoken for word in words_of(each.text))
    return Material([model.emit(each) for each in plan.track(spoken, "emissions")], said, _listed(said, said))


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

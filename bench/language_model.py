"""What a language model does to the word errors of a real CTC model, on speech that people said.

The model (`bench.ctc_model`) writes letters and knows no words. The same emissions are read as the best path has them,
and by beam search without a language model and with the general one. Prompts of a telephone exchange
(`bench.recordings`), or the manifests that `--speech` names, are joined to segments of some seconds.
"""

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from jiwer import process_words

from bench.ctc_model import CtcModel, segments
from bench.decode import LABELS
from bench.harness import Figure, Findings, Plan
from bench.report import Report, Row
from pipeline.decode import CtcDecoder
from pipeline.decode.language import GENERAL
from pipeline.options import DecodeOptions
from pipeline.values import CtcEmissions
from training.ctc.network import text_of
from workers.evaluate import normalise

COLUMNS: Final = {
    "search": "search",
    "lm": "language model",
    "wer": "word error rate",
    "substituted": "substituted",
    "missing": "missing",
    "invented": "invented",
    "x": "times real time a core",
}
SEARCHES: Final = ((5, None), (25, None), (5, Path(GENERAL)), (25, Path(GENERAL)))
"""Beam widths with and without a language model."""


def run(plan: Plan) -> Findings:
    """A row for each search."""
    spoken = segments(plan)
    model = CtcModel(plan.model)
    emissions = [model.emit(each) for each in plan.track(spoken, "emissions")]
    truth = [normalise(each.text) for each in spoken]
    greedy = [text_of(each.log_probs.argmax(axis=1).tolist()) for each in emissions]
    rows: list[Row] = [{"search": "best path", "lm": "none", **_errors(truth, greedy)}]
    for width, lm in plan.track(SEARCHES, "searches"):
        said, rate = _read(emissions, CtcDecoder(LABELS, DecodeOptions(beam_width=width), lm))
        rows.append({"search": f"beam {width}", "lm": _name(lm), **_errors(truth, said), "x": round(rate)})
    by_search = {(row["search"], row["lm"]): float(row["wer"]) for row in rows}
    without, with_lm = by_search["beam 5", "none"], by_search["beam 5", _name(Path(GENERAL))]
    figures = {
        "wer_with_general_over_without": Figure((with_lm / without,), higher_is_better=False, is_ratio=True),
    }
    words = sum(len(each.split()) for each in truth)
    note = f"{sum(each.span.end_s for each in emissions) / 60:.1f} minutes, {words} words"
    return Findings(figures, [Report("Language models and a real CTC model", COLUMNS, rows, (note,))])


def _read(emissions: Sequence[CtcEmissions], decoder: CtcDecoder) -> tuple[list[str], float]:
    began = time.process_time()
    said = [" ".join(word.text for word in decoder.decode(each).words) for each in emissions]
    return said, sum(each.span.end_s for each in emissions) / (time.process_time() - began)


def _errors(truth: Sequence[str], said: Sequence[str]) -> Row:
    output = process_words(list(truth), [normalise(each) for each in said])
    words = output.hits + output.substitutions + output.deletions
    return {
        "wer": output.wer,
        "substituted": output.substitutions / words,
        "missing": output.deletions / words,
        "invented": output.insertions / words,
    }


def _name(lm: Path | None) -> str:
    return lm.stem if lm else "none"

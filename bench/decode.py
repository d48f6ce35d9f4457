"""How fast CTC beam search is over the length of what it searches, beside pyctcdecode on the whole of it and others.

Emissions are made from text, characters at 50 frames a second, peaky, with some frames torn between two letters. Ours
finds times and confidences as well, the others the text only; they search without a language model, of which each has
its own form. The table is of the usual beam; what pyctcdecode takes on the whole is measured by turns at a wide one.
"""

import importlib
import time
from collections.abc import Callable, Sequence
from importlib.util import find_spec
from pathlib import Path
from statistics import median
from typing import Any, Final

import numpy as np
from jiwer import wer

from bench.harness import Figure, Findings, Plan
from bench.report import Report, Row
from bench.speech import utterances
from pipeline.decode import CtcDecoder, CtcLabels
from pipeline.decode.estimate import words_of
from pipeline.decode.language import GENERAL, load_language_model
from pipeline.options import DecodeOptions
from pipeline.values import CtcEmissions, Span

FRAME_S = 0.02
SHORT_S: Final = 10.0
LENGTHS_S: Final = (SHORT_S, 120.0, 600.0, 1800.0)
ROUNDS: Final = 3
ROUNDS_BY_TURNS: Final = 3
BEAM: Final = DecodeOptions().beam_width
WIDE_BEAM: Final = 25
LANGUAGE_MODELS: Final = (None, Path(GENERAL))
LABELS = CtcLabels(("", " ", *"abcdefghijklmnopqrstuvwxyz'"), 0, pieces=False)
COLUMNS: Final = {
    "decoder": "decoder",
    "lm": "language model",
    "length_s": "length, s",
    "x": "times real time a core",
    "wer": "word error rate",
    "differs": "words unlike ours",
}
PACKAGES: Final = ("pyctcdecode", "kenlm", "ctc-beam-decoder", "flashlight-text", "numpy")
_TORN = 0.06
_LONGEST_WHOLE_S = 1800.0
Search = Callable[[CtcEmissions], str]


def emissions_of(text: str, chance: np.random.Generator) -> CtcEmissions:
    """What a model says of `text`: each letter a frame of its own, blanks between, some letters mistaken."""
    path = [label for letter in text if letter in LABELS.texts for label in (LABELS.texts.index(letter), 0, 0)]
    logits = chance.normal(0, 0.5, (len(path), len(LABELS.texts)))
    logits[np.arange(len(path)), path] += 9
    torn = np.flatnonzero(chance.random(len(path)) < _TORN)
    logits[torn, chance.integers(2, len(LABELS.texts), len(torn))] += 8.8
    log_probs = logits - np.logaddexp.reduce(logits, axis=1, keepdims=True)
    return CtcEmissions(Span(0, 0.0, len(path) * FRAME_S), log_probs.astype(np.float16), FRAME_S)


def text_of(plan: Plan, letters: int | None = None) -> str:
    """Words of the plan's text, or of the demo call; over and over until there are so many letters."""
    lines = (
        plan.text.read_text(encoding="utf-8").splitlines()
        if plan.text
        else [each.text for each in utterances(plan, 99)]
    )
    words = " ".join(word for line in lines for word in words_of(line))
    return (f"{words} " * (1 + letters // len(words)))[:letters] if letters else words


def run(plan: Plan) -> Findings:
    """A row for each decoder, language model and length."""
    lengths = LENGTHS_S[: 2 if plan.quick else None]
    text = text_of(plan, _letters(lengths[-1]))
    rows: list[Row] = []
    for seconds in plan.track(lengths, "lengths"):
        parts = _parts(text, seconds)
        for lm in LANGUAGE_MODELS:
            reference: list[str] = []
            for name, search in _searches(lm, seconds).items():
                found = [_measured(search, parts) for _ in range(plan.rounds(ROUNDS if seconds == SHORT_S else 1))]
                said = found[0][1]
                reference = reference or said
                rows.append({
                    "decoder": name,
                    "lm": _name(lm),
                    "length_s": seconds,
                    "x": round(median(rate for rate, _ in found)),
                    "wer": wer([part for part, _ in parts], said),
                    "differs": wer(reference, said),
                })  # fmt: skip
    report = Report("CTC beam search", COLUMNS, rows, (f"beam width {BEAM}",), PACKAGES)
    figures: dict[str, Figure] = {}
    for lm in plan.track(LANGUAGE_MODELS, "by turns"):
        rounds = plan.rounds(ROUNDS_BY_TURNS)
        figures |= _flatness(lm, text, lengths[-1], rounds)
        for seconds in (SHORT_S, lengths[-1]):
            figures |= _beside_pyctcdecode(lm, text, seconds, rounds)
        name = _name(lm)
        differs = max(row["differs"] for row in rows if row["decoder"] == "pyctcdecode" and row["lm"] == name)
        figures[f"words_equal_to_whole_pyctcdecode_{name}"] = Figure((1 - differs,))
    return Findings(figures, [report])


def _flatness(lm: Path | None, text: str, seconds: float, rounds: int) -> dict[str, Figure]:
    """Our rate at that length over the one at ten seconds on the same words."""
    long, short = _parts(text, seconds), _parts(text, SHORT_S, count=round(seconds / SHORT_S))
    ours = _ours(lm)
    rates = [_measured(ours, long)[0] / _measured(ours, short)[0] for _ in range(rounds)]
    return {f"rate_at_{seconds:g}_s_over_{SHORT_S:g}_s_{_name(lm)}": Figure(tuple(rates))}


def _beside_pyctcdecode(lm: Path | None, text: str, seconds: float, rounds: int) -> dict[str, Figure]:
    """Our CPU time, also with the search in C++, over that of pyctcdecode on the whole of the same."""
    parts = _parts(text, seconds)
    theirs = _pyctcdecode(lm, WIDE_BEAM)
    ours = {"cpu": _ours(lm, DecodeOptions(beam_width=WIDE_BEAM))}
    if lm is None and find_spec("ctc_beam_decoder"):
        ours["compiled_cpu"] = _ours(lm, DecodeOptions(beam_width=WIDE_BEAM, search="ctc-beam-decoder"))
    turns = [[_measured(search, parts)[0] for search in (theirs, *ours.values())] for _ in range(rounds)]
    return {
        f"{name}_over_whole_pyctcdecode_at_{seconds:g}_s_{_name(lm)}": Figure(
            tuple(rates[0] / rates[place] for rates in turns), higher_is_better=False
        )
        for place, name in enumerate(ours, start=1)
    }


def _letters(seconds: float) -> int:
    return round(seconds / FRAME_S / 3)


def _name(lm: Path | None) -> str:
    return lm.name if lm else "none"


def _parts(text: str, seconds: float, count: int | None = None) -> list[tuple[str, CtcEmissions]]:
    """Text and its emissions: so many, or a dozen short ones, or one long one."""
    chance = np.random.default_rng(1)
    letters = _letters(seconds)
    count = count or (12 if seconds == SHORT_S else 1)
    cut = [text[at * letters : (at + 1) * letters].strip() for at in range(count)]
    return [(part, emissions_of(part, chance)) for part in cut if part]


def _measured(search: Search, parts: Sequence[tuple[str, CtcEmissions]]) -> tuple[float, list[str]]:
    """Seconds of audio for a second of processor time, and what was found."""
    began_s = time.process_time()
    said = [search(emissions) for _, emissions in parts]
    took_s = time.process_time() - began_s
    return sum(emissions.span.duration_s for _, emissions in parts) / took_s, said


def _searches(lm: Path | None, seconds: float) -> dict[str, Search]:
    """The decoders by name, ours first; ours finds times and confidences too."""
    found: dict[str, Search] = {"ours": _ours(lm)}
    if seconds <= _LONGEST_WHOLE_S:
        found["pyctcdecode"] = _pyctcdecode(lm)
    if lm is None and find_spec("ctc_beam_decoder"):
        found["ours with ctc-beam-decoder"] = _ours(lm, DecodeOptions(search="ctc-beam-decoder"))
        found["ctc-beam-decoder"] = _ctc_beam_decoder()
    if lm is None and find_spec("flashlight"):
        found["flashlight-text"] = _flashlight()
    return found


def _ours(lm: Path | None, options: DecodeOptions | None = None) -> Search:
    decoder = CtcDecoder(LABELS, options or DecodeOptions(), lm)
    return lambda emissions: " ".join(word.text for word in decoder.decode(emissions).words)


def _pyctcdecode(lm: Path | None, beam_width: int = BEAM) -> Search:
    library = importlib.import_module("pyctcdecode")
    alphabet = library.Alphabet(list(LABELS.texts), LABELS.pieces)
    search = library.BeamSearchDecoderCTC(alphabet, load_language_model(lm) if lm else None)
    return lambda emissions: str(
        search.decode_beams(emissions.log_probs.astype(np.float32), beam_width=beam_width)[0][0]
    )


def _ctc_beam_decoder() -> Search:
    search = importlib.import_module("ctc_beam_decoder").build_ctcdecoder(list(LABELS.texts))
    return lambda emissions: str(search.decode(emissions.log_probs.astype(np.float32), beam_width=BEAM))


def _flashlight() -> Search:
    library = importlib.import_module("flashlight.lib.text.decoder")
    options = library.LexiconFreeDecoderOptions(
        beam_size=BEAM, beam_size_token=len(LABELS.texts), beam_threshold=10, lm_weight=0, sil_score=0,
        log_add=True, criterion_type=library.CriterionType.CTC,
    )  # fmt: skip
    search: Any = library.LexiconFreeDecoder(options, library.ZeroLM(), 1, LABELS.blank, [])

    def searched(emissions: CtcEmissions) -> str:
        log_probs = np.ascontiguousarray(emissions.log_probs, np.float32)
        tokens = search.decode(log_probs.ctypes.data, *log_probs.shape)[0].tokens
        kept = [label for label, earlier in zip(tokens, [-1, *tokens], strict=False) if label not in (earlier, -1)]
        return " ".join("".join(LABELS.texts[label] for label in kept).split())

    return searched

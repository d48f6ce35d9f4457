"""Calibration: of the words with a confidence of 80 %, are 80 % right? Reliability diagram, calibration error.

The prompts of a telephone exchange (`bench.recordings`), or the manifests that `--speech` names, are joined to
recordings of half a minute, as recorded and in noise, and each word that is heard is right or not by the alignment with
what was said. So are the words of a CTC model (`bench.ctc_model`) without and with a language model. The error is the
mean distance of confidence and share of right words in ten bins, weighed by their words (Guo 2017, section 2). The
diagram is `docs/calibration.png`.
"""

import tempfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import soundfile

from bench.ctc_model import CtcModel, segments
from bench.decode import LABELS
from bench.harness import Figure, Findings, Plan
from bench.noise import pink
from bench.recognisers import Ours
from bench.recordings import spoken_or_prompts
from bench.report import Report, Row
from bench.speech import TELEPHONE_RATE_HZ, Spoken, join
from pipeline.decode import CtcDecoder
from pipeline.decode.language import GENERAL
from pipeline.options import DecodeOptions
from pipeline.values import Word
from workers.evaluate import normalise

PICTURE: Final = Path(__file__).parents[1] / "docs" / "calibration.png"
BINS: Final = 10
UTTERANCES: Final = 120
LONGEST_S: Final = 28.0
CONDITIONS: Final = {"as recorded": None, "noise at 10 dB": 10.0, "noise at 0 dB": 0.0}
ALL: Final = "all by Whisper"
CTC_CONDITIONS: Final = {"CTC": None, "CTC with general": Path(GENERAL)}
COLUMNS: Final = {
    "condition": "condition",
    "confidence": "confidence",
    "words": "words",
    "mean": "mean confidence",
    "right": "right",
}


@dataclass(frozen=True, slots=True)
class Heard:
    """A word that was heard: how sure the model was, and whether it was said."""

    confidence: float
    is_right: bool


def run(plan: Plan) -> Findings:
    """Bins of each condition, and the error over all."""
    recordings = join(_utterances(plan)[: 12 if plan.quick else UTTERANCES], LONGEST_S)
    ours = Ours(plan.model)
    words: dict[str, list[Heard]] = {}
    for condition, snr_db in CONDITIONS.items():
        made = [_noisy(each, snr_db, number) for number, each in enumerate(recordings)]
        words[condition] = [word for each in plan.track(made, condition) for word in _heard(ours, each)]
    everything = [word for each in words.values() for word in each]
    words = {**words, ALL: everything, **_heard_by_ctc(plan)}
    rows = [row for condition, each in words.items() for row in _rows(condition, each)]
    if not plan.quick:
        _draw(words)
    figures = {"expected_calibration_error": _figure(calibration_error(everything))}
    figures |= {
        f"expected_calibration_error_{name.replace(' ', '_')}": _figure(calibration_error(each))
        for name, each in words.items()
        if name != ALL
    }
    note = f"{sum(len(each.samples) for each in recordings) / TELEPHONE_RATE_HZ:.0f} s of speech; {plan.model}, int8."
    return Findings(figures, [Report("Calibration of word confidences", COLUMNS, rows, (note,))])


def judged(reference: str, words: Iterable[Word]) -> list[Heard]:
    """The `words` that were heard, each right where it is aligned with the same word of `reference`."""
    import jiwer  # noqa: PLC0415  # slow to import

    said = [part for word in reference.split() for part in normalise(word).split()]
    heard = [(part, word.confidence) for word in words for part in normalise(word.text).split()]
    if not said or not heard:
        return [Heard(confidence, is_right=False) for _, confidence in heard]
    aligned = jiwer.process_words(" ".join(said), " ".join(part for part, _ in heard)).alignments[0]
    right = {at for chunk in aligned if chunk.type == "equal" for at in range(chunk.hyp_start_idx, chunk.hyp_end_idx)}
    return [Heard(confidence, at in right) for at, (_, confidence) in enumerate(heard)]


def calibration_error(words: Sequence[Heard]) -> float:
    """Expected calibration error, 0 to 1; 0 without words."""
    distances = [len(each) * abs(_mean_confidence(each) - _share_right(each)) for _, each in _binned(words) if each]
    return sum(distances) / max(1, len(words))


def _utterances(plan: Plan) -> list[Spoken]:
    """What is to be heard, in an order by lot that is always the same."""
    spoken = spoken_or_prompts(plan, UTTERANCES)
    # Digits are written in many ways, so that words could not be compared one by one.
    plain = [each for each in spoken if not any(map(str.isdigit, each.text))]
    return [plain[at] for at in np.random.default_rng(1).permutation(len(plain))]


def _noisy(recording: Spoken, snr_db: float | None, seed: int) -> Spoken:
    if snr_db is None:
        return recording
    level = np.sqrt(np.mean(recording.samples**2)) * 10 ** (-snr_db / 20)
    return Spoken(recording.samples + np.float32(level) * pink(len(recording.samples), seed), recording.text)


def _heard(ours: Ours, recording: Spoken) -> list[Heard]:
    with tempfile.NamedTemporaryFile(suffix=".wav") as file:
        soundfile.write(file.name, recording.samples, TELEPHONE_RATE_HZ, "PCM_16")
        transcript = ours.transcribe(Path(file.name))
    return judged(recording.text, (word for utterance in transcript.utterances for word in utterance.words))


def _heard_by_ctc(plan: Plan) -> dict[str, list[Heard]]:
    spoken = segments(plan)
    model = CtcModel(plan.model)
    emissions = [model.emit(each) for each in plan.track(spoken, "CTC")]
    decoders = {name: CtcDecoder(LABELS, DecodeOptions(), lm) for name, lm in CTC_CONDITIONS.items()}
    return {
        name: [
            word
            for each, heard in zip(spoken, emissions, strict=True)
            for word in judged(each.text, decoder.decode(heard).words)
        ]
        for name, decoder in decoders.items()
    }


def _binned(words: Sequence[Heard]) -> Iterator[tuple[float, list[Heard]]]:
    """The words of each bin of equal width, with its lower edge."""
    for number in range(BINS):
        yield number / BINS, [word for word in words if min(int(word.confidence * BINS), BINS - 1) == number]


def _rows(condition: str, words: Sequence[Heard]) -> Iterator[Row]:
    for edge, each in _binned(words):
        if each:
            yield _row(condition, f"{edge:.1f} to {edge + 1 / BINS:.1f}", each)
    if words:
        yield _row(condition, "all", words)


def _row(condition: str, confidence: str, words: Sequence[Heard]) -> Row:
    shares = {"mean": round(_mean_confidence(words), 3), "right": round(_share_right(words), 3)}
    return {"condition": condition, "confidence": confidence, "words": len(words), **shares}


def _mean_confidence(words: Sequence[Heard]) -> float:
    return sum(word.confidence for word in words) / len(words)


def _share_right(words: Sequence[Heard]) -> float:
    return sum(word.is_right for word in words) / len(words)


def _figure(error: float) -> Figure:
    return Figure((error,), higher_is_better=False)


def _draw(words: dict[str, list[Heard]]) -> None:
    """A reliability diagram for each condition; bars are as dark as they have words."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg  # noqa: PLC0415  # slow to import
    from matplotlib.figure import Figure as Sheet  # noqa: PLC0415

    sheet = Sheet(figsize=(3.2 * len(words), 3.4), layout="constrained")
    FigureCanvasAgg(sheet)
    panels: Any = sheet.subplots(1, len(words), sharey=True)
    for axes, (condition, each) in zip(panels, words.items(), strict=True):
        axes.plot([0, 1], [0, 1], color="black", linewidth=0.8, linestyle="--")
        for edge, held in _binned(each):
            if held:
                weight = 0.15 + 0.85 * len(held) / len(each)
                axes.bar(edge, _share_right(held), 1 / BINS, align="edge", color="#0072b2", alpha=weight)
                axes.plot(_mean_confidence(held), _share_right(held), "o", color="#d55e00", markersize=4)
        axes.set_title(f"{condition}: {calibration_error(each):.3f}", fontsize=10)
        axes.set_xlabel("confidence")
        axes.set_xlim(0, 1)
        axes.set_ylim(0, 1)
    panels[0].set_ylabel("share of right words")
    sheet.savefig(PICTURE, dpi=110)

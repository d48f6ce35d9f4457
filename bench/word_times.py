"""Word times of the model beside those of forced alignment with another acoustic model, CMU Sphinx's.

Each utterance is transcribed, and what was heard is aligned with its sound by pocketsphinx, which is told the words and
finds the frames. Words that its dictionary does not know are left out with their utterance.
"""

import importlib
import re
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import numpy as np
import soundfile
import soxr

from bench.harness import Figure, Findings, Plan, Unavailable, installed
from bench.recognisers import Ours
from bench.report import Report, Row
from bench.speech import TELEPHONE_RATE_HZ, Samples, Spoken, utterances
from workers.evaluate import normalise

COLUMNS: Final = {
    "edge": "edge",
    "words": "words",
    "bias_s": "median difference, s",
    "median_s": "median distance, s",
    "p90_s": "90th percentile, s",
    "near": "within 0.2 s",
}
UTTERANCES: Final = 60
NEAR_S: Final = 0.2
_RATE_HZ = 16_000
_FRAME_S = 0.01
_VARIANT = re.compile(r"\(\d+\)$")
Times = tuple[str, float, float]


def run(plan: Plan) -> Findings:
    """Distances of the starts and of the ends of words."""
    installed("pocketsphinx", "pip install pocketsphinx")
    spoken = utterances(plan, 12 if plan.quick else UTTERANCES)
    aligner, ours = _aligner(), Ours(plan.model)
    pairs = [pair for each in plan.track(spoken, "utterances") for pair in _pairs(ours, aligner, each)]
    if not pairs:
        raise Unavailable("no utterance could be aligned")
    differences = {
        "start": np.array([mine[1] - other[1] for mine, other in pairs]),
        "end": np.array([mine[2] - other[2] for mine, other in pairs]),
    }
    rows: list[Row] = [
        {
            "edge": edge,
            "words": len(found),
            "bias_s": round(float(np.median(found)), 3),
            "median_s": round(float(np.median(np.abs(found))), 3),
            "p90_s": round(float(np.percentile(np.abs(found), 90)), 3),
            "near": round(float((np.abs(found) <= NEAR_S).mean()), 3),
        }
        for edge, found in differences.items()
    ]
    figures = {f"{row['edge']}s_within_{NEAR_S}_s": Figure((float(row["near"]),)) for row in rows}
    note = f"{len(spoken)} utterances; {plan.model}, int8; pocketsphinx's model of English is one of wide band."
    return Findings(figures, [Report("Word times beside forced alignment", COLUMNS, rows, (note,), ("pocketsphinx",))])


def _pairs(ours: Ours, aligner: Any, recording: Spoken) -> Iterator[tuple[Times, Times]]:
    """Each word with its times by the model and by the aligner; nothing, where these can't be had."""
    heard = _heard(ours, recording)
    aligned = _aligned(aligner, [word for word, _, _ in heard], recording.samples) if heard else []
    if len(aligned) == len(heard):
        yield from zip(heard, aligned, strict=True)


def _heard(ours: Ours, recording: Spoken) -> list[Times]:
    with tempfile.NamedTemporaryFile(suffix=".wav") as file:
        soundfile.write(file.name, recording.samples, TELEPHONE_RATE_HZ, "PCM_16")
        transcript = ours.transcribe(Path(file.name))
    words = [word for utterance in transcript.utterances for word in utterance.words]
    found = [(normalise(word.text), word.start_s, word.end_s) for word in words]
    # "It's" is two words once it is normalised, whose times nobody has told.
    return found if all(text and " " not in text for text, _, _ in found) else []


def _aligner() -> Any:
    library = importlib.import_module("pocketsphinx")
    return library.Decoder(lm=None, samprate=_RATE_HZ, loglevel="FATAL")


def _aligned(aligner: Any, words: list[str], samples: Samples) -> list[Times]:
    """The words with their times; none, where the dictionary lacks one of them."""
    if any(aligner.lookup_word(word) is None for word in words):
        return []
    wide = soxr.resample(samples, TELEPHONE_RATE_HZ, _RATE_HZ)
    aligner.set_align_text(" ".join(words))
    aligner.start_utt()
    aligner.process_raw((np.clip(wide, -1, 1) * 32767).astype(np.int16).tobytes(), full_utt=True)
    aligner.end_utt()
    segments = [each for each in aligner.seg() or [] if not each.word.startswith(("<", "["))]
    return [
        (_VARIANT.sub("", each.word), each.start_frame * _FRAME_S, (each.end_frame + 1) * _FRAME_S) for each in segments
    ]

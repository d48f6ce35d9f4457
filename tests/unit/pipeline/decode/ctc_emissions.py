"""Emissions whose answer is known: what a CTC model would say, spelled out label by label."""

from collections.abc import Sequence

import numpy as np

from pipeline.decode import CtcLabels
from pipeline.spec import CtcVocabulary
from pipeline.values import CtcEmissions, Span

FRAME_S = 0.02
START_S = 1.0

# Index, text and order as in wav2vec 2.0 and in SentencePiece models, blank first and last.
CHARACTERS = CtcLabels.of(
    CtcVocabulary(
        ("<pad>", "<s>", "</s>", "<unk>", "|", *"ABCDEFGHIJKLMNOPQRSTUVWXYZ'"), 0, frozenset({0, 1, 2, 3}), "|"
    ),
)
PIECES = CtcLabels.of(
    CtcVocabulary(
        ("<unk>", "▁", "▁he", "ll", "o", "l", "▁wor", "ld", "▁book", "ke", "ep", "er", "e", "▁a", "x", "<blank>"),
        15,
        frozenset({0, 15}),
        "▁",
    ),
)


def path_of(labels: CtcLabels, spelled: Sequence[str], frames_each: int = 2) -> list[int]:
    """Labels frame by frame: each of `spelled` for some frames, "" for a blank, with a blank between equal ones."""
    path: list[int] = []
    for text in spelled:
        index = labels.texts.index(text) if text else labels.blank
        if path and path[-1] == index:
            path.append(labels.blank)
        path += [index] * frames_each
    return path


def emissions_of(labels: CtcLabels, path: Sequence[int], probability: float | Sequence[float] = 0.9) -> CtcEmissions:
    """Log-probabilities that give each label of `path` its probability, and the others equal parts of the rest."""
    size = len(labels.texts)
    sure = np.broadcast_to(np.asarray(probability, np.float64), (len(path),))
    probs = np.repeat((1 - sure)[:, None] / (size - 1), size, axis=1)
    probs[np.arange(len(path)), path] = sure
    span = Span(0, START_S, START_S + FRAME_S * len(path))
    return CtcEmissions(span, np.log(probs).astype(np.float16), FRAME_S)

"""The tagger as it is trained: vectors of words and pieces, and a recurrent network over words and pauses."""

import torch
from torch import Tensor, nn

from pipeline.format.punctuation.features import BUCKETS, NOTHING

LABELS = 12
WIDTH = 128
LARGE = (256, 256)
"""Units of the two layers, in each direction, of the network that learns from text."""
SMALL = (160, 128)
"""Of the one that learns from the large one, and ships."""


class Network(nn.Module):
    """From vectors of words and indices of pauses to a score for each label."""

    def __init__(self, units: tuple[int, int], *, between: float = 0.0, after: float = 0.0) -> None:
        """`between` and `after` the layers, shares of their units that are left out in training."""
        super().__init__()
        self.pauses = nn.Embedding(NOTHING + 1, WIDTH)
        self.first = nn.LSTM(WIDTH, units[0], bidirectional=True, batch_first=True)
        self.second = nn.LSTM(2 * units[0], units[1], bidirectional=True, batch_first=True)
        self.leave = nn.Linear(2 * units[1], LABELS)
        self.between, self.after = nn.Dropout(between), nn.Dropout(after)

    def forward(self, vectors: Tensor, pauses: Tensor) -> Tensor:
        """Scores (windows, words, LABELS) of vectors (windows, words, WIDTH) and pauses (windows, words)."""
        scores: Tensor = self.leave(self.after(self.read(vectors, pauses)[1]))
        return scores

    def read(self, vectors: Tensor, pauses: Tensor) -> tuple[Tensor, Tensor]:
        """What the units of both layers say of each word."""
        first, _ = self.first(vectors + self.pauses(pauses))
        second, _ = self.second(self.between(first))
        return first, second


class Vectors(nn.Module):
    """Vectors of words: a row for each known word plus the mean of the rows of its pieces."""

    def __init__(self, known: int, piece_rows: Tensor) -> None:
        super().__init__()
        self.words = nn.Embedding(known, WIDTH, padding_idx=0)
        self.pieces = nn.Embedding(BUCKETS, WIDTH)
        nn.init.normal_(self.words.weight, std=0.3)
        nn.init.normal_(self.pieces.weight, std=0.3)
        self._piece_rows = piece_rows
        self.drop = nn.Dropout(0.2)
        with torch.no_grad():
            self.words.weight[0] = 0

    def begin_with(self, vectors: Tensor) -> None:
        """Take `vectors` (known words but the first, WIDTH) of unit mean square as those of the known words."""
        with torch.no_grad():
            self.words.weight[1:] = vectors / 2

    def forward(self, types: Tensor, known: Tensor) -> Tensor:
        """Vectors of types (windows, words), whose rows among known words are `known` (0: none)."""
        rows = self._piece_rows[types]
        flat = nn.functional.embedding_bag(rows.view(-1, rows.shape[-1]), self.pieces.weight, mode="mean")
        out: Tensor = self.drop(self.words(known) + flat.view(*types.shape, -1))
        return out

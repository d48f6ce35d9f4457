"""The network between Whisper's encoder and letters."""

from collections.abc import Sequence
from itertools import groupby

import torch
from torch import Tensor, nn
from torch.nn import functional

LABELS = ("", " ", *"abcdefghijklmnopqrstuvwxyz'")
"""What each output writes; the first is CTC's blank."""

_WIDTH = 256
_HIDDEN = 768
_BLOCKS = 5
_KERNEL = 7


class Head(nn.Module):
    """Log-probabilities of `LABELS` (batch, frames, labels) from encodings (batch, frames, width).

    ConvNeXt blocks (Liu et al. 2022) along time, over frames two by two. The encoder has heard the whole window
    already, so that no more than the neighbourhood of a frame is left to tell which letter stands where.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.entry = nn.Linear(2 * width, _WIDTH)
        self.blocks = nn.ModuleList(_Block() for _ in range(_BLOCKS))
        self.exit = nn.Sequential(nn.LayerNorm(_WIDTH), nn.Dropout(0.1), nn.Linear(_WIDTH, 2 * len(LABELS)))

    def forward(self, frames: Tensor) -> Tensor:
        """See the class."""
        batch, count, _ = frames.shape
        even = functional.pad(self.norm(frames), (0, 0, 0, count % 2))
        hidden = self.entry(even.reshape(batch, -1, self.entry.in_features))
        for block in self.blocks:
            hidden = block(hidden)
        scores = self.exit(hidden).reshape(batch, -1, len(LABELS))
        return torch.log_softmax(scores[:, :count], -1)


class _Block(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.near = nn.Conv1d(_WIDTH, _WIDTH, _KERNEL, padding="same", groups=_WIDTH)
        self.norm = nn.LayerNorm(_WIDTH)
        # GELU would take as long on a CPU as the rest of the block.
        self.mix = nn.Sequential(nn.Linear(_WIDTH, _HIDDEN), nn.ReLU(), nn.Dropout(0.1), nn.Linear(_HIDDEN, _WIDTH))

    def forward(self, hidden: Tensor) -> Tensor:
        near: Tensor = self.near(hidden.transpose(1, 2)).transpose(1, 2)
        mixed: Tensor = self.mix(self.norm(near))
        return hidden + mixed


def labels_of(text: str) -> list[int]:
    """The labels that write `text`, which is of small letters."""
    return [LABELS.index(character) for character in text]


def text_of(path: Sequence[int]) -> str:
    """What the best label of each frame writes: repeated ones once, blanks nothing."""
    return "".join(LABELS[label] for label, _ in groupby(path)).strip()

"""What turns a checked file into samples: one protocol, one implementation for each library that decodes."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Format:
    """What a decoder gives: `codec` by FFmpeg's name; `frames` is how long it will be, 0 when only decoding tells.

    `container` is the value of a `Container`.
    """

    codec: str
    sample_rate_hz: int
    channels: int
    frames: int = 0
    container: str = ""


class Decoder(Protocol):
    """An opened recording."""

    @property
    def format(self) -> Format:
        """Known at once."""

    @property
    def warnings(self) -> tuple[str, ...]:
        """Stable tokens, complete when `blocks` has ended."""

    def blocks(self) -> Iterator[NDArray[np.float32]]:
        """Decode, once: arrays (frames, channels), full scale 1.0; raises InputError where it can't go on."""

"""Ways to break a file: each takes bytes and a generator of random numbers, and gives other bytes."""

from collections.abc import Callable, Sequence
from typing import Final

import numpy as np

HEAD_BYTES: Final = 256
"""Where most of a header lies."""
_EXTREMES: Final = (0, 1, 0x7F, 0x80, 0xFF, 0x7FFF, 0x8000, 0xFFFF, 0x7FFF_FFFF, 0x8000_0000, 0xFFFF_FFFF)

Mutation = Callable[[bytes, np.random.Generator], bytes]


def scatter(content: bytes, random: np.random.Generator) -> bytes:
    """Up to 16 bytes anywhere are others."""
    return _overwritten(content, random, len(content))


def scatter_in_head(content: bytes, random: np.random.Generator) -> bytes:
    """Up to 16 bytes of the header are others."""
    return _overwritten(content, random, min(HEAD_BYTES, len(content)))


def extreme_number(content: bytes, random: np.random.Generator) -> bytes:
    """A field of 1, 2, 4 or 8 bytes in the header holds the least, the greatest, or one beside them."""
    size = int(random.choice([1, 2, 4, 8]))
    start = int(random.integers(0, max(1, min(HEAD_BYTES, len(content)) - size)))
    order = "little" if random.integers(2) else "big"
    number = int(random.choice(_EXTREMES)) & (1 << 8 * size) - 1
    return content[:start] + number.to_bytes(size, order) + content[start + size :]  # type: ignore[arg-type]


def cut(content: bytes, random: np.random.Generator) -> bytes:
    """It ends early."""
    return content[: int(random.integers(0, len(content)))]


def remove(content: bytes, random: np.random.Generator) -> bytes:
    """Something in the middle is missing."""
    first, last = _stretch(content, random)
    return content[:first] + content[last:]


def repeat(content: bytes, random: np.random.Generator) -> bytes:
    """Something comes twice."""
    first, last = _stretch(content, random)
    return content[:last] + content[first:]


def insert_noise(content: bytes, random: np.random.Generator) -> bytes:
    """Random bytes stand in the middle."""
    at = int(random.integers(0, len(content)))
    return content[:at] + random.integers(0, 256, int(random.integers(1, 2000)), np.uint8).tobytes() + content[at:]


def blank(content: bytes, random: np.random.Generator) -> bytes:
    """A stretch holds nothing but one byte."""
    first, last = _stretch(content, random)
    return content[:first] + bytes([int(random.choice([0, 255]))]) * (last - first) + content[last:]


MUTATIONS: Final[Sequence[Mutation]] = (
    *(scatter, scatter_in_head, scatter_in_head, extreme_number, extreme_number),
    *(cut, remove, repeat, insert_noise, blank),
)
"""Headers are what lies; they have a double share."""


def mutate(content: bytes, random: np.random.Generator) -> bytes:
    """One or two of MUTATIONS."""
    for _ in range(int(random.integers(1, 3))):
        content = MUTATIONS[int(random.integers(len(MUTATIONS)))](content, random) or b"\0"
    return content


def _overwritten(content: bytes, random: np.random.Generator, end: int) -> bytes:
    changed = np.frombuffer(content, np.uint8).copy()
    count = int(random.integers(1, 17))
    changed[random.integers(0, end, count)] = random.integers(0, 256, count)
    return changed.tobytes()


def _stretch(content: bytes, random: np.random.Generator) -> tuple[int, int]:
    first = int(random.integers(0, len(content)))
    return first, min(len(content), first + int(random.integers(1, 5000)))

"""What the tagger sees of a word and of the pause after it; its training reads the same."""

import re
from bisect import bisect_right
from zlib import crc32

BUCKETS = 8_192
"""Rows of the table of pieces; pieces of one hash share a row."""
PIECES = 9
"""Pieces of each word, so that a word that was never seen is known by its parts."""
UNKNOWN_PAUSE = 0
"""Index of a gap of which nothing is known."""
TURN_END = 11
"""Index of the gap after the last word of a turn."""
NOTHING = 12
"""Index where there is no word: what fills a window up."""

PAUSE_EDGES_S = (0.02, 0.06, 0.12, 0.2, 0.3, 0.45, 0.7, 1.0, 2.0)
"""Between the classes of pauses."""

_DIGIT = re.compile(r"\d")


def folded(word: str) -> str:
    """`word` as the tables know it: in lower case, every digit as a zero, since only their number tells anything."""
    return _DIGIT.sub("0", word.lower())


def pieces(word: str) -> list[int]:
    """Rows of the pieces of a folded word: itself, its beginnings and its ends; always `PIECES` of them."""
    starts = [f"<{word[:length]}" for length in (2, 3, 4)]
    ends = [f"{word[-length:]}>" for length in (1, 2, 3, 4)]
    size = f"#{min(len(word), 12)}{'0' in word}"
    return [crc32(piece.encode()) % BUCKETS for piece in (f"<{word}>", size, *starts, *ends)]


def pause_index(pause_s: float) -> int:
    """The index, 1 to 10, of a pause of `pause_s` seconds."""
    return 1 + bisect_right(PAUSE_EDGES_S, pause_s)

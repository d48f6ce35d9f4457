"""Marks in written text, and where sentences end: shared by the steps and renderers that cut text."""

_SENTENCE_ENDS = (
    ".",
    "?",
    "!",
    "\N{HORIZONTAL ELLIPSIS}",
    "\N{IDEOGRAPHIC FULL STOP}",
    "\N{FULLWIDTH QUESTION MARK}",
    "\N{FULLWIDTH EXCLAMATION MARK}",
)
_CLOSING = "\"')]}\N{RIGHT DOUBLE QUOTATION MARK}\N{RIGHT SINGLE QUOTATION MARK}\N{RIGHT CORNER BRACKET}"
MARKS = ",.?!;:\"'()[]-\N{EN DASH}\N{EM DASH}\N{HORIZONTAL ELLIPSIS}" + _CLOSING
"""What may stand before or after a word and is no part of it."""
_TITLES = frozenset({"mr.", "mrs.", "ms.", "dr.", "prof.", "st.", "vs."})


def ends_sentence(word: str) -> bool:
    """Whether `word`, with its punctuation, ends a sentence; `Mr.` and its like don't."""
    # Most words end with a letter, and this is asked of every word several times.
    if word[-1:].isalnum():
        return False
    return word.rstrip(_CLOSING).endswith(_SENTENCE_ENDS) and word.casefold() not in _TITLES


def bare(text: str) -> str:
    """A word without the marks before and after it."""
    return text.strip(MARKS)

"""Runs of digits in a conversation, spoken or written, also where fillers or the other speaker break them."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from pipeline.format.numbers.dates import YEAR
from pipeline.format.numbers.lexicon import CARDINAL, VALUES, digits_of, encoded
from pipeline.format.numbers.lexicon import words as listed

HESITATIONS = frozenset(listed("uh um er erm ah eh hm hmm mm mhm mm-hm mm-hmm uh-huh huh"))
FILLERS = (
    HESITATIONS
    | frozenset(
        listed(
            "okay ok yes yeah yep yup right so and then next "
            "dash hyphen space slash dot period comma sorry no wait i mean actually again let let's me see start over "
            "hang hold on bear with go ahead got it all alright that's is like sure correction correct oops whoops "
            "wrong scratch strike that was one's just a second sec moment thank thanks you please good great perfect "
            "follow followed by for to"
        )
    )
    | {""}
)
"""Words that may stand between the digits of one number: hesitation, what people say who start over or who listen, what
sounds like a digit (`for`, `to`), and marks that stand alone."""
MOST_FILLERS = 8
_MOST_OF_OTHERS = 6
"""As many other words of the other speaker interrupt a number; after more of them another one is said."""
_QUESTIONS = frozenset(
    listed(
        "what what's when how which your amount number do can zip expiration expiry birth phone address email cvv total"
    )
)
"""What the other speaker asks with; the answer is another number."""
_COUNTED = frozenset(
    listed("moment second sec minute minutes more of for time times thing things dollars percent people")
)
"""After a digit that counts these, and belongs to no number: `one moment`."""
_PUNCTUATION = ",.?!;:\"'()-\u2013\u2014\u2026"
_WRITTEN_DIGITS = re.compile(r"\+?\d[\d\s().,\u2013-]*")
_QUANTITY = re.compile(r"\d{1,3}(?:,\d{3})+(?:\.\d+)?")
_DECIMAL = re.compile(r"\d+\.\d{1,2}")
_SECRET_QUANTITY_DIGITS = 9
"""Fewer digits with commas between thousands are no number of a card or a person that was taken for a quantity."""
_MULTIPLIERS: Mapping[str, int] = MappingProxyType({"double": 2, "triple": 3})
_SCALES = frozenset({"hundred", "thousand"})
_AMOUNT = re.compile(encoded(CARDINAL))
_YEARS = re.compile(encoded(rf"(?:{YEAR}|(?:1[89]|20)\d\d)(?: (?:to|and|or) (?:{YEAR}|(?:1[89]|20)\d\d))*"))
"""From one year to another, said or written."""


@dataclass(frozen=True, slots=True)
class Said:
    """A word of the conversation: on which channel, and its text, spoken or written."""

    channel: int
    text: str

    @property
    def plain(self) -> str:
        """The text in lower case without punctuation around it."""
        return self.text.strip(_PUNCTUATION).lower()


@dataclass(frozen=True, slots=True)
class DigitRun:
    """Digits that one speaker said in a row, and the indices of the words that hold them or stand between them."""

    digits: str
    indices: tuple[int, ...]
    is_quantity: bool = False
    """Whether they are written with commas between thousands, and nothing else."""


def digit_runs(words: Sequence[Said]) -> list[DigitRun]:
    """The runs of each channel in order of their first word; `words` are in order of the conversation."""
    channels = dict.fromkeys(word.channel for word in words)
    runs = [run for channel in channels for run in _runs_of(words, channel)]
    return sorted(runs, key=lambda run: run.indices[0])


def digits_in(words: Sequence[Said]) -> str:
    """The digits of what was said in a row, without the words between them."""
    digits = ""
    spoken: list[str] = []
    for word in words:
        if _WRITTEN_DIGITS.fullmatch(word.plain):
            repeats = _MULTIPLIERS.get(spoken.pop(), 1) if spoken[-1:] and spoken[-1] in _MULTIPLIERS else 1
            digits += digits_of(encoded(" ".join(spoken))) + re.sub(r"\D", "", word.plain) * repeats
            spoken = []
        elif word.plain not in FILLERS:
            spoken += word.plain.split("-")
    return digits + digits_of(encoded(" ".join(spoken)))


def _runs_of(words: Sequence[Said], channel: int) -> Iterator[DigitRun]:
    held: list[int] = []
    skipped: list[int] = []
    others = 0
    for index, word in enumerate(words):
        # A digit that others go before without a break is one of them, whatever comes after it.
        is_counted = not (held and not skipped) and _counts(words, index)
        is_digits = _holds_digits(word.plain, is_inside=bool(held)) and not is_counted
        if word.channel != channel:
            asks = word.plain in _QUESTIONS
            others += _MOST_OF_OTHERS + 1 if asks else not is_digits and word.plain not in FILLERS
        elif is_digits and others <= _MOST_OF_OTHERS:
            held += [*skipped, index]
            skipped, others = [], 0
        elif is_digits:
            yield from _run(words, held)
            held, skipped, others = [index], [], 0
        elif held and (word.plain in FILLERS or is_counted) and len(skipped) < MOST_FILLERS:
            skipped.append(index)
        else:
            yield from _run(words, held)
            held, skipped, others = [], [], 0
    yield from _run(words, held)


def _counts(words: Sequence[Said], index: int) -> bool:
    """Whether the next word of the same speaker says what is counted."""
    following = _following(words, index)
    counts = following is not None and following.plain in _COUNTED
    return counts and _holds_digits(words[index].plain, is_inside=True)


def _following(words: Sequence[Said], index: int) -> Said | None:
    """The next word, if the same speaker says it and no mark parts it from the one at `index`."""
    word, following = words[index], words[index + 1] if index + 1 < len(words) else None
    is_parted = following is None or following.channel != word.channel or word.text[-1:] in _PUNCTUATION
    return None if is_parted else following


def _holds_digits(plain: str, *, is_inside: bool) -> bool:
    if _DECIMAL.fullmatch(plain):
        return False
    if _QUANTITY.fullmatch(plain):
        return sum(map(str.isdigit, plain)) >= _SECRET_QUANTITY_DIGITS
    starts = plain in _MULTIPLIERS or _WRITTEN_DIGITS.fullmatch(plain) is not None
    spoken = all(part in VALUES for part in plain.split("-"))
    return starts or spoken or (is_inside and plain in _SCALES)


def _run(words: Sequence[Said], held: Sequence[int]) -> Iterator[DigitRun]:
    digits = digits_in([words[index] for index in held])
    said = encoded(" ".join(words[index].plain for index in held))
    if digits and not all(map(_is_amount, said.split(" to "))) and not _YEARS.fullmatch(said):
        yield DigitRun(digits, tuple(held), len(held) == 1 and _is_quantity(words, held[0]))


def _is_amount(said: str) -> bool:
    return not _SCALES.isdisjoint(said.split()) and _AMOUNT.fullmatch(said) is not None


def _is_quantity(words: Sequence[Said], index: int) -> bool:
    """Whether digits with commas count what follows them; people are counted in round numbers else."""
    word, following = words[index], _following(words, index)
    counts = following is not None and following.plain not in FILLERS
    return _QUANTITY.fullmatch(word.plain) is not None and (counts or word.plain.endswith("000"))

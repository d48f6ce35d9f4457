"""Calls in which card and social security numbers are said, with other numbers beside them, drawn by a seed.

Made from how people read numbers aloud, not from the rules that find them: single digits, pairs, `double five`, `oh`,
groups with fillers between, starts over, the other speaker who interrupts, repeats or is asked in several ways.
"""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

_DIGITS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
_TEENS = ("ten", "eleven", "twelve", "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen")
_TENS = ("", "", "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety")
_PAUSES = ("", "", "", "", "uh", "um", "and then", "okay", "er", "let's see", "hang on", "dash", "bear with me")
_ASIDES = ("mhm", "mm-hm", "okay", "go ahead", "got it", "yes", "uh huh", "all right", "one second okay", "thank you")
_RESTARTS = ("sorry", "no wait", "i mean", "sorry let me start again", "actually", "correction", "scratch that", "oops")
_ASKS = {
    "card": (
        "can i have your card number",
        "and the number on the card",
        "what card would you like to use",
        "go ahead",
    ),
    "ssn": ("what is your social", "can you verify your social security number", "and your ssn please"),
}
_LEADS = ("sure it's", "yes it is", "okay so", "it is", "one moment okay", "that would be", "")
_DECOYS = (
    ("what is your order number", "it's {digits:8}"),
    ("do you have the confirmation number", "yeah {digits:9}"),
    ("and the tracking number", "that is {digits:12}"),
    ("what is the best phone number", "{digits:10}"),
    ("and your zip code", "{digits:5}"),
    ("how much did you pay", "two hundred and forty dollars and sixteen cents"),
    ("when did you move there", "in nineteen ninety eight i think"),
    ("how many people are there", "four of us and two dogs"),
    ("what is the case number", "case {digits:9}"),
    ("and the part number", "part number {digits:9}"),
    ("what is the amount", "one thousand two hundred and fifty dollars"),
    ("what is the reference", "it says {digits:7}"),
    ("is that one account or two", "one for me one for my wife"),
    ("when are you open", "from nine a m to five thirty p m on weekdays"),
)


@dataclass(frozen=True, slots=True)
class Planted:
    """A number that is to be found: its kind, and the indices of the words that hold its digits."""

    entity: str
    indices: frozenset[int]


@dataclass(slots=True)
class Call:
    """Words in the order in which they are said, each with its channel, and what was planted among them."""

    words: list[tuple[int, str]] = field(default_factory=list)
    planted: list[Planted] = field(default_factory=list)

    def say(self, channel: int, text: str) -> list[int]:
        """Add what somebody says; the indices of its words."""
        first = len(self.words)
        self.words += [(channel, word) for word in text.split()]
        return list(range(first, len(self.words)))


def calls(seed: int, count: int) -> Iterator[Call]:
    """`count` calls; each has one card or social security number, and some other numbers."""
    chance = random.Random(seed)
    for _ in range(count):
        call = Call()
        decoys = chance.sample(_DECOYS, chance.randint(1, 3))
        for ask, answer in decoys[1:]:
            _small_talk(call, ask, answer, chance)
        _plant(call, chance.choice(("card", "ssn")), chance)
        _small_talk(call, *decoys[0], chance)
        yield call


def luhn_complete(body: str) -> str:
    """`body` with its check digit, as on payment cards."""
    total = 0
    for place, digit in enumerate(reversed(body)):
        value = int(digit) * (2 if place % 2 == 0 else 1)
        total += value if value < 10 else value - 9
    return f"{body}{-total % 10}"


def _plant(call: Call, entity: str, chance: random.Random) -> None:
    call.say(0, chance.choice(_ASKS[entity]))
    call.say(1, chance.choice(_LEADS))
    if entity == "card":
        length = chance.choice((15, 16, 16, 16))
        start = "37" if length == 15 else chance.choice(("4", "52", "55", "6011"))
        rest = "".join(chance.choice("0123456789") for _ in range(length - 1 - len(start)))
        number = luhn_complete(start + rest)
        groups = _cut(number, (4, 6, 5) if length == 15 else (4, 4, 4, 4))
    else:
        number = f"{chance.randint(1, 899):03}{chance.randint(1, 99):02}{chance.randint(1, 9999):04}"
        groups = _cut(number, (3, 2, 4))
    held: list[int] = []
    style = chance.choice(("", "", "", "", "written", "digit by digit", "in hundreds"))
    for place, group in enumerate(groups):
        if place and chance.random() < 0.08:
            held += call.say(1, aloud(group[: chance.randint(1, len(group))], chance))
            call.say(1, chance.choice(_RESTARTS))
        held += call.say(1, in_style(group, style, chance))
        if place < len(groups) - 1:
            call.say(1, chance.choice(_PAUSES))
            _interrupt(call, chance)
    call.planted.append(Planted(entity, frozenset(held)))
    if chance.random() < 0.3:
        call.say(0, "so that is")
        back = [index for group in groups for index in call.say(0, aloud(group, chance))]
        call.planted.append(Planted(entity, frozenset(back)))
    call.say(chance.choice((0, 1)), chance.choice(("thank you", "perfect", "great let me check", "okay")))


def _interrupt(call: Call, chance: random.Random) -> None:
    if chance.random() < 0.35:
        call.say(0, chance.choice(_ASIDES))


def _small_talk(call: Call, ask: str, answer: str, chance: random.Random) -> None:
    call.say(0, ask)
    head, _, rest = answer.partition("{digits:")
    if rest:
        count, _, tail = rest.partition("}")
        number = "".join(chance.choice("0123456789") for _ in range(int(count)))
        answer = f"{head} {' '.join(aloud(each, chance) for each in _cut(number, (3,) * 5))} {tail}"
    call.say(1, answer)
    call.say(0, chance.choice(("thank you", "okay one moment", "great")))


def _cut(number: str, sizes: Sequence[int]) -> list[str]:
    parts, start = [], 0
    for size in sizes:
        parts.append(number[start : start + size])
        start += size
    return [part for part in parts if part]


def in_style(digits: str, style: str, chance: random.Random) -> str:
    """`digits` as somebody reads them, or as models that write numbers themselves write them."""
    match style:
        case "written":
            return digits + chance.choice(("", "", ",", "."))
        case "digit by digit":
            return chance.choice(("-", " ", ", ")).join(digits)
        case "in hundreds" if digits[0] != "0" and digits[-2] != "0" and len(digits) == 3:
            tail = _TEENS[int(digits[2])] if digits[1] == "1" else f"{_TENS[int(digits[1])]} {_tail(digits[2])}"
            return f"{_DIGITS[int(digits[0])]} hundred {chance.choice(('', 'and '))}{tail}"
        case _:
            return aloud(digits, chance)


def aloud(digits: str, chance: random.Random) -> str:
    """`digits` as somebody reads them."""
    said: list[str] = []
    at = 0
    style = chance.choice(("single", "single", "pairs", "double"))
    while at < len(digits):
        pair = digits[at : at + 2]
        if style == "double" and len(pair) == 2 and pair[0] == pair[1]:
            said.append(f"double {_single(pair[0], chance)}")
            at += 2
        elif style == "pairs" and len(pair) == 2 and pair[0] != "0" and chance.random() < 0.8:
            said.append(_TEENS[int(pair[1])] if pair[0] == "1" else f"{_TENS[int(pair[0])]} {_tail(pair[1])}".strip())
            at += 2
        else:
            said.append(_single(digits[at], chance))
            at += 1
        if chance.random() < 0.03:
            said.append(chance.choice(("uh", "um")))
    return " ".join(said)


def _tail(digit: str) -> str:
    return "" if digit == "0" else _DIGITS[int(digit)]


def _single(digit: str, chance: random.Random) -> str:
    return "oh" if digit == "0" and chance.random() < 0.5 else _DIGITS[int(digit)]

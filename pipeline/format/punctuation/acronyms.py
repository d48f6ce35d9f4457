"""Acronyms, which the tagger may think of as names: it has seen `FBI` less often than it takes to know it."""

import re
from collections.abc import Iterator, Sequence
from itertools import groupby

from pipeline.format.numbers.lexicon import words as listed

_ACRONYMS = frozenset(
    listed(
        "aarp adhd apr asap atm aws bbc bmw cdc ceo cfo cia cnn copd covid cpr cto cvc cvs cvv dmv dna dob dvd ecg "
        "eeg ekg eta faa fbi fcc fda fdic fema fico fyi gdp gps hbo hipaa hiv hmo html http hvac iban ibm icu ipo "
        "irs isp ivr llc mba mri nasa nasdaq nato nba nbc ncaa nfl nhl nhs nyc pdf ppo ptsd qr rsvp sms ssn suv "
        "tsa tv uk url usa usb usda usps uti vip vpn "
    )
)
"""None of them is a word with small letters too, as `pin`, `aids` and `led` are."""
_ACRONYM = re.compile(rf"({'|'.join(sorted(_ACRONYMS, key=len, reverse=True))})(s?)('s)?")
_BEFORE_PIN = frozenset(listed("your my his her their our new old digit account card security enter atm debit"))
_FEWEST_SPELLED = 3
_AFTER_PIN = frozenset(listed("number numbers code codes pad"))


def acronym(text: str) -> str | None:
    """`text`, a word in small letters, with the capitals of an acronym, of several or of what it has; else None."""
    found = _ACRONYM.fullmatch(text)
    return None if found is None else found[1].upper() + found[2] + (found[3] or "")


def spelled(words: Sequence[str]) -> Iterator[int]:
    """Where three letters or more are said one by one, as in `the u s a`; the `a` before as many is an article."""
    for is_letter, run in groupby(range(len(words)), key=lambda at: len(words[at]) == 1 and words[at].isalpha()):
        letters = list(run) if is_letter else []
        if len(letters) > _FEWEST_SPELLED and words[letters[0]] == "a":
            letters = letters[1:]
        if len(letters) >= _FEWEST_SPELLED:
            yield from letters


def pins(words: Sequence[str]) -> Iterator[int]:
    """Where among words in small letters a `pin` is a secret number and not made of metal."""
    for at, (before, word, after) in enumerate(zip(["", *words], words, [*words[1:], ""], strict=False)):
        if word == "pin" and (before in _BEFORE_PIN or after in _AFTER_PIN):
            yield at

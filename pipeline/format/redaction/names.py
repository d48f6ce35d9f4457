"""Names of people, as far as what is said before them gives them away; a name in passing is not found."""

import re
from collections.abc import Iterator, Sequence

from pipeline.format.numbers.lexicon import words as listed
from pipeline.format.redaction.runs import Said

_BEFORE = re.compile(
    r"(?:\bmy (?:(?:first|last|full|maiden) )?name(?:'s| is)|\b(?:his|her|their) (?:(?:first|last) )?name(?:'s| is)"
    r"|\b(?:first|last) name(?: is)?|\bthis is|\bspeaking (?:to|with)|\bname is|\bunder the name"
    r"|\b(?:mr|mrs|ms|miss|mister|doctor|dr))\.? $"
)
# Apostrophes and hyphens, and the stars of masked profanity, for some names look like it.
_NO_LETTERS = re.compile(r"['*-]")
_REACH = 5
_MOST_WORDS = 3
_NO_NAMES = frozenset(
    listed(
        "a an the my your his her our their it its it's i i'm you we they he she this that is are was were be been "
        "not no yes okay ok so and but or if of to in on at for from with about by as just really very good great "
        "fine what how when where why who which there here now today calling speaking please sorry thank thanks hi "
        "hello uh um spelled regarding because can could would will do does did have has had one all right going "
        "only like number and then "
    )
)


def names_in(words: Sequence[Said]) -> Iterator[tuple[int, ...]]:
    """The indices of the words of each name that is introduced, and of those words wherever else they are said.

    In words with capitals a name goes on as long as they do; in others it has up to two words, or the letters by which
    it is spelled.
    """
    known: set[str] = set()
    told: set[int] = set()
    held: list[int] = []
    has_case = any(word.text[:1].isupper() for word in words)
    for channel in dict.fromkeys(word.channel for word in words):
        said = [index for index, word in enumerate(words) if word.channel == channel]
        for at in range(len(said)):
            before = " ".join(words[index].plain for index in said[max(0, at - _REACH) : at]) + " "
            if _BEFORE.search(before):
                span = _name(words, said[at:], has_case=has_case)
                told.update(span)
                known.update(words[index].plain for index in span if len(words[index].plain) > 1)
    repeats = (at for at, word in enumerate(words) if has_case and word.plain in known and word.text[:1].isupper())
    for index in sorted({*told, *repeats}):
        if held and held[-1] + 1 == index and words[held[-1]].channel == words[index].channel:
            held.append(index)
            continue
        if held:
            yield tuple(held)
        held = [index]
    if held:
        yield tuple(held)


def _name(words: Sequence[Said], following: Sequence[int], *, has_case: bool) -> list[int]:
    held: list[int] = []
    spelled = False
    for index in following:
        word = words[index]
        is_letter = len(word.plain) == 1 and word.plain.isalpha() and (spelled or not held)
        is_name = word.plain not in _NO_NAMES and _NO_LETTERS.sub("", word.plain).isalpha()
        if not (is_letter or (is_name and (not has_case or word.text[:1].isupper()))):
            break
        if not is_letter and len(held) >= (_MOST_WORDS if has_case else _MOST_WORDS - 1):
            break
        spelled = is_letter
        held.append(index)
        if word.text[-1:] in ".?!" and len(word.plain) > 1:
            break
    return held

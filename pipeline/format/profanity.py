"""Profanity: strong language and slurs of English, masked but for their first letter.

By exact forms and never by parts of words, so that Scunthorpe and cockpits stay as they are; and not where the same
letters are something else: in a name, a plant, a saying.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace

from pipeline.format.numbers.lexicon import words as listed
from pipeline.format.replacing import REPLACED
from pipeline.values import Word
from pipeline.writing import bare, ends_sentence

FORMS = frozenset(
    listed(
        "arse arsehole arseholes arses ass asses asshole assholes bastard bastards bitch bitched bitches bitching "
        "bitchy blowjob blowjobs bollocks bullshit bullshitting clusterfuck cocksucker cocksuckers cocksucking "
        "cunt cunts dick dickhead dickheads dicks dipshit dipshits douchebag douchebags dumbass dumbasses faggot "
        "faggots fuck fucked fucker fuckers fuckin fucking fucks goddamn goddamned horseshit jackass jackasses "
        "jizz motherfucker motherfuckers motherfuckin motherfucking nigga niggas nigger niggers piss pissed pisses "
        "pissing pussies pussy retard retards shit shithead shitheads shithole shits shitted shittier shitting "
        "shitty slut sluts slutty smartass tits titties twat twats wank wanked wanker wankers wanking whore whores "
    )
)
"""What is masked, in lower case; also with an apostrophe and `s`, and as a part of a word with hyphens."""
ALLOWED = tuple(
    tuple(phrase.split())
    for phrase in (
        *("moby dick", "spotted dick", "dick smith", "dick clark", "dick cheney", "dick van dyke", "dick tracy"),
        *("dick's sporting", "philip k dick", "deadeye dick", "tom dick", "great tits", "blue tits", "coal tits"),
        *("pussy willow", "pussy willows", "pussy cat", "pussy cats", "pussy riot", "jackass penguin", "bastard sword"),
    )
)
"""Phrases whose words are not masked."""
_NAMES = frozenset({"dick"})
"""Forms that are names where they have a capital and no sentence starts."""
_LETTERS = re.compile(r"[^\W\d_]+(?:['\N{RIGHT SINGLE QUOTATION MARK}][^\W\d_]+)*")
_POSSESSIVE = re.compile(r"['\N{RIGHT SINGLE QUOTATION MARK}]s$")
_ADDRESS = re.compile(r"[@/]|\.\w")


def masked(words: Sequence[Word]) -> list[Word]:
    """`words` of one speaker as they are written, with `f***` in place of the forms; times stay."""
    cores = [bare(word.text).casefold() for word in words]
    excepted = {*_allowed(cores), *_names(words, cores)}
    return [word if at in excepted else _masked(word) for at, word in enumerate(words)]


def masked_text(text: str) -> str:
    """`text` of one or more words with the forms masked, whatever stands around them."""
    return text if _ADDRESS.search(text) else _LETTERS.sub(lambda found: _mask(found[0]), text)


def _masked(word: Word) -> Word:
    # A number, an address, a date: what is written there are no words of that kind.
    if word.kind not in {None, REPLACED}:
        return word
    text = masked_text(word.text)
    spoken = None if word.spoken is None else masked_text(word.spoken)
    return word if (text, spoken) == (word.text, word.spoken) else replace(word, text=text, spoken=spoken)


def _mask(found: str) -> str:
    stem = _POSSESSIVE.sub("", found)
    if stem.casefold() not in FORMS:
        return found
    return stem[0] + "*" * (len(stem) - 1) + found[len(stem) :]


def _allowed(cores: Sequence[str]) -> Iterator[int]:
    for at in range(len(cores)):
        for phrase in ALLOWED:
            if tuple(cores[at : at + len(phrase)]) == phrase:
                yield from range(at, at + len(phrase))


def _names(words: Sequence[Word], cores: Sequence[str]) -> Iterator[int]:
    for at, core in enumerate(cores):
        if _POSSESSIVE.sub("", core) not in _NAMES or not bare(words[at].text)[:1].isupper():
            continue
        starts = at == 0 or ends_sentence(words[at - 1].text)
        is_followed = at + 1 < len(words) and words[at + 1].text[:1].isupper() and not ends_sentence(words[at].text)
        if is_followed or not starts:
            yield at

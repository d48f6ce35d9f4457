"""A language model from text: interpolated modified Kneser-Ney of three words (Chen and Goodman 1998, section 4.1.6).

Below the longest n-grams, words are counted by how many others they follow, not by how often they occur; what
discounting takes away is shared out by the shorter n-gram. Sentences are lines.
"""

import math
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from pipeline.decode.ngrams import END, MOST_WORDS, START

Gram = tuple[str, ...]

_WORD = re.compile(r"[^\W\d_]+(?:['\u2019][^\W\d_]+)*")
_UNKNOWN = "<unk>"
_NEVER = -99.0


@dataclass(frozen=True, slots=True)
class _Order:
    """N-grams of one length, and what they leave: their probabilities and the share of each context's shorter ones."""

    probs: Mapping[Gram, float]
    shares: Mapping[Gram, float]


def words_of(line: str) -> list[str]:
    """The words of a line of text as a model of sounds writes them: in lower case, without marks or figures."""
    return [word.replace("\u2019", "'") for word in _WORD.findall(line.lower())]


def arpa(lines: Iterable[str]) -> str:
    """The language model of the text `lines` as an ARPA file; ValueError if they hold no word."""
    counts = _counted(lines)
    if not any(gram not in {(START,), (END,)} for gram in counts[0]):
        raise ValueError("no words in the text")
    orders: list[_Order] = []
    for length in range(1, MOST_WORDS + 1):
        used = counts[-1] if length == MOST_WORDS else _followers(counts[length - 1], counts[length])
        orders.append(_estimated(used, orders[-1] if orders else None))
    return "\n".join(_written(orders)) + "\n"


def _counted(lines: Iterable[str]) -> list[Counter[Gram]]:
    counts: list[Counter[Gram]] = [Counter() for _ in range(MOST_WORDS)]
    for line in lines:
        words = words_of(line)
        if words:
            said = (START, *words, END)
            for length, counter in enumerate(counts, start=1):
                counter.update(said[at : at + length] for at in range(len(said) - length + 1))
    return counts


def _followers(grams: Mapping[Gram, int], longer: Mapping[Gram, int]) -> Counter[Gram]:
    """How many words each n-gram follows; those at the start of a sentence follow none and keep their counts."""
    found = Counter(gram[1:] for gram in longer)
    found.update({gram: count for gram, count in grams.items() if gram[0] == START and len(gram) > 1})
    return found


def _estimated(counts: Counter[Gram], shorter: _Order | None) -> _Order:
    discounts = _discounts(counts)
    totals: Counter[Gram] = Counter()
    taken: dict[Gram, float] = {}
    for gram, count in counts.items():
        totals[gram[:-1]] += count
        taken[gram[:-1]] = taken.get(gram[:-1], 0.0) + discounts[min(count, 3) - 1]
    shares = {context: taken[context] / total for context, total in totals.items()}
    # Below single words all are alike, the unknown one among them.
    alike = 1.0 / (len(counts) + 1)
    probs = {
        gram: (count - discounts[min(count, 3) - 1]) / totals[gram[:-1]]
        + shares[gram[:-1]] * (shorter.probs[gram[1:]] if shorter else alike)
        for gram, count in counts.items()
    }
    if shorter is None:
        probs[(_UNKNOWN,)] = shares[()] * alike
    return _Order(probs, shares)


def _discounts(counts: Counter[Gram]) -> tuple[float, float, float]:
    """What is taken from n-grams seen once, twice and more often; a half where the text is too small to tell."""
    seen = Counter(min(count, 5) for count in counts.values())
    if not all(seen[times] for times in (1, 2, 3, 4)):
        return 0.5, 0.5, 0.5
    share = seen[1] / (seen[1] + 2 * seen[2])
    found = [times - (times + 1) * share * seen[times + 1] / seen[times] for times in (1, 2, 3)]
    return tuple(min(max(each, 0.1), 0.9 * times) for times, each in enumerate(found, start=1))  # type: ignore[return-value]


def _written(orders: list[_Order]) -> Iterator[str]:
    starts: list[Gram] = [(START,)]
    yield "\\data\\"
    for length, order in enumerate(orders, start=1):
        yield f"ngram {length}={len(order.probs) + (length == 1)}"
    for length, order in enumerate(orders, start=1):
        yield f"\n\\{length}-grams:"
        shares = orders[length].shares if length < len(orders) else {}
        for gram in sorted([*order.probs, *(starts if length == 1 else ())]):
            worth = math.log10(order.probs[gram]) if gram in order.probs else _NEVER
            weight = f"\t{math.log10(shares[gram]):.6f}" if shares.get(gram) else ""
            yield f"{worth:.6f}\t{' '.join(gram)}{weight}"
    yield "\n\\end\\"

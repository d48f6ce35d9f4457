"""What a caller expects to be said: what a phrase is worth to the search, and how it is written.

A phrase is worth its weight for each of its words, and only whole: "Acme Corp" lifts "acme corp", not every "corp".
What it sounds like is worth as much, and is then written as the phrase.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from pipeline.options import DecodeOptions
from pipeline.values import Word

_MOST_REMEMBERED = 100_000


@dataclass(slots=True)
class _Node:
    """A place in the tree of phrases, word by word; `weight` is that of the phrase that ends here."""

    following: dict[str, "_Node"] = field(default_factory=dict)
    weight: float | None = None


class PhraseScores:
    """What a text is worth for the phrases in it, in natural log-probability; as pyctcdecode asks a hotword scorer.

    pyctcdecode's own gives every word of every phrase the same weight, alone too.
    """

    def __init__(self, weights: Mapping[str, float]) -> None:
        """`weights` of each phrase, for each word of it."""
        self._tree = _Node()
        self._beginnings: dict[str, float] = {}
        self._known: dict[str, float] = {}
        for phrase, weight in weights.items():
            self._add(phrase.split(), weight)

    def __contains__(self, beginning: str) -> bool:
        """Whether a word of a phrase begins so."""
        return beginning in self._beginnings

    def score(self, text: str) -> float:
        """The worth of the phrases in `text`, the longest first; of one that the end cuts off, what is there."""
        if not text or not self._beginnings:
            return 0.0
        if text not in self._known:
            if len(self._known) > _MOST_REMEMBERED:
                self._known.clear()
            self._known[text] = self._sum(text.split(), ends=False)
        return self._known[text]

    def whole(self, text: str) -> float:
        """The worth of the whole phrases in `text`, after which nothing more is said."""
        return self._sum(text.split(), ends=True) if self._beginnings else 0.0

    def score_partial_token(self, token: str) -> float:
        """The worth of the beginning of a word: the share that it has of the shortest word that begins so."""
        return self._beginnings.get(token, 0.0)

    def _add(self, words: Sequence[str], weight: float) -> None:
        node = self._tree
        for word in words:
            node = node.following.setdefault(word, _Node())
            for length in range(1, len(word) + 1):
                worth = weight * length / len(word)
                self._beginnings[word[:length]] = max(worth, self._beginnings.get(word[:length], 0.0))
        node.weight = max(weight, node.weight or 0.0)

    def _sum(self, words: Sequence[str], *, ends: bool) -> float:
        worth, at = 0.0, 0
        while at < len(words):
            length, gain = self._longest(words, at, ends=ends)
            worth += gain
            at += max(length, 1)
        return worth

    def _longest(self, words: Sequence[str], at: int, *, ends: bool) -> tuple[int, float]:
        """How many words from `at` on are a phrase, or unless the text `ends` the beginning of one, and its worth."""
        node, found = self._tree, (0, 0.0)
        for length, word in enumerate(words[at:], start=1):
            if word not in node.following:
                return found
            node = node.following[word]
            if node.weight is not None:
                found = (length, node.weight * length)
        begun = len(words) - at
        return found if ends or not node.following else max(found, (begun, begun * _least(node)))


def _least(node: _Node) -> float:
    """The smallest weight of the phrases that go on from here."""
    own = [node.weight] if node.weight is not None else []
    return min([*own, *(_least(following) for following in node.following.values())])


class Hotwords:
    """The hotwords of a job: `weights` of what may be heard, and the spelling of what was."""

    def __init__(self, options: DecodeOptions, *, caseless: bool = False) -> None:
        """`caseless`: the model writes lower case only, and so are the phrases that are searched for."""
        self.weights: dict[str, float] = {}
        self._spellings: dict[tuple[str, ...], str] = {}
        for hotword in options.expected:
            weight = options.hotword_weight if hotword.weight is None else hotword.weight
            for heard in (hotword.text, *hotword.sounds_like):
                words = heard.lower() if caseless else heard
                if words.split():
                    # The job's own stand before those of its tenant.
                    self.weights.setdefault(" ".join(words.split()), weight)
            has_capitals = caseless and not hotword.text.islower()
            for heard in (*([hotword.text] if has_capitals else []), *hotword.sounds_like):
                self._spellings.setdefault(tuple(heard.casefold().split()), hotword.text)

    def __bool__(self) -> bool:
        """Whether there are any."""
        return bool(self.weights)

    def spelled(self, words: Sequence[Word]) -> tuple[Word, ...]:
        """`words`, in which what a hotword sounds like is written as the hotword, in the time of what was heard."""
        if not self._spellings:
            return tuple(words)
        return tuple(self._spelled(words))

    def _spelled(self, words: Sequence[Word]) -> Iterator[Word]:
        longest = max(map(len, self._spellings))
        cores = [_core(word.text) for word in words]
        at = 0
        while at < len(words):
            lengths = range(min(longest, len(words) - at), 0, -1)
            length = next((n for n in lengths if tuple(cores[at : at + n]) in self._spellings), 0)
            if length:
                yield from _respelled(words[at : at + length], self._spellings[tuple(cores[at : at + length])])
            else:
                yield words[at]
            at += max(length, 1)


def _core(text: str) -> str:
    return text.strip(".,?!;:\"'").casefold()


def _respelled(heard: Sequence[Word], written: str) -> Iterator[Word]:
    """The words of `written` in the time of `heard`, one by one or by their letters; marks around it stay."""
    texts = written.split()
    if [word.text.casefold() for word in heard] == written.casefold().split():
        yield from (replace(word, text=text) for word, text in zip(heard, texts, strict=True))
        return
    first, last = heard[0], heard[-1]
    start_s, span_s, letters = first.start_s, last.end_s - first.start_s, sum(map(len, texts))
    confidence = math.exp(sum(math.log(max(word.confidence, 1e-9)) for word in heard) / len(heard))
    before = first.text[: len(first.text) - len(first.text.lstrip(".,?!;:\"'"))]
    after = last.text[len(last.text.rstrip(".,?!;:\"'")) :]
    for index, text in enumerate(texts):
        is_last = index + 1 == len(texts)
        end_s = last.end_s if is_last else start_s + span_s * len(text) / letters
        yield Word(f"{before if not index else ''}{text}{after if is_last else ''}", start_s, end_s, confidence)
        start_s = end_s

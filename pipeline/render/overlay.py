"""A transcript as people corrected it: their words in place of the machine's, times as they were."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import replace

from pipeline.values import Transcript, Utterance, Word

Place = tuple[int, int]
"""The index of an utterance, and of a word in it."""


def corrected(transcript: Transcript, texts: Mapping[Place, str]) -> Transcript:
    """`transcript` with `texts` in place of the words there; an empty text strikes a word out.

    What a person wrote is certain: its confidence is 1. An utterance that loses all its words is left out.
    """
    texts_of: defaultdict[int, dict[int, str]] = defaultdict(dict)
    for (at, word), text in texts.items():
        texts_of[at][word] = text
    utterances = tuple(
        kept
        for at, utterance in enumerate(transcript.utterances)
        if (kept := _corrected(utterance, texts_of.get(at, {}))).words
    )
    return replace(transcript, text="\n".join(each.text for each in utterances), utterances=utterances)


def _corrected(utterance: Utterance, texts: Mapping[int, str]) -> Utterance:
    if not texts:
        return utterance
    words = tuple(
        replace(word, text=texts[at], confidence=1.0, spoken=None, kind=None) if at in texts else word
        for at, word in enumerate(utterance.words)
        if texts.get(at) != ""
    )
    separator = _separator(utterance.text, utterance.words)
    return replace(
        utterance,
        text=separator.join(word.text for word in words),
        words=words,
        confidence=sum(word.confidence for word in words) / len(words) if words else 0.0,
    )


def _separator(text: str, words: tuple[Word, ...]) -> str:
    # Languages without spaces are written without.
    return "" if text == "".join(word.text for word in words) else " "

"""The view on a transcript that leaves out what is sensitive; the transcript itself does not change."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from pipeline.format.redaction.entities import Entity, find_sensitive
from pipeline.format.redaction.runs import Said
from pipeline.values import Span, Transcript, Utterance, Word


class Style(StrEnum):
    """What stands in place of sensitive words: the name of their kind, or a sign for each letter and digit."""

    LABEL = "label"
    MASK = "mask"


@dataclass(frozen=True, slots=True)
class Redaction:
    """What is left out, and how."""

    entities: frozenset[Entity] = frozenset(Entity)
    style: Style = Style.LABEL


_LETTER = re.compile(r"\w")
_MASK = "*"
_Place = tuple[int, int]
"""The index of an utterance, and of a word in it."""


def redacted(transcript: Transcript, redaction: Redaction) -> Transcript:
    """`transcript` without its sensitive words; times stay, and nothing of what was said is left in any field."""
    found = _entities(transcript, redaction)
    utterances = tuple(
        _without(utterance, [found.get((at, index)) for index in range(len(utterance.words))], redaction.style)
        for at, utterance in enumerate(transcript.utterances)
    )
    return replace(transcript, text="\n".join(each.text for each in utterances), utterances=utterances)


def sensitive_stretches(transcript: Transcript, redaction: Redaction) -> list[Span]:
    """The stretches of audio in which sensitive words are spoken, in order of start, then channel."""
    stretches = []
    for at, index in _entities(transcript, redaction):
        utterance = transcript.utterances[at]
        word = utterance.words[index]
        stretches.append(Span(utterance.channel, word.start_s, word.end_s))
    return sorted(stretches, key=lambda span: (span.start_s, span.channel))


def _entities(transcript: Transcript, redaction: Redaction) -> Mapping[_Place, Entity]:
    """The kind of each sensitive word."""
    places: list[_Place] = []
    said: list[Said] = []
    for at, utterance in enumerate(transcript.utterances):
        places += [(at, index) for index in range(len(utterance.words))]
        said += [Said(utterance.channel, word.text) for word in utterance.words]
    spans = find_sensitive(said, redaction.entities)
    return {places[index]: span.entity for span in spans for index in span.indices}


def _without(utterance: Utterance, entities: Sequence[Entity | None], style: Style) -> Utterance:
    if not any(entities):
        return utterance
    words: list[Word] = []
    for word, entity, before in zip(utterance.words, entities, (None, *entities), strict=False):
        if entity is None:
            words.append(word)
        elif style is Style.MASK:
            words.append(replace(word, text=_LETTER.sub(_MASK, word.text), spoken=None, kind=entity.value))
        elif before is entity:
            words[-1] = replace(words[-1], end_s=word.end_s)
        else:
            words.append(replace(word, text=f"[{entity.name}]", spoken=None, kind=entity.value))
    return replace(utterance, words=tuple(words), text=" ".join(word.text for word in words))

"""The view on a transcript that leaves out what is sensitive; the transcript itself does not change."""

import hashlib
import hmac
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace

from pipeline.format.numbers import NumberKind
from pipeline.format.redaction.entities import SensitiveSpan, find_sensitive
from pipeline.format.redaction.runs import Said, digits_in
from pipeline.format.replacing import REPLACED
from pipeline.options import Entity, RedactionOptions, Style
from pipeline.values import Span, Transcript, Utterance, Word
from pipeline.writing import MARKS

MARGIN_S = 0.25
"""Heard no more on both sides of sensitive words: word times are no truer than that."""
BRIDGED_S = 1.0
"""Shorter gaps between sensitive words are left out as well: a word that was not recognised may lie there."""
_HASH_DIGITS = 12
_LETTER = re.compile(r"\w")
_MASK = "*"
_AS_WRITTEN = frozenset({NumberKind.EMAIL, NumberKind.URL})
"""Forms that show what they are better than what was spoken does."""
_NO_NUMBERS = frozenset({Entity.EMAIL, Entity.DATE_OF_BIRTH, Entity.NAME})
"""What is the same where the same is written, whatever digits are in it."""
_Place = tuple[int, int]
"""The index of an utterance, and of a word in it."""


def redacted(
    transcript: Transcript, redaction: RedactionOptions, key: bytes = b"", before: Sequence[Utterance] = ()
) -> Transcript:
    """`transcript` without its sensitive words; times stay, and nothing of what was said is left in any field.

    `key` is the secret of the style `hash`, whose marks are equal where the same was said; without it they could be
    guessed, as there are few numbers. `before` is what was said before, where this is a piece of a call: a number may
    have begun there.
    """
    said = (*before, *transcript.utterances)
    heard = _heard(said)
    found = _found(heard, redaction)
    marks = {span: _mark(span.entity, _words(span, heard, said), redaction.style, key) for span in set(found.values())}
    utterances = tuple(
        _without(utterance, [found.get((at, index)) for index in range(len(utterance.words))], marks)
        for at, utterance in enumerate(said)
    )[len(before) :]
    text = "\n".join(each.text for each in utterances)
    entities = tuple(sorted(set(redaction.entities)))
    # What else was thought of may hold what was left out.
    return replace(transcript, text=text, utterances=utterances, redacted=entities, n_best=())


def sensitive_stretches(
    transcript: Transcript, redaction: RedactionOptions, before: Sequence[Utterance] = ()
) -> list[Span]:
    """The stretches of audio that are not to be heard, on any channel, in order and apart; their channel is who spoke.

    Every channel: a line carries some of each voice to the other. `before` is as `redacted` has it.
    """
    said = (*before, *transcript.utterances)
    words = [(said[at], index) for at, index in _found(_heard(said), redaction) if at >= len(before)]
    spans = [
        Span(each.channel, max(0.0, each.words[index].start_s - MARGIN_S), each.words[index].end_s + MARGIN_S)
        for each, index in words
    ]
    joined: list[Span] = []
    for span in sorted(spans, key=lambda span: (span.start_s, span.channel)):
        if joined and span.start_s - joined[-1].end_s < BRIDGED_S:
            joined[-1] = replace(joined[-1], end_s=max(joined[-1].end_s, span.end_s))
        else:
            joined.append(span)
    return joined


def _found(heard: Sequence[tuple[_Place, Said]], redaction: RedactionOptions) -> Mapping[_Place, SensitiveSpan]:
    """The span of each sensitive word."""
    spans = find_sensitive([said for _, said in heard], redaction.entities)
    return {heard[index][0]: span for span in spans for index in span.indices}


def _heard(utterances: Sequence[Utterance]) -> list[tuple[_Place, Said]]:
    """All words in order with their places, those of another form as they were spoken, one by one.

    Three digits of a longer number may have been written as the time of day, and what was replaced says nothing at all.
    """
    words = [word for utterance in utterances for word in utterance.words]
    has_case = any(word.text[:1].isupper() for word in words if word.kind != REPLACED)
    return [
        ((at, index), Said(utterance.channel, text))
        for at, utterance in enumerate(utterances)
        for index, word in enumerate(utterance.words)
        for text in _texts(word, has_case=has_case)
    ]


def _texts(word: Word, *, has_case: bool) -> Sequence[str]:
    if not word.spoken or word.kind in _AS_WRITTEN:
        return (word.text,)
    # Where others have capitals, a name is known by them; a replaced one was never given any.
    spoken = word.spoken.title() if has_case and word.kind == REPLACED else word.spoken
    return (spoken + word.text[len(word.text.rstrip(MARKS)) :]).split()


def _words(
    span: SensitiveSpan, heard: Sequence[tuple[_Place, Said]], utterances: Sequence[Utterance]
) -> Sequence[Said]:
    """The words of a span: of numbers as they were spoken, of anything else as they are written."""
    if span.entity not in _NO_NUMBERS:
        return [heard[index][1] for index in span.indices]
    places = dict.fromkeys(heard[index][0] for index in span.indices)
    return [Said(utterances[at].channel, utterances[at].words[index].text) for at, index in places]


def _mark(entity: Entity, words: Sequence[Said], style: Style, key: bytes) -> str:
    """What stands for the words of a span; empty where each word is masked by itself."""
    if style is Style.MASK:
        return ""
    if style is Style.LABEL:
        return f"[{entity.label}]"
    # However a number was spoken or written, it is the same number.
    subject = digits_in(words) or " ".join(word.plain for word in words)
    digest = hmac.new(key, f"{entity}:{subject}".encode(), hashlib.sha256).hexdigest()
    return f"[{entity.label}:{digest[:_HASH_DIGITS]}]"


def _without(
    utterance: Utterance, spans: Sequence[SensitiveSpan | None], marks: Mapping[SensitiveSpan, str]
) -> Utterance:
    if not any(spans):
        return utterance
    words: list[Word] = []
    for word, span, before in zip(utterance.words, spans, (None, *spans), strict=False):
        mark = "" if span is None else marks[span]
        if span is None:
            words.append(word)
        elif not mark:
            words.append(replace(word, text=_LETTER.sub(_MASK, word.text), spoken=None, kind=span.entity.value))
        elif before is span:
            words[-1] = replace(words[-1], end_s=word.end_s)
        else:
            words.append(replace(word, text=mark, spoken=None, kind=span.entity.value))
    return replace(utterance, words=tuple(words), text=" ".join(word.text for word in words))

"""What Whisper's timestamp tokens say: how far a window was read, and which text belongs to that part.

The rules are those of OpenAI's `transcribe`: a window that ends in two timestamps was read up to them and the rest is
read again from there; any other was read to its end.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate, chain

from pipeline.spec import AttentionVocabulary
from pipeline.values import Hypothesis

# A timestamp token counts steps of 20 ms: two feature frames.
FRAMES_PER_STEP = 2


@dataclass(frozen=True, slots=True)
class Reading:
    """What the search found in one window of a segment, best first, timestamp tokens included."""

    sequences: tuple[tuple[int, ...], ...]
    log_probs: tuple[float, ...]
    no_speech_prob: float


@dataclass(frozen=True, slots=True)
class Passage:
    """The aligned hypotheses of one window, which starts `offset_s` into its segment."""

    offset_s: float
    hypotheses: tuple[Hypothesis, ...]
    no_speech_prob: float


def frames_read(tokens: Sequence[int], vocabulary: AttentionVocabulary) -> int | None:
    """Feature frames of the window after which it must be read again; None if it was read to its end."""
    first = vocabulary.no_timestamps + 1
    is_timestamp = [token >= first for token in tokens]
    if is_timestamp[-2:] == [False, True]:
        return None
    pairs = [index for index in range(1, len(tokens)) if is_timestamp[index - 1] and is_timestamp[index]]
    if not pairs:
        return None
    # A pair at the very start would read the same window for ever.
    return (tokens[pairs[-1] - 1] - first) * FRAMES_PER_STEP or None


def text_within(tokens: Sequence[int], frames: int | None, vocabulary: AttentionVocabulary) -> tuple[int, ...]:
    """The text tokens that close before `frames`, all of them if that is None."""
    first = vocabulary.no_timestamps + 1
    if frames is None:
        return tuple(token for token in tokens if token < vocabulary.end)
    closed: list[int] = []
    pending: list[int] = []
    for token in tokens:
        if token < vocabulary.end:
            pending.append(token)
        elif token >= first and (token - first) * FRAMES_PER_STEP <= frames:
            closed += pending
            pending = []
        else:
            break
    return tuple(closed)


def joined(passages: Sequence[Passage]) -> tuple[Hypothesis, ...]:
    """The hypotheses of a segment from those of its passages, rank by rank, times from the segment's start.

    Readings that differ in timestamps only are one hypothesis, so there may be fewer than ranks.
    """
    found: dict[tuple[int, ...], Hypothesis] = {}
    for rank in range(max(len(passage.hypotheses) for passage in passages)):
        # A search may find fewer in one passage than in another.
        ranked = [passage.hypotheses[min(rank, len(passage.hypotheses) - 1)] for passage in passages]
        hypothesis = _joined_rank(ranked, [passage.offset_s for passage in passages])
        found.setdefault(hypothesis.tokens, hypothesis)
    return tuple(found.values())


def _joined_rank(rank: Sequence[Hypothesis], offsets_s: Sequence[float]) -> Hypothesis:
    placed = tuple(zip(rank, offsets_s, strict=True))
    weights = [len(hypothesis.tokens) + 1 for hypothesis in rank]
    total = sum(hypothesis.log_prob * weight for hypothesis, weight in zip(rank, weights, strict=True))
    starts = [start_s + offset_s for hypothesis, offset_s in placed for start_s in hypothesis.token_start_s]
    ends = [end_s + offset_s for hypothesis, offset_s in placed for end_s in hypothesis.token_end_s]
    return Hypothesis(
        tokens=tuple(chain.from_iterable(hypothesis.tokens for hypothesis in rank)),
        log_prob=total / sum(weights),
        # The path of a window may end a frame past where the next one begins.
        token_start_s=tuple(accumulate(starts, max)),
        token_end_s=tuple(accumulate(ends, max)),
        token_probs=tuple(chain.from_iterable(hypothesis.token_probs for hypothesis in rank)),
    )

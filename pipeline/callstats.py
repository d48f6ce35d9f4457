"""Call statistics from true channels: pure functions of the utterances, and of how loud preprocess heard them."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from pipeline.conversation import (
    CallStatistics,
    Interruptions,
    Interval,
    Intervals,
    LoudnessScores,
    ParticipantLoudness,
    ParticipantSpeed,
    ParticipantTime,
    ParticipantTurns,
    TalkSpeed,
    TalkTime,
    Turn,
    Turns,
)
from pipeline.values import Recording, Utterance

LEAST_INTERRUPTION_MILLIS = 500
"""Speakers overlap by some tenths of a second at most turns (Heldner and Edlund, 2010): that is no interruption."""
TURN_PAUSE_MILLIS = 3000
"""Who goes on after a longer pause begins a new turn, even if nobody else spoke."""
SILENT_LUFS = -70.0
"""Scores run from here, 0, to full scale, 100."""


@dataclass(frozen=True, slots=True)
class _Talk:
    """One utterance, in milliseconds; half-open."""

    begin: int
    end: int
    participant: str
    words: int


def call_statistics(recording: Recording, utterances: Sequence[Utterance]) -> CallStatistics:
    """The statistics of a call from all its utterances; a participant with several channels talks on all of them."""
    total = _millis(recording.duration_s)
    names = {channel.index: channel.role or f"channel_{channel.index}" for channel in recording.channels}
    spoken = [talk for each in utterances if (talk := _talk(each, names, total))]
    talks = sorted(spoken, key=lambda talk: (talk.begin, -talk.end, talk.participant))
    talking = {
        name: _union(talk for talk in talks if talk.participant == name) for name in dict.fromkeys(names.values())
    }
    heard = {name: _scores(recording, name, names) for name in talking}
    is_apart = len(talking) > 1
    return CallStatistics(
        total_conversation_duration_millis=total,
        talk_time=_talk_time(talking, total),
        non_talk_time=_intervals(_stretches(talking, total, 0, 0)),
        talk_speed=_talk_speed(talks, talking),
        loudness_scores=LoudnessScores(
            {
                name: ParticipantLoudness(round(sum(score for _, score in scores) / len(scores), 2))
                for name, scores in heard.items()
                if scores
            }
        ),
        overlaps=_intervals(_stretches(talking, total, 2, len(talking))) if is_apart else None,
        interruptions=_interruptions(talks) if is_apart else None,
        turns=_turns(talks, heard) if is_apart else None,
    )


def _millis(seconds: float) -> int:
    return round(1000 * seconds)


def _talk(utterance: Utterance, names: Mapping[int, str], total: int) -> _Talk | None:
    begin, end = _millis(utterance.start_s), min(_millis(utterance.end_s), total)
    # A number that was written in digits is as many words as were spoken.
    words = sum(len((word.spoken or word.text).split()) for word in utterance.words)
    name = names.get(utterance.channel, f"channel_{utterance.channel}")
    return _Talk(begin, end, name, words) if begin < end else None


def _union(talks: Iterable[_Talk]) -> list[tuple[int, int]]:
    """Sorted talks as stretches that do not touch."""
    merged: list[tuple[int, int]] = []
    for talk in talks:
        if merged and talk.begin <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(merged[-1][1], talk.end))
        else:
            merged.append((talk.begin, talk.end))
    return merged


def _stretches(
    talking: Mapping[str, Sequence[tuple[int, int]]], total: int, least: int, most: int
) -> Iterator[tuple[int, int]]:
    """Where at least `least` and at most `most` participants talk at the same time."""
    begins = Counter(begin for stretches in talking.values() for begin, _ in stretches)
    ends = Counter(end for stretches in talking.values() for _, end in stretches)
    count = 0
    begin: int | None = None
    for at in sorted({0, total, *begins, *ends}):
        count += begins[at] - ends[at]
        is_inside = least <= count <= most and at < total
        if is_inside and begin is None:
            begin = at
        elif not is_inside and begin is not None:
            yield begin, at
            begin = None


def _interval(begin: int, end: int) -> Interval:
    return Interval(begin, end, end - begin)


def _intervals(stretches: Iterable[tuple[int, int]]) -> Intervals:
    instances = tuple(_interval(*each) for each in stretches)
    return Intervals(len(instances), sum(each.duration_millis for each in instances), instances)


def _talk_time(talking: Mapping[str, Sequence[tuple[int, int]]], total: int) -> TalkTime:
    times = {name: sum(end - begin for begin, end in stretches) for name, stretches in talking.items()}
    details = {name: ParticipantTime(time, round(time / total, 4) if total else 0.0) for name, time in times.items()}
    return TalkTime(sum(times.values()), details)


def _talk_speed(talks: Sequence[_Talk], talking: Mapping[str, Sequence[tuple[int, int]]]) -> TalkSpeed:
    speeds = {}
    for name, stretches in talking.items():
        words = sum(talk.words for talk in talks if talk.participant == name)
        minutes = sum(end - begin for begin, end in stretches) / 60_000
        if minutes:
            speeds[name] = ParticipantSpeed(round(words / minutes))
    return TalkSpeed(speeds)


def _interruptions(talks: Sequence[_Talk]) -> Interruptions:
    found: dict[str, list[Interval]] = {}
    for talk, running in _with_company(talks):
        cut_off = [other for other in running if _cuts_off(talk, other)]
        if cut_off:
            end = max(other.end for other in cut_off)
            found.setdefault(talk.participant, []).append(_interval(talk.begin, end))
    instances = [each for intervals in found.values() for each in intervals]
    by_interrupter = {name: tuple(intervals) for name, intervals in found.items()}
    return Interruptions(len(instances), sum(each.duration_millis for each in instances), by_interrupter)


def _with_company(talks: Sequence[_Talk]) -> Iterator[tuple[_Talk, Sequence[_Talk]]]:
    """Each talk with those that began no later and go on while it begins; `talks` are sorted, longer ones first."""
    running: list[_Talk] = []
    for talk in talks:
        running = [other for other in running if other.end > talk.begin]
        yield talk, tuple(running)
        running.append(talk)


def _cuts_off(talk: _Talk, other: _Talk) -> bool:
    """Whether `talk` begins within `other`, of another participant, and goes on when that one has given up."""
    is_within = other.participant != talk.participant and other.begin < talk.begin < other.end
    return is_within and other.end < talk.end and other.end - talk.begin >= LEAST_INTERRUPTION_MILLIS


def _turns(talks: Sequence[_Talk], heard: Mapping[str, Sequence[tuple[float, float]]]) -> Turns:
    runs: list[list[_Talk]] = []
    for talk, running in _with_company(talks):
        # "Mhm" while another one talks takes no turn from that one.
        if any(_is_inside(talk, other) for other in running):
            continue
        if runs and talk.participant == runs[-1][-1].participant and talk.begin - runs[-1][-1].end <= TURN_PAUSE_MILLIS:
            runs[-1].append(talk)
        else:
            runs.append([talk])
    turns = tuple(_turn(run, heard.get(run[0].participant, ())) for run in runs)
    by_participant: dict[str, list[Turn]] = {}
    for turn in turns:
        by_participant.setdefault(turn.participant, []).append(turn)
    details = {}
    for name, taken in by_participant.items():
        longest = max(taken, key=lambda turn: turn.duration_millis)
        details[name] = ParticipantTurns(len(taken), _interval(longest.begin_offset_millis, longest.end_offset_millis))
    return Turns(len(turns), details, turns)


def _is_inside(talk: _Talk, other: _Talk) -> bool:
    is_longer = other.end - other.begin > talk.end - talk.begin
    return other.participant != talk.participant and is_longer and talk.end <= other.end


def _turn(run: Sequence[_Talk], heard: Sequence[tuple[float, float]]) -> Turn:
    begin, end = run[0].begin, max(talk.end for talk in run)
    scores = tuple(score for at_s, score in heard if begin <= 1000 * at_s < end)
    return Turn(run[0].participant, begin, end, end - begin, scores)


def _scores(recording: Recording, name: str, names: Mapping[int, str]) -> list[tuple[float, float]]:
    """The middle of each second of a participant's speech, and its score."""
    if recording.preflight is None:
        return []
    stretches = [
        stretch
        for channel in recording.preflight.channels
        if names.get(channel.index) == name
        for stretch in channel.speech
    ]
    scores = []
    for stretch in stretches:
        edges = [stretch.start_s + at for at in range(len(stretch.loudness_lufs))]
        for (begin_s, end_s), lufs in zip(pairwise([*edges, stretch.end_s]), stretch.loudness_lufs, strict=True):
            score = round(100 * min(max(1 - lufs / SILENT_LUFS, 0.0), 1.0), 2)
            scores.append(((begin_s + end_s) / 2, score))
    return sorted(scores)

"""Statistics of a call, as values, with the names that AWS Transcribe Call Analytics has for them, in snake_case.

Times are whole milliseconds from the start of the recording, as there, so that sums are exact. A participant is named
by role, or `channel_0`, `channel_1`, ... where nobody said who speaks. `docs/call-statistics.md` defines each figure.
"""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Interval:
    """A part of the call."""

    begin_offset_millis: int
    end_offset_millis: int
    duration_millis: int


@dataclass(frozen=True, slots=True)
class ParticipantTime:
    """How long a participant talks, and the share of the whole call."""

    total_time_millis: int
    share: float


@dataclass(frozen=True, slots=True)
class TalkTime:
    """Who talks for how long; the total counts time in which two talk twice, as AWS does."""

    total_time_millis: int
    details_by_participant: Mapping[str, ParticipantTime]


@dataclass(frozen=True, slots=True)
class Intervals:
    """Parts of the call that have something in common, in order and apart."""

    total_count: int
    total_time_millis: int
    instances: tuple[Interval, ...]


@dataclass(frozen=True, slots=True)
class Interruptions:
    """Who takes the word while another one talks, who then stops: the time that both talk."""

    total_count: int
    total_time_millis: int
    interruptions_by_interrupter: Mapping[str, tuple[Interval, ...]]


@dataclass(frozen=True, slots=True)
class ParticipantSpeed:
    """Words a minute of talk time."""

    average_words_per_minute: int


@dataclass(frozen=True, slots=True)
class TalkSpeed:
    """How fast each participant who talks does so."""

    details_by_participant: Mapping[str, ParticipantSpeed]


@dataclass(frozen=True, slots=True)
class ParticipantLoudness:
    """How loud a participant is on average, 0 to 100."""

    average: float


@dataclass(frozen=True, slots=True)
class LoudnessScores:
    """How loud each participant who talks is; turns have a score for each second of speech."""

    details_by_participant: Mapping[str, ParticipantLoudness]


@dataclass(frozen=True, slots=True)
class Turn:
    """What one participant says until another one takes the word; a loudness score, 0 to 100, a second of speech."""

    participant: str
    begin_offset_millis: int
    end_offset_millis: int
    duration_millis: int
    loudness_scores: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class ParticipantTurns:
    """How many turns a participant takes, and the longest of them."""

    total_count: int
    longest_monologue: Interval


@dataclass(frozen=True, slots=True)
class Turns:
    """All turns in order."""

    total_count: int
    details_by_participant: Mapping[str, ParticipantTurns]
    instances: tuple[Turn, ...]


@dataclass(frozen=True, slots=True)
class CallStatistics:
    """The figures of a call; those that tell speakers apart are None where they share one channel."""

    total_conversation_duration_millis: int
    talk_time: TalkTime
    non_talk_time: Intervals
    talk_speed: TalkSpeed
    loudness_scores: LoudnessScores
    overlaps: Intervals | None
    interruptions: Interruptions | None
    turns: Turns | None

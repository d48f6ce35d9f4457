"""What is wrong with a recording, as values: measured while preprocess reads it, carried by the recording's header.

Levels are decibels to full scale of a sine or square of amplitude 1.0 (dBFS: mean square, dBTP: true peak) or LUFS by
ITU-R BS.1770; shares are 0 to 1 of the recording's duration unless said otherwise. `docs/preflight.md` says how each
is measured and what to do.
"""

from dataclasses import dataclass
from enum import StrEnum


class Severity(StrEnum):
    """How much a finding costs: `error` spoils the transcript, `warning` some words, `info` nothing."""

    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


class MarkKind(StrEnum):
    """A sound of the line that is no speech."""

    MUSIC = "music"
    RINGING = "ringing"
    BUSY = "busy"
    DIAL_TONE = "dial_tone"
    DTMF = "dtmf"
    FAX = "fax"
    BEEP = "beep"
    TONE = "tone"


@dataclass(frozen=True, slots=True)
class SoundMark:
    """Where such a sound is; several pulses of one kind are one mark. `digits` are the keys of DTMF."""

    kind: MarkKind
    start_s: float
    end_s: float
    digits: str | None = None


@dataclass(frozen=True, slots=True)
class SpeechStretch:
    """Speech without a longer pause, and how loud it is in each of its seconds (LUFS as recorded, at least -70)."""

    start_s: float
    end_s: float
    loudness_lufs: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class ChannelReport:
    """One transcribed channel. What can't be measured, as the level of speech where nobody speaks, is None.

    `is_silent` says that all of it is below -70 LUFS. `clipped_share` is of the samples, `leak_share` (a quiet copy of
    another channel) of the speech that was heard.
    """

    index: int
    role: str | None
    is_silent: bool
    speech_share: float
    speech_lufs: float | None
    speech_dbfs: float | None
    peak_dbfs: float | None
    true_peak_dbtp: float | None
    clipped_share: float
    snr_db: float | None
    bandwidth_hz: int | None
    dc_offset: float
    leak_share: float
    music_share: float
    marks: tuple[SoundMark, ...]
    speech: tuple[SpeechStretch, ...]


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that a person should know: a stable code, the channel that it is about if one, and what to do."""

    code: str
    severity: Severity
    channel: int | None
    advice: str


@dataclass(frozen=True, slots=True)
class Preflight:
    """The report on a recording; `channel_count` is of the file, `channels` are those that are transcribed."""

    container: str
    codec: str
    sample_rate_hz: int
    duration_s: float
    channel_count: int
    channels: tuple[ChannelReport, ...]
    findings: tuple[Finding, ...]


@dataclass(frozen=True, slots=True)
class Unusable:
    """The report on a recording that can't be used: what came to light of it before that, None what did not.

    `duration_s` is how much of it was decoded. The first finding is why it can't be used.
    """

    container: str | None
    codec: str | None
    sample_rate_hz: int | None
    channel_count: int | None
    duration_s: float
    findings: tuple[Finding, ...]

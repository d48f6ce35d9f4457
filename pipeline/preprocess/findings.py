"""What a person should know of a recording, in plain words: each finding a code, how much it costs, and what to do.

Thresholds are where word error rates of telephone speech begin to suffer, on the side of saying nothing.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Final

from pipeline.preflight import ChannelReport, Finding, MarkKind, Severity

CLIPPED, BADLY_CLIPPED = 0.0005, 0.01
QUIET_LUFS = -45.0
NOISY_SNR_DB, BAD_SNR_DB = 15.0, 5.0
MUFFLED_HZ = 2500
WIDEBAND_RATE_HZ, NARROWBAND_HZ = 16_000, 4200
OFFSET = 0.01
LEAKING, HOLDING = 0.05, 0.1
CUSTOMER_ROLES, AGENT_ROLES = frozenset({"customer", "caller", "client"}), frozenset({"agent", "operator", "advisor"})

_I, _W, _E = Severity.INFO, Severity.WARNING, Severity.ERROR

_OF_FILE: Final = {
    "truncated": (
        "TRUNCATED",
        _W,
        "The file ends before it should: fetch it again, or the end of the call is missing.",
    ),
    "damaged": ("DAMAGED", _W, "Parts could not be decoded and were stepped over: fetch the file again."),
    "leading_garbage": ("LEADING_GARBAGE", _I, "Bytes before the sound were left out: check what writes the file."),
    "partial_frame": ("PARTIAL_FRAME", _I, "Bytes behind the last sample were left out: the recorder was cut off."),
    "several_tracks": ("SEVERAL_TRACKS", _I, "There are other audio tracks, which were not read."),
    "gaps_filled": (
        "GAPS_FILLED",
        _W,
        "Sound is missing between its time stamps, and silence stands there: packets were lost, or recording paused.",
    ),
    "dual_mono": (
        "DUAL_MONO",
        _W,
        "All channels are the same mix of both parties, so nobody can tell who speaks: record each on its own channel.",
    ),
    "inverted_channels": (
        "ANTI_PHASE",
        _W,
        "One channel is the mirror image of the other, and a mono mix would be silent: check the wiring of the line.",
    ),
}
"""By the warning of the recording."""


def file_findings(warnings: Sequence[str]) -> Iterator[Finding]:
    """What the warnings of a recording mean."""
    for warning in warnings:
        if warning in _OF_FILE:
            code, severity, advice = _OF_FILE[warning]
            yield Finding(code, severity, None, advice)
        elif warning.startswith("headerless:"):
            _, encoding, confidence = warning.split(":")
            advice = f"There is no header; it was taken for {encoding} ({float(confidence):.0%} sure): declare it."
            yield Finding("HEADERLESS", _I, None, advice)


def channel_findings(channels: Sequence[ChannelReport], sample_rate_hz: int) -> Iterator[Finding]:
    """What the measures of the transcribed channels mean, channel by channel."""
    for channel in channels:
        yield from _presence(channel, len(channels))
        for check in _CHECKS:
            told = check(channel)
            if told is not None:
                yield told
        yield from _band(channel, sample_rate_hz)
    yield from _swapped(channels)


def _told(channel: ChannelReport, code: str, severity: Severity, advice: str) -> Finding:
    return Finding(code, severity, channel.index, advice)


def _presence(channel: ChannelReport, count: int) -> Iterator[Finding]:
    if channel.is_silent:
        severity = _E if count == 1 else _W
        yield _told(channel, "DEAD_CHANNEL", severity, "Nothing is on this channel: check the line and the recorder.")
    elif not channel.speech:
        yield _told(channel, "NO_SPEECH", _W, "Nobody speaks on this channel, so it has no transcript.")


def _clipping(channel: ChannelReport) -> Finding | None:
    if channel.clipped_share < CLIPPED:
        return None
    severity = _E if channel.clipped_share >= BADLY_CLIPPED else _W
    return _told(channel, "CLIPPED", severity, f"{channel.clipped_share:.1%} is cut off at the top: turn it down.")


def _level(channel: ChannelReport) -> Finding | None:
    if channel.speech_lufs is None or channel.speech_lufs >= QUIET_LUFS:
        return None
    advice = f"Speech is very soft ({channel.speech_lufs:.0f} LUFS): turn the recording up, or go nearer."
    return _told(channel, "QUIET", _W, advice)


def _noise(channel: ChannelReport) -> Finding | None:
    if channel.snr_db is None or channel.snr_db >= NOISY_SNR_DB:
        return None
    severity = _E if channel.snr_db < BAD_SNR_DB else _W
    advice = f"Speech is only {channel.snr_db:.0f} dB above the noise: look for its source; words will be missed."
    return _told(channel, "NOISY", severity, advice)


def _offset(channel: ChannelReport) -> Finding | None:
    if abs(channel.dc_offset) < OFFSET:
        return None
    advice = f"It is off centre by {channel.dc_offset:+.1%} of full scale, which was taken away: check the recorder."
    return _told(channel, "DC_OFFSET", _I, advice)


def _leak(channel: ChannelReport) -> Finding | None:
    if channel.leak_share < LEAKING:
        return None
    advice = f"{channel.leak_share:.0%} of what is heard is a copy of another channel, left out: use other headsets."
    return _told(channel, "CROSS_TALK", _W, advice)


def _hold(channel: ChannelReport) -> Finding | None:
    if channel.music_share < HOLDING:
        return None
    advice = f"{channel.music_share:.0%} is hold music, which has no text: recording could pause while on hold."
    return _told(channel, "HOLD_MUSIC", _I, advice)


_CHECKS: Final[Sequence[Callable[[ChannelReport], Finding | None]]] = (_clipping, _level, _noise, _offset, _leak, _hold)


def _band(channel: ChannelReport, sample_rate_hz: int) -> Iterator[Finding]:
    if channel.bandwidth_hz is None:
        return
    reach = f"up to {channel.bandwidth_hz} Hz"
    if channel.bandwidth_hz < MUFFLED_HZ:
        yield _told(channel, "MUFFLED", _W, f"Speech reaches {reach} only: look for a filter or a bad handset.")
    elif sample_rate_hz >= WIDEBAND_RATE_HZ and channel.bandwidth_hz <= NARROWBAND_HZ:
        advice = f"A telephone line ({reach}) was stored at {sample_rate_hz} Hz: 8000 Hz would say the same."
        yield _told(channel, "UPSAMPLED", _I, advice)


def _swapped(channels: Sequence[ChannelReport]) -> Iterator[Finding]:
    """A hint, by what only one side of a call sends: customers press keys, and agents put them on hold."""
    agents = [each for each in channels if (each.role or "").casefold() in AGENT_ROLES]
    customers = [each for each in channels if (each.role or "").casefold() in CUSTOMER_ROLES]
    pressed = any(_has(each, MarkKind.DTMF) for each in agents) and not any(
        _has(each, MarkKind.DTMF) for each in customers
    )
    held = any(_has(each, MarkKind.MUSIC) for each in customers) and not any(
        _has(each, MarkKind.MUSIC) for each in agents
    )
    if agents and customers and (pressed or held):
        what = "The agent's channel has the keys pressed" if pressed else "The customer's channel has the hold music"
        yield Finding("ROLES_SWAPPED", _I, None, f"{what}: check that the roles are not the wrong way round.")


def _has(channel: ChannelReport, kind: MarkKind) -> bool:
    return any(mark.kind is kind for mark in channel.marks)

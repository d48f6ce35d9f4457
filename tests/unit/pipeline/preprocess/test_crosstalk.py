"""What leaks from the other side of a call becomes no text, and who speaks softly at the same time stays."""

import json
from pathlib import Path

import numpy as np
import pytest
import soundfile
from numpy.typing import NDArray
from scipy.signal import butter, sosfilt

from pipeline.options import PreprocessOptions
from pipeline.preprocess import preprocess
from pipeline.preprocess.crosstalk import MOST_DELAY, is_leak

CALL = Path(__file__).parents[4] / "workers" / "demo" / "call.wav"
TURNS = json.loads((CALL.parent / "manifest.jsonl").read_text().splitlines()[0])["turns"]

Samples = NDArray[np.float32]


@pytest.fixture(scope="module")
def call() -> Samples:
    return np.asarray(soundfile.read(CALL, dtype="float32")[0])


def _heard_s(call: Samples, path: Path) -> tuple[float, float]:
    """Seconds of turns that lie in segments of their own channel, and of another one."""
    soundfile.write(path, call, 8000, "ULAW", format="WAV")
    own_s = foreign_s = 0.0
    for each in preprocess(path, PreprocessOptions()).segments:
        for turn in TURNS:
            shared_s = max(0.0, min(each.span.end_s, turn["end_s"]) - max(each.span.start_s, turn["start_s"]))
            own_s += shared_s * (turn["channel"] == each.span.channel)
            foreign_s += shared_s * (turn["channel"] != each.span.channel)
    return own_s, foreign_s


@pytest.mark.parametrize("leak_db", [-20, -30, -40])
def test_leak_of_the_other_party_is_left_out_and_nothing_else(leak_db: float, call: Samples, tmp_path: Path) -> None:
    # Delayed by 2.5 ms and dulled, as a leak through the air is.
    dull = sosfilt(butter(1, 2000, fs=8000, output="sos"), np.roll(call[:, ::-1], 20, axis=0), axis=0)
    leaking = call + np.float32(10 ** (leak_db / 20)) * dull
    clean_s, _ = _heard_s(call, tmp_path / "clean.wav")
    own_s, foreign_s = _heard_s(leaking, tmp_path / "leaking.wav")
    assert own_s > 0.99 * clean_s
    assert foreign_s < 0.05 * clean_s


def test_leak_in_a_pause_that_a_segment_spans_is_muted(call: Samples, tmp_path: Path) -> None:
    # The customer's line carries a copy of the agent, who speaks while the customer pauses for a second.
    path = tmp_path / "call.wav"
    agent, customer = (call[int(8000 * t["start_s"]) : int(8000 * t["end_s"]), t["channel"]] for t in TURNS[2:4])
    size = len(customer)
    sides = np.zeros((2 * size + 10_000, 2), np.float32)
    sides[:size, 1] = sides[size + 10_000 :, 1] = customer
    sides[size + 1000 : size + 9000, 0] = agent[:8000]
    sides[:, 1] += np.float32(0.1) * np.roll(sides[:, 0], 20)
    soundfile.write(path, sides, 8000, "PCM_16")
    inside = (size + 3000) / 8000, (size + 7000) / 8000
    spanning = [
        each
        for each in preprocess(path, PreprocessOptions()).segments
        if each.span.channel == 1 and each.span.start_s < inside[0] and inside[1] < each.span.end_s
    ]
    assert spanning
    for each in spanning:
        pause = each.samples[int(16_000 * (inside[0] - each.span.start_s)) :][: int(16_000 * (inside[1] - inside[0]))]
        # All but what a block at the edge of a turn holds of it.
        assert np.mean(pause == 0) > 0.5
        assert np.abs(each.samples).max() > 1000


def test_soft_voice_under_a_loud_one_is_no_leak(call: Samples) -> None:
    agent = np.concatenate([call[int(8000 * t["start_s"]) : int(8000 * t["end_s"]), 0] for t in TURNS[::2]])
    customer = np.concatenate([call[int(8000 * t["start_s"]) : int(8000 * t["end_s"]), 1] for t in TURNS[1::2]])
    found = []
    for start in range(MOST_DELAY, min(len(agent), len(customer)) - 8192 - MOST_DELAY, 8192):
        soft = np.float32(0.05) * customer[start : start + 8192]
        found.append(is_leak(soft, agent[start - MOST_DELAY : start + 8192 + MOST_DELAY]))
    assert len(found) > 10
    assert not any(found)


def test_copy_is_a_leak_only_where_it_is_quieter() -> None:
    source = np.random.default_rng(2).standard_normal(8192 + 2 * MOST_DELAY).astype(np.float32)
    delayed = source[MOST_DELAY - 300 : MOST_DELAY - 300 + 8192]
    assert is_leak(np.float32(0.1) * delayed, source)
    assert is_leak(np.float32(-0.1) * delayed, source)
    assert not is_leak(np.float32(0.9) * delayed, source)
    assert not is_leak(np.zeros(8192, np.float32), source)

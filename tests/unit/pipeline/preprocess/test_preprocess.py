"""From a file to speech: where it is, at which level, on which channel, and none where nobody speaks."""

import gc
import io
import json
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile
from numpy.typing import NDArray

from pipeline import errors
from pipeline.artifacts import SPEECH, read, write
from pipeline.options import PreprocessOptions
from pipeline.preprocess import preprocess
from pipeline.preprocess.level import TARGET_LUFS
from pipeline.preprocess.loudness import integrated_lufs, measure
from pipeline.values import Channel, Recording, SpeechSegment
from tests import bad_recordings as bad
from tests.line_sounds import agent, dialled, music, on_the_line, sounding

ROOT = Path(__file__).parents[4]
CALL = ROOT / "workers" / "demo" / "call.wav"
SHARED = ROOT.parent / "shared" / "audio"
RATE_HZ = 8000
OPTIONS = PreprocessOptions()

Samples = NDArray[np.float32]
Result = tuple[Recording, list[SpeechSegment]]
Run = Callable[..., Result]


@pytest.fixture(scope="module")
def call() -> Samples:
    return np.asarray(soundfile.read(CALL, dtype="float32")[0])


@pytest.fixture
def run(tmp_path: Path) -> Run:
    def hear(samples: Samples, options: PreprocessOptions = OPTIONS, codec: str = "FLOAT") -> Result:
        path = tmp_path / "recording.wav"
        soundfile.write(path, samples, RATE_HZ, codec, format="WAV")
        stream = preprocess(path, options)
        return stream.recording, list(stream.segments)

    return hear


def _turns() -> list[tuple[int, float, float]]:
    entry = json.loads((CALL.parent / "manifest.jsonl").read_text().splitlines()[0])
    return [(turn["channel"], turn["start_s"], turn["end_s"]) for turn in entry["turns"]]


def _covered(segments: list[SpeechSegment], channel: int, start_s: float, end_s: float) -> float:
    """The share of a turn that lies in segments."""
    spans = [each.span for each in segments if each.span.channel == channel]
    inside = sum(max(0.0, min(end_s, span.end_s) - max(start_s, span.start_s)) for span in spans)
    return inside / (end_s - start_s)


def test_every_turn_of_a_call_is_found_on_its_channel() -> None:
    stream = preprocess(CALL, PreprocessOptions(roles=("agent", "customer")))
    segments = list(stream.segments)
    expected = Recording(63.571875, 8000, "pcm_mulaw", (Channel(0, "agent"), Channel(1, "customer")))
    assert replace(stream.recording, preflight=None) == expected
    for channel, start_s, end_s in _turns():
        assert _covered(segments, channel, start_s, end_s) > 0.99
    spoken_s = sum(end_s - start_s for _, start_s, end_s in _turns())
    assert sum(each.span.duration_s for each in segments) < 1.4 * spoken_s


def test_segments_are_in_order_and_hold_the_samples_of_their_span() -> None:
    segments = list(preprocess(CALL, OPTIONS).segments)
    order = [(each.span.start_s, each.span.channel) for each in segments]
    assert order == sorted(order)
    for each in segments:
        assert each.samples.dtype == np.int16
        assert len(each.samples) == round(each.span.duration_s * 16_000)
        assert each.span.duration_s <= OPTIONS.max_segment_s


def test_times_are_those_of_the_recording(call: Samples, run: Run) -> None:
    delay_s = 7.0
    later = np.concatenate((np.zeros((int(delay_s * RATE_HZ), 2), np.float32), call))
    first, second = run(call)[1], run(later)[1]
    assert second[0].span.start_s == pytest.approx(first[0].span.start_s + delay_s, abs=0.1)


@pytest.mark.parametrize("gain", [1e-2, 1.0, 30.0, 1e6])
def test_level_of_the_recording_does_not_matter(gain: float, call: Samples, run: Run) -> None:
    _, segments = run(call[: 20 * RATE_HZ] * np.float32(gain))
    for channel, start_s, end_s in _turns()[:4]:
        assert _covered(segments, channel, start_s, end_s) > 0.95
    speech = np.concatenate([each.samples for each in segments if each.span.channel == 0]) / np.float32(32_768)
    assert integrated_lufs(measure([speech]).energy) == pytest.approx(TARGET_LUFS, abs=1.0)


def test_offset_is_taken_away(call: Samples, run: Run) -> None:
    _, segments = run(0.5 * call[: 10 * RATE_HZ] + np.float32(0.4))
    assert abs(np.concatenate([each.samples for each in segments]).mean()) < 30


def _nothing(kind: str) -> Samples:
    """A minute in which nobody speaks."""
    time_s = np.arange(60 * RATE_HZ) / RATE_HZ
    noise = np.random.default_rng(0).standard_normal(len(time_s))
    kinds = {
        "silence": 0 * time_s,
        "offset": 0 * time_s + 0.5,
        "white noise": 0.1 * noise,
        "faint noise": 1e-3 * noise,
        "red noise": 0.01 * np.cumsum(noise - noise.mean()),
        "hum": 0.1 * np.sin(2 * np.pi * 50 * time_s) + 0.05 * np.sin(2 * np.pi * 150 * time_s),
        "tone of 200 Hz": 0.3 * np.sin(2 * np.pi * 200 * time_s),
        "tone of 1 kHz": 0.3 * np.sin(2 * np.pi * 1000 * time_s),
        "ringing": 0.2 * (np.sin(2 * np.pi * 440 * time_s) + np.sin(2 * np.pi * 480 * time_s)) * (time_s % 6 < 2),
    }
    samples: Samples = kinds[kind].astype(np.float32)
    return samples


@pytest.mark.parametrize(
    "kind",
    [
        "silence",
        "offset",
        "white noise",
        "faint noise",
        "red noise",
        "hum",
        "tone of 200 Hz",
        "tone of 1 kHz",
        "ringing",
    ],
)
def test_nobody_speaks_in_noise_and_tones(kind: str, run: Run) -> None:
    recording, segments = run(_nothing(kind))
    assert recording.duration_s == 60.0
    assert segments == []


def test_copies_of_one_channel_are_transcribed_once(call: Samples, run: Run) -> None:
    recording, segments = run(call[: 10 * RATE_HZ, [0, 0]], PreprocessOptions(roles=("agent", "customer")))
    assert recording.channels == (Channel(0),)
    assert recording.warnings == ("dual_mono",)
    assert {each.span.channel for each in segments} == {0}


@pytest.mark.parametrize("options", [OPTIONS, PreprocessOptions(channel_mode="mix")])
def test_inverted_channels_are_reported_and_not_cancelled(options: PreprocessOptions, call: Samples, run: Run) -> None:
    recording, segments = run(call[: 6 * RATE_HZ, [0, 0]] * np.array([1, -1], np.float32), options)
    assert recording.warnings == ("inverted_channels",)
    assert _covered(segments, *_turns()[0]) > 0.99


def test_mix_hears_every_channel_as_one(call: Samples, run: Run) -> None:
    recording, segments = run(call[: 20 * RATE_HZ], PreprocessOptions(channel_mode="mix"))
    assert recording.channels == (Channel(0),)
    for _, start_s, end_s in _turns()[:4]:
        assert _covered(segments, 0, start_s, end_s) > 0.99


@pytest.mark.parametrize("frames", [1, 80, 799])
def test_less_than_a_tenth_of_a_second_is_too_short(frames: int, run: Run) -> None:
    with pytest.raises(errors.TooShort):
        run(np.full(frames, 0.1, np.float32))


@pytest.mark.parametrize("value", [1e38, -1e38, 1e-40])
def test_extreme_samples_stay_finite(value: float, call: Samples, run: Run) -> None:
    samples = call[: 6 * RATE_HZ, 0].copy()
    samples[1000::4000] = value
    assert run(samples)[0].duration_s == 6.0


def test_progress_grows_to_one_and_may_stop_the_work() -> None:
    heard: list[float] = []
    preprocess(CALL, OPTIONS, heard.append)
    assert heard == sorted(heard)
    assert heard[-1] == 1.0
    assert len(heard) > 10

    def stop(share: float) -> None:
        if share > 0.5:
            raise InterruptedError

    with pytest.raises(InterruptedError):
        preprocess(CALL, OPTIONS, stop)


@pytest.mark.parametrize("read_them", [True, False])
def test_no_file_is_left_open_or_on_disk(read_them: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    # What earlier tests left to the collector must not be counted as open before and closed after.
    gc.collect()
    before = len(list(Path("/proc/self/fd").iterdir()))
    stream = preprocess(CALL, OPTIONS)
    if read_them:
        assert len(list(stream.segments)) > 1
    del stream
    gc.collect()
    assert len(list(Path("/proc/self/fd").iterdir())) <= before
    assert list(tmp_path.iterdir()) == []


def test_same_recording_gives_the_same_bytes() -> None:
    first, second = (list(preprocess(CALL, OPTIONS).segments) for _ in range(2))
    for one, other in zip(first, second, strict=True):
        assert one.span == other.span
        np.testing.assert_array_equal(one.samples, other.samples)


def test_memory_does_not_grow_with_the_length(tmp_path: Path) -> None:
    path = tmp_path / "hours.flac"
    path.write_bytes(bad.encode(np.zeros((10 * 60 * RATE_HZ, 2), np.float32), "FLAC", rate_hz=RATE_HZ))
    code = (
        "import resource, sys\n"
        "from pathlib import Path\n"
        "from pipeline.options import PreprocessOptions\n"
        "from pipeline.preprocess import preprocess\n"
        "peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "list(preprocess(Path(sys.argv[1]), PreprocessOptions()).segments)\n"
        "small = peak()\n"
        "list(preprocess(Path(sys.argv[2]), PreprocessOptions()).segments)\n"
        "print(peak() - small, any(name in sys.modules for name in ('torch', 'transformers', 'silero_vad')))\n"
    )
    command = [sys.executable, "-c", code, str(CALL), str(path)]
    grown_kib, heavy = subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT).stdout.split()
    assert int(grown_kib) < 30_000
    assert heavy == "False"


@pytest.mark.skipif(not SHARED.is_dir(), reason="the recordings are not here")
def test_nearly_every_single_word_is_heard() -> None:
    lines = (SHARED / "manifest.jsonl").read_text().splitlines()
    short = [entry for entry in map(json.loads, lines) if entry["duration_s"] < 1.0]
    heard = [entry["id"] for entry in short if list(preprocess(SHARED / entry["audio"], OPTIONS).segments)]
    assert len(short) > 20
    assert len(heard) >= 0.95 * len(short)


def test_keys_pressed_between_words_are_silent_in_their_segment_and_words_are_not(run: Run) -> None:
    spoken = agent(0.5, 5.5)
    keys = dialled("42")
    samples = np.concatenate((spoken, keys, spoken))
    recording, segments = run(samples)
    assert recording.preflight is not None
    (mark,) = recording.preflight.channels[0].marks
    assert mark.digits == "42"
    (around,) = [each for each in segments if each.span.start_s < mark.start_s < each.span.end_s]
    middle = int((mark.start_s + 0.04 - around.span.start_s) * 16_000)
    assert not around.samples[middle - 200 : middle + 200].any()
    assert np.abs(around.samples).max() > 3000


def _line(kind: str) -> Samples:
    if kind == "music":
        return np.concatenate([music(each, 10.0) for each in ("band", "strings", "flute", "guitar", "organ", "piano")])
    if kind == "keys":
        return on_the_line(np.concatenate([dialled("0123456789*#", 0.1, 0.4)] * 10))
    return on_the_line(sounding(*[((425,), 1.0), ((), 4.0)] * 12))


@pytest.mark.parametrize("kind", ["music", "keys", "ringing"])
def test_a_minute_of_a_line_without_voices_has_no_segments(kind: str, run: Run) -> None:
    recording, segments = run(_line(kind))
    assert recording.duration_s == 60.0
    assert segments == []


def test_three_channels_are_heard_apart_and_named_one_by_one(call: Samples, run: Run) -> None:
    coach = np.concatenate((np.zeros(10 * RATE_HZ, np.float32), agent(0.5, 5.0), np.zeros(5 * RATE_HZ, np.float32)))
    conference = np.column_stack((call[: 20 * RATE_HZ], coach))
    named = [{"index": 0, "role": "agent"}, {"index": 2, "role": "coach"}]
    recording, segments = run(conference, PreprocessOptions.model_validate({"channels": named}))
    assert recording.channels == (Channel(0, "agent"), Channel(1), Channel(2, "coach"))
    assert {each.span.channel for each in segments} == {0, 1, 2}
    (coached,) = [each.span for each in segments if each.span.channel == 2]
    assert coached.start_s == pytest.approx(10.0, abs=0.5)
    assert recording.preflight is not None
    assert [each.role for each in recording.preflight.channels] == ["agent", None, "coach"]


def test_the_report_passes_through_an_artifact_unchanged() -> None:
    stream = preprocess(CALL, OPTIONS)
    file = io.BytesIO()
    write(stream, SPEECH, file)
    assert read(SPEECH, file).recording == stream.recording
    assert stream.recording.preflight is not None

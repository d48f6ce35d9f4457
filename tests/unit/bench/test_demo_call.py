"""The call that is shipped is what its manifest says, and the benches make of it what they say."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
import soundfile
from numpy.typing import NDArray

from bench.long_call import measure, repeat_call, run_chain, run_features, run_preprocess
from bench.worker_memory import tree_mib
from workers.evaluate import read_manifest

DEMO = Path(__file__).parents[3] / "workers" / "demo"
MEGABYTE = 1_000_000


@pytest.fixture(scope="module")
def manifest() -> dict[str, Any]:
    document: dict[str, Any] = json.loads((DEMO / "manifest.jsonl").read_text(encoding="utf-8"))
    return document


@pytest.fixture(scope="module")
def call() -> NDArray[np.float64]:
    samples: NDArray[np.float64] = soundfile.read(DEMO / "call.wav")[0]
    return samples


def rms(samples: NDArray[np.float64]) -> float:
    return float(np.sqrt(np.mean(samples**2)))


def test_the_call_is_two_channels_of_a_telephone_and_small() -> None:
    info = soundfile.info(DEMO / "call.wav")
    assert (info.samplerate, info.channels, info.subtype) == (8000, 2, "ULAW")
    assert 60 <= info.duration <= 120
    assert (DEMO / "call.wav").stat().st_size < 2 * MEGABYTE


def test_the_manifest_is_one_that_can_be_evaluated(manifest: dict[str, Any]) -> None:
    [line] = read_manifest(DEMO / "manifest.jsonl")
    assert line.audio.is_file()
    assert line.text == " ".join(turn["text"] for turn in manifest["turns"])
    assert {turn["role"] for turn in manifest["turns"]} == set(manifest["roles"])


def test_every_turn_is_where_the_manifest_says_on_the_channel_of_its_speaker(
    manifest: dict[str, Any], call: NDArray[np.float64]
) -> None:
    line_noise = rms(call[: round(0.5 * 8000)])
    for turn in manifest["turns"]:
        assert manifest["roles"][turn["channel"]] == turn["role"]
        assert 0 <= turn["start_s"] < turn["end_s"] <= len(call) / 8000
        spoken = call[round(turn["start_s"] * 8000) : round(turn["end_s"] * 8000), turn["channel"]]
        assert rms(spoken) > 20 * line_noise, turn["text"]


def test_where_nobody_speaks_there_is_only_the_noise_of_the_line(
    manifest: dict[str, Any], call: NDArray[np.float64]
) -> None:
    is_silent = np.ones_like(call, dtype=bool)
    for turn in manifest["turns"]:
        is_silent[round(turn["start_s"] * 8000) - 80 : round(turn["end_s"] * 8000) + 80, turn["channel"]] = False
    for channel in (0, 1):
        level_db = 20 * np.log10(rms(call[is_silent[:, channel], channel]))
        assert level_db == pytest.approx(-62, abs=1.5)


def test_nothing_is_left_above_the_band_of_a_telephone(call: NDArray[np.float64]) -> None:
    spectrum = np.abs(np.fft.rfft(call, axis=0)) ** 2
    frequency_hz = np.fft.rfftfreq(len(call), 1 / 8000)
    outside = spectrum[(frequency_hz < 200) | (frequency_hz > 3600)].sum()
    assert outside / spectrum.sum() < 1e-3


@pytest.mark.parametrize("minutes", [0.1, 1.5])
def test_a_call_is_repeated_to_the_length_that_is_asked_for(
    tmp_path: Path, call: NDArray[np.float64], minutes: float
) -> None:
    path = tmp_path / "long.wav"
    repeat_call(minutes, path)
    samples, rate_hz = soundfile.read(path)
    assert (rate_hz, len(samples)) == (8000, round(minutes * 60 * 8000))
    np.testing.assert_array_equal(samples, np.resize(call, samples.shape))


def test_the_bench_of_long_calls_measures_real_runs_of_each_step(tmp_path: Path) -> None:
    repeat_call(0.1, tmp_path / "call.wav")
    for work in (run_preprocess, run_features, run_chain):
        figures = measure(work, tmp_path)
        assert figures["minutes"] == pytest.approx(0.1, abs=0.005)
        assert figures["peak_mib"] > 50
        assert figures["cpu_s"] > 0
        assert figures["seconds"] > 0
    assert (tmp_path / "features").stat().st_size > (tmp_path / "speech").stat().st_size / 4 > 10_000


def test_memory_of_a_process_tree_is_at_least_its_own_and_at_most_what_is_resident() -> None:
    process = psutil.Process()
    memory = process.memory_full_info()
    resident_mib = sum(each.memory_info().rss for each in (process, *process.children(recursive=True))) / 2**20
    assert memory.uss / 2**20 * 0.9 <= tree_mib(process) <= resident_mib * 1.1

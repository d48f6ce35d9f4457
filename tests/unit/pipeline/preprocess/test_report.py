"""The preflight report says what is true of recordings whose truth is known, and gives advice where it is needed."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile
from numpy.typing import NDArray
from scipy.signal import butter, sosfiltfilt

from pipeline.options import PreprocessOptions
from pipeline.preflight import ChannelReport, Finding, MarkKind, Preflight, Severity, SoundMark, SpeechStretch
from pipeline.preprocess import preprocess
from pipeline.preprocess.findings import channel_findings, file_findings
from pipeline.preprocess.marks.spectra import BIN_HZ, FRAME
from pipeline.preprocess.report import bandwidth_hz, snr_db
from tests.line_sounds import CALL, RATE_HZ, agent, dialled, music

Samples = NDArray[np.float32]
Examine = Callable[..., Preflight]
ROLES = PreprocessOptions(roles=("agent", "customer"))


@pytest.fixture
def examine(tmp_path: Path) -> Examine:
    def look(samples: Samples, options: PreprocessOptions = ROLES, rate_hz: int = RATE_HZ) -> Preflight:
        path = tmp_path / "recording.wav"
        soundfile.write(path, samples, rate_hz, "PCM_16", format="WAV")
        told = preprocess(path, options).recording.preflight
        assert told is not None
        return told

    return look


def _codes(preflight: Preflight) -> set[tuple[str, int | None]]:
    return {(finding.code, finding.channel) for finding in preflight.findings}


@pytest.fixture(scope="module")
def call() -> Samples:
    return np.asarray(soundfile.read(CALL, frames=20 * RATE_HZ, dtype="float32")[0])


def test_a_good_call_has_a_report_and_no_findings() -> None:
    preflight = preprocess(CALL, ROLES).recording.preflight
    assert preflight is not None
    assert (preflight.container, preflight.codec, preflight.sample_rate_hz) == ("wav", "pcm_mulaw", 8000)
    assert (preflight.duration_s, preflight.channel_count, preflight.findings) == (63.572, 2, ())
    for channel, role in zip(preflight.channels, ("agent", "customer"), strict=True):
        assert channel.role == role
        assert channel.speech_lufs == pytest.approx(-25, abs=1)
        assert channel.snr_db is not None
        assert channel.snr_db > 30
        assert channel.bandwidth_hz in range(3400, 4001)
        spoken_s = sum(stretch.end_s - stretch.start_s for stretch in channel.speech)
        assert channel.speech_share == pytest.approx(spoken_s / preflight.duration_s, abs=1e-3)
        for stretch in channel.speech:
            assert len(stretch.loudness_lufs) == pytest.approx(stretch.end_s - stretch.start_s, abs=1.2)
            assert all(-70 <= loud < -10 for loud in stretch.loudness_lufs)


@pytest.mark.parametrize("planted_db", [5.0, 15.0, 30.0])
def test_signal_to_noise_ratio_is_the_planted_one(planted_db: float, examine: Examine) -> None:
    speech = agent(0.0, 20.0)
    report = examine(speech).channels[0]
    assert report.speech_dbfs is not None
    spoken = 10 ** (report.speech_dbfs / 10)
    noise = np.random.default_rng(0).normal(0, np.sqrt(spoken * 10 ** (-planted_db / 10)), len(speech))
    measured = examine((speech + noise).astype(np.float32))
    assert measured.channels[0].snr_db == pytest.approx(planted_db, abs=2.0)
    assert (("NOISY", 0) in _codes(measured)) == (planted_db < 15)


@pytest.mark.parametrize("gain_db", [0.0, -20.0, -30.0])
def test_levels_follow_the_gain(gain_db: float, examine: Examine) -> None:
    speech = agent(0.5, 9.5)
    plain = examine(speech).channels[0]
    report = examine(speech * np.float32(10 ** (gain_db / 20)))
    soft = report.channels[0]
    for name in ("speech_lufs", "speech_dbfs", "peak_dbfs", "true_peak_dbtp"):
        assert getattr(soft, name) == pytest.approx(getattr(plain, name) + gain_db, abs=0.5)
    assert (("QUIET", 0) in _codes(report)) == (gain_db == -30)


@pytest.mark.parametrize("edge_hz", [1500, 2000, 3000])
def test_bandwidth_is_that_of_the_filter(edge_hz: int, examine: Examine) -> None:
    sos = butter(20, edge_hz, fs=RATE_HZ, output="sos")
    report = examine(sosfiltfilt(sos, agent(0.0, 10.0)).astype(np.float32))
    # A filter has an edge of its own; half of it is 150 Hz wide.
    assert report.channels[0].bandwidth_hz == pytest.approx(edge_hz + 150, abs=200)
    assert (("MUFFLED", 0) in _codes(report)) == (edge_hz < 2300)


def test_telephone_speech_in_a_wideband_file_is_noticed(examine: Examine) -> None:
    narrow = np.repeat(agent(0.5, 6.0), 2)
    wide = sosfiltfilt(butter(16, 3700, fs=16_000, output="sos"), narrow).astype(np.float32)
    assert ("UPSAMPLED", 0) in _codes(examine(wide, rate_hz=16_000))


def test_one_bad_channel_is_told_from_the_good_one(call: Samples, examine: Examine) -> None:
    clipped = call.copy()
    clipped[:, 1] = np.clip(20 * clipped[:, 1], -1, 1)
    report = examine(clipped)
    assert _codes(report) == {("CLIPPED", 1)}
    assert report.channels[1].clipped_share > 0.01
    assert report.findings[0].severity is Severity.ERROR


def test_a_dead_channel_and_one_without_speech_are_told(call: Samples, examine: Examine) -> None:
    dead = call.copy()
    dead[:, 1] = 0
    assert _codes(examine(dead)) == {("DEAD_CHANNEL", 1)}
    dead[:, 1] = np.random.default_rng(0).normal(0, 0.01, len(dead))
    assert _codes(examine(dead)) == {("NO_SPEECH", 1)}


def test_silence_alone_is_an_error(examine: Examine) -> None:
    report = examine(np.zeros(RATE_HZ, np.float32))
    assert [finding.severity for finding in report.findings] == [Severity.ERROR]
    assert report.channels[0] == replace(report.channels[0], speech_lufs=None, snr_db=None, peak_dbfs=None, speech=())


def test_copies_mirror_images_offsets_and_leaks_are_told(call: Samples, examine: Examine) -> None:
    assert _codes(examine(call[:, [0, 0]])) == {("DUAL_MONO", None)}
    assert ("ANTI_PHASE", None) in _codes(examine(call[:, [0, 0]] * np.array([1, -1], np.float32)))
    assert _codes(examine(call + np.array([0, 0.05], np.float32))) == {("DC_OFFSET", 1)}
    leaking = call + np.float32(0.1) * np.roll(call[:, ::-1], 20, axis=0)
    report = examine(leaking)
    assert _codes(report) == {("CROSS_TALK", 0), ("CROSS_TALK", 1)}
    assert all(channel.leak_share > 0.2 for channel in report.channels)


def test_hold_music_is_told_with_its_share(examine: Examine) -> None:
    held = np.concatenate((agent(0.5, 10.0), music("piano", 10.0)))
    report = examine(held)
    assert ("HOLD_MUSIC", 0) in _codes(report)
    assert report.channels[0].music_share == pytest.approx(0.5, abs=0.1)


def test_keys_on_the_channel_of_the_agent_hint_at_swapped_roles(call: Samples, examine: Examine) -> None:
    pressed = call.copy()
    keys = dialled("1234")
    pressed[-len(keys) :, 0] += keys
    assert ("ROLES_SWAPPED", None) in _codes(examine(pressed))
    assert ("ROLES_SWAPPED", None) not in _codes(examine(pressed, PreprocessOptions(roles=("customer", "agent"))))
    assert ("ROLES_SWAPPED", None) not in _codes(examine(pressed, PreprocessOptions()))


def test_mixed_channels_are_reported_as_one(call: Samples, examine: Examine) -> None:
    report = examine(call, PreprocessOptions(channel_mode="mix"))
    assert (report.channel_count, [channel.index for channel in report.channels]) == (2, [0])
    assert report.channels[0].peak_dbfs == max(channel.peak_dbfs or -99 for channel in examine(call).channels)


@pytest.mark.parametrize(
    ("warning", "code"),
    [
        ("truncated", "TRUNCATED"),
        ("damaged", "DAMAGED"),
        ("leading_garbage", "LEADING_GARBAGE"),
        ("partial_frame", "PARTIAL_FRAME"),
        ("several_tracks", "SEVERAL_TRACKS"),
        ("gaps_filled", "GAPS_FILLED"),
        ("headerless:pcm_mulaw:0.87", "HEADERLESS"),
    ],
)
def test_warnings_of_the_decoder_are_findings(warning: str, code: str) -> None:
    (finding,) = file_findings([warning])
    assert (finding.code, finding.channel) == (code, None)
    assert finding.advice.endswith(".")


def test_how_sure_a_headerless_file_was_recognised_is_said() -> None:
    (finding,) = file_findings(["headerless:pcm_mulaw:0.87"])
    assert "pcm_mulaw (87% sure)" in finding.advice
    assert list(file_findings(["something_new"])) == []


def test_music_on_the_channel_of_the_customer_hints_at_swapped_roles() -> None:
    held = SoundMark(MarkKind.MUSIC, 0.0, 9.0)
    agent_report, customer = _channel(0, "agent"), replace(_channel(1, "Customer"), marks=(held,))
    assert [each.code for each in channel_findings([agent_report, customer], 8000)] == ["ROLES_SWAPPED"]
    both = replace(agent_report, marks=(held,))
    assert list(channel_findings([both, customer], 8000)) == []


def test_every_advice_is_one_sentence_for_people() -> None:
    bad = replace(
        _channel(0, None),
        speech_lufs=-60.0,
        clipped_share=0.02,
        snr_db=3.0,
        bandwidth_hz=2000,
        dc_offset=0.1,
        leak_share=0.3,
        music_share=0.5,
    )
    found: list[Finding] = list(channel_findings([bad], 8000))
    assert {each.code for each in found} == {
        *("CLIPPED", "QUIET", "NOISY", "DC_OFFSET", "CROSS_TALK", "HOLD_MUSIC", "MUFFLED")
    }
    for each in found:
        assert each.advice[0].isupper() or each.advice[0].isdigit()
        assert each.advice.endswith(".")
        assert each.channel == 0


def test_noise_without_pauses_is_taken_from_the_softest_frames() -> None:
    level = np.full(100, 1.01, np.float32)
    level[:10] = 0.01
    speech, nowhere = np.ones(100, bool), np.zeros(100, bool)
    assert snr_db(level, speech, nowhere) == pytest.approx(19.6, abs=0.2)
    assert snr_db(level, nowhere, speech) is None


def test_silent_pauses_do_not_make_the_ratio_endless() -> None:
    level = np.array([1.0] * 10 + [0.0] * 10, np.float32)
    assert snr_db(level, level > 0, level == 0) == 60.0


@pytest.mark.parametrize("edge_hz", [1000, 3400, 7000])
def test_band_of_a_flat_spectrum_ends_where_it_ends(edge_hz: int) -> None:
    power = np.where(np.arange(FRAME // 2 + 1) * BIN_HZ <= edge_hz, 1.0, 1e-9)
    assert bandwidth_hz(power) == pytest.approx(edge_hz, abs=50)
    assert bandwidth_hz(np.zeros(10)) is None


def _channel(index: int, role: str | None) -> ChannelReport:
    """A channel on which all is well."""
    stretch = SpeechStretch(0.0, 5.0, (-23.0,) * 5)
    return ChannelReport(
        index=index,
        role=role,
        is_silent=False,
        speech_share=0.5,
        speech_lufs=-23.0,
        speech_dbfs=-23.0,
        peak_dbfs=-6.0,
        true_peak_dbtp=-5.5,
        clipped_share=0.0,
        snr_db=35.0,
        bandwidth_hz=3600,
        dc_offset=0.0,
        leak_share=0.0,
        music_share=0.0,
        marks=(),
        speech=(stretch,),
    )

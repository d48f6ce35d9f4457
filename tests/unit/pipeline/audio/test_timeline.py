"""A word is heard when it was spoken: sound that begins late or pauses in its container keeps its times."""

from collections.abc import Callable
from pathlib import Path

import av
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from pipeline import errors
from pipeline.audio import Limits
from pipeline.audio.timeline import LEAST_GAP_S, MOST_GAP_S, Timeline
from tests import bad_recordings as bad
from tests.av_recordings import Track, encode, encode_stamped, likeness
from tests.reading import open_here

RATE_HZ = 16_000
HALF = bad.noisy_tone(0.96)
SOUND = bad.noisy_tone(2.0)

Decoded = tuple[NDArray[np.float32], tuple[str, ...]]
Decode = Callable[[bytes], Decoded]


@pytest.fixture
def decode(tmp_path: Path) -> Decode:
    def read(content: bytes, limit_s: float = 3600) -> Decoded:
        path = tmp_path / "recording"
        path.write_bytes(content)
        with open_here(path, Limits(limit_s, 8)) as reader:
            return np.concatenate(list(reader.blocks())), reader.warnings

    return read


def _loud_at(samples: NDArray[np.float32], *moments_s: float) -> list[bool]:
    windows = [samples[int(each * RATE_HZ) : int((each + 0.1) * RATE_HZ)] for each in moments_s]
    return [float(np.abs(window).mean()) > 0.05 for window in windows]


@pytest.mark.parametrize(("container", "encoder"), [("mp4", "aac"), ("matroska", "pcm_s16le"), ("mpegts", "mp2")])
def test_sound_that_begins_late_and_pauses_is_heard_when_it_was_made(
    container: str, encoder: str, tmp_path: Path, decode: Decode
) -> None:
    samples, warnings = decode(encode_stamped(tmp_path / "made", container, encoder, [(1.0, HALF), (3.5, HALF)]))
    assert _loud_at(samples, 0.4, 1.4, 2.5, 3.9) == [False, True, False, True]
    assert warnings == ("gaps_filled",)


def test_what_an_edit_list_cuts_away_is_not_heard(tmp_path: Path, decode: Decode) -> None:
    content = encode(tmp_path / "made", "mp4", Track("aac", SOUND, RATE_HZ))
    media_time = content.index(b"elst") + 16
    whole, _ = decode(content)
    cut, warnings = decode(content[:media_time] + (8000).to_bytes(4, "big") + content[media_time + 4 :])
    assert len(whole) - len(cut) == 8000
    np.testing.assert_allclose(cut, whole[8000:], atol=1e-6)
    assert warnings == ()


def test_delay_of_the_encoder_is_not_heard_where_the_container_tells_it(tmp_path: Path, decode: Decode) -> None:
    samples, _ = decode(encode(tmp_path / "made", "webm", Track("libopus", bad.noisy_tone(2.0, 48_000), 48_000)))
    original = bad.noisy_tone(2.0, 48_000)
    # Within a millisecond, where the codec alone delays by 6.5 ms.
    assert likeness(samples[:, 0], original[:, 0], most_delay=48) > 0.97


def test_the_track_that_its_author_marked_is_read_and_not_the_first(tmp_path: Path, decode: Decode) -> None:
    path = tmp_path / "made"
    with av.open(str(path), "w", format="matroska") as file:
        streams = [file.add_stream("pcm_s16le", rate=rate_hz, layout="mono") for rate_hz in (8000, RATE_HZ)]
        streams[0].disposition = av.stream.Disposition(0)
        streams[1].disposition = av.stream.Disposition.default
        for stream in streams:
            assert isinstance(stream, av.AudioStream)
            pcm = (SOUND[: 2 * stream.rate].T * 32767).astype(np.int16)
            frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(pcm), format="s16", layout="mono")
            frame.sample_rate = stream.rate
            file.mux(stream.encode(frame))
            file.mux(stream.encode(None))
    samples, warnings = decode(path.read_bytes())
    assert (len(samples), warnings) == (2 * RATE_HZ, ("several_tracks",))


def test_silence_that_fills_a_gap_counts_towards_the_limit(tmp_path: Path) -> None:
    path = tmp_path / "recording"
    path.write_bytes(encode_stamped(tmp_path / "made", "matroska", "pcm_s16le", [(0.0, HALF), (500.0, HALF)]))
    with open_here(path, Limits(60, 8)) as reader, pytest.raises(errors.DurationLimit):
        list(reader.blocks())


def test_a_clock_that_was_set_anew_makes_no_hours_of_silence(tmp_path: Path, decode: Decode) -> None:
    content = encode_stamped(tmp_path / "made", "matroska", "pcm_s16le", [(0.0, HALF), (90_000.0, HALF)])
    samples, warnings = decode(content)
    assert len(samples) < 2 * RATE_HZ
    assert "gaps_filled" not in warnings


@given(gaps_s=st.lists(st.floats(LEAST_GAP_S + 0.01, MOST_GAP_S - 1), max_size=5), origin_s=st.floats(0, 1e5))
def test_frames_stand_where_their_stamps_say(gaps_s: list[float], origin_s: float) -> None:
    timeline = Timeline(origin_s)
    stamp_s, total = origin_s, 0
    for gap_s in gaps_s:
        stamp_s += gap_s
        total += timeline.silence_before(stamp_s, 160, 8000)
        assert abs(total / 8000 - (stamp_s - origin_s)) < 1e-3
        total += 160
        stamp_s += 160 / 8000


def test_rounded_missing_and_backward_stamps_change_nothing() -> None:
    timeline = Timeline(0.0)
    stamps = (0.0, 0.021, 0.04, None, 0.079, -5.0, 0.3)
    assert [timeline.silence_before(stamp_s, 160, 8000) for stamp_s in stamps] == [0] * 7

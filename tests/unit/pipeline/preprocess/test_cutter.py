"""A stream is cut into the segments of the whole call, whatever the chunks in which it comes; no sample is lost."""

import wave
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from pipeline.options import PreprocessOptions, Stretch
from pipeline.preprocess import preprocess
from pipeline.preprocess.cutter import BLOCK_S, CONTEXT, Piece, StreamFormat, cut, reblocked
from pipeline.preprocess.listening import UNIT, Listener
from pipeline.preprocess.vad import WINDOW_S

ROOT = Path(__file__).parents[4]
RATE_HZ = 8000
FORMAT = StreamFormat(RATE_HZ, 2)
OPTIONS = PreprocessOptions()

Spans = list[tuple[int, float, float]]


@cache
def call(seconds: float) -> NDArray[np.float32]:
    """The start of the demo call, which is mu-law and so exact in 16 bits."""
    samples, _ = soundfile.read(ROOT / "workers" / "demo" / "call.wav", dtype="float32", always_2d=True)
    return np.asarray(samples[: int(seconds * RATE_HZ)], np.float32)


def in_chunks(samples: NDArray[np.float32], sizes: Sequence[int]) -> Iterator[NDArray[np.float32]]:
    position = turn = 0
    while position < len(samples):
        size = sizes[turn % len(sizes)]
        yield samples[position : position + size].copy()
        position, turn = position + size, turn + 1


def pieces_of(
    samples: NDArray[np.float32], sizes: Sequence[int] = (800,), options: PreprocessOptions = OPTIONS
) -> list[Piece]:
    return list(cut(in_chunks(samples, sizes), StreamFormat(RATE_HZ, samples.shape[1]), options))


@cache
def pieces_of_short_call() -> list[Piece]:
    return pieces_of(call(11))


def spans_of(pieces: Sequence[Piece]) -> Spans:
    return sorted(
        (each.channel, round(each.start_s + piece.start_s, 3), round(each.end_s + piece.start_s, 3))
        for piece in pieces
        for each in piece.stretches
    )


def write(path: Path, samples: NDArray[np.int16]) -> Path:
    with wave.open(str(path), "wb") as file:
        file.setnchannels(samples.shape[1])
        file.setsampwidth(2)
        file.setframerate(RATE_HZ)
        file.writeframes(samples.tobytes())
    return path


def to_int16(samples: NDArray[np.float32]) -> NDArray[np.int16]:
    return np.asarray(np.rint(samples * 32768).clip(-32768, 32767), np.int16)


@given(st.lists(st.integers(1, 30_000), min_size=1, max_size=8))
@settings(max_examples=8, deadline=None, database=None)
def test_the_chunks_in_which_a_stream_comes_change_no_bit_of_any_piece(sizes: list[int]) -> None:
    expected, found = pieces_of_short_call(), pieces_of(call(11), sizes)
    assert len(found) == len(expected) >= 2
    for one, other in zip(found, expected, strict=True):
        assert (one.start_s, one.stretches) == (other.start_s, other.stretches)
        assert np.array_equal(one.samples, other.samples)


def test_a_call_that_is_heard_live_is_cut_into_the_segments_of_its_recording(tmp_path: Path) -> None:
    recording = write(tmp_path / "call.wav", to_int16(call(40)))
    whole = [segment.span for segment in preprocess(recording, OPTIONS).segments]
    expected = sorted((each.channel, each.start_s, each.end_s) for each in whole)
    found = spans_of(pieces_of(call(40)))
    assert [each[0] for each in found] == [each[0] for each in expected]
    np.testing.assert_allclose(found, expected, atol=1e-3)


def test_preprocess_hears_in_a_piece_what_it_hears_in_the_whole_call(tmp_path: Path) -> None:
    pieces = pieces_of(call(20))
    recording = write(tmp_path / "call.wav", to_int16(call(20)))
    given_stretches = [Stretch(channel=each, start_s=start, end_s=end) for each, start, end in spans_of(pieces)]
    options = PreprocessOptions(stretches=tuple(given_stretches))
    whole = {segment.span: segment.samples for segment in preprocess(recording, options).segments}
    assert len(whole) >= 3
    for number, piece in enumerate(pieces):
        path = write(tmp_path / f"{number}.wav", piece.samples)
        for segment in preprocess(path, PreprocessOptions(stretches=piece.stretches)).segments:
            shifted = next(
                samples
                for span, samples in whole.items()
                if span.channel == segment.span.channel
                and abs(span.start_s - segment.span.start_s - piece.start_s) < WINDOW_S / 4
            )
            assert len(shifted) == len(segment.samples)
            np.testing.assert_array_equal(segment.samples, shifted)


@pytest.mark.parametrize("channels", [1, 2])
def test_every_sample_of_the_stream_lies_in_a_piece_unchanged(channels: int) -> None:
    samples = call(25)[:, :channels]
    expected, covered = to_int16(samples), 0
    for piece in pieces_of(samples):
        first = round(piece.start_s * RATE_HZ)
        assert first <= covered
        assert np.array_equal(piece.samples, expected[first : first + len(piece.samples)])
        covered = max(covered, first + len(piece.samples))
    assert covered == len(expected)


def test_a_stretch_lies_inside_its_piece_with_room_for_filters_to_settle() -> None:
    for piece in pieces_of(call(25)):
        for each in piece.stretches:
            assert each.start_s >= CONTEXT * WINDOW_S or piece.start_s == 0
            assert each.end_s <= piece.duration_s + WINDOW_S


def test_silence_is_cut_once_a_minute_and_gives_nothing_to_transcribe() -> None:
    samples = np.zeros((int(150 * RATE_HZ), 2), np.float32)
    pieces = pieces_of(samples, [RATE_HZ * 5])
    assert [piece.stretches for piece in pieces] == [()] * 3
    assert sum(len(piece.samples) for piece in pieces) == pytest.approx(len(samples), abs=3 * RATE_HZ)
    assert max(piece.duration_s for piece in pieces) < 63


def test_a_stream_of_nothing_or_nearly_nothing_has_no_piece() -> None:
    assert pieces_of(np.zeros((0, 1), np.float32)) == []
    assert pieces_of(np.zeros((int(0.05 * RATE_HZ), 1), np.float32)) == []


def test_a_short_remark_alone_is_read_with_all_that_surrounds_it() -> None:
    (piece,) = pieces_of(call(5.4)[:, :1])
    (only,) = piece.stretches
    assert (piece.start_s, only.start_s) == (0.0, 0.0)
    assert only.end_s == pytest.approx(5.4, abs=WINDOW_S)


def test_a_mix_is_heard_as_one_channel_and_kept_as_both() -> None:
    options = PreprocessOptions(channel_mode="mix")
    pieces = pieces_of(call(12), options=options)
    assert {each.channel for piece in pieces for each in piece.stretches} == {0}
    assert {piece.samples.shape[1] for piece in pieces} == {2}


def test_shorter_segments_are_told_sooner() -> None:
    monologue = np.concatenate([call(5.4)[:, :1]] * 5)
    quick = pieces_of(monologue, options=PreprocessOptions(max_segment_s=5.0, max_gap_s=0.1))
    patient = pieces_of(monologue)
    assert len(quick) > len(patient)
    assert quick[0].duration_s < patient[0].duration_s


def test_a_quiet_copy_of_the_other_speaker_is_no_speech_of_this_channel() -> None:
    agent = call(5.4)[:, :1]
    leaking = np.concatenate([agent, np.roll(agent, 24) * np.float32(0.05)], axis=1)
    assert {channel for channel, _, _ in spans_of(pieces_of(leaking))} == {0}


def test_a_listener_answers_one_unit_late_and_at_last() -> None:
    listener = Listener(2)
    unit = np.zeros((UNIT, 2), np.float32)
    assert [len(each) for each in listener.feed(unit)] == [0, 0]
    assert [len(each) for each in listener.feed(unit[: UNIT // 2])] == [16, 16]
    assert [len(each) for each in listener.end()] == [8, 8]


@given(st.lists(st.integers(0, 50), max_size=30), st.integers(1, 40))
def test_blocks_of_any_length_become_blocks_of_one_length(lengths: list[int], size: int) -> None:
    total = sum(lengths)
    samples = np.arange(total, dtype=np.float32)[:, None]
    parts = np.split(samples, np.cumsum(lengths)[:-1]) if lengths else []
    blocks = list(reblocked(parts, size))
    assert all(len(block) == size for block in blocks[:-1])
    assert all(len(block) > 0 for block in blocks)
    assert np.array_equal(np.concatenate(blocks) if blocks else samples, samples)
    assert BLOCK_S > 0


def test_an_odd_sample_rate_loses_no_sample_either() -> None:
    noise = np.random.default_rng(1).normal(0, 0.01, (11_025 * 3, 1)).astype(np.float32)
    pieces = list(cut(in_chunks(noise, [1000]), StreamFormat(11_025, 1), OPTIONS))
    assert sum(len(piece.samples) for piece in pieces) == len(noise)
    assert pieces[0].sample_rate_hz == 11_025


def test_a_stream_that_broke_off_behind_a_piece_goes_on_where_it_is_settled() -> None:
    samples = call(20)
    whole = pieces_of(samples)
    for count in range(1, len(whole)):
        settled_s = whole[count - 1].settled_s
        rest = pieces_of(samples[round(settled_s * RATE_HZ) :])
        shifted = [(channel, start + settled_s, end + settled_s) for channel, start, end in spans_of(rest)]
        expected, found = spans_of(whole), sorted([*spans_of(whole[:count]), *shifted])
        assert [each[0] for each in found] == [each[0] for each in expected]
        assert np.allclose(np.array(found), np.array(expected), atol=0.35)

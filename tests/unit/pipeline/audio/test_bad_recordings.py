"""Whatever a caller uploads ends in audio or in one stable error, before or while it is decoded, in bounded memory."""

import contextlib
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from pipeline import errors
from pipeline.audio import Limits, ogg
from tests import bad_recordings as bad
from tests.bad_input import DATA, ELSEWHERE, FLAC, MADE, MP3, OPUS, REFUSED, STEREO, VORBIS, WAV
from tests.reading import open_here

ROOT = Path(__file__).parents[4]
LIMITS = Limits(max_duration_s=8 * 3600, max_channels=8)

Reading = tuple[int, int, int, tuple[str, ...]]


@pytest.fixture
def read(tmp_path: Path) -> Callable[[bytes], Reading]:
    def decode(content: bytes) -> Reading:
        path = tmp_path / "recording"
        path.write_bytes(content)
        with open_here(path, LIMITS) as reader:
            assert all(np.isfinite(block).all() for block in reader.blocks())
            return reader.frames_read, reader.sample_rate_hz, reader.channels, reader.warnings

    return decode


ACCEPTED: dict[str, tuple[bytes, Reading]] = {
    "WAV": (WAV, (16_000, 16_000, 1, ())),
    "WAV of unknown length": (
        bad.wave_file(bad.wave_format(), bad.chunk(b"data", bad.pcm(), 0xFFFFFFFF)),
        (16_000, 16_000, 1, ()),
    ),
    "WAV with an odd byte": (
        bad.wave_file(bad.wave_format(), bad.chunk(b"data", bad.pcm() + b"\x01")),
        (16_000, 16_000, 1, ("partial_frame",)),
    ),
    "WAV cut in the middle": (WAV[:16_044], (8000, 16_000, 1, ("truncated",))),
    "WAV with a LIST first": (
        bad.wave_file(bad.chunk(b"LIST", b"INFOx"), bad.wave_format(), DATA),
        (16_000, 16_000, 1, ()),
    ),
    "RF64 that claims 2^60 bytes": (bad.rf64(1.0, 2**60), (16_000, 16_000, 1, ())),
    "W64": (bad.encode(STEREO, "W64"), (16_000, 16_000, 2, ())),
    "192 kHz": (bad.encode(bad.noisy_tone(0.5, 192_000), rate_hz=192_000), (96_000, 192_000, 1, ())),
    "8 kHz mu-law": (bad.encode(bad.noisy_tone(1.0, 8000), codec="ULAW", rate_hz=8000), (8000, 8000, 1, ())),
    "8 kHz A-law": (bad.encode(bad.noisy_tone(1.0, 8000), codec="ALAW", rate_hz=8000), (8000, 8000, 1, ())),
    "11025 Hz": (bad.encode(bad.noisy_tone(1.0, 11_025), rate_hz=11_025), (11_025, 11_025, 1, ())),
    "extensible": (bad.encode(STEREO, "WAVEX"), (16_000, 16_000, 2, ())),
    "GSM 06.10": (bad.encode(bad.noisy_tone(0.8, 8000), codec="GSM610", rate_hz=8000), (6400, 8000, 1, ())),
    "1e38": (bad.encode(np.full((1600, 1), 1e38, np.float32), codec="FLOAT"), (1600, 16_000, 1, ())),
    "denormal": (bad.encode(np.full((1600, 1), 1e-40, np.float32), codec="FLOAT"), (1600, 16_000, 1, ())),
    "FLAC": (FLAC, (80_000, 16_000, 1, ())),
    "FLAC of unknown length": (bad.flac_claiming(0, FLAC), (80_000, 16_000, 1, ())),
    "MP3": (MP3, (80_000, 16_000, 1, ())),
    "Opus": (OPUS, (80_000, 16_000, 1, ())),
    "Vorbis": (VORBIS, (80_000, 16_000, 1, ())),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_can_not_be_used_is_refused_with_its_own_code(name: str, read: Callable[[bytes], Reading]) -> None:
    _, content, error = REFUSED[name]
    with pytest.raises(errors.InputError) as caught:
        read(content)
    assert caught.type is error


@pytest.mark.parametrize("name", ACCEPTED)
def test_what_can_be_used_is_decoded_to_its_real_length(name: str, read: Callable[[bytes], Reading]) -> None:
    content, expected = ACCEPTED[name]
    assert read(content) == expected


def test_each_row_ends_as_it_must_in_a_confined_process_and_the_worker_lives() -> None:
    command = [sys.executable, "-m", "tests.bad_input"]
    environment = {"PYTHONPATH": str(ROOT), "OPENBLAS_NUM_THREADS": "1", "PATH": "/usr/bin:/bin"}
    run = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=170, check=True)
    told = json.loads(run.stdout)
    expected = {name: error.code for name, (_, _, error) in REFUSED.items()}
    expected |= {name: outcome for name, (_, _, outcome) in MADE.items()}
    # What libraries of another version make of a file shows here, with what was expected before.
    assert told["outcomes"] == expected | {"a good one at last": "ok"}
    assert told["peak_kib"] < 300_000


def test_every_one_of_the_sixty_rows_has_a_test() -> None:
    rows = {row for row, *_ in (*REFUSED.values(), *MADE.values(), *ELSEWHERE)}
    assert rows == set(range(1, 61))
    for _, path, name in ELSEWHERE:
        assert f"def {name}(" in (ROOT / "tests" / path).read_text(), name


def test_mp3_of_variable_rate_without_its_length_is_read_to_the_end(read: Callable[[bytes], Reading]) -> None:
    quiet_then_loud = np.concatenate((np.zeros((80_000, 1), np.float32), bad.noisy_tone(5.0)))
    frames, _, _, warnings = read(bad.mp3_without_length(bad.encode(quiet_then_loud, "MP3")))
    # Without the first frame the encoder's delay and padding, up to three frames, stay in.
    assert 0 <= frames - 160_000 <= 3 * 1152
    assert warnings == ()


def test_two_mp3_files_joined_are_both_read(read: Callable[[bytes], Reading]) -> None:
    assert read(MP3 + MP3)[0] >= 160_000


def test_mp3_behind_garbage_is_found(read: Callable[[bytes], Reading]) -> None:
    garbage = np.random.default_rng(3).integers(0, 255, 10_000, np.uint8).tobytes()
    frames, *_, warnings = read(garbage + MP3)
    assert 0 <= frames - 80_000 <= 3 * 1152
    assert warnings == ("leading_garbage",)


@pytest.mark.parametrize("content", [MP3, OPUS, VORBIS], ids=["MP3", "Opus", "Vorbis"])
def test_lossy_file_that_was_cut_gives_what_is_there_and_a_warning(
    content: bytes, read: Callable[[bytes], Reading]
) -> None:
    frames, *_, warnings = read(content[: len(content) // 2])
    assert 16_000 < frames < 64_000
    assert warnings == ("truncated",)


def test_damaged_page_of_ogg_is_reported(read: Callable[[bytes], Reading]) -> None:
    assert read(bad.flipped(OPUS, 0.5))[3] == ("damaged",)


def test_twelve_hours_of_silence_in_ten_megabytes_are_refused_unheard(tmp_path: Path) -> None:
    path = tmp_path / "silence.opus"
    path.write_bytes(bad.silent_opus(hours=12))
    assert path.stat().st_size < 10e6
    with pytest.raises(errors.DurationLimit), open_here(path, LIMITS):
        pass


def test_length_is_limited_by_what_is_decoded_when_no_header_tells(tmp_path: Path) -> None:
    path = tmp_path / "unknown.flac"
    path.write_bytes(bad.flac_claiming(0, FLAC))
    with open_here(path, Limits(max_duration_s=4.0, max_channels=1)) as reader, pytest.raises(errors.DurationLimit):
        list(reader.blocks())


def test_hostile_headers_cost_neither_memory_nor_time(tmp_path: Path) -> None:
    for name in ("huge LIST", "FLAC that claims 49 days", "MP3 with a tag of 256 MB", "IMA ADPCM that overflows"):
        (tmp_path / name).write_bytes(REFUSED[name][1])
    (tmp_path / "silence").write_bytes(bad.encode(np.zeros((60 * 8000, 8), np.float32), "FLAC", rate_hz=8000))
    code = (
        "import pathlib, resource, sys\n"
        "from pipeline.audio import Limits, cage, open_audio\n"
        "from pipeline.errors import InputError\n"
        "for path in pathlib.Path(sys.argv[1]).iterdir():\n"
        "    try:\n"
        "        with open_audio(path, Limits(3600, 8)) as reader: sum(len(block) for block in reader.blocks())\n"
        "    except InputError: pass\n"
        "cage.ZYGOTE.close()\n"
        # Its own ru_maxrss would be that of the test that started it.
        "ours = pathlib.Path('/proc/self/status').read_text().split('VmHWM:')[1].split()[0]\n"
        "print(ours, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)\n"
    )
    run = subprocess.run([sys.executable, "-c", code, tmp_path], capture_output=True, text=True, timeout=30, check=True)
    ours, decoders = map(int, run.stdout.split())
    assert ours + decoders < 300_000


@pytest.mark.parametrize(
    "content",
    [
        MP3[:2000] + (MP3[-1500:] + b"\0") * 2000,
        OPUS[:47] + (bad.ogg_page([b"x"], 2, 1)[:-1] + b"?" * 9) * 50_000,
    ],
    ids=["MP3 of gaps", "Ogg of gaps"],
)
def test_file_made_to_be_searched_for_ever_is_refused(content: bytes, read: Callable[[bytes], Reading]) -> None:
    with pytest.raises(errors.CorruptHeader):
        read(content)


def test_number_of_pages_is_limited(read: Callable[[bytes], Reading], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ogg, "MOST_PAGES", 30)
    assert read(bad.silent_opus(hours=0.02))[0] > 0
    with pytest.raises(errors.CorruptHeader):
        read(bad.silent_opus(hours=0.1))


def test_mutated_files_give_audio_or_a_known_error(read: Callable[[bytes], Reading]) -> None:
    random = np.random.default_rng(5)
    for original in (WAV, bad.encode(STEREO, "W64"), bad.rf64(1.0, 32_000), FLAC, OPUS, VORBIS):
        for _ in range(20):
            content = np.frombuffer(original[:40_000], np.uint8).copy()
            content[random.integers(0, 200, 3)] = random.integers(0, 256, 3)
            with contextlib.suppress(errors.InputError):
                assert read(content.tobytes())[0] > 0

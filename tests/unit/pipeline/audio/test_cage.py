"""A decoder that crashes, hangs or is taken over takes nothing with it, and is believed nothing unchecked."""

import io
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import psutil
import pytest

from pipeline import errors
from pipeline.audio import Cage, Limits, cage, open_audio, wire
from pipeline.audio.decoder import Format
from tests import bad_recordings as bad
from tests.av_recordings import Track, encode
from tests.reading import open_here

LIMITS = Limits(max_duration_s=8 * 3600, max_channels=8)
SPEECHLESS = bad.noisy_tone(2.0)
WAV = bad.encode(SPEECHLESS)
LONG_WAV = bad.encode(bad.noisy_tone(60.0))


@pytest.fixture
def store(tmp_path: Path) -> Callable[[bytes], Path]:
    def write(content: bytes) -> Path:
        path = tmp_path / "recording"
        path.write_bytes(content)
        return path

    return write


@pytest.fixture
def no_child_left() -> Iterator[None]:
    yield
    assert not _decoders()


def _zygotes() -> list[psutil.Process]:
    return [each for each in psutil.Process().children() if "pipeline.audio.zygote" in " ".join(each.cmdline())]


def _decoders() -> list[psutil.Process]:
    return [fork for zygote in _zygotes() for fork in zygote.children()]


@pytest.mark.usefixtures("no_child_left")
@pytest.mark.parametrize("kind", ["wav", "flac", "mp3 without length", "chained opus", "aac", "cut mp3"])
def test_what_is_decoded_in_a_cage_is_what_is_decoded_outside(
    kind: str, store: Callable[[bytes], Path], tmp_path: Path
) -> None:
    mp3 = bad.encode(SPEECHLESS, "MP3")
    opus = bad.encode(SPEECHLESS, "OGG", "OPUS")
    path = store(
        {
            "wav": lambda: WAV,
            "flac": lambda: bad.flac_claiming(1, bad.encode(SPEECHLESS, "FLAC")),
            "mp3 without length": lambda: bad.mp3_without_length(mp3),
            "chained opus": lambda: opus + opus,
            "aac": lambda: encode(tmp_path / "made", "mp4", Track("aac", SPEECHLESS, 16_000)),
            "cut mp3": lambda: mp3[: len(mp3) // 2],
        }[kind]()
    )
    with open_audio(path, LIMITS) as caged, open_here(path, LIMITS) as free:
        np.testing.assert_array_equal(np.concatenate(list(caged.blocks())), np.concatenate(list(free.blocks())))
        assert (caged.codec, caged.sample_rate_hz, caged.channels) == (free.codec, free.sample_rate_hz, free.channels)
        assert caged.warnings == free.warnings
        assert caged.progress == free.progress


@pytest.mark.usefixtures("no_child_left")
@pytest.mark.parametrize(
    ("content", "error"),
    [
        (b"", errors.EmptyUpload),
        (b"#EXTM3U\n", errors.FormatNotAllowed),
        (b"\x1a\x45\xdf\xa3" + WAV, errors.CorruptHeader),
        (b"\xff\xf1\x60\x40\x02\xff\xfc".ljust(23, b"\xff") * 100, errors.DecodeError),
        (bad.encode(SPEECHLESS, "FLAC")[:9000], errors.Truncated),
        (bad.wave_file(bad.wave_format(channels=32), bad.chunk(b"data", bad.pcm())), errors.TooManyChannels),
    ],
)
def test_error_of_the_decoder_is_raised_here_with_its_detail(
    content: bytes, error: type[errors.InputError], store: Callable[[bytes], Path]
) -> None:
    path = store(content)
    with pytest.raises(error) as outside, open_here(path, LIMITS) as free:
        list(free.blocks())
    with pytest.raises(error) as caged, open_audio(path, LIMITS) as reader:
        list(reader.blocks())
    assert caged.value.sentence == outside.value.sentence


@pytest.mark.usefixtures("no_child_left")
@pytest.mark.parametrize("how", [signal.SIGSEGV, signal.SIGKILL])
def test_crash_of_the_decoder_is_an_error_of_the_recording(how: signal.Signals, store: Callable[[bytes], Path]) -> None:
    with open_audio(store(LONG_WAV), LIMITS) as reader:
        blocks = reader.blocks()
        next(blocks)
        (decoder,) = _decoders()
        decoder.send_signal(how)
        with pytest.raises(errors.DecoderCrash, match=how.name):
            list(blocks)


@pytest.mark.usefixtures("no_child_left")
@pytest.mark.parametrize(
    ("limits", "why"),
    [
        (Cage(silence_s=0.001), "nothing was heard"),
        (Cage(memory_bytes=0), "too much memory|exit status|SIG"),
        (Cage(cpu_s=0), "SIG"),
    ],
)
def test_decoder_that_takes_too_much_is_stopped(limits: Cage, why: str, store: Callable[[bytes], Path]) -> None:
    with pytest.raises(errors.DecoderCrash, match=why), open_audio(store(LONG_WAV), LIMITS, cage=limits) as reader:
        list(reader.blocks())


@pytest.mark.usefixtures("no_child_left")
def test_reader_that_is_closed_half_way_leaves_no_process(store: Callable[[bytes], Path]) -> None:
    with open_audio(store(LONG_WAV), LIMITS) as reader:
        next(reader.blocks())


def test_decoder_dies_with_the_process_that_wanted_it(store: Callable[[bytes], Path]) -> None:
    code = (
        "import sys, time, pathlib, psutil\n"
        "from pipeline.audio import Limits, open_audio\n"
        "reader = open_audio(pathlib.Path(sys.argv[1]), Limits(3600, 8))\n"
        "next(reader.blocks())\n"
        "print(psutil.Process().children(recursive=True)[-1].pid, flush=True)\n"
        "time.sleep(60)\n"
    )
    path = store(LONG_WAV)
    with subprocess.Popen([sys.executable, "-c", code, path], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        decoder = psutil.Process(int(parent.stdout.readline()))
        parent.kill()
    decoder.wait(timeout=10)


PRISONER = """
import encodings.idna, socket, subprocess, sys
sys.path.insert(0, sys.argv[1])
from pipeline.audio.confine import confine
open_before = open(sys.argv[2], "rb")
confine(64 << 20)
def tried(act):
    try: act()
    except BaseException as error: return type(error).__name__
    return "done"
print(tried(lambda: open(sys.argv[2] + ".new", "wb")))
print(tried(lambda: bytearray(256 << 20)), tried(lambda: bytearray(1 << 20)))
print(tried(lambda: subprocess.run(["/bin/true"])))
print(tried(lambda: socket.create_connection(("127.0.0.1", int(sys.argv[3])), 2)))
print(tried(lambda: [open("/dev/null") for _ in range(100)]), len(open_before.read()))
"""


def test_confined_process_has_no_files_no_children_no_memory_and_no_network(store: Callable[[bytes], Path]) -> None:
    path = store(WAV)
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = str(server.getsockname()[1])
        run = subprocess.run(
            [sys.executable, "-I", "-c", PRISONER, str(Path(cage.__file__).parents[2]), str(path), port],
            capture_output=True,
            text=True,
            timeout=30,
            check=True,
        )
    writing, much, little, child, network, many, length = run.stdout.split()
    assert writing in {"PermissionError", "OSError"}
    assert not path.with_name("recording.new").exists()
    assert (much, little, child, many) == ("MemoryError", "done", "BlockingIOError", "OSError")
    assert int(length) == len(WAV)
    # Only a container may forbid it: everywhere else a user namespace takes the network away.
    if _may_leave_the_network():
        assert network == "OSError"


def _may_leave_the_network() -> bool:
    code = "import ctypes; c = ctypes.CDLL(None); exit(c.unshare(0x40000000) and c.unshare(0x50000000) and 1)"
    return subprocess.run([sys.executable, "-I", "-c", code], check=False).returncode == 0


@pytest.mark.usefixtures("no_child_left")
@pytest.mark.parametrize(
    "sent",
    [
        b"",
        b"\x09\0\0\0\0",
        wire.HEAD.pack(wire.Kind.FORMAT, wire.MOST_BYTES + 1),
        wire.HEAD.pack(wire.Kind.BLOCK, 4) + bytes(4),
        wire.HEAD.pack(wire.Kind.FORMAT, 2) + b"{}",
        wire.HEAD.pack(wire.Kind.FORMAT, 2) + b"\xff\xff",
        wire.HEAD.pack(wire.Kind.FORMAT, 9999) + b"[" * 9999,
        wire.HEAD.pack(wire.Kind.ERROR, 2) + b"{}",
        wire.HEAD.pack(wire.Kind.ERROR, 32) + b'{"code": "NONSENSE", "detail":1}',
    ],
)
def test_nonsense_from_a_decoder_out_of_control_is_a_crash(
    sent: bytes, store: Callable[[bytes], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    program = [sys.executable, "-c", f"import os; os.write(1, {sent!r})"]
    monkeypatch.setattr(cage.ZYGOTE, "decode", lambda *_: subprocess.Popen(program, stdout=subprocess.PIPE))
    with pytest.raises(errors.DecoderCrash), open_audio(store(WAV), LIMITS):
        pass


def test_messages_arrive_as_they_were_sent() -> None:
    pipe = io.BytesIO()
    sent = bad.noisy_tone(0.01, channels=2)
    wire.send_format(pipe, Format("opus", 48_000, 2, 7))
    wire.send_block(pipe, sent)
    wire.send_end(pipe, ("truncated",))
    wire.send_error(pipe, errors.BadChannels("0 channels"))
    pipe.seek(0)

    def body() -> bytes:
        return pipe.read(wire.HEAD.unpack(pipe.read(wire.HEAD.size))[1])

    assert wire.read_format(body()) == Format("opus", 48_000, 2, 7)
    np.testing.assert_array_equal(wire.read_block(body(), channels=2), sent)
    assert wire.read_end(body()) == ("truncated",)
    error = wire.read_error(body())
    assert (type(error), error.detail) == (errors.BadChannels, "0 channels")

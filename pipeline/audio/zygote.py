"""A process that has loaded what decoders need, and of which one is forked for each recording.

To start Python and to load numpy, libsndfile and FFmpeg takes 0.15 s of CPU time, as much as the rest of the work on
ten seconds of a call; a fork takes a tenth of that. The zygote is as clean as its forks have to be: it has no
environment, shares no memory with the process that asks, and never reads a byte of a recording. It serves one process,
begins with the first recording and ends with that process, and its forks with it.
"""

import atexit
import gc
import os
import selectors
import signal
import socket
import struct
import subprocess
import sys
import tempfile
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from threading import Lock
from typing import IO, Final, NoReturn

_ROOT: Final = str(Path(__file__).parents[2])
_PROGRAM: Final = "import sys; sys.path.insert(0, sys.argv.pop(1)); from pipeline.audio.zygote import serve; serve()"
_MOST_BYTES: Final = 1 << 16
"""Of a request."""
_PATIENCE_S: Final = 60.0
_TRIES: Final = 3
_STATUS: Final = struct.Struct("<i")
_MOST_DESCRIPTORS: Final = 1024
"""All that the zygote could have open."""


class Fork:
    """A process that was forked to decode: what it says, and how it ends."""

    def __init__(self, stdout: IO[bytes], answer: socket.socket, pidfd: int) -> None:
        self.stdout = stdout
        self._answer = answer
        # Unlike its number, this never comes to mean another process.
        self._pidfd = pidfd
        self._status: int | None = None

    def kill(self) -> None:
        """End it now; nothing happens when it has ended."""
        if self._status is None:
            with suppress(ProcessLookupError):
                signal.pidfd_send_signal(self._pidfd, signal.SIGKILL)

    def wait(self) -> int:
        """Its exit status once it has ended, negative for the signal that ended it."""
        if self._status is None:
            told = self._answer.recv(_STATUS.size)
            # When the zygote is killed, so are its forks.
            (self._status,) = _STATUS.unpack(told) if told else (-signal.SIGKILL,)
            self._answer.close()
            os.close(self._pidfd)
        return self._status


class Zygote:
    """The asking end; the process is started when it is first needed, and again after it was killed."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._requests: socket.socket | None = None
        atexit.register(self.close)
        os.register_at_fork(after_in_child=self._forget)

    def decode(self, file: int, told: str) -> Fork:
        """A fork that runs `confined.decode_stdin(told)` with descriptor `file` as its standard input.

        Raises:
            ConnectionError: it was killed at each try.
        """
        with self._lock:
            for _ in range(_TRIES):
                try:
                    return _ask(self._requests or self._start(), file, told)
                except ConnectionError:
                    # It was killed, as for the memory that others took.
                    self._close()
        raise ConnectionError("the zygote does not live")

    def close(self) -> None:
        """End the process and all its forks; afterwards the system counts what they took as that of a child."""
        with self._lock:
            self._close()

    def _start(self) -> socket.socket:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        try:
            with theirs:
                self._process = _start(theirs)
        except OSError:
            ours.close()
            raise
        self._requests = ours
        return ours

    def _close(self) -> None:
        if self._requests is not None and self._process is not None:
            self._requests.close()
            self._process.wait()
        self._requests = self._process = None

    def _forget(self) -> None:
        """In a fork of the process that asks: the zygote is not its child."""
        self._lock = Lock()
        if self._requests is not None:
            self._requests.close()
        self._requests = self._process = None


def _start(requests: socket.socket) -> "subprocess.Popen[bytes]":
    return subprocess.Popen(  # noqa: S603 - this Python, on our own module
        [sys.executable, "-I", "-c", _PROGRAM, _ROOT],
        stdin=requests.fileno(),
        stdout=subprocess.DEVNULL,
        # libsndfile's MP3 decoder writes remarks of its own.
        stderr=subprocess.DEVNULL,
        # One thread, so that it can be forked, and the address space is not that of idle stacks.
        env={"OPENBLAS_NUM_THREADS": "1", "TMPDIR": tempfile.gettempdir()},
        cwd="/",
    )


def _ask(requests: socket.socket, file: int, told: str) -> Fork:
    """Raises ConnectionError when the zygote has ended."""
    heard, said = os.pipe()
    stdout = open(heard, "rb", buffering=0)  # noqa: PTH123, SIM115 - a descriptor, closed by its owner
    answer, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    answer.settimeout(_PATIENCE_S)
    try:
        with theirs:
            try:
                socket.send_fds(requests, [told.encode()], [file, said, theirs.fileno()])
            finally:
                os.close(said)
        return Fork(stdout, answer, _pidfd(answer))
    except BaseException:
        stdout.close()
        answer.close()
        raise


def _pidfd(answer: socket.socket) -> int:
    _, descriptors, _, _ = socket.recv_fds(answer, 1, 1)
    if not descriptors:
        raise ConnectionResetError("the zygote has ended")
    return descriptors[0]


@dataclass(frozen=True, slots=True)
class _Born:
    """A fork, and who is to be told how it ends."""

    pid: int
    pidfd: int
    answer: socket.socket


def serve() -> None:
    """The zygote: fork for each request on standard input, and tell how each fork ends, until nobody can ask."""
    import pipeline.audio.confined  # noqa: PLC0415 - only here
    import pipeline.audio.libav  # noqa: PLC0415
    import pipeline.audio.sndfile  # noqa: F401, PLC0415

    # Whoever is interrupted at a terminal closes what is open.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # Pages that are never written to stay shared.
    gc.freeze()
    with socket.socket(fileno=0) as requests, selectors.DefaultSelector() as selector:
        selector.register(requests, selectors.EVENT_READ, partial(_bear, requests))
        while all(key.data(selector) for key, _ in selector.select()):
            pass


def _bear(requests: socket.socket, selector: selectors.BaseSelector) -> bool:
    """Fork for the next request; False when nobody can ask any more."""
    told, descriptors, _, _ = socket.recv_fds(requests, _MOST_BYTES, 3)
    if not told:
        return False
    file, said, answering = descriptors
    pid = os.fork()
    if pid == 0:
        _decode(file, said, told.decode())
    os.close(file)
    os.close(said)
    answer = socket.socket(fileno=answering)
    pidfd = os.pidfd_open(pid)
    # Who asked may have ended since.
    with suppress(OSError):
        socket.send_fds(answer, [b"\0"], [pidfd])
    selector.register(pidfd, selectors.EVENT_READ, partial(_tell_end, _Born(pid, pidfd, answer)))
    return True


def _decode(file: int, said: int, told: str) -> NoReturn:
    from pipeline.audio.confined import decode_stdin  # noqa: PLC0415 - loaded before the fork

    status = 1
    try:
        os.dup2(file, 0)
        os.dup2(said, 1)
        os.closerange(3, _MOST_DESCRIPTORS)
        decode_stdin(told)
        status = 0
    finally:
        # Without the clean-up of the process that this one is a copy of.
        os._exit(status)


def _tell_end(born: _Born, selector: selectors.BaseSelector) -> bool:
    selector.unregister(born.pidfd)
    os.close(born.pidfd)
    _, status = os.waitpid(born.pid, 0)
    with suppress(OSError), born.answer:
        born.answer.send(_STATUS.pack(os.waitstatus_to_exitcode(status)))
    return True

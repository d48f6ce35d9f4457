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

    def __init__(self, stdout: IO[bytes], answer: socket.socket) -> None:
        self.stdout = stdout
        self._answer = answer
        self._status: int | None = None

    def kill(self) -> None:
        """End it now; nothing happens when it has ended."""
        if self._status is None:
            with suppress(OSError):
                self._answer.shutdown(socket.SHUT_WR)

    def wait(self) -> int:
        """Its exit status once it has ended, negative for the signal that ended it."""
        if self._status is None:
            told = self._answer.recv(_STATUS.size)
            # When the zygote is killed, so are its forks.
            (self._status,) = _STATUS.unpack(told) if told else (-signal.SIGKILL,)
            self._answer.close()
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
        if not answer.recv(1):
            raise ConnectionResetError("the zygote has ended")  # noqa: TRY301 - what was opened is closed here
    except BaseException:
        stdout.close()
        answer.close()
        raise
    return Fork(stdout, answer)


class _Nursery:
    """What the zygote knows: its forks, and who is to be told how each ends."""

    def __init__(self, requests: socket.socket, selector: selectors.BaseSelector) -> None:
        self._requests = requests
        self._selector = selector
        self._answers: dict[int, socket.socket] = {}
        self._ended, ends = socket.socketpair()
        ends.setblocking(False)  # noqa: FBT003 - as the standard library has it
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(ends.detach())
        selector.register(self._ended, selectors.EVENT_READ, self._bury)
        selector.register(requests, selectors.EVENT_READ, self._bear)

    def serve(self) -> None:
        """Until nobody can ask any more."""
        while all(key.data() for key, _ in self._selector.select()):
            pass

    def _bear(self) -> bool:
        told, descriptors, _, _ = socket.recv_fds(self._requests, _MOST_BYTES, 3)
        if not told:
            return False
        file, said, answering = descriptors
        pid = os.fork()
        if pid == 0:
            _decode(file, said, told.decode())
        os.close(file)
        os.close(said)
        answer = self._answers[pid] = socket.socket(fileno=answering)
        self._selector.register(answer, selectors.EVENT_READ, partial(self._end, pid))
        # Who asked may have ended since.
        with suppress(OSError):
            answer.send(b"\0")
        return True

    def _end(self, pid: int) -> bool:
        """Nobody waits for this one any more; its number is its own until it is buried, which may just have been."""
        if pid in self._answers:
            self._selector.unregister(self._answers[pid])
            os.kill(pid, signal.SIGKILL)
        return True

    def _bury(self) -> bool:
        self._ended.recv(_MOST_BYTES)
        while self._answers:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if pid == 0:
                break
            answer = self._answers.pop(pid)
            with suppress(KeyError):
                self._selector.unregister(answer)
            with suppress(OSError), answer:
                answer.send(_STATUS.pack(os.waitstatus_to_exitcode(status)))
        return True


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
        _Nursery(requests, selector).serve()


def _decode(file: int, said: int, told: str) -> NoReturn:
    from pipeline.audio.confined import decode_stdin  # noqa: PLC0415 - loaded before the fork

    status = 1
    try:
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        os.dup2(file, 0)
        os.dup2(said, 1)
        os.closerange(3, _MOST_DESCRIPTORS)
        decode_stdin(told)
        status = 0
    finally:
        # Without the clean-up of the process that this one is a copy of.
        os._exit(status)

"""One embedded stack a home: a lock that the kernel gives back when its holder dies."""

import fcntl
from pathlib import Path
from typing import IO


class HomeLock:
    """The right to run the embedded stack of one home."""

    def __init__(self, home: Path) -> None:
        self.path = home / "stack.lock"
        self._file: IO[bytes] | None = None

    def take(self) -> bool:
        """Take the lock if nobody holds it; whether it is ours now."""
        if self._file is not None:
            return True
        self.path.parent.mkdir(parents=True, exist_ok=True)
        file = self.path.open("ab")
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.close()
            return False
        self._file = file
        return True

    def release(self) -> None:
        """Give the lock back, if it is ours."""
        if self._file is not None:
            self._file.close()
            self._file = None


def is_running(home: Path) -> bool:
    """Whether some process runs the stack of this home."""
    lock = HomeLock(home)
    free = lock.take()
    lock.release()
    return not free

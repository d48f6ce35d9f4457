"""Groups of processes that the kernel holds to a limit (cgroups of either version), where this user may make them."""

import os
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from uuid import uuid4

import psutil
import pytest

_ROOT = Path("/sys/fs/cgroup")
_PATIENCE_S = 20.0
# By what is limited: the file of version 1, in a tree of that name, and that of version 2.
_FILES = {"memory": ("memory.limit_in_bytes", "memory.max"), "pids": ("pids.max", "pids.max")}


class Group:
    """A group with one limit, and none at first."""

    def __init__(self, what: str) -> None:
        is_first = (_ROOT / what).is_dir()
        self.folder = (_ROOT / what if is_first else _ROOT) / f"voxqueue-{uuid4().hex[:8]}"
        self._limit = self.folder / _FILES[what][0 if is_first else 1]
        self.folder.mkdir()

    def add(self, processes: Iterable[psutil.Process]) -> None:
        """Put these into it; what they start afterwards is in it too."""
        for process in processes:
            (self.folder / "cgroup.procs").write_text(str(process.pid))

    def limit(self, most: int | None) -> None:
        """So many bytes or processes at most; None: as many as there are."""
        none = "max" if self._limit.name.endswith("max") else "-1"
        self._limit.write_text(none if most is None else str(most))

    def close(self) -> None:
        """Let its members go where they came from, and remove it, which those that are just dying delay."""
        deadline = time.monotonic() + _PATIENCE_S
        while self.folder.exists():
            for pid in (self.folder / "cgroup.procs").read_text().split():
                with suppress(OSError):
                    (self.folder.parent / "cgroup.procs").write_text(pid)
            with suppress(OSError):
                self.folder.rmdir()
            assert time.monotonic() < deadline, f"{self.folder} is still busy"
            time.sleep(0.1)


@contextmanager
def group(what: str) -> Iterator[Group]:
    """A group that limits `memory` in bytes or `pids` in number; skips the test where none can be made."""
    try:
        made = Group(what)
        made.limit(None)
    except OSError as error:
        pytest.skip(f"no group of processes can be made here: {os.strerror(error.errno or 0)}")
    try:
        yield made
    finally:
        made.close()

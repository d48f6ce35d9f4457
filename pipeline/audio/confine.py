"""Takes from this process what decoding does not need: memory, CPU time, files, children, the network, and root."""

import ctypes
import os
import resource
import signal
from contextlib import suppress
from pathlib import Path

PR_SET_PDEATHSIG, PR_SET_NO_NEW_PRIVS = 1, 38
CLONE_NEWUSER, CLONE_NEWNET = 0x1000_0000, 0x4000_0000
NOBODY = 65_534
MOST_FILES = 32
"""Above those that are open: a library may still load a table of its own."""


def die_with_parent() -> None:
    """Be killed when the thread that started this process ends, so that nothing is left behind."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def limit_cpu(cpu_s: int) -> None:
    """Be killed after `cpu_s` seconds of CPU time."""
    resource.setrlimit(resource.RLIMIT_CPU, (cpu_s, cpu_s))


def confine(memory_bytes: int) -> None:
    """Give up, for good, all but `memory_bytes` more memory and the files that are open.

    The network goes where the kernel lets a process leave it (namespaces), which containers may forbid; all else
    always holds. For root it needs a change of user, as the number of its processes has no limit.
    """
    libc = ctypes.CDLL(None)
    if libc.unshare(CLONE_NEWNET) != 0:
        libc.unshare(CLONE_NEWUSER | CLONE_NEWNET)
    libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    _limit(resource.RLIMIT_AS, _address_space_bytes() + memory_bytes)
    _limit(resource.RLIMIT_FSIZE, 0)
    _limit(resource.RLIMIT_NOFILE, MOST_FILES)
    _limit(resource.RLIMIT_NPROC, 0)
    _limit(resource.RLIMIT_CORE, 0)
    # Not in a container that was given root without the right to become someone else.
    with suppress(PermissionError):
        if os.geteuid() == 0:
            os.setgroups([])
            os.setresgid(NOBODY, NOBODY, NOBODY)
            os.setresuid(NOBODY, NOBODY, NOBODY)
    # The kernel forgets it when a process changes its user.
    die_with_parent()


def _limit(kind: int, most: int) -> None:
    hard = resource.getrlimit(kind)[1]
    bound = most if hard == resource.RLIM_INFINITY else min(most, hard)
    resource.setrlimit(kind, (bound, bound))


def _address_space_bytes() -> int:
    return int(Path("/proc/self/statm").read_text("ascii").split()[0]) * resource.getpagesize()

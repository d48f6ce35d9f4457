"""The name of a process as it stands beside the steps that it runs, and whether the process is still there.

A lease ends by itself, so this decides nothing; it only spares the wait when a worker died on the machine of a
dispatcher. Process ids mean something within one host and one PID namespace (a container has its own), so both are
part of the name.
"""

import os
import socket
from pathlib import Path


def _place() -> str:
    namespace = Path("/proc/self/ns/pid")
    return f"{socket.gethostname()}:{namespace.stat().st_ino if namespace.exists() else 0}"


def own_name() -> str:
    """`HOST:NAMESPACE:PID` of this process."""
    return name_of(os.getpid())


def name_of(process_id: int) -> str:
    """The same of another process of this host and PID namespace."""
    return f"{_place()}:{process_id}"


def is_gone(name: str) -> bool:
    """Whether that process is known to have ended: never true of a process elsewhere."""
    place, _, pid = name.rpartition(":")
    if place != _place() or not pid.isdecimal():
        return False
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        # It lives, under another user.
        return False
    return _is_zombie(int(pid))


def _is_zombie(process_id: int) -> bool:
    """Whether the process has ended and its parent, busy or dead itself, has not noticed yet."""
    try:
        # The name of the program comes before the state, in brackets, and may hold anything.
        return Path(f"/proc/{process_id}/stat").read_text(errors="replace").rpartition(")")[2].split()[0] == "Z"
    except (OSError, IndexError):
        return False

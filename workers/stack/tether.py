"""Run a command that is killed when the process that started this one dies, however it dies. Linux only.

`python tether.py PARENT_PID NICENESS COMMAND...`: imports little, since it stands before every process of the stack.
The command runs at a priority that is lower by that much.
"""

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1


def main(arguments: list[str]) -> None:
    """Tie this process to its parent and become `COMMAND`; the tie outlives the change."""
    parent_pid, niceness, command = int(arguments[0]), int(arguments[1]), arguments[2:]
    if ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL) != 0:
        sys.exit(os.strerror(ctypes.get_errno()))
    # The parent may have died before it could be tied to.
    if os.getppid() != parent_pid:
        sys.exit("the process that started this one is gone")
    os.nice(niceness)
    os.execv(command[0], command)  # noqa: S606  # a list of arguments that the stack made, no shell


if __name__ == "__main__":
    main(sys.argv[1:])

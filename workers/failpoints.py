"""Named places where a test can make a worker fail: `VOXQUEUE_FAILPOINT=NAME[@STEP]:ACTION[,...]`.

Names: `claim.after_commit`, `step.body`, `finish.before_commit`, `finish.after_commit`. Actions: `kill9`, `raise`,
`sleep:SECONDS`, `stop:SECONDS` (SIGSTOP, and SIGCONT after that time). Each fires once in a home, so that what was
struck can recover: a file there remembers. With nothing set, reaching a place costs one call that does nothing.
"""

import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from pipeline.stages import Step
from workers.errors import ConfigurationError

NAMES = frozenset({"claim.after_commit", "step.body", "finish.before_commit", "finish.after_commit"})

Reach = Callable[[str, Step], None]


class FailpointError(RuntimeError):
    """What `raise` raises: an error that nobody foresaw."""


def failpoints(specification: str, home: Path) -> Reach:
    """The function that the places call with their name and the step in hand.

    Raises:
        ConfigurationError: `specification` names a place or an action that does not exist.
    """
    if not specification:
        return _nothing
    armed = dict(_parse(each.strip()) for each in specification.split(","))
    return lambda name, step: _reach(armed, home / "failpoints", name, step)


def _nothing(_name: str, _step: Step) -> None:
    """No failpoint is set."""


def _parse(text: str) -> tuple[str, Callable[[], None]]:
    place, _, action = text.partition(":")
    name, _, step = place.partition("@")
    if name not in NAMES or (step and step not in set(Step)):
        raise ConfigurationError(f"VOXQUEUE_FAILPOINT: there is no place {place!r}")
    return place, _action(action)


def _action(text: str) -> Callable[[], None]:
    verb, _, argument = text.partition(":")
    seconds = float(argument) if argument.replace(".", "", 1).isdecimal() else None
    actions: Mapping[str, Callable[[], None]] = {"kill9": _kill, "raise": _raise}
    if verb in actions and not argument:
        return actions[verb]
    if verb == "sleep" and seconds is not None:
        return lambda: time.sleep(seconds)
    if verb == "stop" and seconds is not None:
        return lambda: _stop(seconds)
    raise ConfigurationError(f"VOXQUEUE_FAILPOINT: there is no action {text!r}")


def _reach(armed: Mapping[str, Callable[[], None]], fired: Path, name: str, step: Step) -> None:
    for place in (f"{name}@{step}", name):
        if place in armed and _is_first(fired / place):
            armed[place]()


def _is_first(mark: Path) -> bool:
    mark.parent.mkdir(parents=True, exist_ok=True)
    try:
        mark.touch(exist_ok=False)
    except FileExistsError:
        return False
    return True


def _kill() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def _raise() -> None:
    raise FailpointError


def _stop(seconds: float) -> None:
    # Somebody else must wake this process up again.
    subprocess.Popen(["/bin/sh", "-c", f"sleep {seconds}; kill -CONT {os.getpid()}"])  # noqa: S603  # numbers only
    os.kill(os.getpid(), signal.SIGSTOP)

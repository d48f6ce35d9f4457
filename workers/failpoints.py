"""Named places where a test can make a process fail: `VOXQUEUE_FAILPOINT=NAME[@OF]:ACTION[*WHEN][,...]`.

| NAME | is reached | OF |
|---|---|---|
| `claim.after_commit` | a step was claimed, its work has not begun | step |
| `step.body` | its work begins | step |
| `artifact.written` | its artifact is written and not yet under its name | step |
| `finish.before_commit`, `finish.after_commit` | its work is done; that is in the database | step |
| `publish.before`, `publish.after` | a step is announced, by whoever hands in or by a dispatcher | step |
| `deliver.after_claim`, `deliver.after_post` | an event was claimed; it was sent, which is not noted yet | - |
| `transaction.before_commit`, `transaction.after_commit` | inside, and behind, any write transaction | its function |

Actions: `kill9`, `raise` (an error that nobody foresaw), `cut` (the connection to the database breaks: behind the
commit, whether it was made is in doubt), `enospc` (the disk is full), `sleep:SECONDS`, `stop:SECONDS` (SIGSTOP, and
SIGCONT after that time). WHEN is a probability, such as `*0.05`, or `*on`: while there is a file `failpoints/NAME.on`
in the home. Without it a failpoint fires once in a home, so that what was struck can recover: a file there remembers.
With nothing set, reaching a place costs one call that does nothing.
"""

import errno
import os
import random
import signal
import subprocess
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from sqlalchemy.exc import OperationalError

from pipeline.stages import Step
from workers.errors import ConfigurationError

OF_A_STEP = frozenset(
    {
        "claim.after_commit",
        "step.body",
        "artifact.written",
        "finish.before_commit",
        "finish.after_commit",
        "publish.before",
        "publish.after",
    }
)
OF_A_DELIVERY = frozenset({"deliver.after_claim", "deliver.after_post"})
OF_A_TRANSACTION = frozenset({"transaction.before_commit", "transaction.after_commit"})
NAMES = OF_A_STEP | OF_A_DELIVERY | OF_A_TRANSACTION

Reach = Callable[[str, str], None]
_Action = Callable[[], None]
_When = Callable[[Path], bool]


class FailpointError(RuntimeError):
    """What `raise` raises: an error that nobody foresaw."""


def failpoints(specification: str, home: Path) -> Reach:
    """The function that the places call with their name and the step or transaction in hand.

    Raises:
        ConfigurationError: `specification` names a place or an action that does not exist.
    """
    if not specification:
        return nothing
    armed = dict(_parse(each.strip()) for each in specification.split(","))
    return lambda name, of: _reach(armed, home / "failpoints", name, of)


def nothing(_name: str, _of: str) -> None:
    """No failpoint is set."""


def switch(name: str, home: Path) -> Path:
    """The file that turns the failpoints `name:ACTION*on` of a home on while it exists."""
    return home / "failpoints" / f"{name}.on"


def _parse(text: str) -> tuple[str, tuple[_When, _Action]]:
    place, _, rest = text.partition(":")
    name, _, of = place.partition("@")
    if name not in NAMES or (of and name in OF_A_STEP and of not in set(Step)):
        raise ConfigurationError(f"VOXQUEUE_FAILPOINT: there is no place {place!r}")
    action, _, when = rest.partition("*")
    return place, (_when(when, name), _action(action))


def _when(text: str, name: str) -> _When:
    if not text:
        return _is_first
    if text == "on":
        return lambda mark: switch(name, mark.parent.parent).exists()
    share = _number(text)
    if share is None or share > 1:
        raise ConfigurationError(f"VOXQUEUE_FAILPOINT: {text!r} is neither `on` nor a probability")
    return lambda _mark: random.random() < share  # noqa: S311  # chance, not a secret


def _action(text: str) -> _Action:
    verb, _, argument = text.partition(":")
    actions: Mapping[str, _Action] = {"kill9": _kill, "raise": _raise, "cut": _cut, "enospc": _fill}
    if verb in actions and not argument:
        return actions[verb]
    seconds = _number(argument)
    if verb == "sleep" and seconds is not None:
        return lambda: time.sleep(seconds)
    if verb == "stop" and seconds is not None:
        return lambda: _stop(seconds)
    raise ConfigurationError(f"VOXQUEUE_FAILPOINT: there is no action {text!r}")


def _number(text: str) -> float | None:
    return float(text) if text.replace(".", "", 1).isdecimal() else None


def _reach(armed: Mapping[str, tuple[_When, _Action]], fired: Path, name: str, of: str) -> None:
    for place in (f"{name}@{of}", name):
        if place in armed and armed[place][0](fired / place):
            armed[place][1]()


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


def _cut() -> None:
    raise OperationalError("failpoint", {}, ConnectionResetError("failpoint"))


def _fill() -> None:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def _stop(seconds: float) -> None:
    # Somebody else must wake this process up again.
    subprocess.Popen(["/bin/sh", "-c", f"sleep {seconds}; kill -CONT {os.getpid()}"])  # noqa: S603  # numbers only
    os.kill(os.getpid(), signal.SIGSTOP)

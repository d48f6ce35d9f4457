"""Messages that nobody should have sent: not JSON, pickled code, tasks that do not exist, wrong arguments, too much."""

import base64
import json
import pickle
from pathlib import Path
from uuid import uuid4

from pipeline.stages import Step
from workers.celeryconfig import task_name


class _Touch:
    """Unpickled, it would make a file."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __reduce__(self) -> tuple[object, tuple[Path]]:
        return Path.touch, (self._path,)


def messages(queue: Step, touched: Path = Path("/nowhere")) -> list[bytes]:
    """One of each kind for this queue; a worker that ran pickled code would leave the file `touched`."""
    return [
        envelope(queue, "voxqueue.of-another-release", ["x"]),
        envelope(queue, task_name(queue), []),
        envelope(queue, task_name(queue), ["a", "b", "c"]),
        envelope(queue, task_name(queue), [{"not": "an id"}]),
        envelope(queue, task_name(queue), [str(uuid4())], pickled=_Touch(touched)),
        envelope(queue, task_name(queue), ["x" * 1_000_000]),
        b'{"body": "bm90IGpzb24="}',
        b"\x80\x04 no JSON at all",
    ]


def envelope(queue: str, task: str, arguments: list[object], *, pickled: object = None) -> bytes:
    """A message as kombu writes it into a Redis list."""
    identity = str(uuid4())
    body = json.dumps([arguments, {}, {"callbacks": None, "errbacks": None, "chain": None, "chord": None}]).encode()
    kind, encoding = ("application/json", "utf-8") if pickled is None else ("application/x-python-serialize", "binary")
    return json.dumps(
        {
            "body": base64.b64encode(body if pickled is None else pickle.dumps(pickled)).decode(),
            "content-type": kind,
            "content-encoding": encoding,
            "headers": {
                "lang": "py",
                "task": task,
                "id": identity,
                "root_id": identity,
                "retries": 0,
                "argsrepr": "()",
            },
            "properties": {
                "correlation_id": identity,
                "delivery_mode": 2,
                "delivery_info": {"exchange": "", "routing_key": queue},
                "priority": 0,
                "body_encoding": "base64",
                "delivery_tag": identity,
            },
        }
    ).encode()

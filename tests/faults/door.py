"""The HTTP door of a cluster as its callers see it, who ask again after every failure."""

import time
from contextlib import suppress

import httpx2

from tests.faults.processes import Supervised
from tests.faults.servers import free_port

PATIENCE_S = 120.0


class Door:
    """A supervised HTTP door on a port of its own; `extra` is the environment of its process."""

    def __init__(self, **extra: str) -> None:
        self.port = free_port()
        self.process = Supervised("api", ["api", str(self.port)], extra)

    @property
    def address(self) -> str:
        """Where jobs are handed in."""
        return f"http://127.0.0.1:{self.port}/v1/jobs"

    def ask(self, sound: bytes, key: str) -> httpx2.Response | None:
        """Hand in a recording once; None where the door was shut in the caller's face."""
        with suppress(httpx2.TransportError):
            files = {"file": ("call.wav", sound)}
            return httpx2.post(self.address, files=files, headers={"Idempotency-Key": key}, timeout=30)
        return None

    def hand_in(self, sound: bytes, key: str) -> tuple[str, int]:
        """Hand in a recording until it is taken, as a well-behaved caller does; the job, and how often that took."""
        deadline, times = time.monotonic() + PATIENCE_S, 0
        while time.monotonic() < deadline:
            times += 1
            answer = self.ask(sound, key)
            if answer is not None and answer.is_success:
                return str(answer.json()["id"]), times
            time.sleep(0.2)
        raise AssertionError("the door did not take the job")

    def wait_open(self) -> None:
        """Return once it answers."""
        deadline = time.monotonic() + PATIENCE_S
        while time.monotonic() < deadline:
            with suppress(httpx2.TransportError):
                httpx2.get(f"http://127.0.0.1:{self.port}/healthz", timeout=5)
                return
            time.sleep(0.1)
        raise AssertionError("the door did not open")

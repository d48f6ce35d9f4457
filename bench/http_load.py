"""Many clients at once against `voxqueue up`: each hands in, polls once a second, half of them listen, half cancel.

Tells how often something went wrong, how long `GET /v1/jobs/{id}` took as clients and as the server saw it, and whether
every accepted job ended. The workers work all the while. The clients come within ten seconds, as real ones do not come
in the same instant, and are a process of their own.
"""

import asyncio
import io
import json
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from statistics import quantiles
from typing import Any, Final

import httpx2
import psutil
import soundfile

from bench.harness import Figure, Findings, Plan
from bench.report import Report
from bench.speech import CALL
from workers.settings import environment_of, read_settings

FINAL: Final = {"completed", "failed", "canceled", "expired"}
ROUTE: Final = "/v1/jobs/{job_id}"
ARRIVE_S: Final = 10.0
POLLS: Final = 30
POLL_EVERY_S: Final = 1.0
SHORT_S: Final = 4.0
TIMEOUT_S: Final = 600.0
HOST: Final = "127.0.0.1"
BOUNDARY: Final = "voxqueue-bench"


class Refused(Exception):
    """The server answered with an error."""


@dataclass
class Tally:
    """What all clients saw together."""

    took_s: list[float] = field(default_factory=list)
    statuses: Counter[str] = field(default_factory=Counter)
    problems: Counter[str] = field(default_factory=Counter)


@dataclass(frozen=True, slots=True)
class Served:
    """A `voxqueue up`: where it listens, the process of its API, and what it writes down of each request."""

    port: int
    api: psutil.Process
    log: Path

    def took_ms(self) -> list[float]:
        """How long each GET of a job took in the server."""
        lines = (json.loads(line) for line in self.log.read_text("utf-8").splitlines() if '"http.request"' in line)
        looks = (each for each in lines if each["route"] == ROUTE and each["method"] == "GET")
        return [each["took_ms"] for each in looks if "waits" not in each]


class Connection:
    """One connection that is kept. As little of HTTP as this server needs: clients must not cost as much as it does."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def ask(self, method: str, path: str, content: bytes = b"") -> dict[str, Any]:
        """The answer, which is JSON.

        Raises:
            Refused: it is not well.
            OSError, EOFError: the connection broke.
        """
        # One that was idle for a minute has been closed by the server, as clients know.
        if self._streams is None or self._streams[0].at_eof():
            self._streams = await asyncio.open_connection(HOST, self._port)
        reader, writer = self._streams
        writer.write(_request(method, path, content))
        head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
        length = re.search(r"content-length: (\d+)", head)
        body = await reader.readexactly(int(length.group(1)) if length else 0)
        if not head.startswith("http/1.1 2"):
            raise Refused(f"{head[9:12]} {body.decode()[:200]}")
        return dict(json.loads(body))

    async def listen(self, path: str) -> None:
        """Hear a stream to its end."""
        reader, writer = await asyncio.open_connection(HOST, self._port)
        writer.write(_request("GET", path))
        # The last piece of a body in pieces.
        while await reader.readline() != b"0\r\n":
            if reader.at_eof():
                raise EOFError
        writer.close()


class Visitor:
    """One client. Odd ones hand in a whole call and cancel it half way, others a few seconds that are transcribed."""

    def __init__(self, port: int, number: int, tally: Tally) -> None:
        self._connection = Connection(port)
        self._tally = tally
        self._cancels = bool(number % 2)
        self._listens = number % 4 in {0, 1}

    async def visit(self, content: bytes, arrives_s: float) -> None:
        """Hand in, poll and listen, perhaps cancel, wait for the end."""
        await asyncio.sleep(arrives_s)
        try:
            job = await self._connection.ask("POST", "/v1/jobs", content)
            path = f"/v1/jobs/{job['id']}"
            async with asyncio.TaskGroup() as both:
                both.create_task(self._poll(path))
                if self._listens:
                    both.create_task(self._connection.listen(f"{path}/events"))
            while job["status"] not in FINAL:
                job = await self._connection.ask("GET", f"{path}?wait=30")
            self._tally.statuses[job["status"]] += 1
        except* (OSError, EOFError, Refused) as errors:
            self._tally.problems.update(repr(error) for error in errors.exceptions)

    async def _poll(self, path: str) -> None:
        for poll in range(POLLS):
            started = time.perf_counter()
            await self._connection.ask("GET", path)
            took_s = time.perf_counter() - started
            self._tally.took_s.append(took_s)
            if self._cancels and poll == POLLS // 2:
                await self._connection.ask("POST", f"{path}/cancel")
            await asyncio.sleep(max(0.0, POLL_EVERY_S - took_s))


async def load(port: int, clients: int) -> Tally:
    """All clients; those that cancel hand in the demo call, the others the first seconds of it."""
    tally = Tally()
    contents = (_form(_first_seconds()), _form(CALL.read_bytes()))
    async with asyncio.timeout(TIMEOUT_S), asyncio.TaskGroup() as all_:
        for number in range(clients):
            visitor = Visitor(port, number, tally)
            all_.create_task(visitor.visit(contents[number % 2], ARRIVE_S * number / clients))
    return tally


def _request(method: str, path: str, content: bytes = b"") -> bytes:
    head = f"{method} {path} HTTP/1.1\r\nHost: {HOST}\r\nContent-Length: {len(content)}\r\n"
    return f"{head}Content-Type: multipart/form-data; boundary={BOUNDARY}\r\n\r\n".encode() + content


def _form(recording: bytes) -> bytes:
    head = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="file"; filename="call.wav"\r\n\r\n'
    return head.encode() + recording + f"\r\n--{BOUNDARY}--\r\n".encode()


def _first_seconds() -> bytes:
    samples, rate_hz = soundfile.read(CALL, dtype="int16")
    file = io.BytesIO()
    soundfile.write(file, samples[: round(SHORT_S * rate_hz)], rate_hz, format="WAV", subtype="ULAW")
    return file.getvalue()


@contextmanager
def served() -> Iterator[Served]:
    """A `voxqueue up` in a home of its own, whose settings are the ones that come with it."""
    with tempfile.TemporaryDirectory(prefix="voxqueue-bench-") as home:
        log = Path(home) / "log.jsonl"
        environment = environment_of(read_settings(home=home, database_url="", broker_url="", log_format="json"))
        command = [sys.executable, "-m", "workers.cli", "up", "--port", "0"]
        with log.open("wb") as log_file:
            process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=log_file, text=True)
        try:
            assert process.stdout is not None
            found = re.search(r"http://\S+:(\d+)", process.stdout.readline())
            if found is None:
                raise RuntimeError("voxqueue up did not say where it listens")
            httpx2.get(f"{found.group()}/readyz", timeout=60).raise_for_status()
            children = psutil.Process(process.pid).children()
            yield Served(int(found.group(1)), next(each for each in children if "api" in each.cmdline()), log)
        finally:
            process.send_signal(signal.SIGINT)
            process.wait(60)


def run(plan: Plan) -> Findings:
    """All clients once."""
    clients = 20 if plan.quick else 200
    with served() as server:
        tally = asyncio.run(load(server.port, clients))
        at_server = quantiles(server.took_ms(), n=100)
        cpu_s = [sum(process.cpu_times()[:2]) for process in (server.api, psutil.Process())]
    ended = sum(number for status, number in tally.statuses.items() if status in FINAL)
    cuts = quantiles((1000 * each for each in tally.took_s), n=100)
    row: dict[str, float] = {"clients": clients, "requests": len(tally.took_s), "errors": tally.problems.total()}
    row |= {"p50": round(cuts[49], 1), "p99": round(cuts[98], 1), "server_p99": at_server[98], "ended": ended}
    columns = {"clients": "clients", "requests": "GETs of a job", "errors": "errors", "p50": "p50 ms", "p99": "p99 ms"}
    columns |= {"server_p99": "p99 ms in the server", "ended": "jobs that ended"}
    figures = {
        "ended_share": Figure((ended / clients,)),
        "errors": Figure((row["errors"],), higher_is_better=False, is_ratio=False),
        "p99_ms": Figure((cuts[98],), higher_is_better=False, is_ratio=False),
    }
    told = f"Ends: {dict(tally.statuses)}; errors: {dict(tally.problems)}"
    notes = (f"{told}. CPU seconds: API {cpu_s[0]:.1f}, clients {cpu_s[1]:.1f}.",)
    report = Report("HTTP under load", columns, [row], notes, ("fastapi", "uvicorn"))
    return Findings(figures, [report])

"""Many clients at once against a running `voxqueue up`: each hands in, polls, listens, and some cancel.

    voxqueue up --port 8317 & python bench/http_load.py --url http://127.0.0.1:8317 --clients 200

Prints how often something went wrong, how long `GET /v1/jobs/{id}` took, and whether every accepted job ended.
"""

import argparse
import asyncio
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import httpx2

from bench.report import Report, publish

CALL = Path(__file__).parents[1] / "workers" / "demo" / "call.wav"
FINAL = {"completed", "failed", "canceled", "expired"}
TIMEOUT_S = 120.0


@dataclass
class Tally:
    """What all clients saw together."""

    took_s: list[float] = field(default_factory=list)
    statuses: Counter[str] = field(default_factory=Counter)
    problems: Counter[str] = field(default_factory=Counter)


async def visit(http: httpx2.AsyncClient, number: int, content: bytes, tally: Tally) -> None:
    """One client: upload, poll ten times, listen or cancel, wait for the end."""
    try:
        answer = await http.post("/v1/jobs", files={"file": (f"{number}.wav", content)})
        answer.raise_for_status()
        path = f"/v1/jobs/{answer.json()['id']}"
        for _ in range(10):
            started = time.perf_counter()
            (await http.get(path)).raise_for_status()
            tally.took_s.append(time.perf_counter() - started)
            await asyncio.sleep(0.5)
        if number % 2:
            (await http.post(f"{path}/cancel")).raise_for_status()
        async with http.stream("GET", f"{path}/events") as stream:
            async for _line in stream.aiter_lines():
                pass
        tally.statuses[(await http.get(path, params={"wait": 60})).json()["status"]] += 1
    except httpx2.HTTPError as error:
        tally.problems[type(error).__name__] += 1


async def load(url: str, clients: int, content: bytes) -> Tally:
    """All clients at once."""
    tally = Tally()
    limits = httpx2.Limits(max_connections=2 * clients, max_keepalive_connections=2 * clients)
    async with httpx2.AsyncClient(base_url=url, timeout=TIMEOUT_S, limits=limits) as http:
        await asyncio.gather(*(visit(http, number, content, tally) for number in range(clients)))
    return tally


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--url", default="http://127.0.0.1:8317")
    parser.add_argument("--clients", type=int, default=200)
    parser.add_argument("--file", type=Path, default=CALL)
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    tally = asyncio.run(load(given.url, given.clients, given.file.read_bytes()))
    took = sorted(tally.took_s) or [float("nan")]
    row = {
        "clients": given.clients,
        "requests": len(tally.took_s),
        "errors": sum(tally.problems.values()),
        "p50": round(1000 * took[len(took) // 2], 1),
        "p99": round(1000 * took[int(len(took) * 0.99)], 1),
        "ended": sum(number for status, number in tally.statuses.items() if status in FINAL),
    }
    columns = {"clients": "Clients", "requests": "GETs of a job", "errors": "Errors", "p50": "p50 ms", "p99": "p99 ms"}
    notes = (f"Ends: {dict(tally.statuses)}; errors: {dict(tally.problems)}.",)
    publish(Report("HTTP under load", {**columns, "ended": "Jobs that ended"}, [row], notes), as_json=given.json)


if __name__ == "__main__":
    main()

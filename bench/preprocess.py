"""Measures preprocess: how many times faster than real time, and the most memory, for calls of growing length.

    python bench/preprocess.py [--minutes 10 --minutes 180] [--json OUT]

Each call is the demo call (two channels, 8 kHz mu-law) repeated to that length, heard in a process of its own.
"""

import argparse
import json
import multiprocessing
import resource
import tempfile
import time
from pathlib import Path
from typing import TypedDict

import soundfile

from pipeline.options import PreprocessOptions
from pipeline.preprocess import preprocess

CALL = Path(__file__).parents[1] / "workers" / "demo" / "call.wav"


class Figures(TypedDict):
    """What was measured for one call."""

    minutes: float
    seconds: float
    times_real_time: float
    peak_mib: int
    segments: int


def repeat_call(minutes: float, path: Path) -> None:
    """Write the demo call, again and again, to `path`."""
    samples, rate_hz = soundfile.read(CALL, dtype="int16")
    left = int(minutes * 60 * rate_hz)
    with soundfile.SoundFile(path, "w", rate_hz, samples.shape[1], "ULAW", format="WAV") as file:
        while left > 0:
            file.write(samples[:left])
            left -= len(samples)


def measure(path: Path) -> Figures:
    """Hear the recording at `path` to its last segment; the memory is the highest of this process so far."""
    started = time.perf_counter()
    stream = preprocess(path, PreprocessOptions())
    segments = sum(1 for _ in stream.segments)
    seconds = time.perf_counter() - started
    duration_s = stream.recording.duration_s
    return Figures(
        minutes=round(duration_s / 60, 2),
        seconds=round(seconds, 2),
        times_real_time=round(duration_s / seconds, 1),
        peak_mib=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
        segments=segments,
    )


def main() -> None:
    """Measure each length and print a table; `--json` writes the same figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--minutes", type=float, action="append", help="length of a call; 10 and 180 unless given")
    parser.add_argument("--json", type=Path, help="where to write the figures")
    arguments = parser.parse_args()
    rows: list[Figures] = []
    # A forked child would start with the memory of its parent.
    context = multiprocessing.get_context("spawn")
    print(f"{'minutes':>8} {'seconds':>8} {'x real time':>12} {'peak MiB':>9} {'segments':>9}")
    for minutes in arguments.minutes or [10.0, 180.0]:
        with tempfile.TemporaryDirectory() as folder, context.Pool(1) as pool:
            path = Path(folder) / "call.wav"
            repeat_call(minutes, path)
            row = pool.apply(measure, (path,))
        rows.append(row)
        print("{minutes:>8} {seconds:>8} {times_real_time:>12} {peak_mib:>9} {segments:>9}".format_map(row))
    if arguments.json:
        arguments.json.write_text(json.dumps(rows, indent=1) + "\n")


if __name__ == "__main__":
    main()

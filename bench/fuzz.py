"""Gives mutated recordings of every format to the caged decoder: no crash, no hang, no error without a code.

    python -m bench.fuzz [--files 2000] [--seed 1] [--keep FOLDER] [--json]

The files are those of `tests/format_cases.py`, each in turn, mutated as the seed says; file N of a seed is always the
same, but for the dates and numbers that some encoders write. Each is decoded in a process of its own with the limits of
production. That process is forked from one that has loaded the libraries already, as starting a Python for each would
take most of the time. The exit status is 1 when anything but audio or an InputError came out; `--keep` keeps its cause.
"""

import argparse
import os
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import IO, Any, BinaryIO, Final

import numpy as np

from bench.harness import Figure, Findings, Plan
from bench.mutations import mutate
from bench.report import Report, publish
from pipeline.audio import AudioReader, Cage, Declared, Limits
from pipeline.audio.cage import CagedDecoder, tell
from pipeline.audio.confined import decode_stdin
from pipeline.errors import DecoderCrash, InputError
from tests.format_cases import CASES

LIMITS: Final = Limits(max_duration_s=8 * 3600, max_channels=8)
CAGE: Final = Cage(cpu_s=20, silence_s=15.0)
"""As in production, but for the time: these are files of two seconds."""
SLOW_S: Final = 15.0
MOST_MIB: Final = 300
MEBIBYTE: Final = 1024
"""In the units of ru_maxrss."""


class Fork:
    """A `Child` that is forked from this process, with what memory it took."""

    peak_kib = 0

    def __init__(self, file: BinaryIO, told: str) -> None:
        heard, said = os.pipe()
        self._status: int | None = None
        self._pid = os.fork()
        if self._pid == 0:
            _decode_and_exit(file.fileno(), said, told)
        os.close(said)
        self.stdout: IO[bytes] | None = open(heard, "rb")  # noqa: PTH123, SIM115  # a descriptor, closed by its owner

    def kill(self) -> None:
        """End it now."""
        if self._status is None:
            os.kill(self._pid, 9)

    def wait(self) -> int:
        """See `Child`."""
        if self._status is None:
            _, status, usage = os.wait4(self._pid, 0)
            self._status = os.waitstatus_to_exitcode(status)
            Fork.peak_kib = max(Fork.peak_kib, usage.ru_maxrss)
        return self._status


def _decode_and_exit(file: int, said: int, told: str) -> None:
    status = 1
    try:
        silent = os.open(os.devnull, os.O_WRONLY)
        for source, target in ((file, 0), (said, 1), (silent, 2)):
            os.dup2(source, target)
        os.closerange(3, 1024)
        decode_stdin(told)
        status = 0
    finally:
        # Without the clean-up of the process that this one is a copy of.
        os._exit(status)


@dataclass(frozen=True, slots=True)
class Mutant:
    """File `number` of a seed: mutated from the case of this name."""

    number: int
    name: str
    content: bytes
    declared: Declared | None


def mutants(seed: int) -> Iterator[Mutant]:
    """Endless, each of every case in turn."""
    with tempfile.TemporaryDirectory() as folder:
        originals = [case.make(Path(folder) / "made") for case in CASES]
    number = 0
    while True:
        for case, original in zip(CASES, originals, strict=True):
            random = np.random.default_rng((seed, number))
            yield Mutant(number, case.name, mutate(original, random), case.declared)
            number += 1


def hear(path: Path, declared: Declared | None = None, cage: Cage = CAGE) -> tuple[str, ...]:
    """Decode the file at `path` in a fork of this process and return its warnings; raises what `open_audio` does."""
    with ExitStack() as stack:
        resources = stack.enter_context(ExitStack())
        file = stack.enter_context(path.open("rb"))
        decoder = CagedDecoder(Fork(file, tell(LIMITS, declared, cage)), cage.silence_s, resources)
        reader = stack.enter_context(AudioReader(decoder, LIMITS, resources))
        for _ in reader.blocks():
            pass
        return reader.warnings


def decode(path: Path, declared: Declared | None) -> str:
    """What came of the file: `ok`, the code of its error, or in capitals with a colon what must not be."""
    began_s = time.monotonic()
    try:
        hear(path, declared)
        outcome = "ok"
    except DecoderCrash as error:
        outcome = f"CRASH: {error.detail}"
    except InputError as error:
        outcome = error.code
    return outcome if time.monotonic() - began_s < SLOW_S else f"HANG: {outcome}"


def fuzz(files: int, seed: int, keep: Path | None) -> tuple[Counter[str], list[str]]:
    """How often each outcome came, and a line for each file that came to what must not be."""
    outcomes: Counter[str] = Counter()
    wrong: list[str] = []
    # Loaded once, before the first fork.
    import pipeline.audio.libav  # noqa: PLC0415
    import pipeline.audio.sndfile  # noqa: F401, PLC0415

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "mutant"
        for mutant in islice(mutants(seed), files):
            path.write_bytes(mutant.content)
            outcome = decode(path, mutant.declared)
            outcomes[outcome] += 1
            if ":" in outcome:
                wrong.append(f"{outcome}: file {mutant.number} of seed {seed}, from {mutant.name}")
                _keep(keep, mutant)
    if Fork.peak_kib > MOST_MIB * MEBIBYTE:
        wrong.append(f"MEMORY: {Fork.peak_kib // MEBIBYTE} MiB")
    return outcomes, wrong


def _keep(folder: Path | None, mutant: Mutant) -> None:
    if folder is not None:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{mutant.number}-{mutant.name}").write_bytes(mutant.content)


def _report(outcomes: Counter[str], wrong: Sequence[str], note: str) -> Report:
    rows: list[dict[str, Any]] = [{"outcome": name, "files": count} for name, count in outcomes.most_common()]
    columns = {"outcome": "outcome", "files": "files"}
    peak = f"Peak memory of a decoder: {Fork.peak_kib // MEBIBYTE} MiB."
    return Report("Mutated recordings", columns, rows, (note, peak, *wrong), ("av", "soundfile"))


def run(plan: Plan) -> Findings:
    """How often each outcome came."""
    files = 200 if plan.quick else 2000
    began_s = time.monotonic()
    outcomes, wrong = fuzz(files, 1, None)
    rate = files / (time.monotonic() - began_s)
    figures = {
        "wrong": Figure((len(wrong),), higher_is_better=False, is_ratio=False),
        "files_per_s": Figure((rate,), is_ratio=False),
    }
    return Findings(figures, [_report(outcomes, wrong, f"{files} files of {len(CASES)} formats, seed 1.")])


def main() -> None:
    """Print how often each outcome came; exit 1 when one of them must not be."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--files", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--keep", type=Path, help="a folder for files that came to what must not be")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    outcomes, wrong = fuzz(arguments.files, arguments.seed, arguments.keep)
    note = f"{arguments.files} files of {len(CASES)} formats, seed {arguments.seed}."
    publish(_report(outcomes, wrong, note), as_json=arguments.json)
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()

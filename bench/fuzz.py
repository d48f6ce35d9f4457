"""Gives mutated recordings of every format to the caged decoder: no crash, no hang, no error without a code.

    python -m bench.fuzz [--files 2000] [--seed 1] [--keep FOLDER] [--json]

The files are those of `tests/format_cases.py`, each in turn, mutated as the seed says; file N of a seed is always the
same, but for the dates and numbers that some encoders write. Each is decoded as in production. The exit status is 1
when anything but audio or an InputError came out; `--keep` keeps its cause.
"""

import argparse
import resource
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, Final

import numpy as np

from bench.harness import Figure, Findings, Plan
from bench.mutations import mutate
from bench.report import Report, publish
from pipeline.audio import Cage, Declared, Limits, open_audio
from pipeline.audio.cage import ZYGOTE
from pipeline.errors import DecoderCrash, InputError
from tests.format_cases import CASES

LIMITS: Final = Limits(max_duration_s=8 * 3600, max_channels=8)
CAGE: Final = Cage(cpu_s=20, silence_s=15.0)
"""As in production, but for the time: these are files of two seconds."""
SLOW_S: Final = 15.0
MOST_MIB: Final = 300
MEBIBYTE: Final = 1024
"""In the units of ru_maxrss."""


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
    """Decode the file at `path` and return its warnings; raises what `open_audio` does."""
    with open_audio(path, LIMITS, declared, cage) as reader:
        for _ in reader.blocks():
            pass
        return reader.warnings


def peak_kib() -> int:
    """The most memory that a decoder took until now."""
    ZYGOTE.close()
    return resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss


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
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "mutant"
        for mutant in islice(mutants(seed), files):
            path.write_bytes(mutant.content)
            outcome = decode(path, mutant.declared)
            outcomes[outcome] += 1
            if ":" in outcome:
                wrong.append(f"{outcome}: file {mutant.number} of seed {seed}, from {mutant.name}")
                _keep(keep, mutant)
    if peak_kib() > MOST_MIB * MEBIBYTE:
        wrong.append(f"MEMORY: {peak_kib() // MEBIBYTE} MiB")
    return outcomes, wrong


def _keep(folder: Path | None, mutant: Mutant) -> None:
    if folder is not None:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{mutant.number}-{mutant.name}").write_bytes(mutant.content)


def _report(outcomes: Counter[str], wrong: Sequence[str], note: str) -> Report:
    rows: list[dict[str, Any]] = [{"outcome": name, "files": count} for name, count in outcomes.most_common()]
    columns = {"outcome": "outcome", "files": "files"}
    peak = f"Peak memory of a decoder: {peak_kib() // MEBIBYTE} MiB."
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

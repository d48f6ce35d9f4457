"""`python -m tests.faults`: everything at once, for as long as you like. The last line is the verdict as JSON."""
# ruff: noqa: T201  # a command that prints what it found

import argparse
import json
import random
import signal
import sys
from collections.abc import Sequence
from functools import partial

from tests.faults.mutants import MUTANTS
from tests.faults.nemesis import FAULTS
from tests.faults.run import Plan, run


def main(arguments: Sequence[str] | None = None) -> int:
    """0 when every promise was kept, else 1."""
    told = _parser().parse_args(arguments)
    # Told to stop, a run takes its servers and their files along.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    print(f"seed {told.seed}: {told.jobs} jobs, {told.duration:g} s of faults", flush=True)
    plan = Plan(told.duration, told.seed, told.jobs, tuple(told.only), told.mutant, told.pace)
    report = run(plan, partial(print, file=sys.stderr, flush=True))
    for name, times in sorted(report.faults.items()):
        print(f"  {times:4d} x {name}")
    for kind in ("lost", "twice", "wrong", "stuck", "untold"):
        jobs: dict[str, str] = getattr(report.verdict, kind)
        for job_id, why in list(jobs.items())[:20]:
            print(f"{kind}: job {job_id}: {why}")
    print(json.dumps(report.document))
    return 0 if report.verdict.is_clean else 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__)
    parser.add_argument("--duration", type=float, default=600.0, help="seconds in which faults happen (600)")
    parser.add_argument("--jobs", type=int, default=1000, help="jobs that are handed in meanwhile (1000)")
    parser.add_argument("--seed", type=int, default=random.randrange(2**31), help="makes the choices (by chance)")
    parser.add_argument("--only", nargs="*", default=[], choices=sorted(FAULTS), help="faults to choose from (all)")
    parser.add_argument("--mutant", default="", choices=["", *sorted(MUTANTS)], help="a defect for all to have")
    parser.add_argument("--pace", type=float, default=1.0, help="stretches the pauses between faults (1.0)")
    return parser


if __name__ == "__main__":
    sys.exit(main())

"""Measure: `python -m bench NAME... [--json OUT] [--list] [--quick] [--strict]`.

Without names, every bench. Tables go to standard output as Markdown; what is worse by more than 10 % than the figures
in `bench/results` is shown in red, and makes the exit status 1 with --strict. `--json bench/results` writes them anew.
"""

import argparse
import json
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from bench.comparison import Change, compare, document, read_earlier, target_of
from bench.harness import Findings, Plan, Unavailable, find, purposes

_COLUMNS = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())


def main(given: Sequence[str] | None = None) -> int:
    """Run what was asked for; the exit status."""
    known = purposes()
    arguments = _parser().parse_args(given)
    if arguments.list:
        width = max(map(len, known))
        print("\n".join(f"{name:<{width}}  {purpose}" for name, purpose in known.items()))
        return 0
    names: list[str] = arguments.names or list(known)
    unknown = [name for name in names if name not in known]
    if unknown:
        print(f"no bench is called {', '.join(unknown)}; --list names them", file=sys.stderr)
        return 2
    targets = dict(target_of(arguments.json, names)) if arguments.json else {}
    regressions = 0
    with Progress(*_COLUMNS, console=Console(stderr=True), transient=True) as bar:
        plan = Plan(arguments.quick, tuple(arguments.speech), arguments.text, arguments.model, bar)
        for name in plan.track(names, "benches"):
            found = _run(name, plan)
            if found is None:
                continue
            regressions += tell(name, found, read_earlier(name))
            if name in targets:
                _write(targets[name], found, quick=plan.quick)
    return int(arguments.strict and regressions > 0)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        "python -m bench", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help="see --list")
    parser.add_argument("--list", action="store_true", help="the benches, each with what it is for")
    parser.add_argument("--json", type=Path, metavar="OUT", help="a folder for NAME.json, or a file ending in .json")
    parser.add_argument("--quick", action="store_true", help="little material and few rounds")
    parser.add_argument("--strict", action="store_true", help="exit 1 where a figure is worse by more than 10 %%")
    parser.add_argument("--speech", type=Path, action="append", default=[], help='a manifest of {"audio", "text"}')
    parser.add_argument("--text", type=Path, help="a folder or file of text, for the benches of words")
    parser.add_argument("--model", default="tiny.en", help="a folder or name, as VOXQUEUE_MODEL takes it (tiny.en)")
    return parser


def _run(name: str, plan: Plan) -> Findings | None:
    """What a bench found; None where it can't be run."""
    began_s = time.monotonic()
    try:
        found = find(name)(plan)
    except Unavailable as error:
        print(f"{name}: not measured, {error}")
        return None
    print(f"`{name}` took {time.monotonic() - began_s:.0f} s.\n", file=sys.stderr)
    return found


def tell(name: str, found: Findings, earlier: Mapping[str, Any] | None) -> int:
    """Print tables, and figures beside earlier ones; how many of them are worse by more than they may."""
    print("\n\n".join(report.markdown() for report in found.reports), end="\n\n")
    changes = {change.key: change for change in (compare(found, earlier) if earlier else [])}
    console = Console(highlight=False, soft_wrap=True)
    console.print(f"Figures of {name}:")
    for key, figure in found.figures.items():
        spread = f"{min(figure.rounds):.4g} to {max(figure.rounds):.4g}" if len(figure.rounds) > 1 else "one round"
        console.print(f"{key} {figure.value:.4g} ({spread}){_told(changes.get(key))}")
    console.print()
    return sum(change.is_regression for change in changes.values())


def _told(change: Change | None) -> str:
    if change is None:
        return ""
    text = f", was {change.before:.4g}"
    if not change.is_regression:
        return text
    return f"[bold red]{escape(f'{text}: {change.worse_by:.0%} worse')}[/]"


def _write(path: Path, found: Findings, *, quick: bool) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    text = json.dumps(document(found, quick=quick), indent=1, ensure_ascii=False)
    path.write_text(f"{text}\n", encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())

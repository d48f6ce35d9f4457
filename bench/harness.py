"""What a bench is: a module of this folder with `run(plan) -> Findings`; its docstring's first line is its purpose.

`python -m bench` finds it by that, runs it, prints its tables and compares its figures with those that are committed.
"""

import ast
import importlib
import importlib.util
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Final, TypeVar

from rich.progress import Progress

from bench.report import Report

FOLDER: Final = Path(__file__).parent
Item = TypeVar("Item")


class Unavailable(Exception):
    """This machine lacks what the bench measures with; says what to install or to name."""


@dataclass(frozen=True, slots=True)
class Figure:
    """A number that later runs are compared with: what was measured in each round.

    A ratio is of two things that were measured in one run, and holds on other machines; what is none is compared with
    runs on the same machine only.
    """

    rounds: tuple[float, ...]
    higher_is_better: bool = True
    is_ratio: bool = True

    @property
    def value(self) -> float:
        """The median of the rounds."""
        return median(self.rounds)


@dataclass(frozen=True, slots=True)
class Findings:
    """What a bench has found: figures by their keys, ratios first, and tables for people."""

    figures: Mapping[str, Figure]
    reports: Sequence[Report]


@dataclass(frozen=True, slots=True)
class Plan:
    """How to run a bench.

    Args:
        quick: little material and few rounds, to see in a minute or two whether something has changed much.
        speech: manifests, lines of {"audio", "text"}; none means the speech at hand, see `bench.speech`.
        text: a folder or file of text, for the benches of words.
        model: a folder or name as VOXQUEUE_MODEL takes it.
    """

    quick: bool = False
    speech: tuple[Path, ...] = ()
    text: Path | None = None
    model: str = "tiny.en"
    bar: Progress | None = field(default=None, compare=False)

    def rounds(self, most: int) -> int:
        """How often to repeat what is repeated `most` times at best; twice shows a spread."""
        return min(2, most) if self.quick else most

    def track(self, items: Sequence[Item], what: str) -> Iterator[Item]:
        """The items, with a bar that says how many of them are done."""
        if self.bar is None:
            yield from items
            return
        task = self.bar.add_task(what, total=len(items))
        for item in items:
            yield item
            self.bar.advance(task)
        self.bar.remove_task(task)


Run = Callable[[Plan], Findings]


def purposes() -> dict[str, str]:
    """The benches by name, each with its purpose; nothing of them is imported."""
    found = {}
    for path in sorted([*FOLDER.glob("*.py"), *FOLDER.glob("*/__init__.py")]):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        if any(isinstance(node, ast.FunctionDef) and node.name == "run" for node in tree.body):
            name = path.parent.name if path.stem == "__init__" else path.stem
            found[name] = (ast.get_docstring(tree) or "").partition("\n\n")[0].replace("\n", " ")
    return found


def find(name: str) -> Run:
    """What runs the bench of this name; imports it."""
    run: Run = importlib.import_module(f"bench.{name}").run
    return run


def installed(module: str, remedy: str) -> None:
    """Raise Unavailable with the remedy where `module` can't be imported."""
    if importlib.util.find_spec(module) is None:
        raise Unavailable(f"{module} is not installed: {remedy}")

"""Figures as files, and what became worse than in the file of an earlier run.

A file has the figures at its top, ratios first, then `spread` (least and greatest of the rounds), `lower_is_better`,
`not_ratios`, the tables, and on what it was measured.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from bench.harness import Figure, Findings
from bench.report import environment

RESULTS: Final = Path(__file__).parent / "results"
TOLERANCE: Final = 0.10


@dataclass(frozen=True, slots=True)
class Change:
    """A figure then and now; `worse_by` is a share of what it was, negative for what became better."""

    key: str
    before: float
    now: float
    worse_by: float

    @property
    def is_regression(self) -> bool:
        """Worse by more than runs differ."""
        return self.worse_by > TOLERANCE


def document(findings: Findings, *, quick: bool) -> dict[str, Any]:
    """What is written to a file."""
    by_kind = sorted(findings.figures.items(), key=lambda item: not item[1].is_ratio)
    packages = dict.fromkeys(name for report in findings.reports for name in report.packages)
    return {
        **{key: _rounded(figure.value) for key, figure in by_kind},
        "spread": {key: [_rounded(pick(figure.rounds)) for pick in (min, max)] for key, figure in by_kind},
        "lower_is_better": [key for key, figure in by_kind if not figure.higher_is_better],
        "not_ratios": [key for key, figure in by_kind if not figure.is_ratio],
        "quick": quick,
        "tables": [
            {"title": each.title, "rows": [dict(row) for row in each.rows], "notes": [*each.notes]}
            for each in findings.reports
        ],
        "environment": environment(packages),
    }


def compare(findings: Findings, earlier: Mapping[str, Any]) -> list[Change]:
    """How each figure has changed; on another machine than the earlier one's, of the ratios only."""
    here = environment(())
    is_same_machine = all(earlier["environment"][fact] == here[fact] for fact in ("cpu", "cores"))
    return [
        _change(key, earlier[key], figure)
        for key, figure in findings.figures.items()
        if earlier.get(key) is not None and (figure.is_ratio or is_same_machine)
    ]


def read_earlier(name: str, folder: Path = RESULTS) -> dict[str, Any] | None:
    """The committed figures of a bench, if there are any."""
    path = folder / f"{name}.json"
    if not path.exists():
        return None
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return found


def target_of(out: Path, names: Sequence[str]) -> Iterator[tuple[str, Path]]:
    """Where the figures of each bench go: into the folder `out`, or the file if that is what one bench is given."""
    for name in names:
        yield name, out if out.suffix == ".json" and len(names) == 1 else out / f"{name}.json"


def _change(key: str, before: float, figure: Figure) -> Change:
    now = figure.value
    loss = before - now if figure.higher_is_better else now - before
    return Change(key, before, now, loss / abs(before) if before else 0.0)


def _rounded(value: float) -> float:
    return float(f"{value:.4g}")

"""What a bench prints: a Markdown table for people, JSON for programs, and on what it was measured.

    report = Report("Round trips", {"codec": "codec", "wer": "WER"}, rows, notes=("25 utterances",))
    publish(report, as_json=arguments.json)

A row is a mapping from the keys of `columns`; what is None or missing is printed as a dash.
"""

import json
import os
import platform
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Final

GIBIBYTE: Final = 1 << 30
PACKAGES: Final = ("ctranslate2", "numpy", "onnxruntime", "av", "soundfile", "soxr")
"""Whose versions decide what is measured here."""

Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Report:
    """A table: `columns` are its headings by the keys of the rows; `notes` say what was measured, and how."""

    title: str
    columns: Mapping[str, str]
    rows: Sequence[Row]
    notes: tuple[str, ...] = ()
    packages: tuple[str, ...] = PACKAGES

    def markdown(self) -> str:
        """The report as a page: title, table with numbers to the right, notes, and what it was measured on."""
        is_number = {key: all(_is_number(row.get(key)) for row in self.rows) for key in self.columns}
        lines = [
            _line(self.columns.values()),
            "|" + "|".join("--:" if is_number[key] else "---" for key in self.columns) + "|",
            *(_line(_cell(row.get(key)) for key in self.columns) for row in self.rows),
        ]
        facts = environment(self.packages)
        where = f"{facts['cpu']}, {facts['cores']} cores, {facts['memory_gib']} GiB; {facts['system']}"
        versions = ", ".join(f"{name} {number}" for name, number in facts["versions"].items())
        return "\n".join([f"### {self.title}", "", *lines, "", *self.notes, f"Measured on {where}; {versions}."])

    def document(self) -> dict[str, Any]:
        """The same for programs: `title`, `rows` as they came, `notes`, `environment`."""
        rows = [dict(row) for row in self.rows]
        return {"title": self.title, "rows": rows, "notes": [*self.notes], "environment": environment(self.packages)}


def progress(row: Row) -> None:
    """Tell a row that has been measured, on standard error, while the others are."""
    print(json.dumps(dict(row), ensure_ascii=False), file=sys.stderr, flush=True)


def publish(*reports: Report, as_json: bool) -> None:
    """Print reports: as Markdown, or as JSON, a list when there are several."""
    if as_json:
        documents = [report.document() for report in reports]
        print(json.dumps(documents[0] if len(documents) == 1 else documents, ensure_ascii=False))
        return
    print("\n\n".join(report.markdown() for report in reports))


def environment(packages: Iterable[str] = PACKAGES) -> dict[str, Any]:
    """The machine and the versions of what is measured: `cpu`, `cores` that may be used, `memory_gib`, `system`."""
    memory_bytes = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return {
        "cpu": _cpu_name(),
        "cores": len(os.sched_getaffinity(0)),
        "memory_gib": round(memory_bytes / GIBIBYTE),
        "system": f"{platform.system()} {platform.release()}, Python {platform.python_version()}",
        "versions": {name: _version(name) for name in packages},
    }


def _cpu_name() -> str:
    for line in Path("/proc/cpuinfo").read_text("utf-8").splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"


def _line(cells: Iterable[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def _is_number(value: Any) -> bool:
    return value is None or (isinstance(value, int | float) and not isinstance(value, bool))


def _cell(value: Any) -> str:
    if value is None:
        return "–"  # noqa: RUF001  # a dash in a table for people
    return f"{value:.4g}" if isinstance(value, float) else str(value)

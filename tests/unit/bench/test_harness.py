"""One command finds every bench, writes what it found, and shows what became worse than before."""

from pathlib import Path

import pytest

from bench.__main__ import main, tell
from bench.comparison import compare, document, target_of
from bench.harness import Figure, Findings, purposes
from bench.report import Report

REPORT = Report("Table", {"n": "n"}, [{"n": 1}], ("Of nothing.",), ("numpy",))


def findings(ratio: float, seconds: float) -> Findings:
    figures = {
        "seconds": Figure((seconds, seconds, seconds + 1), higher_is_better=False, is_ratio=False),
        "ours_over_theirs": Figure((ratio - 0.1, ratio, ratio + 0.2)),
    }
    return Findings(figures, [REPORT])


def test_every_bench_has_a_name_and_a_purpose_in_one_line() -> None:
    known = purposes()
    assert {"features"} <= set(known)
    assert all(purpose and "\n" not in purpose for purpose in known.values())
    assert "harness" not in known


def test_a_file_has_medians_with_ratios_first_their_spread_and_the_machine() -> None:
    written = document(findings(0.9, 2.0), quick=True)
    assert list(written)[:2] == ["ours_over_theirs", "seconds"]
    assert (written["ours_over_theirs"], written["spread"]["ours_over_theirs"]) == (0.9, [0.8, 1.1])
    assert written["lower_is_better"] == ["seconds"]
    assert written["tables"] == [{"title": "Table", "rows": [{"n": 1}], "notes": ["Of nothing."]}]
    assert set(written["environment"]["versions"]) == {"numpy"}


@pytest.mark.parametrize(
    ("ratio", "seconds", "worse"),
    [(0.9, 2.0, set()), (0.82, 2.19, set()), (0.8, 2.0, {"ours_over_theirs"}), (1.2, 2.3, {"seconds"})],
)
def test_what_is_worse_by_more_than_a_tenth_is_a_regression(ratio: float, seconds: float, worse: set[str]) -> None:
    earlier = document(findings(0.9, 2.0), quick=False)
    assert {each.key for each in compare(findings(ratio, seconds), earlier) if each.is_regression} == worse


def test_on_another_machine_only_ratios_are_compared() -> None:
    earlier = document(findings(0.9, 2.0), quick=False)
    earlier["environment"]["cpu"] = "another"
    assert [each.key for each in compare(findings(0.9, 9.0), earlier)] == ["ours_over_theirs"]


def test_figures_of_one_bench_go_to_a_file_and_those_of_several_to_a_folder() -> None:
    assert dict(target_of(Path("out.json"), ["one"])) == {"one": Path("out.json")}
    assert dict(target_of(Path("out"), ["one", "two"])) == {"one": Path("out/one.json"), "two": Path("out/two.json")}


def test_the_command_shows_what_was_committed_and_counts_what_became_worse(capsys: pytest.CaptureFixture[str]) -> None:
    earlier = document(findings(0.9, 2.0), quick=False)
    assert tell("none", findings(0.5, 2.0), earlier) == 1
    said = capsys.readouterr().out
    assert "ours_over_theirs 0.5 (0.4 to 0.7), was 0.9: 44% worse" in said
    assert "| 1 |" in said
    assert tell("none", findings(0.5, 2.0), None) == 0


def test_a_bench_that_does_not_exist_is_refused_by_name(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["features", "no-such-bench"]) == 2
    assert "no-such-bench" in capsys.readouterr().err

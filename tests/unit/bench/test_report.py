"""A bench prints figures that a person can read and a program can, and says what they were measured on."""

import json

import pytest

from bench.report import Report, environment, progress, publish

ROWS: list[dict[str, object]] = [{"codec": "A-law", "wer": 0.0123456, "n": 25}, {"codec": "a|b", "wer": None, "n": 3}]
REPORT = Report("Round trips", {"codec": "codec", "wer": "WER", "n": "recordings"}, ROWS, notes=("Real speech.",))


def test_table_is_markdown_with_numbers_to_the_right_and_a_dash_for_what_is_unknown() -> None:
    lines = REPORT.markdown().splitlines()
    assert lines[:6] == [
        "### Round trips",
        "",
        "| codec | WER | recordings |",
        "|---|--:|--:|",
        "| A-law | 0.01235 | 25 |",
        "| a\\|b | – | 3 |",  # noqa: RUF001
    ]
    assert lines[7] == "Real speech."
    assert lines[8].startswith("Measured on ")


def test_a_word_among_numbers_makes_a_column_of_words() -> None:
    rows: list[dict[str, object]] = [{"limit": 5}, {"limit": "none"}, {"limit": True}]
    assert "|---|" in Report("", {"limit": "limit"}, rows).markdown()


def test_json_holds_the_rows_as_they_were_measured(capsys: pytest.CaptureFixture[str]) -> None:
    publish(REPORT, as_json=True)
    document = json.loads(capsys.readouterr().out)
    assert document["rows"] == ROWS
    assert (document["title"], document["notes"]) == ("Round trips", ["Real speech."])
    assert document["environment"]["cores"] >= 1


def test_several_reports_are_a_list_in_json_and_pages_one_after_another_as_text(
    capsys: pytest.CaptureFixture[str],
) -> None:
    publish(REPORT, REPORT, as_json=True)
    assert len(json.loads(capsys.readouterr().out)) == 2
    publish(REPORT, REPORT, as_json=False)
    assert capsys.readouterr().out.count("### Round trips") == 2


def test_progress_is_told_beside_the_figures(capsys: pytest.CaptureFixture[str]) -> None:
    progress(ROWS[1])
    told = capsys.readouterr()
    assert (told.out, json.loads(told.err)) == ("", ROWS[1])


def test_environment_names_the_machine_and_the_versions_that_were_used() -> None:
    facts = environment(("numpy", "no-such-package"))
    assert facts["cpu"]
    assert facts["memory_gib"] >= 1
    assert facts["versions"]["numpy"][0].isdigit()
    assert facts["versions"]["no-such-package"] == "not installed"

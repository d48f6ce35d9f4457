"""Sentences as they are said on the phone, and as one writes them: a table of every class of numbers."""

from collections import defaultdict
from pathlib import Path

import pytest

from pipeline.format.numbers import find_numbers

Case = tuple[str, str]


def written(sentence: str) -> str:
    """`sentence` with its numbers as one writes them."""
    words = sentence.split()
    for span in reversed(find_numbers(words)):
        words[span.start : span.end] = [span.written]
    return " ".join(words)


def cases() -> dict[str, list[Case]]:
    """Spoken and written sentences by class."""
    table: dict[str, list[Case]] = defaultdict(list)
    for line in (Path(__file__).parent / "cases.tsv").read_text(encoding="utf-8").splitlines():
        kind, spoken, expected = line.split("\t")
        table[kind].append((spoken, expected))
    return table


@pytest.mark.parametrize(("kind", "rows"), cases().items(), ids=lambda value: value if isinstance(value, str) else "")
def test_sentences_of_a_class_are_written_as_one_writes_them(kind: str, rows: list[Case]) -> None:
    wrong = [(spoken, written(spoken), expected) for spoken, expected in rows if written(spoken) != expected]
    assert wrong == [], kind


def test_sentences_that_are_kept_hold_no_span() -> None:
    assert [spoken for spoken, _ in cases()["keep"] if find_numbers(spoken.split())] == []


@pytest.mark.parametrize(
    ("kind", "least"), [("cardinal", 30), ("money", 40), ("phone", 20), ("digits", 40), ("keep", 80)]
)
def test_the_table_holds_enough_of_each_class(kind: str, least: int) -> None:
    assert len(cases()[kind]) >= least

"""TextGrid as a reader that we did not write sees it, and Markdown that shows what was said as it was said."""

from itertools import pairwise
from pathlib import Path

import pytest
from praatio import textgrid

from pipeline.render import to_markdown, to_textgrid
from tests.unit.pipeline.render.test_renderers import CALL, said, transcript


def test_textgrid_is_read_by_an_independent_parser(tmp_path: Path) -> None:
    path = tmp_path / "call.TextGrid"
    path.write_text(to_textgrid(CALL), encoding="utf-8")
    grid = textgrid.openTextgrid(str(path), includeEmptyIntervals=True, reportingMode="error")
    assert grid.tierNames == ("Agent", "Agent - words", "Channel 1", "Channel 1 - words")
    assert (grid.minTimestamp, grid.maxTimestamp) == (0, 4000)
    for name in grid.tierNames:
        entries = grid.getTier(name).entries
        assert entries[0].start == 0
        assert entries[-1].end == 4000
        assert all(before.end == after.start for before, after in pairwise(entries))
    texts = [entry.label for entry in grid.getTier("Channel 1").entries if entry.label]
    assert texts == ["Fine.", "R&D <b> --> ok"]


def test_quotes_and_times_that_collide_do_not_break_a_textgrid(tmp_path: Path) -> None:
    path = tmp_path / "call.TextGrid"
    path.write_text(to_textgrid(transcript(said('Say "yes".', 1.0), said("No.", 1.2))), encoding="utf-8")
    grid = textgrid.openTextgrid(str(path), includeEmptyIntervals=False, reportingMode="error")
    assert [entry.label for entry in grid.getTier("Channel 0").entries] == ['Say "yes".']


def test_markdown_has_a_paragraph_a_turn() -> None:
    paragraphs = to_markdown(CALL).split("\n\n")
    assert paragraphs[0].startswith("**Agent** (00:01): Thank you for calling")
    assert paragraphs[1] == "**Channel 1** (00:09): Fine. R&D \\<b\\> --\\> ok\n"


@pytest.mark.parametrize(
    ("text", "shown"), [("# 1 *star*", "\\# 1 \\*star\\*"), ("- no", "\\- no"), ("1. yes", "\\1. yes")]
)
def test_markdown_shows_signs_as_they_are(text: str, shown: str) -> None:
    assert to_markdown(transcript(said(text))) == f"{shown}\n"

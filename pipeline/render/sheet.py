"""The words as a table, for spreadsheets and data frames (RFC 4180)."""

import csv
import io

from pipeline.values import Transcript

COLUMNS = ("channel", "role", "start_s", "end_s", "text", "confidence", "spoken", "kind")
# Spreadsheets run a cell that starts with one of these as a formula.
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")


def to_csv(transcript: Transcript) -> str:
    """A line of column names and a line a word; what a spreadsheet would run as a formula starts with an apostrophe."""
    file = io.StringIO(newline="")
    writer = csv.writer(file)
    writer.writerow(COLUMNS)
    for utterance in transcript.utterances:
        for word in utterance.words:
            times = (f"{word.start_s:.3f}", f"{word.end_s:.3f}")
            last = (f"{word.confidence:.3f}", _inert(word.spoken or ""), word.kind or "")
            writer.writerow((utterance.channel, _inert(utterance.role or ""), *times, _inert(word.text), *last))
    return file.getvalue()


def _inert(text: str) -> str:
    return f"'{text}" if text.startswith(_FORMULA_STARTS) else text

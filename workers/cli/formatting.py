"""`voxqueue format`: raw words as they are written, to try out the rules of formatting."""

import io
import json
import sys
from dataclasses import asdict
from typing import Annotated

import typer

from pipeline.format.lines import READABLE, FormattedLine, Part, format_line
from workers.cli.jobs import AsJson
from workers.cli.wording import MaskProfanity, RemoveFillers, Replace, wording
from workers.client import check_options

Only = Annotated[Part | None, typer.Option(help="Do this part alone; redaction is done by itself only.")]


def format_words(
    only: Only = None,
    as_json: AsJson = False,
    mask_profanity: MaskProfanity = False,
    remove_fillers: RemoveFillers = False,
    replace: Replace = None,
) -> None:
    """Read raw words on standard input, a line a sentence, and print each line as it is written.

    --json prints {"text", "tokens", "spans": [{"start", "end", "spoken", "written", "class"}]} a line; a span is the
    tokens from start up to but without end.

        echo "it costs nineteen dollars and ninety nine cents" | voxqueue format --only numbers
    """
    parts = READABLE if only is None else (only,)
    options = check_options({"format": wording(mask_profanity, remove_fillers, replace)}).format
    if isinstance(sys.stdin, io.TextIOWrapper):
        # Of a line in another encoding, the rest is still to be read.
        sys.stdin.reconfigure(encoding="utf-8", errors="replace")
    for line in sys.stdin:
        formatted = format_line(line, parts, options)
        print(_document(formatted) if as_json else formatted.text)


def _document(line: FormattedLine) -> str:
    spans = [
        {"class" if name == "kind" else name: value for name, value in asdict(span).items()} for span in line.spans
    ]
    return json.dumps({"text": line.text, "tokens": line.tokens, "spans": spans}, ensure_ascii=False)

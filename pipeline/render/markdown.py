"""Markdown: who says what, a paragraph a turn, for wikis and tickets."""

import re
from itertools import groupby

from pipeline.render import speakers
from pipeline.render.text import clock
from pipeline.values import Transcript

_SPECIAL = re.compile(r"([\\`*_{}\[\]<>#|~])")
_LIST = re.compile(r"^(\s*)([-+]|\d+[.)])(?=\s)")


def to_markdown(transcript: Transcript) -> str:
    """A paragraph a turn, `**Agent** (01:05): ...`; what Markdown would take for signs of its own is escaped."""
    labelled = speakers.are_labelled(transcript)
    blocks = []
    for (_, label), turn in groupby(transcript.utterances, key=lambda each: (each.channel, speakers.label_of(each))):
        utterances = list(turn)
        text = _plain(" ".join(each.text for each in utterances))
        head = f"**{_plain(label)}** ({clock(utterances[0].start_s)}): " if labelled else ""
        blocks.append(f"{head}{text}\n")
    return "\n".join(blocks)


def _plain(text: str) -> str:
    return _LIST.sub(r"\1\\\2", _SPECIAL.sub(r"\\\1", text))

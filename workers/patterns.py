"""What names of recordings say: `{agent}_{date:%Y%m%d}_*.wav` against `ann_20261122_0042.wav`."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from string import Formatter
from typing import Final

_DIRECTIVES: Final = {
    "Y": r"\d{4}",
    "y": r"\d{2}",
    "m": r"\d{2}",
    "d": r"\d{2}",
    "j": r"\d{3}",
    "H": r"\d{2}",
    "I": r"\d{2}",
    "M": r"\d{2}",
    "S": r"\d{2}",
    "f": r"\d{1,6}",
    "p": r"[AaPp][Mm]",
    "b": r"[A-Za-z]{3}",
}
_OF_A_DAY: Final = frozenset("HIMSfp")
_WILD: Final = {"*": ".*", "?": "."}


@dataclass(frozen=True)
class NamePattern:
    """A pattern of file names: `{name}` takes one character or more, `{name:%Y%m%d}` a date, `*` and `?` anything.

    Making one raises ValueError, with what is wrong in words, for a pattern that is none.
    """

    text: str
    _regex: re.Pattern[str] = field(init=False, repr=False, compare=False)
    _dates: dict[str, str] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        dates: dict[str, str] = {}
        regex = "".join(self._parts(dates))
        object.__setattr__(self, "_dates", dates)
        object.__setattr__(self, "_regex", re.compile(regex, re.DOTALL))

    def read(self, name: str) -> dict[str, str] | None:
        """The fields of `name`, dates as ISO 8601 has them; None when the pattern is not that of this name."""
        found = self._regex.fullmatch(name)
        if found is None:
            return None
        fields = found.groupdict()
        try:
            return fields | {each: _iso(fields[each], layout) for each, layout in self._dates.items()}
        except ValueError:
            # Digits, but no day: the 31st of February.
            return None

    def _parts(self, dates: dict[str, str]) -> Iterator[str]:
        seen: set[str] = set()
        for literal, name, layout, _ in Formatter().parse(self.text):
            yield "".join(_WILD.get(each, re.escape(each)) for each in literal)
            if name is None:
                continue
            if not name.isidentifier():
                raise ValueError(f"{{{name}}} is no name of a field")
            if name in seen:
                raise ValueError(f"{{{name}}} is there twice")
            seen.add(name)
            if layout:
                dates[name] = layout
            yield f"(?P<{name}>{_date_regex(layout) if layout else '.+?'})"


def _date_regex(layout: str) -> str:
    parts = []
    for literal, directive in re.findall(r"([^%]*)(?:%(.))?", layout):
        parts.append(re.escape(literal))
        if directive and directive not in _DIRECTIVES:
            raise ValueError(f"%{directive} is not known; there are {', '.join('%' + each for each in _DIRECTIVES)}")
        parts.append(_DIRECTIVES.get(directive, ""))
    return "".join(parts)


def _iso(text: str, layout: str) -> str:
    # Without a zone, as the name says none.
    read = datetime.strptime(text, layout)  # noqa: DTZ007
    has_time = any(each in _OF_A_DAY for each in re.findall(r"%(.)", layout))
    return read.isoformat() if has_time else read.date().isoformat()

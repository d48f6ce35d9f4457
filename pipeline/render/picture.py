"""A preflight report as a picture: what a person sees at a glance takes a table a while."""

import io
from collections.abc import Iterator, Mapping, Sequence
from textwrap import fill
from types import MappingProxyType
from typing import Final

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from matplotlib.ticker import FuncFormatter, MaxNLocator
from numpy.typing import NDArray

from pipeline.preflight import ChannelReport, MarkKind, Preflight

WIDTH_IN, CHANNEL_IN, HEAD_IN, LINE_IN = 12.0, 1.7, 1.1, 0.2
LINE_CHARACTERS = 150
SPEECH_COLOUR = "#9fd8b4"
COLOURS: Final[Mapping[MarkKind, str]] = MappingProxyType(
    {
        MarkKind.MUSIC: "#cc79a7",
        MarkKind.RINGING: "#e69f00",
        MarkKind.BUSY: "#d55e00",
        MarkKind.DIAL_TONE: "#f0e442",
        MarkKind.DTMF: "#56b4e9",
        MarkKind.FAX: "#8c6d31",
        MarkKind.BEEP: "#7f7f7f",
        MarkKind.TONE: "#bdbdbd",
    }
)
"""By Okabe and Ito, which people of any colour vision tell apart."""
MOST_SPREAD_DB = 60.0
"""Of the waveform's scale: a softer channel is not blown up any further."""


def to_png(preflight: Preflight, peaks: Sequence[NDArray[np.float32]], title: str) -> bytes:
    """A picture of the recording: each channel's waveform, speech shaded, sounds coloured, findings below.

    `peaks` are the highest magnitudes of each channel at even distances over the whole recording, full scale 1.0.
    """
    caption = list(_caption(preflight))
    height_in = HEAD_IN + CHANNEL_IN * len(preflight.channels) + LINE_IN * sum(line.count("\n") + 1 for line in caption)
    figure = Figure(figsize=(WIDTH_IN, height_in), dpi=100)
    FigureCanvasAgg(figure)
    below = (0.55 + LINE_IN * sum(line.count("\n") + 1 for line in caption)) / height_in
    grid = figure.add_gridspec(
        len(preflight.channels), 1, left=0.07, right=0.98, top=1 - 0.55 / height_in, bottom=below
    )
    for row, (channel, peak) in enumerate(zip(preflight.channels, peaks, strict=True)):
        axes = figure.add_subplot(grid[row, 0])
        _draw(axes, channel, peak, preflight.duration_s)
        axes.tick_params(labelbottom=row == len(preflight.channels) - 1)
    figure.text(0.07, 1 - 0.22 / height_in, _plain(title), fontsize=11, fontweight="bold", va="center")
    figure.text(0.98, 1 - 0.22 / height_in, _facts(preflight), fontsize=9, ha="right", va="center")
    figure.legend(handles=_legend(preflight), loc="upper left", ncols=9, fontsize=8, frameon=False,
                  bbox_to_anchor=(0.06, 1 - 0.28 / height_in))  # fmt: skip
    figure.text(0.07, 0.12 / height_in, "\n".join(caption), fontsize=9, va="bottom", linespacing=1.35)
    file = io.BytesIO()
    # Without a date and a version the same report is the same picture.
    figure.savefig(file, format="png", metadata={"Software": None})
    return file.getvalue()


def _draw(axes: Axes, channel: ChannelReport, peak: NDArray[np.float32], duration_s: float) -> None:
    for stretch in channel.speech:
        axes.axvspan(stretch.start_s, stretch.end_s, color=SPEECH_COLOUR, lw=0)
    for mark in channel.marks:
        axes.axvspan(mark.start_s, mark.end_s, color=COLOURS[mark.kind], lw=0, alpha=0.7)
        if mark.digits:
            axes.annotate(mark.digits, (mark.start_s, 1.0), xycoords=("data", "axes fraction"), fontsize=8, va="bottom")
    time_s = np.linspace(0, duration_s, len(peak)) if len(peak) > 1 else np.array([0, duration_s])
    shape = peak if len(peak) > 1 else np.zeros(2, np.float32)
    axes.fill_between(time_s, -shape, shape, color="#1f3b57", lw=0.3)
    limit = max(float(shape.max(initial=0)) * 1.1, 10 ** (-MOST_SPREAD_DB / 20))
    axes.set_ylim(-limit, limit)
    axes.set_xlim(0, max(duration_s, 0.1))
    axes.set_yticks([])
    axes.xaxis.set_major_locator(MaxNLocator(10, steps=[1, 2, 3, 6, 10]))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda at_s, _: _clock(at_s)))
    axes.set_ylabel(_plain(channel.role or f"channel {channel.index}"), fontsize=9)
    axes.spines[["top", "right", "left"]].set_visible(False)


def _legend(preflight: Preflight) -> list[Patch]:
    kinds = {mark.kind for channel in preflight.channels for mark in channel.marks}
    patches = [Patch(color=COLOURS[kind], label=kind.replace("_", " ")) for kind in MarkKind if kind in kinds]
    return [Patch(color=SPEECH_COLOUR, label="speech"), *patches]


def _facts(preflight: Preflight) -> str:
    return f"{preflight.container} / {preflight.codec}, {preflight.sample_rate_hz} Hz, {_clock(preflight.duration_s)}"


def _caption(preflight: Preflight) -> Iterator[str]:
    for finding in preflight.findings:
        where = "" if finding.channel is None else f", channel {finding.channel}"
        yield fill(f"{finding.severity}{where}: {finding.advice}", LINE_CHARACTERS, subsequent_indent="    ")
    if not preflight.findings:
        yield "Nothing is wrong with this recording."


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def _plain(text: str) -> str:
    # A dollar sign would begin a formula.
    return text.replace("$", r"\$")

"""`voxqueue preflight`: what is wrong with recordings, before anybody transcribes them."""

import json
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from pydantic import TypeAdapter
from rich.table import Table
from rich.text import Text

from pipeline.errors import InputError, VoxqueueError
from pipeline.options import PreprocessOptions
from pipeline.preflight import ChannelReport, Preflight, Severity, SoundMark
from workers.cli.outcome import exit_status
from workers.cli.sources import check_readable
from workers.cli.tables import print_table, recording_of, write_bytes
from workers.cli.transcribe import Channels, Encoding, Roles, SampleRate, split_roles
from workers.client import check_options

if TYPE_CHECKING:
    from pipeline.preprocess import Examined

Recordings = Annotated[list[Path], typer.Argument(help="Recordings; nothing is sent anywhere, no job is made.")]
_STYLES = {Severity.INFO: "cyan", Severity.WARNING: "yellow", Severity.ERROR: "red"}
_REPORT = TypeAdapter(Preflight)
_NOTHING = "-"


def preflight(  # noqa: PLR0913, PLR0917  # each is an option of the command line
    files: Recordings,
    as_json: Annotated[bool, typer.Option("--json", help="For programs: one JSON document a line.")] = False,
    png: Annotated[
        Path | None, typer.Option("--png", help="Draw it into this file; a folder for several recordings.")
    ] = None,
    roles: Roles = "",
    encoding: Encoding = None,
    sample_rate: SampleRate = None,
    channels: Channels = None,
) -> None:
    """Look at recordings and say what is wrong with them, channel by channel; needs no service and makes no job.

    Speech share, loudness, clipping, noise, bandwidth, cross-talk, hold music, ringing, keys: docs/preflight.md says
    how each is measured and what each finding means. The same report is in the transcript document of each job.

        voxqueue preflight call.wav --roles agent,customer --png call.png

        voxqueue preflight calls/*.wav --json | jq 'select(.findings != [])'
    """
    declared = {"encoding": encoding, "sample_rate_hz": sample_rate, "channels": channels}
    options = check_options({"preprocess": declared}, split_roles(roles)).preprocess
    worst = 0
    for file in files:
        try:
            examined = _examine(file, options)
        except VoxqueueError as error:
            _print_error(file, error, as_json=as_json)
            worst = max(worst, exit_status(error))
            continue
        report = examined.recording.preflight
        assert report is not None
        _print_json(file, report) if as_json else _print_report(file, report)
        if png is not None:
            write_bytes(_place(png, file, files), _picture(examined, report, file.name))
    if worst:
        raise typer.Exit(worst)


def _examine(file: Path, options: PreprocessOptions) -> "Examined":
    # The libraries that read audio take a second to load, which no other command should wait for.
    from pipeline.preprocess import examine  # noqa: PLC0415

    check_readable(file)
    with _progress(file.name) as show:
        return examine(file, options, show)


@contextmanager
def _progress(name: str) -> Iterator[Any]:
    from rich.console import Console  # noqa: PLC0415  # only where a bar is drawn
    from rich.progress import Progress  # noqa: PLC0415

    console = Console(stderr=True)
    with Progress(console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task(Text(name).plain, total=1.0)
        yield lambda share: bar.update(task, completed=share)


def _picture(examined: "Examined", report: Preflight, title: str) -> bytes:
    from pipeline.render.picture import to_png  # noqa: PLC0415  # as above: matplotlib

    return to_png(report, [each.levels.peak for each in examined.channels], title)


def _place(png: Path, file: Path, files: Sequence[Path]) -> Path:
    """Where the picture of one of `files` goes: no two into one file."""
    if len(files) == 1:
        return png
    shared = sum(each.stem == file.stem for each in files) > 1
    return png / f"{files.index(file) + 1}-{file.name}.png" if shared else png / f"{file.stem}.png"


def _print_json(file: Path, report: Preflight) -> None:
    print(json.dumps({"file": str(file), **_REPORT.dump_python(report, mode="json")}, ensure_ascii=False))


def _print_error(file: Path, error: VoxqueueError, *, as_json: bool) -> None:
    sentence = " ".join(error.sentence.split())
    report = asdict(error.report) if isinstance(error, InputError) and error.report else {}
    if as_json:
        told = {"file": str(file), "error": {"code": error.code, "message": sentence}, **report}
        print(json.dumps(told, ensure_ascii=False))
        return
    print(f"error {error.code}: {file}: {sentence}", file=sys.stderr)
    if report:
        print(recording_of(report), file=sys.stderr)


def _print_report(file: Path, report: Preflight) -> None:
    kind = f"{report.container}/{report.codec}, {report.sample_rate_hz} Hz"
    print(f"{file}: {kind}, {report.duration_s:.1f} s, {report.channel_count} channel(s)")
    table = Table("channel", "speech", "loudness", "true peak", "clipped", "noise", "band", "sounds", box=None)
    for channel in report.channels:
        table.add_row(*_row(channel))
    print_table(table)
    for finding in report.findings:
        where = "" if finding.channel is None else f" channel {finding.channel}:"
        said = Text(f"{finding.severity} {finding.code}{where} ", style=_STYLES[finding.severity])
        print_table(said.append(finding.advice, style="default"))
    if not report.findings:
        print("Nothing is wrong with it.")


def _row(channel: ChannelReport) -> tuple[Text, ...]:
    name = f"{channel.index} {channel.role}" if channel.role else str(channel.index)
    cells = (
        name,
        f"{channel.speech_share:.0%}",
        _with_unit(channel.speech_lufs, "LUFS"),
        _with_unit(channel.true_peak_dbtp, "dBTP"),
        f"{channel.clipped_share:.2%}",
        _with_unit(channel.snr_db, "dB SNR"),
        _with_unit(channel.bandwidth_hz, "Hz"),
        ", ".join(_sound(mark) for mark in channel.marks) or _NOTHING,
    )
    # As text: brackets in a role are no markup.
    return tuple(Text(cell) for cell in cells)


def _with_unit(value: float | None, unit: str) -> str:
    return _NOTHING if value is None else f"{value:g} {unit}"


def _sound(mark: SoundMark) -> str:
    what = f"{mark.kind} {mark.digits}" if mark.digits else str(mark.kind)
    return f"{what} {mark.start_s:.1f}-{mark.end_s:.1f} s"

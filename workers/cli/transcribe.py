"""`voxqueue transcribe`: recordings in, transcripts out."""

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, get_args

import typer

from pipeline.options import CaptionOptions, JobOptions, Style
from pipeline.render import OUTPUT_FORMATS, OutputFormat
from pipeline.render.cues import USUAL
from workers.cli.captions import CharactersPerS, LineCharacters, Lines, caption_options
from workers.cli.outcome import Exit, exit_status_of
from workers.cli.progress import make_progress
from workers.cli.redaction import Redact, RedactStyle, with_redaction
from workers.cli.remote import AnyClient, working_session
from workers.cli.sources import source_of
from workers.cli.tables import write_file
from workers.cli.wording import MaskProfanity, RemoveFillers, Replace, wording
from workers.client import check_options
from workers.jobs import JobStatus
from workers.states import JobState

SUFFIXES: dict[OutputFormat, str] = {name: f".{name}" for name in OUTPUT_FORMATS} | {
    "text": ".txt",
    "markdown": ".md",
    "textgrid": ".TextGrid",
}

Files = Annotated[
    list[str],
    typer.Argument(
        help="Recordings: files (WAV, FLAC, MP3, Ogg, AMR, MP4, ...; see docs/formats.md), https:// or s3:// "
        "addresses, or - for standard input."
    ),
]
Format = Annotated[str, typer.Option("--format", help=f"{', '.join(OUTPUT_FORMATS)}.")]
Roles = Annotated[str, typer.Option("--roles", help="Who speaks on channel 0, 1, ...: agent,customer.")]
Hotwords = Annotated[
    list[str] | None,
    typer.Option("--hotword", "--hotwords", help="A name or term to expect, or NAME=HEARD,...; repeatable."),
]
LanguageModel = Annotated[
    str | None, typer.Option("--lm", help="`general`, `none`, or the name of a model that the workers have.")
]
NBestCount = Annotated[
    int | None, typer.Option("--n-best", min=1, max=20, help="List so many readings of each stretch in the JSON.")
]

_HEADERLESS = "A file without a header"
Encoding = Annotated[
    str | None,
    typer.Option(
        "--encoding",
        help="What it is: mulaw, alaw, linear16, pcm_s16be, gsm, vox, g722 or g729. Without this it is guessed.",
        rich_help_panel=_HEADERLESS,
    ),
]
SampleRate = Annotated[int | None, typer.Option("--sample-rate", help="In Hz; else 8000.", rich_help_panel=_HEADERLESS)]
Channels = Annotated[
    int | None, typer.Option("--channels", help="Interleaved channels; else 1.", rich_help_panel=_HEADERLESS)
]


def transcribe(  # noqa: PLR0913, PLR0917  # each is an option of the command line
    files: Files,
    output_format: Format = "text",
    out: Annotated[
        Path | None, typer.Option("--out", help="Write one file a recording here, and its path out.")
    ] = None,
    roles: Roles = "",
    as_json: Annotated[bool, typer.Option("--json", help="The same as --format json, without progress.")] = False,
    hotword: Hotwords = None,
    encoding: Encoding = None,
    sample_rate: SampleRate = None,
    channels: Channels = None,
    redact: Redact = None,
    redact_style: RedactStyle = Style.LABEL,
    mask_profanity: MaskProfanity = False,
    remove_fillers: RemoveFillers = False,
    replace: Replace = None,
    n_best: NBestCount = None,
    language_model: LanguageModel = None,
    line_characters: LineCharacters = None,
    lines: Lines = None,
    characters_per_s: CharactersPerS = None,
) -> None:
    """Transcribe recordings and print the transcripts.

    Uses the services that the settings name, or a running `voxqueue up`; where nobody works, it starts what it needs
    and ends it afterwards. With --json, standard output is the JSON document, and for several files one a line.

        voxqueue transcribe call.wav --roles agent,customer

        voxqueue transcribe calls/*.wav --format srt --out subtitles

        voxqueue transcribe line7.raw --encoding mulaw --channels 2

        sox call.wav -t flac - | voxqueue transcribe -
    """
    chosen = check_format("json" if as_json else output_format)
    names = split_roles(roles)
    captions = caption_options(line_characters, lines, characters_per_s)
    words = wording(mask_profanity, remove_fillers, replace)
    options = with_decoding(recording_options(hotword, encoding, sample_rate, channels, words), n_best, language_model)
    options = with_redaction(options, redact, redact_style, audio=False)
    sources = [source_of(file) for file in files]
    paths = [out / f"{Path(each.name).stem}{SUFFIXES[chosen]}" if out else None for each in sources]
    if out and len(set(paths)) < len(paths):
        raise typer.BadParameter("two recordings of one name would be written to one file", param_hint="--out")
    with working_session() as session:
        made = [each.enqueue(session.client, options, roles=names) for each in sources]
        jobs: dict[str, JobStatus] = {}
        with make_progress(is_wanted=not as_json) as progress:
            for job in session.watch(each.id for each in made):
                progress.show(job)
                jobs[job.id] = job
        ended = [jobs[each.id] for each in made]
        for path, job in zip(paths, ended, strict=True):
            deliver(session.client, job, chosen, path, captions)
    status = max(map(exit_status_of, ended))
    if status is not Exit.OK:
        raise typer.Exit(status)


def deliver(
    client: AnyClient,
    job: JobStatus,
    output_format: OutputFormat,
    path: Path | None,
    captions: CaptionOptions = USUAL,
) -> None:
    """Print the transcript of a job that has ended, or write it and print its path; print why there is none."""
    if job.state is not JobState.COMPLETED:
        print(f"error {job.error_code or job.state.upper()}: {job.file_name}: {job.error_message}", file=sys.stderr)
        return
    text = client.rendered(job.id, output_format, captions=captions)
    if path is None:
        sys.stdout.write(text)
        return
    write_file(path, text)
    print(path)


_ALSO_CALLED = {"txt": "text", "md": "markdown"}


def check_format(name: str) -> OutputFormat:
    """The output format of this name; a usage error when there is none."""
    wanted = _ALSO_CALLED.get(name.lower(), name.lower())
    for known in get_args(OutputFormat):
        if wanted == known:
            return known  # type: ignore[no-any-return]  # one of the literals
    raise typer.BadParameter(f"{name!r} is not one of {', '.join(get_args(OutputFormat))}", param_hint="--format")


def split_roles(text: str) -> tuple[str | None, ...]:
    """`agent,customer` as a tuple; a name that is left out is a channel that nobody named."""
    return tuple(name.strip() or None for name in text.split(",")) if text else ()


def recording_options(
    hotword: list[str] | None,
    encoding: str | None,
    sample_rate: int | None,
    channels: int | None,
    words: Mapping[str, Any] | None = None,
) -> JobOptions:
    """The options of a job as the command line gives them; `words` are those of the format step.

    Raises:
        InvalidOptions: they contradict each other or are out of range.
    """
    declared = {"encoding": encoding, "sample_rate_hz": sample_rate, "channels": channels}
    return check_options({"preprocess": declared, "decode": {"hotwords": expected(hotword)}, "format": words or {}})


def with_decoding(options: JobOptions, n_best: int | None, language_model: str | None) -> JobOptions:
    """`options` with so many readings of each stretch listed, and the language model of that name.

    Raises:
        InvalidOptions: no language model can have that name.
    """
    document = options.model_dump(exclude_unset=True)
    decode = {"n_best": n_best, "language_model": language_model}
    document.setdefault("decode", {}).update((key, value) for key, value in decode.items() if value is not None)
    return check_options(document)


def expected(hotwords: list[str] | None) -> tuple[str | dict[str, Any], ...]:
    """Hotwords of the command line: a text as it is written, and after `=` what it sounds like."""
    parts = [hotword.partition("=") for hotword in hotwords or ()]
    return tuple(
        {"text": text, "sounds_like": tuple(each.strip() for each in heard.split(","))} if heard else text
        for text, _, heard in parts
    )

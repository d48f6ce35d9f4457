"""Commands on jobs: hand in and go, look, read, cancel, try again."""

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from pipeline.options import JobOptions, Style
from pipeline.stages import Step
from workers.cli.batches import submit_batch
from workers.cli.captions import CharactersPerS, LineCharacters, Lines, caption_options
from workers.cli.redaction import Redact, RedactAudio, RedactStyle, Unredacted, with_redaction
from workers.cli.remote import open_door
from workers.cli.sources import source_of
from workers.cli.tables import job_document, print_job, print_jobs, print_json, write_file
from workers.cli.transcribe import (
    Channels,
    Encoding,
    Format,
    Hotwords,
    LanguageModel,
    NBestCount,
    Roles,
    SampleRate,
    check_format,
    expected,
    recording_options,
    split_roles,
    with_decoding,
)
from workers.cli.wording import MaskProfanity, RemoveFillers, Replace, wording
from workers.remote import RemoteClient
from workers.states import JobState

AsJson = Annotated[bool, typer.Option("--json", help="For programs: JSON on standard output.")]
JobId = Annotated[str, typer.Argument(metavar="JOB", help="A job id, as `submit` and `list` print it.")]


def submit(  # noqa: PLR0913, PLR0917  # each is an option of the command line
    file: Annotated[
        str, typer.Argument(help="The recording, which is copied: a file, an https:// or s3:// address, - for stdin.")
    ] = "",
    roles: Roles = "",
    hotword: Hotwords = None,
    priority: Annotated[int, typer.Option(help="A higher number goes first.")] = 0,
    as_json: AsJson = False,
    encoding: Encoding = None,
    sample_rate: SampleRate = None,
    channels: Channels = None,
    callback: Annotated[str | None, typer.Option(help="An https:// URL that is told how the job ended.")] = None,
    redact: Redact = None,
    redact_style: RedactStyle = Style.LABEL,
    redact_audio: RedactAudio = False,
    mask_profanity: MaskProfanity = False,
    remove_fillers: RemoveFillers = False,
    replace: Replace = None,
    n_best: NBestCount = None,
    language_model: LanguageModel = None,
    batch: Annotated[Path | None, typer.Option(help="Instead of FILE a manifest: a JSON object a line.")] = None,
) -> None:
    """Hand in a recording and print its job id; workers that run elsewhere do the rest.

    voxqueue up & voxqueue submit call.wav --roles agent,customer

    voxqueue submit s3://recordings/2026/11/call.wav

    voxqueue submit --batch calls.jsonl      # {"file": "call.wav", "roles": ["agent", "customer"]}
    """
    if bool(file) is bool(batch):
        raise typer.BadParameter("a recording or --batch, one of them", param_hint="FILE")
    if batch is not None:
        submit_batch(batch, callback, as_json)
        return
    source = source_of(file)
    words = wording(mask_profanity, remove_fillers, replace)
    options = with_decoding(recording_options(hotword, encoding, sample_rate, channels, words), n_best, language_model)
    options = with_redaction(options, redact, redact_style, audio=redact_audio)
    with open_door() as client:
        job = source.enqueue(client, options, roles=split_roles(roles), priority=priority, callback_url=callback)
    print_json(job_document(job)) if as_json else print(job.id)


def status(job_id: Annotated[str, typer.Argument(metavar="[JOB]")] = "", as_json: AsJson = False) -> None:
    """Show a job and its steps, or without JOB how many steps are in each state.

    watch -n 2 voxqueue status JOB

    voxqueue status JOB --json      # each step with attempt, times, worker, error
    """
    with open_door() as client:
        if job_id:
            job = client.status(job_id)
            print_json(job_document(job)) if as_json else print_job(job)
            return
        if isinstance(client, RemoteClient):
            raise typer.BadParameter("a server tells of one job at a time: name it, or `list` them", param_hint="JOB")
        counts = client.runtime.jobs.counts()
    if as_json:
        print_json(counts)
        return
    for step, states in counts.items():
        print(f"{step:<12}" + "  ".join(f"{number} {state}" for state, number in sorted(states.items())))


def list_jobs(
    state: Annotated[JobState | None, typer.Option("--status", help="Only jobs in this state.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=1000)] = 20,
    as_json: AsJson = False,
) -> None:
    """List the newest jobs.

    voxqueue list --status failed --limit 100
    """
    with open_door() as client:
        jobs = client.recent(state, limit)
    print_json([job_document(job) for job in jobs]) if as_json else print_jobs(jobs)


def result(  # noqa: PLR0913, PLR0917  # each is an option of the command line
    job_id: JobId,
    output_format: Format = "text",
    out: Annotated[Path | None, typer.Option("--out", help="Write to this file instead of standard output.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="The same as --format json.")] = False,
    version: Annotated[int | None, typer.Option(min=1, help="Of a job decoded again; default: the newest.")] = None,
    unredacted: Unredacted = False,
    line_characters: LineCharacters = None,
    lines: Lines = None,
    characters_per_s: CharactersPerS = None,
) -> None:
    """Print the transcript of a job that has completed.

    voxqueue result JOB --format vtt --line-characters 37 --out call.vtt
    """
    chosen = check_format("json" if as_json else output_format)
    captions = caption_options(line_characters, lines, characters_per_s)
    with open_door() as client:
        text = client.rendered(job_id, chosen, version, captions, unredacted=unredacted)
    if out is None:
        sys.stdout.write(text)
    else:
        write_file(out, text)


def cancel(job_id: JobId, as_json: AsJson = False) -> None:
    """Cancel a job that has not ended; a step that runs is stopped within seconds.

    voxqueue cancel JOB      # and `voxqueue retry JOB` when it is wanted after all
    """
    with open_door() as client:
        done = client.cancel(job_id)
        job = client.status(job_id)
    print_json(job_document(job)) if as_json else print("canceled" if done else f"it had ended before: {job.state}")


def retry(
    job_id: JobId,
    from_step: Annotated[Step | None, typer.Option(help="Default: the first step that is not done.")] = None,
    as_json: AsJson = False,
) -> None:
    """Run an ended job again; what its earlier steps made is used again.

    voxqueue retry JOB                       # after a failure: from the step that failed

    voxqueue retry JOB --from-step decode    # a new version of the transcript, without the model
    """
    with open_door() as client:
        job = client.retry(job_id, from_step)
    print_json(job_document(job)) if as_json else print(job.state)


def redecode(  # noqa: PLR0913, PLR0917  # each is an option of the command line
    job_id: JobId,
    hotword: Hotwords = None,
    hotword_weight: Annotated[float | None, typer.Option(min=0, max=100, help="How much a hotword is worth.")] = None,
    language_model: LanguageModel = None,
    as_json: AsJson = False,
    mask_profanity: MaskProfanity = False,
    remove_fillers: RemoveFillers = False,
    replace: Replace = None,
    n_best: NBestCount = None,
    redact: Redact = None,
    redact_style: RedactStyle = Style.LABEL,
    redact_audio: RedactAudio = False,
) -> None:
    """Decode an ended job again with other words in mind; prints the version of the transcript that comes of it.

    The model does not run again. Earlier versions stay: `voxqueue result JOB --version 1`. Flags of wording, as those
    of hotwords, stand in place of all that the job had; where none is given, it keeps what it had.

    voxqueue redecode JOB --hotword "Acme Corp" --hotword Zyrtec --lm general

    voxqueue redecode JOB --remove-fillers --redact card,ssn
    """
    given: dict[str, Any] = {
        "hotwords": expected(hotword) or None,
        "hotword_weight": hotword_weight,
        "language_model": language_model,
        "n_best": n_best,
        "format": wording(mask_profanity, remove_fillers, replace) or None,
        "redaction": with_redaction(JobOptions(), redact, redact_style, audio=redact_audio).redaction,
    }
    with open_door() as client:
        job = client.redecode(job_id, {name: value for name, value in given.items() if value is not None})
    print_json(job_document(job)) if as_json else print(job.version)

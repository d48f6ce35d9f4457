"""A job that is decoded again: new options, a new version, the old one kept, whoever else asks at the same time."""

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from pipeline.errors import CorruptHeader
from pipeline.options import (
    DecodeOptions,
    FormatOptions,
    JobOptions,
    PreprocessOptions,
    RedactionOptions,
    RedecodeOptions,
    Style,
)
from pipeline.stages import STEPS, Step
from tests.integration.jobs.conftest import new_job, result_of, transcript
from workers.errors import JobNotFinished, JobNotFound, NotAllowedInState, VersionNotFound
from workers.jobs import Jobs, Lease, TenantJobs
from workers.jobs.redecode import redecode
from workers.jobs.results import Result
from workers.states import JobState, StepState

Claim = Callable[..., Lease]
RunUntil = Callable[..., None]

NAMES = RedecodeOptions(hotwords=("Acme",), hotword_weight=4.0)


@pytest.fixture
def completed(jobs: Jobs, run_until: RunUntil) -> str:
    """A job with a transcript."""
    options = JobOptions(preprocess=PreprocessOptions(roles=("agent",)), decode=DecodeOptions(beam_width=9))
    job_id = jobs.create(new_job(options=options))
    run_until(job_id)
    return job_id


def text_of(document: str) -> str:
    return str(json.loads(document)["text"])


def decode_again(jobs: Jobs, claimed: Claim, job_id: str, text: str) -> None:
    held = claimed(Step.DECODE, job_id)
    jobs.finish(held, result_of(held))
    jobs.finish(claimed(Step.FORMAT, job_id), Result(transcript=transcript(text)))


def test_only_decode_and_format_run_again_with_the_new_options(jobs: Jobs, claimed: Claim, completed: str) -> None:
    assert jobs.redecode(completed, NAMES) == 2
    states = [step.state for step in jobs.status(completed).steps]
    assert states == [StepState.DONE] * 3 + [StepState.READY, StepState.BLOCKED]
    lease = claimed(Step.DECODE, completed)
    assert lease.options.decode == DecodeOptions(hotwords=("Acme",), hotword_weight=4.0)
    assert lease.options.preprocess.roles == ("agent",)
    assert lease.input.key == f"{completed}/inference.1"


def test_a_step_of_which_nothing_is_said_is_done_as_it_was(jobs: Jobs, claimed: Claim, completed: str) -> None:
    before = jobs.options(completed)
    wording, secrets = FormatOptions(fillers="remove", replace={"a": "b"}), RedactionOptions(style=Style.MASK)
    assert jobs.redecode(completed, RedecodeOptions(format=wording)) == 2
    assert jobs.options(completed) == before.model_copy(update={"format": wording})
    decode_again(jobs, claimed, completed, "hello")
    assert jobs.redecode(completed, RedecodeOptions(redaction=secrets, beam_width=7)) == 3
    assert jobs.options(completed) == before.model_copy(
        update={"format": wording, "redaction": secrets, "decode": DecodeOptions(beam_width=7)}
    )


def test_every_version_stays(jobs: Jobs, claimed: Claim, completed: str) -> None:
    for version, text in ((2, "hello Acme"), (3, "hello Akme")):
        assert jobs.redecode(completed, NAMES) == version
        decode_again(jobs, claimed, completed, text)
    assert jobs.status(completed).state is JobState.COMPLETED
    versions = [text_of(jobs.document(completed, version)) for version in (1, 2, 3)]
    assert versions == ["hello there", "hello Acme", "hello Akme"]
    assert text_of(jobs.document(completed)) == "hello Akme"


def test_the_earlier_version_is_read_until_the_new_one_is_there(jobs: Jobs, completed: str) -> None:
    jobs.redecode(completed, NAMES)
    assert text_of(jobs.document(completed)) == "hello there"
    with pytest.raises(JobNotFinished):
        jobs.document(completed, 2)
    for version in (0, 3, -1):
        with pytest.raises(VersionNotFound):
            jobs.document(completed, version)


def test_of_several_who_ask_at_once_one_is_heard(jobs: Jobs, completed: str) -> None:
    def ask(number: int) -> int:
        try:
            return jobs.redecode(completed, RedecodeOptions(hotwords=(f"name{number}",)))
        except NotAllowedInState:
            return 0

    with ThreadPoolExecutor(4) as pool:
        answers = sorted(pool.map(ask, range(4)))
    assert answers == [0, 0, 0, 2]
    assert jobs.status(completed).version == 2


def test_a_request_whose_commit_was_in_doubt_counts_once(jobs: Jobs, completed: str) -> None:
    for _ in range(3):
        version = jobs.database.run(lambda connection: redecode(connection, completed, NAMES, token="the same"))
        assert version == 2
    kinds = [event.kind for event in jobs.events_after(completed)]
    assert kinds.count("job.redecode_asked") == kinds.count("job.retried") == 1


def test_a_job_without_emissions_cannot_be_decoded_again(jobs: Jobs, claimed: Claim) -> None:
    job_id = jobs.create(new_job())
    with pytest.raises(NotAllowedInState):
        jobs.redecode(job_id, NAMES)
    jobs.fail(claimed(Step.PREPROCESS, job_id), CorruptHeader())
    with pytest.raises(NotAllowedInState):
        jobs.redecode(job_id, NAMES)
    assert jobs.status(job_id).version == 1


def test_a_job_that_failed_when_it_was_decoded_again_can_be_so_once_more(
    jobs: Jobs, claimed: Claim, completed: str
) -> None:
    jobs.redecode(completed, NAMES)
    jobs.fail(claimed(Step.DECODE, completed), CorruptHeader())
    assert jobs.status(completed).state is JobState.FAILED
    assert text_of(jobs.document(completed)) == "hello there"
    assert jobs.redecode(completed, RedecodeOptions()) == 2
    decode_again(jobs, claimed, completed, "second")
    assert text_of(jobs.document(completed, 2)) == "second"


def test_what_a_worker_did_for_the_old_version_does_not_end_the_new_one(
    jobs: Jobs, claimed: Claim, run_until: RunUntil
) -> None:
    job_id = jobs.create(new_job())
    run_until(job_id, Step.FORMAT)
    late = claimed(Step.FORMAT, job_id)
    jobs.finish(late, result_of(late))
    jobs.redecode(job_id, NAMES)
    # Its first finish may have been in doubt; said again, it changes nothing of the decoding that now goes on.
    jobs.finish(late, result_of(late))
    assert jobs.status(job_id).state is JobState.QUEUED
    assert jobs.status(job_id).steps[-1].state is StepState.BLOCKED


def test_nobody_decodes_the_job_of_another_tenant(jobs: Jobs, completed: str) -> None:
    with pytest.raises(JobNotFound):
        TenantJobs(jobs, "other").redecode(completed, NAMES)
    assert TenantJobs(jobs, "default").redecode(completed, NAMES) == 2
    assert text_of(TenantJobs(jobs, "default").document(completed, 1)) == "hello there"
    assert STEPS[-1] is Step.FORMAT

"""Corrections are an overlay with revisions; nobody's is overwritten unseen, and a repeated one counts once."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import pytest
from pydantic import ValidationError

from pipeline.stages import Step
from tests.integration.jobs.conftest import new_job, transcript
from workers.db.session import Database
from workers.errors import CorrectionConflict, JobNotFinished, JobNotFound, NoSuchWord
from workers.jobs import Jobs, TenantJobs, corrections
from workers.jobs.corrections import Correction, Corrections
from workers.jobs.results import Result

KANE = Correction(0, 1, "Kane")


@pytest.fixture
def door(jobs: Jobs) -> TenantJobs:
    return TenantJobs(jobs, "default")


@pytest.fixture
def job_id(jobs: Jobs, run_until: Callable[..., None]) -> str:
    """A job whose transcript is `hello there`."""
    made = jobs.create(new_job())
    run_until(made)
    return made


def test_before_anybody_corrects_the_revision_is_0(door: TenantJobs, job_id: str) -> None:
    assert door.corrections(job_id) == Corrections(version=1, revision=0, words=())


def test_a_correction_is_kept_beside_what_the_machine_wrote(door: TenantJobs, job_id: str) -> None:
    machine = door.document(job_id)
    assert door.correct(job_id, [KANE], 0, "anna") == Corrections(1, 1, (KANE,))
    assert door.corrections(job_id).words == (KANE,)
    assert door.document(job_id) == machine


def test_the_newest_word_counts_and_one_without_text_takes_it_back(door: TenantJobs, job_id: str) -> None:
    door.correct(job_id, [KANE, Correction(0, 0, "Hi")], 0, "anna")
    door.correct(job_id, [Correction(0, 1, "Kaine")], 1, "ben")
    assert door.corrections(job_id).words == (Correction(0, 0, "Hi"), Correction(0, 1, "Kaine"))
    after = door.correct(job_id, [Correction(0, 1, None)], 2, "ben")
    assert after == Corrections(1, 3, (Correction(0, 0, "Hi"),))


def test_an_empty_text_strikes_out_and_is_kept(door: TenantJobs, job_id: str) -> None:
    assert door.correct(job_id, [Correction(0, 0, "")], 0, "anna").words == (Correction(0, 0, ""),)


def test_who_saw_an_older_revision_is_refused_and_nothing_is_written(door: TenantJobs, job_id: str) -> None:
    door.correct(job_id, [KANE], 0, "anna")
    with pytest.raises(CorrectionConflict, match="revision 1, not 0"):
        door.correct(job_id, [Correction(0, 1, "Cane")], 0, "ben")
    with pytest.raises(CorrectionConflict):
        door.correct(job_id, [Correction(0, 1, "Cane")], 7, "ben")
    assert door.corrections(job_id) == Corrections(1, 1, (KANE,))


def test_a_request_that_is_made_again_counts_once(door: TenantJobs, job_id: str) -> None:
    """As it is when the answer to the first was lost."""
    first = door.correct(job_id, [KANE, Correction(0, 0, "Hi")], 0, "anna")
    again = door.correct(job_id, [Correction(0, 0, "Hi"), KANE], 0, "anna")
    assert again == first
    with pytest.raises(CorrectionConflict):
        door.correct(job_id, [KANE, Correction(0, 0, "Hi")], 0, "ben")


def test_of_many_who_correct_at_once_one_is_heard(database: Database, door: TenantJobs, job_id: str) -> None:
    def correct(number: int) -> bool:
        act = partial(
            corrections.write,
            job_id=job_id,
            wanted=[Correction(0, 0, f"word {number}")],
            base_revision=0,
            author=f"author {number}",
        )
        try:
            database.run(act)
        except CorrectionConflict:
            return False
        return True

    with ThreadPoolExecutor(8) as threads:
        heard = list(threads.map(correct, range(8)))
    assert heard.count(True) == 1
    assert door.corrections(job_id) == Corrections(1, 1, (Correction(0, 0, f"word {heard.index(True)}"),))


@pytest.mark.parametrize("place", [(0, 2), (1, 0), (2**31 - 1, 0)])
def test_a_word_that_is_not_there_can_not_be_corrected(door: TenantJobs, job_id: str, place: tuple[int, int]) -> None:
    with pytest.raises(NoSuchWord):
        door.correct(job_id, [KANE, Correction(*place, "x")], 0, "anna")
    assert door.corrections(job_id).revision == 0


def test_one_word_is_not_corrected_twice_in_a_revision(door: TenantJobs, job_id: str) -> None:
    with pytest.raises(NoSuchWord, match="twice"):
        door.correct(job_id, [KANE, Correction(0, 1, "Cane")], 0, "anna")


@pytest.mark.parametrize("text", ["x" * 201, "a\x00b", "two\nlines"])
def test_what_is_no_word_is_refused(text: str) -> None:
    with pytest.raises(ValidationError):
        Correction(0, 0, text)


def test_a_new_version_of_the_transcript_begins_without_corrections(jobs: Jobs, door: TenantJobs, job_id: str) -> None:
    door.correct(job_id, [KANE], 0, "anna")
    jobs.retry(job_id, Step.FORMAT)
    lease = jobs.claim(Step.FORMAT, job_id, "worker-1")
    assert lease is not None
    jobs.finish(lease, Result(transcript=transcript("hello again")))
    assert door.corrections(job_id) == Corrections(version=2, revision=0, words=())


def test_where_there_is_no_transcript_there_is_nothing_to_correct(jobs: Jobs, door: TenantJobs) -> None:
    job_id = jobs.create(new_job())
    with pytest.raises(JobNotFinished):
        door.corrections(job_id)
    with pytest.raises(JobNotFinished):
        door.correct(job_id, [KANE], 0, "anna")


def test_another_tenants_transcript_can_not_be_corrected(jobs: Jobs, job_id: str) -> None:
    other = TenantJobs(jobs, "other")
    with pytest.raises(JobNotFound):
        other.corrections(job_id)
    with pytest.raises(JobNotFound):
        other.correct(job_id, [KANE], 0, "eve")

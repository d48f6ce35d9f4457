"""Vocabularies on both databases: each tenant has its own, and its jobs find it."""

import pytest

from pipeline.options import Hotword, Vocabulary
from tests.integration.jobs.conftest import new_job
from workers.db.session import Database
from workers.jobs import Jobs
from workers.jobs.vocabularies import Vocabularies

NAMES = Vocabulary(hotwords=("Acme Corp", Hotword(text="Zyrtec", weight=3.0)), replace={"vox cue": "Voxqueue"})


@pytest.fixture
def vocabularies(database: Database) -> Vocabularies:
    return Vocabularies(database)


def test_a_vocabulary_is_read_as_it_was_written_and_only_by_its_tenant(vocabularies: Vocabularies) -> None:
    assert vocabularies.read("north") == Vocabulary()
    vocabularies.write(NAMES, "north")
    assert (vocabularies.read("north"), vocabularies.read("south"), vocabularies.read()) == (
        NAMES,
        Vocabulary(),
        Vocabulary(),
    )


def test_a_vocabulary_stands_in_place_of_the_one_before(vocabularies: Vocabularies) -> None:
    for each in (NAMES, Vocabulary(hotwords=("Ärzte",))):
        vocabularies.write(each)
    assert vocabularies.read() == Vocabulary(hotwords=("Ärzte",))
    vocabularies.write(Vocabulary())
    assert vocabularies.read() == Vocabulary()


def test_a_job_finds_the_vocabulary_of_its_tenant_as_it_is_by_then(jobs: Jobs, vocabularies: Vocabularies) -> None:
    ours, theirs = (jobs.create(new_job(tenant=tenant)) for tenant in ("north", "south"))
    assert vocabularies.of_job(ours) == Vocabulary()
    vocabularies.write(NAMES, "north")
    assert (vocabularies.of_job(ours), vocabularies.of_job(theirs)) == (NAMES, Vocabulary())

"""A job service on each kind of database, and short ways to make and move jobs."""

from collections.abc import Callable
from uuid import uuid4

import pytest

from pipeline.stages import STEPS, Step
from pipeline.values import Channel, Recording, Transcript, Utterance, Word
from workers.db.session import Database
from workers.jobs import ArtifactRef, Jobs, Lease, NewJob, Policy
from workers.jobs.deliveries import DeliveryLease
from workers.jobs.delivery_log import Delivery
from workers.jobs.results import Result
from workers.jobs.schedule import RetrySchedule
from workers.jobs.webhooks import Webhooks

URL = "https://hooks.example/calls"
POLICY = Policy(lease_s=30, step_deadline_s=600, max_crashes=3, max_retries=2, retry_base_s=0.01)


@pytest.fixture
def jobs(database: Database) -> Jobs:
    return Jobs(database, POLICY)


def new_job(**changes: object) -> NewJob:
    job_id = str(uuid4())
    values: dict[str, object] = {
        "id": job_id,
        "source": ArtifactRef(f"{job_id}/source.0.abc", "a" * 64, 1000),
        "file_name": "call.wav",
        **changes,
    }
    return NewJob(**values)  # type: ignore[arg-type]


def transcript(text: str = "hello there") -> Transcript:
    recording = Recording(duration_s=1.5, sample_rate_hz=8000, codec="WAV/ULAW", channels=(Channel(0, "agent"),))
    words = tuple(Word(word, index * 0.5, index * 0.5 + 0.4, 0.9) for index, word in enumerate(text.split()))
    utterance = Utterance(0, "agent", 0.0, 1.5, text, 0.9, words)
    return Transcript(text, "en", "tiny.en", recording, (utterance,))


def result_of(lease: Lease) -> Result:
    if lease.step is STEPS[-1]:
        return Result(transcript=transcript())
    key = f"{lease.job_id}/{lease.step}.{lease.fence}"
    return Result(artifact=ArtifactRef(key, "b" * 64, 10), duration_s=1.5)


@pytest.fixture
def claimed(jobs: Jobs) -> Callable[..., Lease]:
    """Claim a step that must be there."""

    def claim(step: Step, job_id: str, worker: str = "worker-1") -> Lease:
        lease = jobs.claim(step, job_id, worker)
        assert lease is not None
        return lease

    return claim


@pytest.fixture
def run_until(jobs: Jobs, claimed: Callable[..., Lease]) -> Callable[..., None]:
    """Do every step before `step` (all of them by default)."""

    def run(job_id: str, step: Step | None = None) -> None:
        for each in STEPS:
            if each is step:
                return
            lease = claimed(each, job_id)
            jobs.finish(lease, result_of(lease))

    return run


@pytest.fixture
def webhooks(database: Database) -> Webhooks:
    # Retries are due at once.
    return Webhooks(database, RetrySchedule(base_s=0.0), lease_s=30)


@pytest.fixture
def impatient(database: Database) -> Webhooks:
    """Leases that are over before they begin."""
    return Webhooks(database, RetrySchedule(base_s=0.0), lease_s=-1)


@pytest.fixture
def canceled(jobs: Jobs, webhooks: Webhooks) -> Delivery:
    """A delivery that waits, of a job that was canceled."""
    webhooks.add(URL)
    jobs.cancel(jobs.create(new_job()))
    [delivery] = webhooks.deliveries()
    return delivery


def claim_delivery(webhooks: Webhooks, delivery_id: str = "") -> DeliveryLease:
    lease = webhooks.claim(delivery_id, "worker-1")
    assert lease is not None
    return lease

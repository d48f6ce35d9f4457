"""Step 1: the recording as it was handed in becomes speech."""

from typing import Any

from celery import shared_task

from pipeline.artifacts import SPEECH
from pipeline.preprocess import preprocess as find_speech
from pipeline.stages import Step
from workers.celeryconfig import task_name
from workers.jobs.results import Result
from workers.runtime import Runtime, runtime
from workers.sources import is_link
from workers.task import Hold, run_step
from workers.tasks.fetching import fetch
from workers.tasks.streams import save


@shared_task(name=task_name(Step.PREPROCESS))
def preprocess(job_id: str, **_newer_arguments: Any) -> None:
    """Run the step for this job, or for one that should go first."""
    run_step(runtime(), Step.PREPROCESS, job_id, work)


def work(runtime: Runtime, hold: Hold) -> Result:
    """Fetch the recording if it is a link; decode, resample, level, find speech."""
    lease = hold.lease
    source = fetch(runtime, hold) if is_link(lease.input) else lease.input
    with runtime.store.path(source) as recording:
        speech = find_speech(recording, lease.options.preprocess, hold.progress)
        return save(runtime, lease, speech, SPEECH)

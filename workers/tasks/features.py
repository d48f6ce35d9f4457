"""Step 2: speech becomes what the acoustic model was trained on."""

from typing import Any

from celery import shared_task

from pipeline.artifacts import FEATURES, SPEECH
from pipeline.features import extract
from pipeline.stages import Step
from workers.celeryconfig import task_name
from workers.jobs.results import Result
from workers.models import find_model
from workers.runtime import Runtime, runtime
from workers.task import Hold, run_step
from workers.tasks.streams import input_stream, save


@shared_task(name=task_name(Step.FEATURES))
def features(job_id: str, **_newer_arguments: Any) -> None:
    """Run the step for this job, or for one that should go first."""
    run_step(runtime(), Step.FEATURES, job_id, work)


def work(runtime: Runtime, hold: Hold) -> Result:
    """Compute log-mel frames, or the normalised waveform."""
    with input_stream(runtime, hold.lease, SPEECH) as speech:
        frames = extract(speech, find_model(runtime.settings).spec)
        return save(runtime, hold.lease, hold.watch(frames), FEATURES)

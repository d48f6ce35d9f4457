"""Step 5: words become the transcript, and the job is complete."""

from typing import Any

from celery import shared_task

from pipeline.artifacts import WORDS
from pipeline.format import format_transcript
from pipeline.stages import Step
from workers.celeryconfig import task_name
from workers.jobs.results import Result
from workers.jobs.vocabularies import Vocabularies
from workers.models import find_model
from workers.runtime import Runtime, runtime
from workers.task import Hold, run_step
from workers.tasks.streams import input_stream


@shared_task(name=task_name(Step.FORMAT))
def format_words(job_id: str, **_newer_arguments: Any) -> None:
    """Run the step for this job, or for one that should go first."""
    run_step(runtime(), Step.FORMAT, job_id, work)


def work(runtime: Runtime, hold: Hold) -> Result:
    """Build utterances with punctuation and case, merged over the channels in time."""
    options = Vocabularies(runtime.database).of_job(hold.lease.job_id).replaced_by(hold.lease.options.format)
    with input_stream(runtime, hold.lease, WORDS) as words:
        transcript = format_transcript(hold.watch(words), find_model(runtime.settings).spec, options)
    return Result(transcript=transcript)

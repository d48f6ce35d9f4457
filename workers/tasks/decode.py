"""Step 4: emissions become words."""

from functools import lru_cache
from typing import Any

from celery import shared_task

from pipeline.artifacts import EMISSIONS, WORDS
from pipeline.decode import Decoder, load_decoder
from pipeline.decode import decode as find_words
from pipeline.options import DecodeOptions
from pipeline.stages import Step
from workers.celeryconfig import task_name
from workers.jobs.results import Result
from workers.jobs.vocabularies import Vocabularies
from workers.models import find_model
from workers.runtime import Runtime, runtime
from workers.settings import Settings
from workers.task import Hold, run_step
from workers.tasks.streams import input_stream, save


@shared_task(name=task_name(Step.DECODE))
def decode(job_id: str, **_newer_arguments: Any) -> None:
    """Run the step for this job, or for one that should go first."""
    run_step(runtime(), Step.DECODE, job_id, work)


def work(runtime: Runtime, hold: Hold) -> Result:
    """Search for the most likely words."""
    options = Vocabularies(runtime.database).of_job(hold.lease.job_id).expected_by(hold.lease.options.decode)
    decoder = decoder_for(runtime.settings, options)
    with input_stream(runtime, hold.lease, EMISSIONS) as emissions:
        return save(runtime, hold.lease, hold.watch(find_words(emissions, decoder)), WORDS)


@lru_cache(maxsize=4)
def decoder_for(chosen: Settings, options: DecodeOptions) -> Decoder:
    """A decoder with these options; most jobs of a worker share one, and loading a language model takes time."""
    model = find_model(chosen)
    return load_decoder(model.folder, model.spec, options, chosen.language_model, chosen.language_models)

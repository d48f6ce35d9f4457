"""Step 3: the acoustic model. One process a device holds it; nothing else imports it."""

from functools import cache
from typing import Any, Literal

import ctranslate2
from celery import shared_task
from celery.signals import worker_process_init

from pipeline.artifacts import EMISSIONS, FEATURES
from pipeline.inference import AcousticModel, ModelRuntime, infer, load_model
from pipeline.stages import Step
from workers.celeryconfig import task_name
from workers.jobs.results import Result
from workers.models import check_weights, find_model
from workers.runtime import Runtime, runtime
from workers.settings import Settings, settings
from workers.task import Hold, run_step
from workers.tasks.streams import input_stream, save


@shared_task(name=task_name(Step.INFERENCE))
def inference(job_id: str, **_newer_arguments: Any) -> None:
    """Run the step for this job, or for one that should go first."""
    run_step(runtime(), Step.INFERENCE, job_id, work)


def work(runtime: Runtime, hold: Hold) -> Result:
    """Run the acoustic model over every segment."""
    with input_stream(runtime, hold.lease, FEATURES) as frames:
        emissions = infer(frames, engine(runtime.settings), hold.lease.options.inference)
        return save(runtime, hold.lease, hold.watch(emissions), EMISSIONS)


@cache
def engine(chosen: Settings) -> AcousticModel:
    """The acoustic model of this process, checked and loaded at the first call."""
    check_weights(chosen)
    model = find_model(chosen)
    runtime = ModelRuntime(_device(chosen), chosen.compute_type, chosen.threads)
    return load_model(model.folder, model.spec, runtime)


def _device(chosen: Settings) -> Literal["cpu", "cuda"]:
    if chosen.device == "auto":
        # CTranslate2 counts the cards without importing torch, for both families of models.
        return "cuda" if ctranslate2.get_cuda_device_count() else "cpu"
    return chosen.device


@worker_process_init.connect
def _load_early(**_signal: Any) -> None:
    # The first job should not wait for the model.
    engine(settings())

"""Step 3: the acoustic model. One process a device holds it; nothing else imports it."""

import logging
import os
from functools import cache
from typing import Any, Literal

import ctranslate2
from billiard import current_process
from celery import shared_task
from celery.exceptions import Ignore
from celery.signals import worker_process_init, worker_process_shutdown

from pipeline.artifacts import EMISSIONS, FEATURES
from pipeline.errors import DeviceLost
from pipeline.inference import ModelRuntime, SharedModel, budget_for, load_model
from pipeline.stages import Step
from pipeline.values import Stream
from workers.celeryconfig import task_name
from workers.company import Company
from workers.jobs.results import Result
from workers.models import check_weights, find_model
from workers.runtime import Runtime, runtime
from workers.settings import Settings, settings
from workers.task import Hold
from workers.tasks.streams import input_stream, save

logger = logging.getLogger(__name__)

_MOST_CPU_LANES = 4
# One computes while the other copies and prepares.
_CARD_LANES = 2


@shared_task(name=task_name(Step.INFERENCE))
def inference(job_id: str, **_newer_arguments: Any) -> None:
    """Run the step for this job, or for one that should go first, beside those of other jobs.

    Raises:
        Ignore: the rest of this job's chain must not run; whoever ends the step goes on with it.
    """
    if not company(runtime()).serve(job_id):
        raise Ignore


def work(runtime: Runtime, hold: Hold) -> Result:
    """Run the acoustic model over every segment."""
    try:
        with input_stream(runtime, hold.lease, FEATURES) as frames:
            emissions = engine(runtime.settings).emissions(frames.segments, hold.lease.options.search)
            return save(runtime, hold.lease, hold.watch(Stream(frames.recording, emissions)), EMISSIONS)
    except DeviceLost as error:
        # No call on the card succeeds any more; the process that follows has a new one, or none.
        logger.critical("device.lost", extra={"detail": error.detail})
        os._exit(os.EX_SOFTWARE)


@cache
def company(used: Runtime) -> Company:
    """What this process has open."""
    return Company(used, Step.INFERENCE, work, lambda count: engine(used.settings).has_room(count))


@cache
def engine(chosen: Settings) -> SharedModel:
    """The acoustic model of this process, checked and loaded at the first call."""
    check_weights(chosen)
    model = find_model(chosen)
    place = place_of(chosen)
    return SharedModel(load_model(model.folder, model.spec, place), budget_for(model.spec, place), place.lanes)


def place_of(chosen: Settings) -> ModelRuntime:
    """Where the model of this process runs: on the card of its number in the pool, or on the cores."""
    device = device_of(chosen)
    cores = chosen.threads or len(os.sched_getaffinity(0))
    if device == "cuda":
        card = getattr(current_process(), "index", 0) % max(1, ctranslate2.get_cuda_device_count())
        return ModelRuntime(device, chosen.compute_type, chosen.threads, chosen.lanes or _CARD_LANES, card)
    # Side by side, segments need not wait for one another as the threads of one of them do.
    lanes = chosen.lanes or min(cores, _MOST_CPU_LANES)
    return ModelRuntime(device, chosen.compute_type, max(1, cores // lanes), lanes)


def device_of(chosen: Settings) -> Literal["cpu", "cuda"]:
    """The kind of device that the settings mean on this machine."""
    if chosen.device == "auto":
        # CTranslate2 counts the cards without importing torch, for both families of models.
        return "cuda" if ctranslate2.get_cuda_device_count() else "cpu"
    return chosen.device


@worker_process_init.connect
def _load_early(**_signal: Any) -> None:
    # The first job should not wait for the model.
    engine(settings())


@worker_process_shutdown.connect
def _end_what_is_open(**_signal: Any) -> None:
    # The last message's step has ended, others that it began may not have.
    company(runtime()).end()

"""What every step does around its own work: claim, hold, end. Here is the one place where any error is caught."""

import logging
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from typing import Self, TypeVar

from celery.exceptions import Ignore

from pipeline.errors import ArtifactDamaged, VoxqueueError
from pipeline.stages import Step
from pipeline.values import Stream
from workers import log
from workers.errors import Fenced
from workers.handover import HANDS
from workers.jobs import Lease
from workers.jobs.results import Result
from workers.runtime import Runtime

logger = logging.getLogger(__name__)

Item = TypeVar("Item")
_PROGRESS_EVERY_S = 0.5


class InternalError(VoxqueueError):
    """Something went wrong inside; it was logged and will be looked at."""

    code = "INTERNAL"


class Hold:
    """A lease that is kept alive by a thread while the step works, and how far the step is."""

    def __init__(self, runtime: Runtime, lease: Lease) -> None:
        self.lease = lease
        self._runtime = runtime
        self._progress = 0.0
        self._ended = threading.Event()
        self._lost = threading.Event()
        self._thread = threading.Thread(target=self._beat, name="heartbeat", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_exception: object) -> None:
        self._ended.set()
        self._thread.join()

    def progress(self, share: float) -> None:
        """Say how far the step is, 0 to 1; cheap, call it often.

        Raises:
            Fenced: the lease was lost; stop and write nothing.
        """
        if self._lost.is_set():
            raise Fenced(f"{self.lease.step} of job {self.lease.job_id}")
        self._progress = min(1.0, max(0.0, share))

    def watch(self, stream: Stream[Item]) -> Stream[Item]:
        """The same stream, with progress told by the time of each segment that passes."""
        return Stream(stream.recording, self._watched(stream.segments, stream.recording.duration_s))

    def _watched(self, segments: Iterable[Item], duration_s: float) -> Iterator[Item]:
        for segment in segments:
            yield segment
            self.progress(segment.span.end_s / duration_s if duration_s else 1.0)  # type: ignore[attr-defined]

    def _beat(self) -> None:
        settings = self._runtime.settings
        told, told_at = 0.0, time.monotonic()
        while not self._ended.wait(min(_PROGRESS_EVERY_S, settings.heartbeat_s)):
            waited_s = time.monotonic() - told_at
            if self._progress == told and waited_s < settings.heartbeat_s:
                continue
            try:
                self._runtime.jobs.heartbeat(self.lease, self._progress)
            except Fenced:
                self._lost.set()
                return
            except VoxqueueError:
                # The database is away: another worker may hold the step by the time the lease is over.
                if waited_s > settings.lease_s:
                    self._lost.set()
                    return
                continue
            told, told_at = self._progress, time.monotonic()


Work = Callable[[Runtime, Hold], Result]


def run_step(runtime: Runtime, step: Step, job_id: str, work: Work) -> None:
    """Run one step for one message: claim a step of this kind, do `work`, end it.

    Raises:
        Ignore: this job's step is not done, so the rest of its chain must not run; whoever ends the step, or the
            dispatcher, goes on with it.
    """
    lease = HANDS.take(lambda: runtime.jobs.claim(step, job_id, runtime.worker_name))
    if lease is not None:
        try:
            runtime.reach("claim.after_commit", step)
            with log.bound(job=lease.job_id, step=str(step), attempt=lease.fence):
                _run(runtime, lease, work)
        finally:
            HANDS.let_go()
    if not runtime.jobs.is_done(job_id, step):
        raise Ignore


def _run(runtime: Runtime, lease: Lease, work: Work) -> None:
    started_at = time.monotonic()
    logger.info("step.started")
    try:
        with Hold(runtime, lease) as hold:
            runtime.reach("step.body", lease.step)
            result = work(runtime, hold)
            runtime.reach("finish.before_commit", lease.step)
        runtime.jobs.finish(lease, result)
        runtime.reach("finish.after_commit", lease.step)
        logger.info("step.done", extra={"took_s": round(time.monotonic() - started_at, 3)})
    except Fenced:
        logger.warning("step.fenced")
    except VoxqueueError as error:
        _fail(runtime, lease, error)
    except Exception as error:
        # What nobody foresaw is a defect: the job fails with a code that tells the user nothing private, the log tells
        # us everything, and Celery sees the task fail.
        logger.exception("step.crashed")
        _fail(runtime, lease, InternalError(type(error).__name__))
        raise


def _fail(runtime: Runtime, lease: Lease, error: VoxqueueError) -> None:
    try:
        if isinstance(error, ArtifactDamaged) and (maker := runtime.jobs.remake_input(lease, error)):
            logger.warning("step.input_lost", extra={"maker": str(maker), "detail": error.detail})
            return
        will_retry = runtime.jobs.fail(lease, error)
    except Fenced:
        logger.warning("step.fenced")
        return
    logger.warning("step.failed", extra={"code": error.code, "detail": error.detail, "will_retry": will_retry})

"""What every step does around its own work: claim, hold, end. Here is the one place where any error is caught."""

import errno
import logging
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from typing import Self, TypeVar

from celery.exceptions import Ignore

from pipeline.errors import ArtifactDamaged, ResourceBusy, VoxqueueError
from pipeline.stages import Step
from pipeline.values import Stream
from workers import log
from workers.errors import Fenced
from workers.handover import HANDS
from workers.heart import HEART
from workers.jobs import Lease
from workers.jobs.results import Result
from workers.runtime import Runtime

logger = logging.getLogger(__name__)

Item = TypeVar("Item")
_PROGRESS_EVERY_S = 0.5
# The machine is short of files, processes, memory or disk; what a step asks for may well be there a moment later.
_SHORTAGES = frozenset({errno.EMFILE, errno.ENFILE, errno.EAGAIN, errno.ENOMEM, errno.ENOSPC, errno.EDQUOT})
_NO_THREAD = "can't start new thread"


class InternalError(VoxqueueError):
    """Something went wrong inside; it was logged and will be looked at."""

    code = "INTERNAL"


class Hold:
    """A lease that is kept alive while the step works, and how far the step is."""

    def __init__(self, runtime: Runtime, lease: Lease) -> None:
        self.lease = lease
        self._runtime = runtime
        self._progress = 0.0
        self._told = (0.0, time.monotonic())
        self._lost = threading.Event()

    def __enter__(self) -> Self:
        HEART.add(self, min(_PROGRESS_EVERY_S, self._runtime.settings.heartbeat_s))
        return self

    def __exit__(self, *_exception: object) -> None:
        HEART.remove(self)

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

    def beat(self) -> bool:
        """Tell the database, when it is time, that the step is worked on and how far it is; whether to go on so."""
        settings, (told, told_at) = self._runtime.settings, self._told
        waited_s = time.monotonic() - told_at
        if self._progress == told and waited_s < settings.heartbeat_s:
            return True
        progress = self._progress
        try:
            self._runtime.jobs.heartbeat(self.lease, progress)
        except Fenced:
            self._lost.set()
        except VoxqueueError:
            # The database is away: another worker may hold the step by the time the lease is over.
            if waited_s > settings.lease_s:
                self._lost.set()
        else:
            self._told = (progress, time.monotonic())
        return not self._lost.is_set()


Work = Callable[[Runtime, Hold], Result]


def run_step(runtime: Runtime, step: Step, job_id: str, work: Work) -> None:
    """Run one step for one message: claim a step of this kind, do `work`, end it.

    Raises:
        Ignore: this job's step is not done, so the rest of its chain must not run; whoever ends the step, or the
            dispatcher, goes on with it.
    """
    lease = HANDS.take(lambda: runtime.jobs.claim(step, job_id, runtime.worker_name))
    is_done = lease is not None and run_leased(runtime, lease, work) and lease.job_id == job_id
    if not is_done and not runtime.jobs.is_done(job_id, step):
        raise Ignore


def run_leased(runtime: Runtime, lease: Lease, work: Work) -> bool:
    """Run one step that was taken into hands: do `work`, end it, let it go. Whether it is done."""
    try:
        runtime.reach("claim.after_commit", lease.step)
        with log.bound(job=lease.job_id, step=str(lease.step), attempt=lease.fence):
            return _run(runtime, lease, work)
    finally:
        HANDS.let_go(lease)


def _run(runtime: Runtime, lease: Lease, work: Work) -> bool:
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
        if _is_shortage(error):
            _fail(runtime, lease, ResourceBusy(str(error)))
            return False
        # What nobody foresaw is a defect: the job fails with a code that tells the user nothing private, the log tells
        # us everything, and Celery sees the task fail.
        logger.exception("step.crashed")
        _fail(runtime, lease, InternalError(type(error).__name__))
        raise
    else:
        return True
    return False


def _is_shortage(error: Exception) -> bool:
    if isinstance(error, MemoryError):
        return True
    if isinstance(error, OSError):
        return error.errno in _SHORTAGES
    # Python has no class of its own for a thread that the system refuses.
    return isinstance(error, RuntimeError) and str(error) == _NO_THREAD


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

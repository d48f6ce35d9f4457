"""The door to the job transactions: each method is one transaction, repeated safely when the commit is in doubt."""

from collections.abc import Collection, Iterator
from dataclasses import asdict, replace
from functools import partial
from uuid import uuid4

from pipeline.errors import InputError, VoxqueueError
from pipeline.options import JobOptions, RedecodeOptions
from pipeline.stages import Step, following
from workers.db.session import Database
from workers.jobs import (
    claims,
    control,
    create,
    endings,
    forecast,
    lease,
    listing,
    quarantine,
    queries,
    reap,
    recordings,
    redecode,
    remake,
    removal,
    waiting,
)
from workers.jobs.admission import Gate
from workers.jobs.forecast import Outlook
from workers.jobs.history import Told
from workers.jobs.listing import Page, Wanted
from workers.jobs.quarantine import Evidence
from workers.jobs.queries import Event
from workers.jobs.reap import Ready
from workers.jobs.removal import Receipt
from workers.jobs.results import Result
from workers.jobs.values import ArtifactRef, DataClass, JobStatus, Keep, Lease, NewJob, Policy
from workers.jobs.waiting import Waiting
from workers.states import JobState

_PAGE = 200


class Jobs:
    """Jobs in one database, under one policy."""

    def __init__(self, database: Database, policy: Policy, gate: Gate | None = None) -> None:
        self.database = database
        self.policy = policy
        self.gate = gate or Gate()

    def create(self, job: NewJob) -> str:
        """Make the job, or find the one that the same request made before; its id.

        Raises:
            IdempotencyConflict: the idempotency key was used for another request.
            QuotaExceeded, SystemFull: too much is in flight; `retry_after_s` says when to come again.
        """
        # Tags and a place in a batch are more than one statement.
        run = self.database.run if job.tags or job.batch is not None else self.database.run_single
        return run(create.Creating(job, self.gate))

    def claim(self, step: Step, job_id: str, worker: str) -> Lease | None:
        """Take a ready step of this kind, at best of this job; None when there is none."""
        wanted = claims.Claim(step, job_id, worker, token=str(uuid4()))
        return self.database.run_single(claims.Claiming(wanted, self.policy))

    def heartbeat(self, held: Lease, progress: float) -> None:
        """Hold the step a while longer.

        Raises:
            Fenced: the step was taken away.
        """
        self.database.run_single(partial(lease.heartbeat, lease=held, progress=progress, policy=self.policy))

    def finish(self, held: Lease, result: Result) -> None:
        """End the step well.

        Raises:
            Fenced: the step was taken away; nothing was written.
        """
        # The last step leaves a transcript and ends the job, which is more than one statement.
        run = self.database.run if following(held.step) is None else self.database.run_single
        run(partial(endings.finish, lease=held, result=result))

    def fail(self, held: Lease, error: VoxqueueError) -> bool:
        """End the attempt badly; whether the step will be tried again, which only a retryable error is.

        Raises:
            Fenced: the step was taken away; nothing was written.
        """
        policy = self.policy if error.retryable else None
        report = error.report if isinstance(error, InputError) else None
        failure = endings.Failure(error.code, error.sentence, asdict(report) if report else None)
        return self.database.run(partial(endings.fail, lease=held, failure=failure, policy=policy))

    def keep_recording(self, held: Lease, ref: ArtifactRef) -> None:
        """Make `ref` the recording of a job that was handed in as a link.

        Raises:
            Fenced: the step was taken away; nothing was written.
        """
        self.database.run(partial(recordings.keep, lease=held, ref=ref))

    def remake_input(self, held: Lease, error: VoxqueueError) -> Step | None:
        """Let the step before this one make its result again, once; that step, None if it can't or did so before.

        Raises:
            Fenced: the step was taken away; nothing was written.
        """
        told = (error.code, error.sentence)
        return self.database.run(partial(remake.remake_input, lease=held, error=told))

    def give_back(self, held: Lease) -> None:
        """Hand a step back unfinished, without blame.

        Raises:
            Fenced: the step was taken away; nothing was written.
        """
        self.database.run(partial(endings.give_back, lease=held))

    def holders(self) -> set[str]:
        """The workers that hold a step."""
        with self.database.read() as connection:
            return reap.holders(connection)

    def reap(self, gone_workers: Collection[str] = ()) -> list[Ready]:
        """Take back every lost step, without waiting for the lease of `gone_workers`; those that are ready again."""
        with self.database.read() as connection:
            lost = reap.lost_steps(connection, gone_workers)
        taken = [self.database.run(partial(reap.take_back, lost=each, policy=self.policy)) for each in lost]
        return [each for each in taken if each is not None]

    def bury(self, worker: str, exit_status: str) -> list[Ready]:
        """Take back what a process held that has died, and write down of what; the steps that are ready again."""
        taken = self.reap([worker])
        self.database.run(partial(quarantine.note_exit, worker=worker, exit_status=exit_status))
        return taken

    def quarantined(self, job_id: str | None = None) -> list[Evidence]:
        """What is set aside, newest first; of one job, or of all."""
        with self.database.read() as connection:
            return quarantine.quarantined(connection, job_id)

    def waiting(self) -> dict[str, Waiting]:
        """How much waits at each step, and how many workers are at it."""
        with self.database.read() as connection:
            return waiting.waiting(connection)

    def expire(self) -> int:
        """End every job whose time to be done has passed; how many."""
        return self.database.run(reap.expire)

    def settle_clock(self) -> int:
        """Let no step wait for a clock that was put back; how many would have."""
        return self.database.run(partial(reap.settle_clock, policy=self.policy))

    def unannounced(self, after_s: float, idle_queues: tuple[Step, ...]) -> list[Ready]:
        """Steps whose message must have been lost: ready for longer than `after_s`, or their queue is empty."""
        with self.database.read() as connection:
            return reap.unannounced(connection, after_s, idle_queues)

    def mark_announced(self, ready: Ready) -> None:
        """Remember that a ready step was announced just now."""
        self.database.run(partial(reap.mark_announced, ready=ready))

    def cancel(self, job_id: str) -> bool:
        """Cancel a job; False when it had ended before.

        Raises:
            JobNotFound: there is no such job.
        """
        return self.database.run(Told(partial(control.cancel, job_id=job_id), job_id, "job.canceled"))

    def retry(self, job_id: str, from_step: Step | None = None) -> Step:
        """Run an ended job again from a step; that step.

        Raises:
            JobNotFound: there is no such job.
            JobDeleted: what it held was deleted.
            NotAllowedInState: it has not ended, or an earlier step is not done.
        """
        act = partial(control.retry, job_id=job_id, from_step=from_step)
        return self.database.run(Told(act, job_id, "job.retried"))

    def delete(self, job_id: str) -> Receipt:
        """Delete everything that a job held, as far as the database knows it; the receipt. Its row stays, empty.

        The store is the caller's to empty, see `workers.collect.Collector.delete`.

        Raises:
            JobNotFound: there is no such job.
        """
        return self.database.run(partial(removal.delete_job, job_id=job_id))

    def receipts(self, job_id: str) -> list[Receipt]:
        """What was deleted of a job, oldest first."""
        with self.database.read() as connection:
            return removal.receipts(connection, job_id)

    def remove_due(self, keep: Keep) -> list[Receipt]:
        """Let go of all data whose time has passed; the receipts of a batch, for the store to follow."""
        made: list[Receipt | None] = []
        for kind in DataClass:
            with self.database.read() as connection:
                late = removal.due(connection, kind, keep)
            made += [self.database.run(partial(removal.remove_due, job_id=each, kind=kind, keep=keep)) for each in late]
        return [each for each in made if each is not None]

    def unfinished_removals(self) -> list[Receipt]:
        """Removals that the store may not have followed."""
        with self.database.read() as connection:
            return removal.unfinished(connection)

    def finish_removal(self, receipt: Receipt) -> None:
        """Note that the store has followed."""
        self.database.run(partial(removal.finish_removal, receipt_id=receipt.id))

    def referenced(self, keys: Collection[str]) -> set[str]:
        """Those of these keys of the store that a job needs."""
        with self.database.read() as connection:
            return removal.referenced(connection, keys)

    def begin_chore(self, name: str, every_s: float) -> bool:
        """Whether it is time for work that one process does for all, and this one is to do it."""
        return self.database.run(partial(removal.begin_chore, name=name, every_s=every_s))

    def redecode(self, job_id: str, options: RedecodeOptions) -> int:
        """Decode an ended job again from what its model said; the version of the transcript that this will make.

        Raises:
            JobNotFound: there is no such job.
            NotAllowedInState: it has not ended, or never got as far as decode.
        """
        asked = partial(redecode.redecode, job_id=job_id, options=options, token=str(uuid4()))
        return self.database.run(asked)

    def status(self, job_id: str) -> JobStatus:
        """The job as it is now.

        Raises:
            JobNotFound: there is no such job.
        """
        with self.database.read() as connection:
            return queries.status(connection, job_id)

    def find(self, idempotency_key: str, tenant: str = "default") -> JobStatus | None:
        """The job that was made with this key, None when there is none."""
        with self.database.read() as connection:
            return queries.find(connection, idempotency_key, tenant)

    def page(self, wanted: Wanted, tenant: str | None = None) -> Page:
        """The jobs that match, newest first."""
        with self.database.read() as connection:
            return listing.page(connection, wanted, tenant)

    def tagged(self, tag: str) -> Iterator[JobStatus]:
        """All jobs with a tag, the newest first, read page by page."""
        wanted = Wanted(tag=tag, limit=_PAGE)
        while True:
            found = self.page(wanted)
            yield from found.jobs
            if found.next_cursor is None:
                return
            wanted = replace(wanted, cursor=found.next_cursor)

    def recent(self, state: JobState | None = None, limit: int = 50) -> list[JobStatus]:
        """The newest jobs first."""
        with self.database.read() as connection:
            return queries.recent(connection, state, limit)

    def document(self, job_id: str, version: int | None = None) -> str:
        """The newest transcript of a job as canonical JSON, or that `version` of it.

        Raises:
            JobNotFound, JobNotFinished, JobFailed, JobDeleted, VersionNotFound: there is none, and why.
        """
        with self.database.read() as connection:
            return queries.document(connection, job_id, version)

    def options(self, job_id: str) -> JobOptions:
        """The options that a job was last run with.

        Raises:
            JobNotFound: there is no such job.
        """
        with self.database.read() as connection:
            return listing.options_of(connection, job_id)

    def events_after(self, job_id: str, after: int = 0) -> list[Event]:
        """Events of a job after the one with this id, oldest first."""
        with self.database.read() as connection:
            return queries.events_after(connection, job_id, after)

    def forecast(self) -> dict[str, Outlook]:
        """Queue position and time to go of every job that has not ended."""
        with self.database.read() as connection:
            return forecast.forecast(connection)

    def newest_event(self) -> int:
        """The id of the newest event of all, 0 when nothing has happened yet."""
        with self.database.read() as connection:
            return listing.newest_event(connection)

    def all_events_after(self, after: int) -> list[tuple[str, Event]]:
        """Events of all jobs after the one with this id, oldest first, each with the tenant whose it is."""
        with self.database.read() as connection:
            return listing.all_events_after(connection, after)

    def progress_of(self, job_ids: Collection[str]) -> dict[str, dict[Step, float]]:
        """How far each step of these jobs is, 0 to 1."""
        with self.database.read() as connection:
            return listing.progress_of(connection, job_ids)

    def is_done(self, job_id: str, step: Step) -> bool:
        """Whether this step of the job is done."""
        with self.database.read() as connection:
            return queries.is_done(connection, job_id, step)

    def counts(self) -> dict[str, dict[str, int]]:
        """How many steps of each kind are in each state."""
        with self.database.read() as connection:
            return queries.counts(connection)

"""What a door sees of the jobs: those of one tenant. Nothing here can be asked about another's."""

from collections.abc import Collection, Sequence
from functools import partial

from pipeline.options import JobOptions, RedecodeOptions
from pipeline.stages import Step
from workers.errors import BatchNotFound, JobNotFound
from workers.jobs import batches, corrections, listing, queries, throughput, usage
from workers.jobs.batches import BatchStatus
from workers.jobs.corrections import Correction, Corrections
from workers.jobs.listing import Page, Wanted
from workers.jobs.queries import Event
from workers.jobs.service import Jobs
from workers.jobs.throughput import Load
from workers.jobs.usage import Usage
from workers.jobs.values import ID, ArtifactRef, JobStatus


class TenantJobs:
    """The jobs of one tenant. To it, another tenant's job does not exist: JobNotFound, as for an id of nobody's."""

    def __init__(self, jobs: Jobs, tenant: str) -> None:
        self.tenant = tenant
        self._jobs = jobs

    def status(self, job_id: str) -> JobStatus:
        """The job as it is now."""
        found = self.statuses([job_id])
        if job_id not in found:
            raise JobNotFound(job_id)
        return found[job_id]

    def statuses(self, job_ids: Collection[str]) -> dict[str, JobStatus]:
        """Those of these jobs that there are, as they are now."""
        # What is no id can't be found; PostgreSQL would refuse some of it as text.
        wanted = [each for each in job_ids if ID.fullmatch(each)]
        with self._jobs.database.read() as connection:
            return {job.id: job for job in queries.some(connection, wanted, self.tenant)}

    def page(self, wanted: Wanted) -> Page:
        """The jobs that match, newest first."""
        with self._jobs.database.read() as connection:
            return listing.page(connection, wanted, self.tenant)

    def document(self, job_id: str, version: int | None = None) -> str:
        """The newest transcript as canonical JSON, or that version; JobNotFinished or JobFailed when there is none."""
        self.check(job_id)
        return self._jobs.document(job_id, version)

    def recording(self, job_id: str) -> ArtifactRef:
        """Where the recording lies."""
        self.check(job_id)
        with self._jobs.database.read() as connection:
            return listing.source_of(connection, job_id)

    def options(self, job_id: str) -> JobOptions:
        """The options that the job was last run with."""
        self.check(job_id)
        return self._jobs.options(job_id)

    def corrections(self, job_id: str, version: int | None = None) -> Corrections:
        """What people corrected in a version of the transcript, or the newest; JobNotFinished when there is none."""
        self.check(job_id)
        with self._jobs.database.read() as connection:
            return corrections.read(connection, job_id, version)

    def correct(self, job_id: str, words: Sequence[Correction], base_revision: int, author: str) -> Corrections:
        """Add a revision; CorrectionConflict or NoSuchWord when it can't be."""
        self.check(job_id)
        act = partial(corrections.write, job_id=job_id, wanted=words, base_revision=base_revision, author=author)
        return self._jobs.database.run(act)

    def events_after(self, after: int, job_id: str | None = None) -> list[Event]:
        """What happened after the event with this id, to one job or to all, oldest first."""
        if job_id is not None:
            self.check(job_id)
            return self._jobs.events_after(job_id, after)
        with self._jobs.database.read() as connection:
            return [event for _, event in listing.all_events_after(connection, after, self.tenant)]

    def cancel(self, job_id: str) -> bool:
        """Cancel the job; False when it had ended before."""
        self.check(job_id)
        return self._jobs.cancel(job_id)

    def retry(self, job_id: str, from_step: Step | None = None) -> Step:
        """Run the ended job again; NotAllowedInState when it has not ended."""
        self.check(job_id)
        return self._jobs.retry(job_id, from_step)

    def redecode(self, job_id: str, options: RedecodeOptions) -> int:
        """Decode the ended job again; the version of the transcript to come. NotAllowedInState if it has not ended."""
        self.check(job_id)
        return self._jobs.redecode(job_id, options)

    def batch(self, batch_id: str) -> BatchStatus:
        """The batch as it is now; BatchNotFound as for jobs."""
        if not ID.fullmatch(batch_id):
            raise BatchNotFound(batch_id)
        with self._jobs.database.read() as connection:
            return batches.status(connection, batch_id, self.tenant)

    def cancel_batch(self, batch_id: str) -> int:
        """Cancel those jobs of the batch that have not ended; how many."""
        self.batch(batch_id)
        return batches.Batches(self._jobs.database).cancel(batch_id, self._jobs.cancel)

    def usage(self, since: float = 0.0, until: float | None = None) -> list[Usage]:
        """Seconds of audio that were transcribed in a span of time (seconds since 1970)."""
        with self._jobs.database.read() as connection:
            return usage.report(connection, self.tenant, since, until)

    def load(self, now: float) -> Load:
        """How much waits and how fast it goes at `now` (seconds since 1970)."""
        with self._jobs.database.read() as connection:
            return throughput.load(connection, self.tenant, now)

    def check(self, job_id: str) -> None:
        """Return if the job is this tenant's; whose it is never changes, so what follows can rely on it.

        Raises:
            JobNotFound: it is not.
        """
        if not ID.fullmatch(job_id):
            raise JobNotFound(job_id)
        with self._jobs.database.read() as connection:
            if listing.owner_of(connection, job_id) != self.tenant:
                raise JobNotFound(job_id)

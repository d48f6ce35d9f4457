"""Queue position and time to go, for every job that waits, from one look at the backlog now and then."""

import time

from workers.jobs import Jobs, JobStatus

Forecast = tuple[int | None, float | None]


class Forecasts:
    """The forecast of each job, as of the last look."""

    def __init__(self, jobs: Jobs) -> None:
        self._jobs = jobs
        self._by_job: dict[str, Forecast] = {}
        self._at = time.monotonic()

    def of(self, job: JobStatus) -> Forecast:
        """Queue position and seconds to go."""
        if job.is_final:
            return None, None
        return self._by_job.get(job.id, (None, None))

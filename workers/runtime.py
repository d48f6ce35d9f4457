"""What a process works with: settings, database, jobs, store, broker; made once, in the process that uses it."""

from dataclasses import dataclass
from functools import cache

from workers.app import Announcer
from workers.db.session import Database
from workers.failpoints import Reach, failpoints
from workers.identity import own_name
from workers.jobs import Jobs, Policy
from workers.jobs.admission import Gate, Limits
from workers.jobs.schedule import RetrySchedule
from workers.jobs.webhooks import Webhooks
from workers.settings import Settings, settings
from workers.storage import ArtifactStore, make_store


@dataclass(frozen=True)
class Runtime:
    """The parts that tasks, dispatcher, client and command line share."""

    settings: Settings
    database: Database
    jobs: Jobs
    store: ArtifactStore
    announcer: Announcer
    reach: Reach
    webhooks: Webhooks

    @property
    def worker_name(self) -> str:
        """This process, as it is written down beside the steps that it runs."""
        return own_name()


def make_runtime(chosen: Settings) -> Runtime:
    """Put the parts together; connects to nothing yet."""
    reach = failpoints(chosen.failpoint, chosen.home_path)
    database = Database(chosen.database, reach=reach)
    policy = Policy(
        lease_s=chosen.lease_s,
        step_deadline_s=chosen.step_deadline_s,
        max_crashes=chosen.max_crashes,
        max_retries=chosen.max_retries,
        retry_base_s=chosen.retry_base_s,
    )
    store = make_store(chosen)
    limits = Limits(
        tenant_jobs=chosen.tenant_jobs,
        tenant_bytes=chosen.tenant_bytes,
        tenant_audio_s=chosen.tenant_audio_s,
        service_level_s=chosen.service_level_s,
        used_share=chosen.used_share,
    )
    return Runtime(
        settings=chosen,
        database=database,
        jobs=Jobs(database, policy, Gate(limits, store.used_share)),
        store=store,
        announcer=Announcer(chosen),
        reach=reach,
        webhooks=Webhooks(
            database, RetrySchedule(chosen.webhook_retry_base_s), chosen.webhook_timeout_s + chosen.lease_s
        ),
    )


@cache
def runtime() -> Runtime:
    """The runtime of this worker process; a connection must not be shared across a fork, so nothing calls it before."""
    return make_runtime(settings())

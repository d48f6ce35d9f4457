"""A receiver of webhooks, two tenants, and whether each was told of the end of all its jobs and of nobody else's.

I5 every end came to its receiver at least once, with one id and the same bytes each time · I8 no row, file or event of
one tenant with another.
"""

import random
from collections import defaultdict
from collections.abc import Mapping
from urllib.parse import urlsplit

from tests.faults.checker import Tables, Verdict
from tests.sinks import ADDRESS, Handler, Sink
from workers.client import Client
from workers.states import FINAL_JOB_STATES

TENANTS = ("north", "south")
# Attempts come soon after one another: a receiver in trouble should not hold up the verdict.
SETTINGS: Mapping[str, object] = {
    "outbound_allow": f"{ADDRESS}/32",
    "webhook_retry_base_s": 0.02,
    "webhook_timeout_s": 3.0,
}
_REFUSED_SHARE, _DROPPED_SHARE = 0.1, 0.05


def tenant_of(number: int) -> str:
    """Whose the recording with this number is."""
    return TENANTS[number % len(TENANTS)]


def register(client: Client, sink: Sink, seed: int) -> None:
    """Let each tenant be told at a path of its own, by a receiver that refuses some events and drops some answers."""
    chance = random.Random(seed)

    def answer(handler: Handler) -> None:
        drawn = chance.random()
        if drawn < _REFUSED_SHARE:
            handler.send(500)
        elif drawn > _DROPPED_SHARE + _REFUSED_SHARE:
            handler.send(204)
        else:
            # It was taken, and the sender will never know.
            handler.close_connection = True

    sink.answer = answer
    for tenant in TENANTS:
        client.runtime.webhooks.add(sink.url(f"/{tenant}"), tenant=tenant)


def check_told(found: Tables, taken: Mapping[str, int], sink: Sink, verdict: Verdict) -> None:
    """I5: add to the verdict the jobs whose end was not told, or not as it should be."""
    came = defaultdict(set)
    for each in list(sink.came):
        came[each.headers["webhook-id"]].add((each.path, each.body))
    of_job = defaultdict(list)
    for row in found.deliveries:
        of_job[row.job_id].append(row)
    for job in found.jobs:
        if job.id not in taken or job.state not in FINAL_JOB_STATES:
            continue
        if len(of_job[job.id]) != 1:
            verdict.untold[job.id] = f"{len(of_job[job.id])} events of its end"
            continue
        (row,) = of_job[job.id]
        if came[row.id] != {(f"/{job.tenant}", row.payload.encode())}:
            verdict.untold[job.id] = f"{row.id} is {row.state}, and came as {came[row.id] or 'nothing'}"
    for unknown in came.keys() - {row.id for row in found.deliveries}:
        verdict.untold[unknown] = "nobody sent it"


def check_tenants(found: Tables, taken: Mapping[str, int], verdict: Verdict) -> None:
    """I8: add to the verdict the jobs that have a row, a file or an event of another tenant's, or of another job's."""
    owner = {row.id: row.tenant for row in found.jobs}
    for job_id, number in taken.items():
        if owner.get(job_id, tenant_of(number)) != tenant_of(number):
            verdict.wrong[job_id] = f"it became a job of {owner[job_id]}"
    for row in (*found.steps, *found.deliveries):
        if row.tenant != owner[row.job_id]:
            verdict.wrong[row.job_id] = f"a row of tenant {row.tenant}"
    for row in found.deliveries:
        if urlsplit(row.url).path != f"/{owner[row.job_id]}":
            verdict.wrong[row.job_id] = f"its end was told to {row.url}"
    for row in found.artifacts:
        if not row.key.startswith(f"{row.job_id}/"):
            verdict.wrong[row.job_id] = f"its {row.step} refers to {row.key}"

"""The only writer of state: every change of a job or step is one short transaction in this package.

`create` makes jobs, `lease` claims, holds and ends steps, `reap` takes lost steps back, `control` cancels and retries,
`history` appends what happened, `usage` counts it, `queries` and `listing` read, `keys` says who may. `Jobs` is the
door to all of them, `TenantJobs` the door of one tenant.
"""

from workers.jobs.service import Jobs
from workers.jobs.tenants import TenantJobs
from workers.jobs.values import ArtifactRef, JobStatus, Lease, NewJob, Policy, StepStatus

__all__ = ["ArtifactRef", "JobStatus", "Jobs", "Lease", "NewJob", "Policy", "StepStatus", "TenantJobs"]

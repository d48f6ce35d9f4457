"""The only writer of state: every change of a job or step is one short transaction in this package.

`create` makes jobs if `admission` lets it, `lease` claims, holds and ends steps, `reap` takes lost steps back,
`remake` sends a job back for an input that is lost, `control` cancels and retries, `removal` deletes what a job held,
`history` appends what came, `usage` counts it, `queries` and `listing` read, `keys` says who may, `vocabularies` which
words to expect. `Jobs` is the door to all, `TenantJobs` that of one tenant.
"""

from workers.jobs.service import Jobs
from workers.jobs.tenants import TenantJobs
from workers.jobs.values import ArtifactRef, JobStatus, Keep, Lease, NewJob, Policy, StepStatus

__all__ = ["ArtifactRef", "JobStatus", "Jobs", "Keep", "Lease", "NewJob", "Policy", "StepStatus", "TenantJobs"]

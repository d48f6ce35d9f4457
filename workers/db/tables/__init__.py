"""The tables. Times are `db_now()` seconds; states are the values of `workers.states`.

jobs ─┬─ steps ── attempts      what decides, and its history
      ├─ events                 append-only, what listeners resume from
      ├─ job_tags               what callers group jobs by
      ├─ artifacts              references to bytes in the store
      ├─ transcripts ─ segments ─ words
      └─ deliveries ── delivery_attempts     what receivers are told of it
webhook_endpoints ─┘                         who they are

batches ── batch_jobs       which jobs were handed in together
api_keys, usage, vocabularies   whose a request is, what each tenant had transcribed, its words; they outlive the jobs
"""

from workers.db.tables.access import api_keys, usage, vocabularies
from workers.db.tables.batches import batch_jobs, batches
from workers.db.tables.calls import pieces, sessions
from workers.db.tables.core import artifacts, attempts, chores, events, job_tags, jobs, removals, steps
from workers.db.tables.hooks import deliveries, delivery_attempts, webhook_endpoints
from workers.db.tables.texts import corrections, segments, transcripts, words

__all__ = [
    "api_keys",
    "artifacts",
    "attempts",
    "batch_jobs",
    "batches",
    "chores",
    "corrections",
    "deliveries",
    "delivery_attempts",
    "events",
    "job_tags",
    "jobs",
    "pieces",
    "removals",
    "segments",
    "sessions",
    "steps",
    "transcripts",
    "usage",
    "vocabularies",
    "webhook_endpoints",
    "words",
]

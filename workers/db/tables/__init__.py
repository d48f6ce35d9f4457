"""The tables. Times are `db_now()` seconds; states are the values of `workers.states`.

jobs ─┬─ steps ── attempts      what decides, and its history
      ├─ events                 append-only, what listeners resume from
      ├─ job_tags               what callers group jobs by
      ├─ artifacts              references to bytes in the store
      ├─ transcripts ─ segments ─ words
      └─ deliveries ── delivery_attempts     what receivers are told of it
webhook_endpoints ─┘                         who they are

api_keys, usage                 whose a request is, and what each tenant had transcribed; they outlive the jobs
"""

from workers.db.tables.access import api_keys, usage
from workers.db.tables.calls import pieces, sessions
from workers.db.tables.core import artifacts, attempts, chores, events, job_tags, jobs, removals, steps
from workers.db.tables.hooks import deliveries, delivery_attempts, webhook_endpoints
from workers.db.tables.texts import corrections, segments, transcripts, words

__all__ = [
    "api_keys",
    "artifacts",
    "attempts",
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
    "webhook_endpoints",
    "words",
]

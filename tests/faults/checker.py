"""Reads the database and the store after a run, and says which promises were broken.

I1 every job that was taken has ended · I2 one transcript, with the right text · I3 one accepted finish a step, fences
growing · I4 no reference to bytes that are gone or changed · I6 nothing moves on from an end · I7 no input takes more
processes with it than it may. I5, webhooks, and I8, tenants, are looked at by `told`.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, Row, select

from pipeline.errors import ArtifactDamaged
from pipeline.stages import STEPS
from workers.db.session import Database
from workers.db.tables import artifacts, attempts, deliveries, events, jobs, steps, transcripts
from workers.jobs import ArtifactRef
from workers.states import FINAL_JOB_STATES, JobState, Outcome, StepState
from workers.storage import ArtifactStore

Rows = Sequence[Row[tuple[Any, ...]]]


@dataclass(frozen=True)
class Tables:
    """Everything that was written, as it is at one moment."""

    jobs: Rows
    steps: Rows
    attempts: Rows
    events: Rows
    artifacts: Rows
    transcripts: Rows
    deliveries: Rows


@dataclass
class Verdict:
    """Jobs by what went wrong with them, and why."""

    completed: int = 0
    lost: dict[str, str] = field(default_factory=dict)
    twice: dict[str, str] = field(default_factory=dict)
    wrong: dict[str, str] = field(default_factory=dict)
    stuck: dict[str, str] = field(default_factory=dict)
    untold: dict[str, str] = field(default_factory=dict)

    @property
    def is_clean(self) -> bool:
        """Whether every promise was kept."""
        return not (self.lost or self.twice or self.wrong or self.stuck or self.untold)


def read(database: Database) -> Tables:
    """All tables, in one transaction."""

    def act(connection: Connection) -> Tables:
        def everything(table: Any) -> Rows:
            return connection.execute(select(table).order_by(table.c.id)).all()

        read_too = (jobs, steps, attempts, events, artifacts, transcripts, deliveries)
        return Tables(*(everything(table) for table in read_too))

    return database.run(act)


def check(
    found: Tables, taken: Mapping[str, int], document: Callable[[int], str], store: ArtifactStore, max_crashes: int
) -> Verdict:
    """The verdict on the jobs that were `taken`: job id to the number of its recording.

    `document` is the oracle; `max_crashes` is what the workers were told.
    """
    verdict = Verdict()
    _check_ends(found, taken, verdict)
    _check_transcripts(found, taken, document, verdict)
    _check_fences(found, verdict, max_crashes)
    _check_events(found.events, verdict)
    _check_artifacts(found, store, verdict)
    return verdict


def _check_ends(found: Tables, taken: Iterable[str], verdict: Verdict) -> None:
    state = {row.id: row for row in found.jobs}
    for job_id in taken:
        job = state.get(job_id)
        if job is None:
            verdict.lost[job_id] = "there is no such job any more"
        elif job.state not in FINAL_JOB_STATES:
            verdict.stuck[job_id] = f"still {job.state}"
        elif job.state != JobState.COMPLETED:
            verdict.lost[job_id] = f"{job.state}: {job.error_code} {job.error_message}"
        else:
            verdict.completed += 1
    done = Counter(row.job_id for row in found.steps if row.state == StepState.DONE)
    for row in found.jobs:
        if row.state == JobState.COMPLETED and done[row.id] != len(STEPS):
            verdict.wrong[row.id] = f"completed with {done[row.id]} steps done"


def _check_transcripts(
    found: Tables, taken: Mapping[str, int], document: Callable[[int], str], verdict: Verdict
) -> None:
    written = defaultdict(list)
    for row in found.transcripts:
        written[row.job_id].append(row)
    for job in found.jobs:
        count = len(written[job.id])
        if count > 1:
            verdict.twice[job.id] = f"{count} transcripts"
        if (count == 1) != (job.state == JobState.COMPLETED):
            verdict.wrong[job.id] = f"{job.state} with {count} transcripts"
    for job_id, number in taken.items():
        if any(row.document != document(number) for row in written[job_id]):
            verdict.wrong[job_id] = f"another text than that of recording {number}"


def _check_fences(found: Tables, verdict: Verdict, max_crashes: int) -> None:
    tried = defaultdict(list)
    for row in found.attempts:
        tried[row.step_id].append(row)
    for step in found.steps:
        of_step = tried[step.id]
        outcomes = Counter(row.outcome for row in of_step)
        # A step whose artifact was lost is done once more, on purpose.
        if outcomes[Outcome.DONE] > 1 + step.remakes:
            verdict.twice[step.job_id] = f"{step.name} was accepted {outcomes[Outcome.DONE]} times"
        if sorted(row.fence for row in of_step) != list(range(1, step.fence + 1)):
            verdict.wrong[step.job_id] = f"the fences of {step.name} have gaps"
        if step.state == StepState.DONE and (not of_step or of_step[-1].outcome != Outcome.DONE):
            verdict.wrong[step.job_id] = f"{step.name} is done, but not by its newest attempt"
        if step.crashes > max_crashes:
            verdict.wrong[step.job_id] = f"{step.name} took {step.crashes} processes with it"


def _check_events(rows: Rows, verdict: Verdict) -> None:
    ends = {f"job.{state}" for state in FINAL_JOB_STATES}
    ended: set[str] = set()
    for row in rows:
        # What was kept too long is removed afterwards; that moves nothing on.
        if row.job_id in ended and row.kind.startswith(("job.", "step.")):
            verdict.twice[row.job_id] = f"{row.kind} after its end"
        if row.kind in ends:
            ended.add(row.job_id)


def _check_artifacts(found: Tables, store: ArtifactStore, verdict: Verdict) -> None:
    done = {(row.job_id, row.name): row.fence for row in found.steps if row.state == StepState.DONE}
    for row in found.artifacts:
        if row.step in set(STEPS) and done.get((row.job_id, row.step), row.fence) != row.fence:
            verdict.twice[row.job_id] = f"an artifact of {row.step} by fence {row.fence}, which did not end it"
        # The bytes were removed because their time had passed, and the row says so.
        if row.removed_at is not None:
            continue
        try:
            store.open(ArtifactRef(row.key, row.sha256, row.size_bytes)).close()
        except ArtifactDamaged as error:
            verdict.wrong[row.job_id] = f"artifact of {row.step}: {error.detail}"

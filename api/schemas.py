"""What goes over the wire in JSON: requests and answers of the native routes. Times are UTC in RFC 3339."""

from datetime import UTC, datetime
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, JsonValue, StringConstraints

from pipeline.options import Hotword, JobOptions, NamedEncoding, Phrase, RedactionOptions, Role
from pipeline.stages import Step
from workers.jobs import JobStatus, StepStatus
from workers.jobs.batches import BatchStatus
from workers.jobs.queries import Event
from workers.states import JobState, StepState

Text = Annotated[str, StringConstraints(pattern=r"^[^\x00]*$")]
Tag = Annotated[Text, Field(min_length=1, max_length=64)]
Share = Annotated[float, Field(ge=0, le=1)]


class JobConfig(BaseModel):
    """What is wanted of a recording; every field may be left out."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"roles": ["agent", "customer"], "hotwords": ["Voxqueue"], "tags": ["sales"]}]},
    )

    roles: tuple[Role | None, ...] = Field((), max_length=64, description="Who speaks on channel 0, 1, ...")
    hotwords: tuple[Phrase | Hotword, ...] = Field((), max_length=500, description="Names and terms to expect.")
    options: JobOptions = Field(JobOptions(), description="Options of each step.")
    redaction: RedactionOptions | None = Field(None, description="What readers are not shown; before that in options.")
    priority: int = Field(0, ge=-(2**31), lt=2**31, description="A higher number goes first.")
    external_id: Annotated[Text, Field(max_length=255)] | None = Field(None, description="Your own id of the call.")
    metadata: dict[str, JsonValue] = Field({}, description="Anything; comes back as it is.")
    tags: tuple[Tag, ...] = Field((), max_length=32, description="Lists can be filtered by them.")
    expires_in_s: float | None = Field(None, gt=0, le=1e9, description="A job that has not ended by then is given up.")
    callback_url: Annotated[Text, Field(max_length=2048)] | None = Field(
        None, description="An https:// URL that is told how the job ended, as a signed webhook."
    )

    @property
    def job_options(self) -> JobOptions:
        """The options with what stands beside them for convenience."""
        document = self.options.model_dump()
        if self.roles:
            document["preprocess"]["roles"] = self.roles
        if self.hotwords:
            document["decode"]["hotwords"] = self.hotwords
        if self.redaction is not None:
            document["redaction"] = self.redaction
        return JobOptions.model_validate(document)


class LiveAudio(BaseModel):
    """What the bytes of a live call are, and what is wanted of them."""

    model_config = ConfigDict(extra="forbid")

    encoding: NamedEncoding | None = Field(None, description="Of samples without a header.")
    sample_rate_hz: int | None = None
    channels: Annotated[int, Field(ge=1, le=8)] | None = None
    roles: tuple[Role | None, ...] = Field((), max_length=8)
    hotwords: tuple[Phrase | Hotword, ...] = Field((), max_length=500, description="Names and terms to expect.")
    options: JobOptions = JobOptions()

    @property
    def job_options(self) -> JobOptions:
        """The options of each piece; raises pydantic's ValidationError where they contradict each other."""
        document = self.options.model_dump()
        told = {"encoding": self.encoding, "sample_rate_hz": self.sample_rate_hz, "channels": self.channels}
        document["preprocess"].update({name: value for name, value in told.items() if value is not None})
        if self.roles:
            document["preprocess"]["roles"] = self.roles
        if self.hotwords:
            document["decode"]["hotwords"] = self.hotwords
        return JobOptions.model_validate(document)


class LinkedJob(JobConfig):
    """A recording that lies somewhere else, and what is wanted of it."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"audio_url": "https://files.example.com/call.wav", "tags": ["sales"]}]}
    )

    audio_url: Annotated[Text, Field(min_length=1, max_length=4096)] = Field(
        description="https:// or s3://; a worker fetches it, if the server's settings let it."
    )


class BatchJob(JobConfig):
    """A recording of a batch, and what is wanted of it: one of `audio_url` and `file`."""

    audio_url: Annotated[Text, Field(min_length=1, max_length=4096)] | None = Field(
        None, description="As of `LinkedJob`."
    )
    file: Annotated[Text, Field(min_length=1, max_length=255)] | None = Field(
        None, description="The name of the part of the form that is the recording."
    )


class Batch(BaseModel):
    """Several recordings at once; what is wanted stands with each."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"jobs": [{"audio_url": "https://files.example.com/call.wav"}]}]},
    )

    jobs: tuple[BatchJob, ...] = Field(min_length=1, max_length=500)
    callback_url: Annotated[Text, Field(max_length=2048)] | None = Field(
        None, description="An https:// URL that is told once, when all jobs have ended."
    )


class ErrorOfJob(BaseModel):
    """Why a job or step ended badly."""

    code: str = Field(description="Never changes its meaning.", examples=["CORRUPT_HEADER"])
    message: str


class StepOut(BaseModel):
    """A step of a job and its last attempt."""

    name: Step
    status: StepState
    attempt: int
    progress: Share
    queued_at: datetime | None
    started_at: datetime | None
    ended_at: datetime | None
    worker: str | None
    error: ErrorOfJob | None

    @classmethod
    def of(cls, step: StepStatus) -> Self:
        """The step as callers see it."""
        return cls(
            name=step.name,
            status=step.state,
            attempt=step.attempt,
            progress=step.progress,
            queued_at=moment(step.ready_at),
            started_at=moment(step.started_at),
            ended_at=moment(step.ended_at),
            worker=step.worker,
            error=_error(step.error_code, step.error_message),
        )


class Job(BaseModel):
    """A job and how far it is."""

    id: str
    status: JobState
    progress: Share
    queue_position: int | None = Field(description="1 is next; null once the job has started.")
    eta_s: float | None = Field(description="Seconds until it is done, by what the last jobs took; null if unknown.")
    file_name: str
    duration_s: float | None = Field(description="Of the audio; null until it was read.")
    version: int = Field(description="Of the transcript that it makes.")
    priority: int
    external_id: str | None
    metadata: dict[str, Any]
    tags: list[str]
    created_at: datetime
    started_at: datetime | None
    ended_at: datetime | None
    error: ErrorOfJob | None
    report: dict[str, Any] | None = Field(description="On a recording that can't be used: what is known, and advice.")
    steps: list[StepOut]

    @classmethod
    def of(cls, job: JobStatus, forecast: tuple[int | None, float | None] = (None, None)) -> Self:
        """The job as callers see it."""
        position, eta_s = forecast
        return cls(
            id=job.id,
            status=job.state,
            progress=round(job.progress, 4),
            queue_position=position,
            eta_s=eta_s,
            file_name=job.file_name,
            duration_s=job.duration_s,
            version=job.version,
            priority=job.priority,
            external_id=job.external_id,
            metadata=job.annotations,
            tags=list(job.tags),
            created_at=datetime.fromtimestamp(job.created_at, UTC),
            started_at=moment(job.started_at),
            ended_at=moment(job.ended_at),
            error=_error(job.error_code, job.error_message),
            report=job.report,
            steps=[StepOut.of(step) for step in job.steps],
        )


class JobList(BaseModel):
    """A page of jobs, newest first."""

    jobs: list[Job]
    next_cursor: str | None = Field(description="Give it as `cursor` for the next page; null on the last.")


class BatchItem(BaseModel):
    """What became of a recording of a batch: a job, or a problem."""

    job: Job | None = None
    problem: dict[str, Any] | None = None


class BatchState(BaseModel):
    """A batch and how far it is."""

    id: str
    status: Literal["running", "completed"] = Field(description="Completed: every job has ended, well or not.")
    created_at: datetime
    ended_at: datetime | None
    counts: dict[JobState, int] = Field(description="How many jobs are in each state that any is in.")

    @classmethod
    def told(cls, batch: BatchStatus) -> dict[str, Any]:
        """The fields of a batch as callers see it."""
        return {
            "id": batch.id,
            "status": "completed" if batch.is_final else "running",
            "created_at": moment(batch.created_at),
            "ended_at": moment(batch.ended_at),
            "counts": dict(batch.counts),
        }


class BatchOut(BatchState):
    """A batch that was taken; its items are in the order in which they were given."""

    items: list[BatchItem]


class BatchPage(BatchState):
    """A batch and a page of its jobs, newest first."""

    jobs: list[Job]
    next_cursor: str | None


class Deleted(BaseModel):
    """The receipt of what was deleted."""

    job_id: str
    at: datetime
    files: int
    bytes: int


class EventOut(BaseModel):
    """Something that happened to a job."""

    id: int
    job_id: str
    at: datetime
    kind: str = Field(examples=["step.done", "job.completed"])
    step: Step | None
    reason: str | None

    @classmethod
    def of(cls, event: Event) -> Self:
        """The event as listeners hear it."""
        at = datetime.fromtimestamp(event.at, UTC)
        return cls(id=event.id, job_id=event.job_id, at=at, kind=event.kind, step=event.step, reason=event.reason)


class UsageOut(BaseModel):
    """What was transcribed in a span of time."""

    jobs: int
    audio_s: float


class QueueOut(BaseModel):
    """How much waits, and how fast it goes."""

    queued: int
    running: int
    audio_s_per_s: float = Field(
        description="Seconds of audio that were transcribed in each second of the last minute."
    )


class Problem(BaseModel):
    """An error, as of RFC 9457; `code` is from a closed list."""

    class Place(BaseModel):
        """A part of the request and what is wrong with it."""

        field: str
        message: str

    type: str
    title: str
    status: int
    detail: str
    code: str
    errors: list[Place] = []


def moment(at: float | None) -> datetime | None:
    """Seconds since 1970 as a time."""
    return None if at is None else datetime.fromtimestamp(at, UTC)


def _error(code: str | None, message: str | None) -> ErrorOfJob | None:
    return None if code is None else ErrorOfJob(code=code, message=message or "")

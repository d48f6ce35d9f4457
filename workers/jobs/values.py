"""What goes into and comes out of the job transactions: frozen values, no rows."""

import re
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Annotated, Any, Final

from pydantic import ConfigDict, Field, JsonValue, StringConstraints
from pydantic import dataclasses as checked

from pipeline.options import JobOptions
from pipeline.stages import Step
from workers.states import FINAL_JOB_STATES, JobState, StepState

ID: Final = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
"""Of jobs and sessions; nothing else is looked for."""
SOURCE = "source"
"""Name of the artifact that holds the recording itself, beside those named after the step that made them."""
SHARES: Final = {Step.PREPROCESS: 0.12, Step.FEATURES: 0.04, Step.INFERENCE: 0.8, Step.DECODE: 0.03, Step.FORMAT: 0.01}
"""Of the work on a job, by step: the default model on a CPU. Equal parts would say 40 % when nearly all is ahead."""


@dataclass(frozen=True, slots=True)
class Policy:
    """How long leases last and how often a step may crash or be tried again."""

    lease_s: float
    step_deadline_s: float
    max_crashes: int
    max_retries: int
    retry_base_s: float


@dataclass(frozen=True, slots=True)
class ArtifactRef:
    """Bytes in the store: where, which, how many."""

    key: str
    sha256: str
    size_bytes: int


class DataClass(StrEnum):
    """What is kept of a job: the recording, what is between the steps, what the model said, the transcript."""

    AUDIO = "audio"
    FEATURES = "features"
    EMISSIONS = "emissions"
    TEXT = "text"


_Days = Annotated[float, Field(ge=0)]
_DAY_S = 86_400.0
_FOR_EVER_S = 1e12


@checked.dataclass(frozen=True, slots=True, config=ConfigDict(allow_inf_nan=False))
class Keep:
    """How many days after its end each class of a job's data is kept. None: as the service does, or for ever."""

    audio_days: _Days | None = None
    features_days: _Days | None = None
    emissions_days: _Days | None = None
    text_days: _Days | None = None

    def own_seconds(self, kind: DataClass) -> float | None:
        """The same of one class in seconds; None where nothing was said of it."""
        days: float | None = getattr(self, f"{kind}_days")
        return None if days is None else days * _DAY_S

    def seconds(self, kind: DataClass) -> float:
        """The same of one class in seconds, where nothing said means for ever."""
        own_s = self.own_seconds(kind)
        return _FOR_EVER_S if own_s is None else own_s


@dataclass(frozen=True, slots=True)
class BatchPlace:
    """Which job of a batch this is, from 0."""

    batch_id: str
    position: int


# PostgreSQL keeps no NUL in a text.
_Text = Annotated[str, StringConstraints(pattern=r"^[^\x00]*$")]
_Name = Annotated[_Text, Field(max_length=255)]
_Tenant = Annotated[_Text, Field(min_length=1, max_length=64)]
_Tag = Annotated[_Text, Field(min_length=1, max_length=64)]
_Int32 = Annotated[int, Field(ge=-(2**31), lt=2**31)]


@checked.dataclass(frozen=True, slots=True, config=ConfigDict(allow_inf_nan=False))
class NewJob:
    """A job as it is handed in. `id` is made by the caller, so that handing in twice makes one job.

    Making one raises pydantic's ValidationError for what one of the two databases would not keep.
    """

    id: str
    source: ArtifactRef
    file_name: _Text
    options: JobOptions = field(default_factory=JobOptions)
    tenant: _Tenant = "default"
    priority: _Int32 = 0
    external_id: _Name | None = None
    annotations: dict[str, JsonValue] = field(default_factory=dict)
    idempotency_key: _Name | None = None
    expires_in_s: Annotated[float, Field(gt=0)] | None = None
    tags: Annotated[frozenset[_Tag], Field(max_length=32)] = frozenset()
    callback_url: Annotated[_Text, Field(max_length=2048)] | None = None
    keep: Keep = field(default_factory=Keep)
    batch: BatchPlace | None = None


@dataclass(frozen=True, slots=True)
class Lease:
    """The right of one worker to run one step; worth nothing once a higher fence exists."""

    job_id: str
    step_id: int
    step: Step
    fence: int
    worker: str
    options: JobOptions
    input: ArtifactRef
    source: ArtifactRef


@dataclass(frozen=True, slots=True)
class StepStatus:
    """A step as callers see it; times are seconds since 1970."""

    name: Step
    state: StepState
    attempt: int
    progress: float
    ready_at: float | None
    started_at: float | None
    ended_at: float | None
    worker: str | None
    error_code: str | None
    error_message: str | None


@dataclass(frozen=True, slots=True)
class JobStatus:
    """A job as callers see it; times are seconds since 1970."""

    id: str
    state: JobState
    tenant: str
    file_name: str
    version: int
    duration_s: float | None
    created_at: float
    started_at: float | None
    ended_at: float | None
    error_code: str | None
    error_message: str | None
    external_id: str | None
    annotations: dict[str, Any]
    steps: tuple[StepStatus, ...]
    priority: int = 0
    tags: tuple[str, ...] = ()
    deleted_at: float | None = None
    report: dict[str, Any] | None = None
    """On its recording, when that can't be used: `pipeline.preflight.Unusable`."""

    @property
    def is_final(self) -> bool:
        """Whether the job has ended, well or not."""
        return self.state in FINAL_JOB_STATES

    @property
    def progress(self) -> float:
        """Share of the work that is done, 0 to 1; see `SHARES`."""
        return round(sum(SHARES[step.name] * step.progress for step in self.steps), 6)


def stored_options(options: JobOptions) -> dict[str, Any]:
    """Options as they are written down: what was left open is left out.

    Workers of the release before refuse an option that they don't know, and a new one is open unless somebody asks.
    """
    return options.model_dump(mode="json", exclude_none=True)

"""Configuration, read once from `VOXQUEUE_*` variables, checked, frozen; the only reader of the environment."""

import hashlib
import math
import os
import tempfile
from functools import cache
from pathlib import Path
from typing import Literal

from pydantic import Field, SecretStr, ValidationError, ValidationInfo, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

from workers.errors import ConfigurationError

# The kernel's limit on the path of a Unix socket, less the byte that ends it.
_LONGEST_SOCKET_PATH = 107
_SCHEMES = {
    "database_url": ("sqlite", "postgresql", "postgresql+psycopg", "postgres"),
    "broker_url": ("redis", "rediss", "redis+socket"),
}


class Settings(BaseSettings):
    """Every setting with its default; `VOXQUEUE_` and the upper-case name is its variable.

    With nothing set, everything lives under `home`: a SQLite database, the artifacts and an embedded broker.
    """

    model_config = SettingsConfigDict(env_prefix="VOXQUEUE_", frozen=True, extra="ignore")

    home: Path = Field(Path("~/.voxqueue"), description="Where the embedded stack keeps what it keeps.")
    database_url: str = Field("", description="SQLAlchemy URL; empty: SQLite under home.")
    broker_url: str = Field("", description="redis:// URL; empty: the embedded broker.")
    artifacts: str = Field(
        "", description="Folder of audio and intermediate results, or s3://BUCKET/PREFIX; empty: under home."
    )
    s3_endpoint: str = Field("", description="URL of an S3-compatible service; empty: AWS.")
    s3_region: str = Field("", description="Its region; empty: AWS_REGION, or us-east-1.")
    s3_timeout_s: float = Field(30.0, gt=0, description="Longest wait for one answer of it.")

    server: str = Field("", description="URL of a Voxqueue server; commands on jobs go there instead.")
    key: str = Field("", description="API key for that server.")

    model: str = Field("tiny.en", description="`tiny.en` (comes with the package), a model folder, or a hub name.")
    model_sha256: str = Field("", description="Expected sha256 of the weights; empty: known or not checked.")
    language_model: Path | None = Field(None, description="`general` (comes along), or a file of ARPA, KenLM or .mix.")
    language_models: Path | None = Field(
        None, description="A folder of more; jobs choose one by its name without suffix."
    )
    device: Literal["auto", "cpu", "cuda"] = "auto"
    compute_type: str = Field("default", description="int8, float16, float32, ...; default: what suits the device.")
    threads: int = Field(0, ge=0, description="Cores for the acoustic model; 0: all.")
    lanes: int = Field(0, ge=0, description="Batches that are computed at once; 0: one a core up to 4, or 2 on a card.")

    lease_s: float = Field(30.0, gt=0, description="A step whose worker is silent this long is given to another.")
    heartbeat_s: float = Field(5.0, gt=0, validate_default=True, description="Shorter than the lease.")
    reap_s: float = Field(2.0, gt=0, description="How often the dispatcher looks for lost steps.")
    republish_s: float = Field(30.0, gt=0, description="A ready step that no one takes is announced again after this.")
    step_deadline_s: float = Field(4 * 3600.0, gt=0, description="No step may run longer, heartbeat or not.")
    alarm_after_s: float = Field(60.0, gt=0, description="Steps that wait longer while nobody works are an alarm.")
    shutdown_s: float = Field(20.0, ge=0, description="A worker told to stop hands back what takes longer than this.")
    max_crashes: int = Field(3, ge=1, description="A step that took this many processes with it is quarantined.")
    max_retries: int = Field(5, ge=0, description="Transient errors of a step before it fails.")
    retry_base_s: float = Field(1.0, gt=0, description="First back-off; doubles each time, with jitter.")
    broker_timeout_s: float = Field(2.0, gt=0, description="Longest wait for the broker when a job is handed in.")

    max_upload_bytes: int = Field(2 << 30, gt=0, description="A larger recording is refused while it comes in.")
    fetch_urls: bool = Field(default=False, description="Whether workers fetch recordings from URLs in requests.")
    fetch_timeout_s: float = Field(600.0, gt=0, description="Longest time for the whole of such a recording.")
    webhook_timeout_s: float = Field(15.0, gt=0, description="Longest wait for a webhook receiver's answer.")
    webhook_retry_base_s: float = Field(5.0, gt=0, description="First wait after a failure; the last is 7200 times it.")
    outbound_allow: str = Field("", description="Hosts, addresses, networks with commas that URLs may also lead to.")
    outbound_http: bool = Field(default=False, description="Whether URLs may be http://, on port 80, too.")

    keep_audio_days: float | None = Field(
        30.0, ge=0, description="Recordings, after their job has ended; none: for ever."
    )
    keep_features_days: float | None = Field(0.0, ge=0, description="What is between the steps, likewise.")
    keep_emissions_days: float | None = Field(30.0, ge=0, description="What the model said, for decoding again.")
    keep_text_days: float | None = Field(None, ge=0, description="Transcripts, likewise.")
    collect_s: float = Field(600.0, gt=0, description="How often a dispatcher removes what need not be kept.")
    orphan_after_s: float = Field(86_400.0, gt=0, validate_default=True, description="Age of a file that no job needs.")

    tenant_jobs: int = Field(10_000, ge=1, description="Jobs of one tenant that may be in flight.")
    tenant_bytes: int = Field(200 * 1024**3, ge=1, description="Bytes of their recordings.")
    tenant_audio_s: float = Field(3_600_000.0, gt=0, description="Seconds of their audio.")
    service_level_s: float = Field(86_400.0, gt=0, description="Jobs are refused while what waits takes longer.")
    used_share: float = Field(0.95, gt=0, le=1, description="Jobs are refused while more of the disk is in use.")

    upload_stall_s: float = Field(
        20.0, gt=0, description="An upload that brings next to nothing this long is given up."
    )
    redaction_secret: SecretStr = Field(
        SecretStr(""), description="Key of redaction's hashes, the same on all hosts; empty: one is kept under home."
    )
    api_rate_per_min: int = Field(
        6000, ge=0, description="Requests a minute of one API key; 0: no limit, also for guesses."
    )
    streams: int = Field(32, ge=0, description="Live calls that one HTTP door takes at once.")
    tenant_streams: int = Field(16, ge=0, description="Of those, the most of one tenant.")
    stream_grace_s: float = Field(20.0, ge=0, description="A live call that broke off may go on within this time.")
    api_docs: bool = Field(default=False, description="Whether the HTTP door shows a page that explores it, at /docs.")

    failpoint: str = Field("", description="Where tests make workers fail, see workers/failpoints.py.")

    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    log_format: Literal["text", "json"] = "text"

    @field_validator("database_url", "broker_url")
    @classmethod
    def _check_url(cls, url: str, info: ValidationInfo) -> str:
        schemes = _SCHEMES[str(info.field_name)]
        if url and _scheme_of(url) not in schemes:
            raise ValueError(f"not a URL that starts with {', '.join(f'{each}://' for each in schemes)}")
        return url

    @field_validator("artifacts", mode="before")
    @classmethod
    def _spell_artifacts(cls, artifacts: object) -> object:
        return str(artifacts) if isinstance(artifacts, Path) else artifacts or ""

    @field_validator("artifacts")
    @classmethod
    def _check_artifacts(cls, artifacts: str) -> str:
        if "://" in artifacts and not artifacts.startswith("s3://"):
            raise ValueError("a folder, or s3://BUCKET/PREFIX")
        return artifacts

    @field_validator("heartbeat_s")
    @classmethod
    def _check_heartbeat(cls, heartbeat_s: float, info: ValidationInfo) -> float:
        if heartbeat_s >= info.data.get("lease_s", math.inf):
            raise ValueError("a heartbeat must come before the lease is over (VOXQUEUE_LEASE_S)")
        return heartbeat_s

    @field_validator("keep_audio_days", "keep_features_days", "keep_emissions_days", "keep_text_days", mode="before")
    @classmethod
    def _read_days(cls, days: object) -> object:
        return None if days in ("", "none", "None") else days

    @field_validator("orphan_after_s")
    @classmethod
    def _check_orphans(cls, orphan_after_s: float, info: ValidationInfo) -> float:
        if orphan_after_s < info.data.get("step_deadline_s", 0.0):
            raise ValueError("a step may still be writing what it will refer to (VOXQUEUE_STEP_DEADLINE_S)")
        return orphan_after_s

    @property
    def home_path(self) -> Path:
        """`home` with `~` resolved."""
        return self.home.expanduser().absolute()

    @property
    def database(self) -> str:
        """The database URL that is used."""
        return self.database_url or f"sqlite:///{self.home_path / 'voxqueue.db'}"

    @property
    def artifact_path(self) -> Path:
        """The folder of artifacts, where they are kept in one."""
        return Path(self.artifacts).expanduser().absolute() if self.artifacts else self.home_path / "artifacts"

    @property
    def broker_socket(self) -> Path:
        """Unix socket of the embedded broker: under home, or where paths are short when home's is too long for one."""
        socket = self.home_path / "broker.sock"
        if len(os.fsencode(socket)) <= _LONGEST_SOCKET_PATH:
            return socket
        home = hashlib.sha256(os.fsencode(self.home_path)).hexdigest()[:16]
        return Path(tempfile.gettempdir()) / f"voxqueue-{os.getuid()}-{home}" / "broker.sock"

    @property
    def broker(self) -> str:
        """The broker URL that is used."""
        return self.broker_url or f"redis+socket://{self.broker_socket}"


def read_settings(**overrides: object) -> Settings:
    """Settings from the environment, with `overrides` on top.

    Raises:
        ConfigurationError: names the variable and the value that is wrong.
    """
    try:
        return Settings(**overrides)  # type: ignore[arg-type]  # pydantic checks the types
    except ValidationError as error:
        first = error.errors()[0]
        variable = f"VOXQUEUE_{str(first['loc'][0]).upper()}"
        # A URL may hold a password.
        shown = "" if variable.endswith(("_URL", "_KEY", "_SERVER", "_SECRET")) else f"={first['input']!r}"
        message = f"{variable}{shown}: {str(first['msg']).removeprefix('Value error, ')}"
        raise ConfigurationError(message) from error


def environment_of(chosen: Settings) -> dict[str, str]:
    """The environment of a process that is to read these settings: this one's, with every setting spelled out."""
    spelled = {
        f"VOXQUEUE_{name.upper()}": value.get_secret_value() if isinstance(value, SecretStr) else str(value)
        for name, value in chosen.model_dump().items()
        if value is not None or Settings.model_fields[name].default is not None
    }
    # A variable of a setting that is None here would be read there.
    others = {name: value for name, value in os.environ.items() if not name.upper().startswith("VOXQUEUE_")}
    return {**others, **spelled}


def _scheme_of(url: str) -> str | None:
    try:
        return make_url(url).drivername
    except (ArgumentError, ValueError):
        return None


@cache
def settings() -> Settings:
    """The settings of this process, read at the first call."""
    return read_settings()

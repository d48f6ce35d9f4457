"""What a caller may choose for a job, one object a step, checked when it is made.

The defaults are for two-party telephone calls. `JobOptions` is what travels with a job, as JSON.
"""

from typing import Annotated, Any, Final, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

LONGEST_SEGMENT_S = 30.0
"""What acoustic models of 30 s windows read at once."""

Role = Annotated[str, Field(min_length=1, max_length=64)]
ChannelIndex = Annotated[int, Field(ge=0, lt=64)]
Encoding = Literal["pcm_mulaw", "pcm_alaw", "pcm_s16le", "pcm_s16be", "gsm", "vox", "g722", "g729"]
"""How the samples of a file without a header are stored, by FFmpeg's names."""
ENCODING_ALIASES: Final = {
    "mulaw": "pcm_mulaw",
    "ulaw": "pcm_mulaw",
    "alaw": "pcm_alaw",
    "linear16": "pcm_s16le",
    "s16le": "pcm_s16le",
    "s16be": "pcm_s16be",
}
"""What other programs and services of this field call them."""


def _canonical(name: Any) -> Any:
    return ENCODING_ALIASES.get(name, name) if isinstance(name, str) else name


class Options(BaseModel):
    """Base of all options: frozen, and unknown names are refused so that a typo is never ignored."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Stretch(Options):
    """A part of one channel, in seconds from the start of the recording."""

    channel: int = Field(0, ge=0)
    start_s: float = Field(ge=0)
    end_s: float = Field(gt=0)

    @model_validator(mode="after")
    def _check_length(self) -> Self:
        if not 0 < self.end_s - self.start_s <= LONGEST_SEGMENT_S:
            raise ValueError(f"a stretch ends after it starts, and is no longer than {LONGEST_SEGMENT_S:g} s")
        return self


class ChannelRole(Options):
    """Who speaks on a channel: the long form of `roles`."""

    index: ChannelIndex
    role: Role | None = None


class PreprocessOptions(Options):
    """How audio is read and where speech is found."""

    roles: tuple[Role | None, ...] = Field((), description="Who speaks on channel 0, 1, ...")
    channel_mode: Literal["split", "mix"] = Field("split", description="Transcribe channels apart, or mixed to one.")
    encoding: Annotated[Encoding | None, BeforeValidator(_canonical)] = Field(
        None, description="What a file without a header is; it is then not looked for one. Also mulaw, alaw, linear16."
    )
    sample_rate_hz: int | None = Field(None, ge=4000, le=384_000, description="Of a file without a header; else 8000.")
    channels: Annotated[int, Field(ge=1, le=64)] | tuple[ChannelRole, ...] | None = Field(
        None,
        description="Who speaks where, as [{index, role}], in place of roles; or how many a file without a header has.",
    )
    max_duration_s: float = Field(8 * 3600.0, gt=0, description="A longer recording is refused.")
    max_channels: int = Field(8, ge=1, le=64)
    speech_threshold: float = Field(0.5, gt=0, lt=1, description="Speech probability above which a frame is speech.")
    min_speech_s: float = Field(0.1, ge=0, le=1, description="A shorter sound is no speech.")
    min_silence_s: float = Field(0.5, ge=0.05, le=5, description="A shorter pause does not end a stretch of speech.")
    padding_s: float = Field(0.3, ge=0, le=1, description="Kept on both sides of speech, so that no sound is cut.")
    max_gap_s: float = Field(2.0, ge=0, le=10, description="Speech is joined into one segment over shorter gaps.")
    max_segment_s: float = Field(
        LONGEST_SEGMENT_S, ge=5, le=LONGEST_SEGMENT_S, description="Segments are packed up to this length."
    )
    stretches: tuple[Stretch, ...] | None = Field(
        None, description="Transcribe only these, each in one go; else what speech detection finds."
    )

    @model_validator(mode="after")
    def _check_declared(self) -> Self:
        is_counted = isinstance(self.channels, int)
        if self.encoding is None and (self.sample_rate_hz or is_counted):
            raise ValueError("sample_rate_hz and channels describe a file without a header: say its encoding as well")
        if self.encoding in {"gsm", "vox", "g722", "g729"} and (self.channel_count or 1) > 1:
            raise ValueError(f"{self.encoding} has one channel")
        if self.encoding in {"g722", "g729"} and self.sample_rate_hz is not None:
            raise ValueError(f"{self.encoding} has a sample rate of its own")
        return self

    @model_validator(mode="after")
    def _check_channels(self) -> Self:
        indices = [each.index for each in self._named]
        if len(set(indices)) < len(indices):
            raise ValueError("channels name one index twice")
        if indices and self.roles:
            raise ValueError("roles and channels say the same: leave one out")
        return self

    @property
    def _named(self) -> tuple[ChannelRole, ...]:
        return self.channels if isinstance(self.channels, tuple) else ()

    @property
    def channel_roles(self) -> tuple[Role | None, ...]:
        """Who speaks on channel 0, 1, ..., from `roles` or `channels`."""
        named = {each.index: each.role for each in self._named}
        return tuple(named.get(index) for index in range(max(named) + 1)) if named else self.roles

    @property
    def channel_count(self) -> int | None:
        """How many channels a file without a header has, None when nothing is said of it."""
        named = max((each.index + 1 for each in self._named), default=None)
        return self.channels if isinstance(self.channels, int) else named


class InferenceOptions(Options):
    """How the acoustic model is run; beam settings matter to attention models only."""

    beam_size: int = Field(5, ge=1, le=20)
    n_best: int = Field(1, ge=1, le=20)


class DecodeOptions(Options):
    """How emissions become words."""

    beam_width: int = Field(5, ge=1, le=500, description="CTC beam width.")
    hotwords: tuple[Annotated[str, Field(min_length=1, max_length=100)], ...] = Field((), max_length=500)
    hotword_weight: float = Field(10.0, ge=0, le=100)
    language_model: Literal["general", "none"] | None = Field(
        None, description="For CTC models: of English, or none at all; default: what the worker was given."
    )


class FormatOptions(Options):
    """How words become text that reads well."""

    max_pause_s: float = Field(1.0, gt=0, le=10, description="A longer pause starts a new utterance.")
    max_utterance_s: float = Field(15.0, gt=1, le=60, description="A longer utterance is cut at a sentence or pause.")
    numbers: bool = Field(default=True, description="Write numbers in digits where the model spells them out.")


class JobOptions(Options):
    """All options of a job."""

    preprocess: PreprocessOptions = PreprocessOptions()
    inference: InferenceOptions = InferenceOptions()
    decode: DecodeOptions = DecodeOptions()
    format: FormatOptions = FormatOptions()

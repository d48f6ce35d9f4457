"""What a caller may choose for a job, one object a step, checked when it is made.

The defaults are for two-party telephone calls. `JobOptions` is what travels with a job, as JSON.
"""

from enum import StrEnum
from typing import Annotated, Any, Final, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, Strict, StringConstraints, model_validator

LONGEST_SEGMENT_S = 30.0
"""What acoustic models of 30 s windows read at once."""

HOTWORD_WEIGHT: Final = 6.0
"""Of those that find every hotword that was said and write none that was not, the highest: `bench.hotwords`."""

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


NamedEncoding = Annotated[Encoding, BeforeValidator(_canonical)]
"""An encoding by any of its names."""


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
    encoding: NamedEncoding | None = Field(
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


USUAL_READINGS = 3
"""Of each stretch that an attention model is to find, of those of its beam."""


USUAL_BEAM = 5
"""Hypotheses that are followed at a time, unless fewer find as much; language models and hotwords choose from them."""


class InferenceOptions(Options):
    """How the acoustic model is run; beam settings matter to attention models only."""

    beam_size: int | None = Field(
        None,
        ge=1,
        le=20,
        description="Hypotheses that are followed at a time; default: 5, or 3 that differ in their words where a CPU "
        "computes with 8 bits.",
    )
    n_best: int | None = Field(
        None,
        ge=1,
        le=20,
        description="Readings to find; default: 3, or as many as n-best lists, hotwords and language models need.",
    )


Phrase = Annotated[str, Field(min_length=1, max_length=100)]
Weight = Annotated[float, Strict(), Field(ge=0, le=100)]
"""What a word is worth, in natural log-probability."""


class Hotword(Options):
    """A name or term to expect, with more to say of it than its text."""

    text: Phrase = Field(description="As it is written.")
    weight: Weight | None = Field(None, description="What a word of it is worth; default: hotword_weight.")
    sounds_like: tuple[Phrase, ...] = Field((), max_length=10, description="As it may be heard; written as the text.")


class DecodeOptions(Options):
    """How emissions become words."""

    beam_width: int = Field(5, ge=1, le=500, description="CTC beam width.")
    hotwords: tuple[Phrase | Hotword, ...] = Field((), max_length=500, description="Names and terms to expect.")
    hotword_weight: Weight = Field(
        HOTWORD_WEIGHT, description="What a word of a hotword is worth, in natural log-probability."
    )
    n_best: int | None = Field(
        None, ge=1, le=20, description="List so many readings of each stretch; of Whisper at most those of its beam."
    )
    language_model: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]{0,99}$")] | None = Field(
        None, description="`general`, `none`, or a name that the workers know; default: what they were given."
    )

    search: Literal["pyctcdecode", "ctc-beam-decoder"] | None = Field(
        None, description="Default: pyctcdecode. The other is faster where it is installed; not for hotwords or models."
    )

    @property
    def expected(self) -> tuple[Hotword, ...]:
        """The hotwords, each in its long form."""
        return tuple(Hotword(text=each) if isinstance(each, str) else each for each in self.hotwords)


def _text_of(hotword: str | Hotword) -> str:
    return hotword if isinstance(hotword, str) else hotword.text


Wording = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=100, pattern=r"^[^\x00-\x1f\x7f]+$")
]
"""Words on one line."""
Replacements = Annotated[dict[Wording, Wording], Field(max_length=500)]
"""What to write by what to find."""


class FormatOptions(Options):
    """How words become text that reads well."""

    max_pause_s: float = Field(1.0, gt=0, le=10, description="A longer pause starts a new utterance.")
    max_utterance_s: float = Field(15.0, gt=1, le=60, description="A longer utterance is cut at a sentence or pause.")
    numbers: bool = Field(
        default=True, description="Write numbers in digits where the model spells them or their digits out."
    )
    profanity: Literal["keep", "mask"] | None = Field(None, description="`mask`: `f***`. Default: keep. English only.")
    fillers: Literal["keep", "remove"] | None = Field(
        None, description="`remove`: without um, uh, er, mhm and their like. Default: keep. English only."
    )
    replace: Replacements | None = Field(
        None, description="What to write by what to find: whole words, in any case. Goes before the tenant's own."
    )


class Vocabulary(Options):
    """The words of a tenant's calls: what each of its jobs expects and replaces, behind what a job asks for itself."""

    hotwords: tuple[Phrase | Hotword, ...] = Field((), max_length=500, description="Names and terms to expect.")
    replace: Replacements = Field({}, description="What to write by what to find: whole words, in any case.")

    def expected_by(self, asked: DecodeOptions) -> DecodeOptions:
        """`asked` with these hotwords too; one of the same text is as the job has it."""
        own = {each.text.casefold() for each in asked.expected}
        more = [each for each in self.hotwords if _text_of(each).casefold() not in own]
        return asked.model_copy(update={"hotwords": (*asked.hotwords, *more)}) if more else asked

    def replaced_by(self, asked: FormatOptions) -> FormatOptions:
        """`asked` with these replacements too; the job's own go before them."""
        return (
            asked.model_copy(update={"replace": {**self.replace, **(asked.replace or {})}}) if self.replace else asked
        )


class CaptionOptions(Options):
    """How much captions show at a time, and for how long."""

    line_characters: int = Field(42, ge=16, le=120, description="Longest line of a caption.")
    lines: int = Field(2, ge=1, le=4, description="Most lines of a caption.")
    characters_per_s: float = Field(
        20.0, ge=5, le=60, description="A caption stays until it is read at that speed, or the next one comes."
    )


class Entity(StrEnum):
    """A kind of sensitive information."""

    CARD = "card"
    SSN = "ssn"
    ACCOUNT = "account"
    PHONE = "phone"
    EMAIL = "email"
    DATE_OF_BIRTH = "date_of_birth"
    SECURITY_CODE = "security_code"
    NAME = "name"

    @property
    def label(self) -> str:
        """What stands in its place: `CARD_NUMBER`, `SSN`, ..."""
        return f"{self.name}_NUMBER" if self in {Entity.CARD, Entity.ACCOUNT, Entity.PHONE} else self.name


ENTITIES: Final = tuple(entity for entity in Entity if entity is not Entity.NAME)
"""What is redacted unless a caller says otherwise: names are guesses, and only left out on request."""


class Style(StrEnum):
    """What stands in place of sensitive words: their kind, a sign a letter, or their kind with a keyed hash."""

    LABEL = "label"
    MASK = "mask"
    HASH = "hash"


class RedactionOptions(Options):
    """What is left out of every view of the transcript; the transcript that is kept does not change."""

    entities: tuple[Entity, ...] = Field(ENTITIES, min_length=1)
    style: Style = Style.LABEL
    audio: bool = Field(default=False, description="Whoever may read the redacted text may hear the bleeped audio.")


class JobOptions(Options):
    """All options of a job."""

    preprocess: PreprocessOptions = PreprocessOptions()
    inference: InferenceOptions = InferenceOptions()
    decode: DecodeOptions = DecodeOptions()
    format: FormatOptions = FormatOptions()
    redaction: RedactionOptions | None = Field(None, description="What readers of the transcript are not shown.")

    @property
    def search(self) -> InferenceOptions:
        """Those of inference, with as many readings as decode lists, all of the beam if it has a way to choose."""
        chooses = bool(self.decode.hotwords) or self.decode.language_model not in {None, "none"}
        wanted = max(self.decode.n_best or 0, (self.inference.beam_size or USUAL_BEAM) if chooses else 0)
        if self.inference.n_best is not None or wanted <= USUAL_READINGS:
            return self.inference
        return self.inference.model_copy(update={"n_best": wanted})


class RedecodeOptions(DecodeOptions):
    """What a job is decoded again with. A step of which nothing is said is done as it was."""

    format: FormatOptions | None = Field(None, description="Options of the format step, in place of all it had.")
    redaction: RedactionOptions | None = Field(None, description="In place of what the job asked for, in all versions.")

    def changed(self, made_with: JobOptions) -> JobOptions:
        """The options of a job that was `made_with` others."""
        fields = self.model_fields_set & DecodeOptions.model_fields.keys()
        given: dict[str, Options | None] = {
            "decode": DecodeOptions.model_validate(self.model_dump(include=fields)) if fields else None,
            "format": self.format,
            "redaction": self.redaction,
        }
        return made_with.model_copy(update={name: value for name, value in given.items() if value is not None})

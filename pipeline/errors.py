"""Every error that a caller can see, drawn as a tree, grouped by who is at fault.

    VoxqueueError
    ├── InputError            the caller: the recording or the options can't be used as they are; never retried
    │   ├── EmptyUpload               EMPTY_UPLOAD
    │   ├── UnrecognisedFormat        UNRECOGNISED_FORMAT
    │   ├── FormatNotAllowed          FORMAT_NOT_ALLOWED
    │   ├── CorruptHeader             CORRUPT_HEADER
    │   ├── UnsupportedEncoding       UNSUPPORTED_ENCODING
    │   ├── UnsupportedEncrypted      UNSUPPORTED_ENCRYPTED
    │   ├── BadSampleRate             BAD_SAMPLE_RATE
    │   ├── BadChannels               BAD_CHANNELS
    │   ├── TooManyChannels           TOO_MANY_CHANNELS
    │   ├── NoAudioSamples            NO_AUDIO_SAMPLES
    │   ├── NoAudioStream             NO_AUDIO_STREAM
    │   ├── TooShort                  TOO_SHORT
    │   ├── Truncated                 TRUNCATED
    │   ├── DecodeError               DECODE_ERROR
    │   ├── DecoderCrash              DECODER_CRASH
    │   ├── NonFiniteSamples          NON_FINITE_SAMPLES
    │   ├── DurationLimit             DURATION_LIMIT
    │   ├── ChainedStream             CHAINED_STREAM
    │   └── InvalidOptions            INVALID_OPTIONS
    ├── ModelError            us: the model or its files are not what they should be
    │   ├── ModelNotFound             MODEL_NOT_FOUND
    │   └── ModelMismatch             MODEL_MISMATCH
    ├── ArtifactDamaged       us: what a step left for the next can't be read; ARTIFACT_LOST
    └── TransientError        the moment: the same step may well succeed later
        ├── OutOfMemory               OUT_OF_MEMORY
        ├── DeviceLost                DEVICE_LOST
        └── ResourceBusy              RESOURCE_BUSY

The docstring of a class is the sentence that a user reads; `detail` adds what is particular to this case.
"""

from typing import ClassVar, Self

from pipeline.preflight import Unusable


class VoxqueueError(Exception):
    """Something went wrong."""

    code: ClassVar[str] = "INTERNAL"
    retryable: ClassVar[bool] = False

    def __init__(self, detail: str = "") -> None:
        self.detail = detail
        super().__init__(self.sentence)

    def __reduce__(self) -> tuple[type[Self], tuple[object, ...]]:
        # An exception is rebuilt from its message by default, which would put the sentence into the brackets.
        return type(self), (self.detail,)

    @property
    def sentence(self) -> str:
        """One plain line for the user: the title, and the detail of this case in brackets."""
        return f"{self.title} ({self.detail})" if self.detail else self.title

    @property
    def title(self) -> str:
        """What all errors of this kind have in common, in one plain line: that of the docstring."""
        return (type(self).__doc__ or "").strip().splitlines()[0]


class InputError(VoxqueueError, ValueError):
    """The recording can't be used as it is."""

    report: Unusable | None = None


class EmptyUpload(InputError):
    """The file is empty."""

    code = "EMPTY_UPLOAD"


class UnrecognisedFormat(InputError):
    """The file is not an audio format that is known here."""

    code = "UNRECOGNISED_FORMAT"


class FormatNotAllowed(InputError):
    """The file is of a kind that is refused for safety."""

    code = "FORMAT_NOT_ALLOWED"


class CorruptHeader(InputError):
    """The header of the file is damaged."""

    code = "CORRUPT_HEADER"


class UnsupportedEncoding(InputError):
    """The audio is stored in an encoding that is not supported."""

    code = "UNSUPPORTED_ENCODING"


class UnsupportedEncrypted(InputError):
    """The audio is encrypted."""

    code = "UNSUPPORTED_ENCRYPTED"


class BadSampleRate(InputError):
    """The sample rate is not between 4 and 384 kHz."""

    code = "BAD_SAMPLE_RATE"


class BadChannels(InputError):
    """The number of channels makes no sense."""

    code = "BAD_CHANNELS"


class TooManyChannels(InputError):
    """The recording has more channels than are allowed."""

    code = "TOO_MANY_CHANNELS"


class NoAudioSamples(InputError):
    """The file holds no audio samples."""

    code = "NO_AUDIO_SAMPLES"


class NoAudioStream(InputError):
    """The file holds no audio stream."""

    code = "NO_AUDIO_STREAM"


class TooShort(InputError):
    """The recording is too short to hold speech."""

    code = "TOO_SHORT"


class Truncated(InputError):
    """The recording ends before its header says so, and what is left can't be used."""

    code = "TRUNCATED"


class DecodeError(InputError):
    """The audio data is damaged."""

    code = "DECODE_ERROR"


class DecoderCrash(InputError):
    """The audio can't be decoded: the decoder broke off."""

    code = "DECODER_CRASH"


class NonFiniteSamples(InputError):
    """The audio holds samples that are not numbers."""

    code = "NON_FINITE_SAMPLES"


class DurationLimit(InputError):
    """The recording is longer than is allowed."""

    code = "DURATION_LIMIT"


class ChainedStream(InputError):
    """The file holds several streams one after another that can't be joined."""

    code = "CHAINED_STREAM"


class InvalidOptions(InputError):
    """The options can't be used together or are out of range."""

    code = "INVALID_OPTIONS"


class ModelError(VoxqueueError, RuntimeError):
    """The model can't be used."""

    code = "MODEL_ERROR"


class ModelNotFound(ModelError):
    """The model was not found."""

    code = "MODEL_NOT_FOUND"


class ModelMismatch(ModelError):
    """The model's files are not the ones that were expected."""

    code = "MODEL_MISMATCH"


class ArtifactDamaged(VoxqueueError, RuntimeError):
    """What an earlier step left is gone or damaged."""

    code = "ARTIFACT_LOST"


class TransientError(VoxqueueError, RuntimeError):
    """The step could not be done just now and will be tried again."""

    code = "TRANSIENT"
    retryable = True


class OutOfMemory(TransientError):
    """There was not enough memory."""

    code = "OUT_OF_MEMORY"


class DeviceLost(TransientError):
    """The device that runs the model failed."""

    code = "DEVICE_LOST"


class ResourceBusy(TransientError):
    """Something that is needed is busy or away."""

    code = "RESOURCE_BUSY"

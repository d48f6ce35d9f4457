"""What is known of a recording that can't be used, and what to do about it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Final

from pipeline import errors
from pipeline.audio import AudioReader, container_of
from pipeline.errors import InputError
from pipeline.preflight import Finding, Severity, Unusable
from pipeline.preprocess.findings import file_findings

_AGAIN: Final = (
    "Fetch the file again; if it is the same then, the recorder or what converts its files writes it wrongly."
)
_ADVICE: Final[Mapping[type[InputError], str]] = {
    errors.EmptyUpload: "Nothing arrived: see whether the recorder had finished the file when it was sent.",
    errors.UnrecognisedFormat: "Is it a recording? If it has no header, say its encoding, sample rate and channels.",
    errors.FormatNotAllowed: "Convert it to WAV, FLAC or Ogg: this kind of file can make a reader open others.",
    errors.CorruptHeader: _AGAIN,
    errors.UnsupportedEncoding: "Let the recorder write PCM, mu-law, A-law or Opus, or convert the file.",
    errors.UnsupportedEncrypted: "Export it without encryption.",
    errors.BadSampleRate: "Its header is damaged, or it is no sound: 8000 or 16000 Hz is usual.",
    errors.BadChannels: _AGAIN,
    errors.TooManyChannels: "Send the channels with voices only, or ask for the limit (max_channels) to be raised.",
    errors.NoAudioSamples: "There is a header and no sound behind it: the recorder was cut off, or recorded nothing.",
    errors.NoAudioStream: "It is a container without sound, as a video without a microphone: look for another track.",
    errors.TooShort: "Less than a tenth of a second was recorded: has the call come about?",
    errors.Truncated: "The file ends too early: fetch it again, once the recorder has finished it.",
    errors.DecodeError: _AGAIN,
    errors.DecoderCrash: _AGAIN,
    errors.NonFiniteSamples: "Samples are no numbers: what wrote the file reckoned wrongly; store 16 bits instead.",
    errors.DurationLimit: "Cut it into parts, or ask for the limit (max_duration_s) to be raised.",
    errors.ChainedStream: "Its parts differ in rate or channels: convert each of them by itself.",
}
"""By what is wrong with it."""


def unusable(source: Path, reader: AudioReader | None, error: InputError) -> Unusable:
    """The report on the recording at `source`, which `reader` had open, if it could be opened, when `error` came."""
    detail = f" ({error.detail})" if error.detail else ""
    sentence = type(error)().sentence.removesuffix(".")
    why = Finding(error.code, Severity.ERROR, None, f"{sentence}{detail}. {_ADVICE.get(type(error), _AGAIN)}")
    if reader is None:
        return Unusable(container_of(source), None, None, None, 0.0, (why,))
    return Unusable(
        container=reader.container,
        codec=reader.codec,
        sample_rate_hz=reader.sample_rate_hz,
        channel_count=reader.channels,
        duration_s=round(reader.frames_read / reader.sample_rate_hz, 3),
        findings=(why, *file_findings(reader.warnings)),
    )

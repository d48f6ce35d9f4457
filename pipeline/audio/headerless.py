"""Reads files that are nothing but samples, as the caller declared them or as their statistics show them to be."""

import os
from dataclasses import replace
from typing import BinaryIO, Final

from pipeline.audio import recognition
from pipeline.audio.header import AudioHeader, Declared, RawEncoding, describe_raw
from pipeline.audio.magic import Container
from pipeline.errors import NoAudioSamples

PHONE_RATE_HZ = 8000
WIDEBAND_RATE_HZ = 16_000

_RAW: Final = {
    "pcm_mulaw": RawEncoding("ULAW", "FILE", 1),
    "pcm_alaw": RawEncoding("ALAW", "FILE", 1),
    "pcm_s16le": RawEncoding("PCM_16", "LITTLE", 2),
    "pcm_s16be": RawEncoding("PCM_16", "BIG", 2),
    "gsm": RawEncoding("GSM610", "FILE", 33, 160),
    # Dialogic's ADPCM of 4 bits, as voice mail and dialling machines keep it, often at 6000 Hz.
    "vox": RawEncoding("VOX_ADPCM", "FILE", 1, 2),
}
_LIBAV: Final = {"g722": (Container.G722, WIDEBAND_RATE_HZ), "g729": (Container.G729, PHONE_RATE_HZ)}

ENCODINGS: Final = (*_RAW, *_LIBAV)
"""What a caller may declare."""


def describe(file: BinaryIO, declared: Declared) -> AudioHeader:
    """The header that `file` would have, had it one; raises NoAudioSamples when it is shorter than one sample."""
    size = os.fstat(file.fileno()).st_size
    if declared.encoding in _LIBAV:
        container, rate_hz = _LIBAV[declared.encoding]
        if size == 0:
            raise NoAudioSamples
        return AudioHeader(container, rate_hz, 1, libav=True)
    header = AudioHeader(
        Container.RAW, declared.sample_rate_hz or PHONE_RATE_HZ, declared.channels or 1, raw=_RAW[declared.encoding]
    )
    return describe_raw(header, file, 0, size)


def recognise(file: BinaryIO) -> AudioHeader | None:
    """The header of what `file` most likely is, with how sure that is among its warnings; None for no recording."""
    guess = recognition.recognise(file)
    if guess is None:
        return None
    header = describe(file, Declared(guess.encoding, None, guess.channels))
    token = f"headerless:{guess.encoding}:{guess.confidence:.2f}"
    return replace(header, warnings=(token, *header.warnings))

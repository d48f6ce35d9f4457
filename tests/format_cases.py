"""Each encoding in each container that is read, with a real file of it: for docs/formats.md and the fuzz."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

import numpy as np
import soundfile
from numpy.typing import NDArray

from pipeline.audio import Declared
from tests import av_recordings as av
from tests import bad_recordings as bad

RECORDINGS: Final = Path(__file__).parent / "recordings"
CALL: Final = Path(__file__).parents[1] / "workers" / "demo" / "call.wav"
SECONDS: Final = 1.5
LIBSNDFILE, FFMPEG = "libsndfile", "FFmpeg"

Samples = NDArray[np.float32]


@dataclass(frozen=True)
class Case:
    """A file: what it is called, who decodes it to what codec, and how alike it must be to what was encoded.

    `make` is given a path it may use. Without an original only the length can be compared.
    """

    container: str
    encoding: str
    by: str
    codec: str
    make: Callable[[Path], bytes]
    original: Samples | None
    rate_hz: int = 8000
    least_likeness: float = 0.99
    declared: Declared | None = None

    @property
    def name(self) -> str:
        """One word for a test."""
        return f"{self.container} {self.encoding}".replace(" ", "-")


@cache
def tone(rate_hz: int = 8000, channels: int = 1) -> Samples:
    """What is encoded."""
    return bad.noisy_tone(SECONDS, rate_hz, channels)


_PCM: Final = {
    "PCM_U8": ("PCM 8", "pcm_u8"),
    "PCM_S8": ("PCM 8", "pcm_s8"),
    "PCM_16": ("PCM 16", "pcm_s16"),
    "PCM_24": ("PCM 24", "pcm_s24"),
    "PCM_32": ("PCM 32", "pcm_s32"),
    "FLOAT": ("float 32", "pcm_f32"),
    "DOUBLE": ("float 64", "pcm_f64"),
    "ULAW": ("mu-law", "pcm_mulaw"),
    "ALAW": ("A-law", "pcm_alaw"),
    "GSM610": ("GSM 06.10", "gsm_ms"),
    "IMA_ADPCM": ("IMA ADPCM", "adpcm_ima_wav"),
    "MS_ADPCM": ("MS ADPCM", "adpcm_ms"),
}
_LINEAR: Final = ("PCM_16", "PCM_24", "PCM_32", "FLOAT", "DOUBLE", "ULAW", "ALAW")
_BLOCKS: Final = ("GSM610", "IMA_ADPCM", "MS_ADPCM")
_BY_LIBSNDFILE: Final = (
    ("WAV", "WAV", "le", ("PCM_U8", *_LINEAR, *_BLOCKS)),
    ("WAV, extensible", "WAVEX", "le", _LINEAR),
    ("RF64", "RF64", "le", _LINEAR),
    ("Wave64", "W64", "le", ("PCM_U8", *_LINEAR, *_BLOCKS)),
    ("AU", "AU", "be", ("PCM_S8", *_LINEAR)),
    ("AIFF, AIFF-C", "AIFF", "be", ("PCM_S8", *_LINEAR)),
    ("CAF", "CAF", "be", ("PCM_S8", *_LINEAR)),
)


def _plain(container: str, file_format: str, order: str, subtype: str) -> Case:
    encoding, codec = _PCM[subtype]
    many_bytes = codec.startswith(("pcm_s16", "pcm_s24", "pcm_s32", "pcm_f"))
    samples = tone(channels=1 if subtype in _BLOCKS else 2)
    make = lambda _path: bad.encode(samples, file_format, subtype, 8000)  # noqa: E731  # one expression
    least = 0.97 if subtype in _BLOCKS else 0.99
    return Case(container, encoding, LIBSNDFILE, codec + order * many_bytes, make, samples, least_likeness=least)


def _packed(container: str, file_format: str, subtype: str, names: tuple[str, str]) -> Case:
    samples = tone(16_000)
    make = lambda _path: bad.encode(samples, file_format, subtype)  # noqa: E731  # one expression
    return Case(container, names[0], LIBSNDFILE, names[1], make, samples, 16_000, 0.97)


_PHONE, _WIDE, _FULL, _STEREO = tone(), tone(16_000), tone(44_100), tone(48_000, 2)
_AAC: Final = av.Track("aac", _WIDE, 16_000)
_ALAC: Final = av.Track("alac", _WIDE, 16_000)
_AMR: Final = av.Track("libopencore_amrnb", _PHONE, 8000, 12_200)
_IMA: Final = av.Track("adpcm_ima_qt", _PHONE, 8000)
_MP2: Final = av.Track("mp2", _FULL, 44_100, 64_000)
_MP3: Final = av.Track("libmp3lame", _FULL, 44_100)
_OPUS: Final = av.Track("libopus", _STEREO, 48_000)
_MU_LAW: Final = av.Track("pcm_mulaw", _PHONE, 8000)
_A_LAW: Final = av.Track("pcm_alaw", _PHONE, 8000)
_PCM_16: Final = av.Track("pcm_s16le", _PHONE, 8000)
_G722: Final = av.Track("g722", _WIDE, 16_000)
_VIDEO: Final = (320, 240)

_BY_FFMPEG: Final[tuple[tuple[str, str, str, av.Track, str], ...]] = (
    ("WAV", "wav", "G.722", _G722, "adpcm_g722"),
    ("WAV", "wav", "G.726", av.Track("g726", _PHONE, 8000), "adpcm_g726"),
    ("WAV", "wav", "G.723.1", av.Track("g723_1", _PHONE, 8000, 6300), "g723_1"),
    ("WAV", "wav", "MP3", _MP3, "mp3"),
    ("WAV", "wav", "AMR-NB", _AMR, "amr_nb"),
    ("AIFF, AIFF-C", "aiff", "IMA ADPCM", _IMA, "adpcm_ima_qt"),
    ("CAF", "caf", "IMA ADPCM", _IMA, "adpcm_ima_qt"),
    ("CAF", "caf", "ALAC", _ALAC, "alac"),
    ("CAF", "caf", "AMR-NB", _AMR, "amr_nb"),
    ("AMR", "amr", "AMR-NB", _AMR, "amr_nb"),
    ("ADTS", "adts", "AAC", _AAC, "aac"),
    ("MP4, M4A, MOV", "mp4", "AAC", _AAC, "aac"),
    ("MP4, M4A, MOV", "ipod", "ALAC", _ALAC, "alac"),
    ("MP4, M4A, MOV", "mp4", "MP3", _MP3, "mp3"),
    ("MP4, M4A, MOV", "mp4", "Opus", _OPUS, "opus"),
    ("MP4, M4A, MOV", "mp4", "AC-3", av.Track("ac3", _STEREO, 48_000, 96_000), "ac3"),
    ("MP4, M4A, MOV", "mov", "mu-law", _MU_LAW, "pcm_mulaw"),
    ("MP4, M4A, MOV", "mov", "PCM 16", _PCM_16, "pcm_s16le"),
    ("3GP, 3G2", "3gp", "AMR-NB", _AMR, "amr_nb"),
    ("3GP, 3G2", "3g2", "AAC", _AAC, "aac"),
    ("WebM", "webm", "Opus", _OPUS, "opus"),
    ("Matroska", "matroska", "AAC", _AAC, "aac"),
    ("Matroska", "matroska", "MP3", _MP3, "mp3"),
    ("Matroska", "matroska", "PCM 16", _PCM_16, "pcm_s16le"),
    ("ASF", "asf", "WMA 1", av.Track("wmav1", _WIDE, 16_000), "wmav1"),
    ("ASF", "asf", "WMA 2", av.Track("wmav2", _WIDE, 16_000), "wmav2"),
    ("AVI", "avi", "MP3", _MP3, "mp3"),
    ("AVI", "avi", "AC-3", av.Track("ac3", _STEREO, 48_000, 96_000), "ac3"),
    ("AVI", "avi", "PCM 16", _PCM_16, "pcm_s16le"),
    ("AVI", "avi", "mu-law", _MU_LAW, "pcm_mulaw"),
    ("MPEG-TS", "mpegts", "AAC", _AAC, "aac"),
    ("MPEG-TS", "mpegts", "MP2", _MP2, "mp2"),
    ("MPEG-TS", "mpegts", "MP3", _MP3, "mp3"),
    ("MPEG-PS", "mpeg", "MP2", _MP2, "mp2"),
    ("FLV", "flv", "MP3", _MP3, "mp3"),
    ("FLV", "flv", "AAC", av.Track("aac", _FULL, 44_100), "aac"),
    ("FLV", "flv", "Nellymoser", av.Track("nellymoser", _PHONE, 8000), "nellymoser"),
    ("FLV", "flv", "A-law", _A_LAW, "pcm_alaw"),
)
_SEEN: Final = frozenset({"avi", "mpegts", "3gp"})
"""Containers that are made with a picture beside the sound."""
_ROUGH: Final = {"amr_nb": 0.95, "g723_1": 0.85, "nellymoser": 0.9, "opus": 0.97, "adpcm_ima_qt": 0.97}


def _made(container: str, muxer: str, encoding: str, track: av.Track, codec: str) -> Case:
    picture = _VIDEO if muxer in _SEEN else None
    make = lambda path: av.encode(path, muxer, track, picture=picture)  # noqa: E731  # one expression
    least = _ROUGH.get(codec, 0.99)
    return Case(container, encoding, FFMPEG, codec, make, track.samples, track.rate_hz, least)


def _moved(container: str, muxer: str, encoding: str, source: tuple[str, str]) -> Case:
    """Packets that libsndfile encoded, in a container that it can't write."""
    make = lambda path: av.remux(path, muxer, bad.encode(_WIDE, *source))  # noqa: E731  # one expression
    return Case(container, encoding, FFMPEG, encoding.lower(), make, _WIDE, 16_000, 0.97)


def _agent() -> Samples:
    """What the recordings that are kept as files were encoded from: three seconds of the demo call."""
    call, _ = soundfile.read(CALL, dtype="float32", frames=28_800)
    return np.asarray(call[4800:, :1])


def _raw(name: str, encoding: str, codec: str, subtype: str, endian: str = "FILE") -> Case:
    def make(path: Path) -> bytes:
        soundfile.write(path, _PHONE, 8000, subtype, endian, "RAW")
        return path.read_bytes()

    return Case("no header", name, LIBSNDFILE, codec, make, _PHONE, least_likeness=0.95, declared=Declared(encoding))


CASES: Final[tuple[Case, ...]] = (
    *(_plain(name, kind, order, subtype) for name, kind, order, all_of in _BY_LIBSNDFILE for subtype in all_of),
    *(_packed("FLAC", "FLAC", f"PCM_{bits}", (f"FLAC {bits.strip('S')}", "flac")) for bits in ("S8", "16", "24")),
    _packed("MP3", "MP3", "MPEG_LAYER_III", ("MP3", "mp3")),
    _packed("Ogg", "OGG", "OPUS", ("Opus", "opus")),
    _packed("Ogg", "OGG", "VORBIS", ("Vorbis", "vorbis")),
    Case("Ogg", "Speex", FFMPEG, "speex", lambda _: (RECORDINGS / "agent.spx").read_bytes(), _agent(), 8000, 0.9),
    _moved("Ogg", "oga", "FLAC", ("FLAC", "PCM_16")),
    *(_made(*kind) for kind in _BY_FFMPEG),
    _moved("WebM", "webm", "Vorbis", ("OGG", "VORBIS")),
    _moved("Matroska", "matroska", "FLAC", ("FLAC", "PCM_16")),
    Case("AMR", "AMR-WB", FFMPEG, "amr_wb", lambda _: av.amr_wb(SECONDS), None, 16_000),
    _raw("mu-law", "pcm_mulaw", "pcm_mulaw", "ULAW"),
    _raw("A-law", "pcm_alaw", "pcm_alaw", "ALAW"),
    _raw("PCM 16, little endian", "pcm_s16le", "pcm_s16le", "PCM_16", "LITTLE"),
    _raw("PCM 16, big endian", "pcm_s16be", "pcm_s16be", "PCM_16", "BIG"),
    _raw("GSM 06.10", "gsm", "gsm", "GSM610"),
    _raw("Dialogic ADPCM", "vox", "vox", "VOX_ADPCM"),
    Case(
        *("no header", "G.722", FFMPEG, "adpcm_g722", lambda path: av.encode(path, "g722", _G722), _WIDE),
        rate_hz=16_000,
        declared=Declared("g722"),
    ),
    Case(
        *("no header", "G.729", FFMPEG, "g729", lambda _: (RECORDINGS / "agent.g729").read_bytes(), _agent()),
        least_likeness=0.88,
        declared=Declared("g729"),
    ),
)


def table() -> str:
    """The table of docs/formats.md: a row for each container and library, with the encodings that are tested."""
    rows: dict[tuple[str, str, str], list[str]] = {}
    for case in CASES:
        how = "its length" if case.original is None else "the original"
        rows.setdefault((case.container, case.by, how), []).append(case.encoding)
    lines = [f"| {kind} | {', '.join(found)} | {by} | {how} |" for (kind, by, how), found in rows.items()]
    return "\n".join(["| Container | Encodings | Decoded by | Compared with |", "|---|---|---|---|", *lines])

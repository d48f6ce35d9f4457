"""The bad recordings that everyone has to expect, numbered: what is refused with which code, what is read all the same.

python -m tests.bad_input        decodes each in a confined process and prints what came of it as JSON
"""

import json
import struct
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import numpy as np

from bench.fuzz import hear, peak_kib
from pipeline import errors
from pipeline.audio import Cage
from tests import bad_recordings as bad
from tests.av_recordings import Track, encode, encode_stamped
from tests.format_cases import RECORDINGS

STEREO = bad.noisy_tone(1.0, channels=2)
FLAC = bad.encode(bad.noisy_tone(5.0), "FLAC")
MP3 = bad.encode(bad.noisy_tone(5.0), "MP3")
OPUS = bad.encode(bad.noisy_tone(5.0), "OGG", "OPUS")
VORBIS = bad.encode(bad.noisy_tone(5.0), "OGG", "VORBIS")
WAV = bad.wave_file(bad.wave_format(), bad.chunk(b"data", bad.pcm()))
DATA = bad.chunk(b"data", bad.pcm())
_NOISE = np.random.default_rng(1).integers(0, 256, 3000, np.uint8).tobytes()
_AAC: Final = Track("aac", bad.noisy_tone(2.0), 16_000)
_OPUS: Final = Track("libopus", bad.noisy_tone(2.0, 48_000, 2), 48_000)
_SILENCE = np.zeros((60 * 8000, 8), np.float32)


def _adpcm(tag: int, block_frames: int, block_bytes: int) -> bytes:
    extra = struct.pack("<HH", 2, block_frames)
    return bad.wave_file(bad.wave_format(tag, bits=4, block_bytes=block_bytes, extra=extra), DATA)


REFUSED: dict[str, tuple[int, bytes, type[errors.InputError]]] = {
    "empty": (1, b"", errors.EmptyUpload),
    "one byte": (2, b"R", errors.UnrecognisedFormat),
    "plain text": (3, b"Dear customer, " * 1000, errors.UnrecognisedFormat),
    "error page": (4, b"<!DOCTYPE html><html><body>502 Bad Gateway</body></html>", errors.UnrecognisedFormat),
    "JSON": (4, b'{"error": "not found"}', errors.UnrecognisedFormat),
    "zip": (5, b"PK\x03\x04" + WAV, errors.UnrecognisedFormat),
    "gzip": (5, b"\x1f\x8b\x08\x00" + WAV, errors.UnrecognisedFormat),
    "tar": (5, b"call.wav".ljust(257, b"\0") + b"ustar\x0000".ljust(255, b"\0") + WAV, errors.UnrecognisedFormat),
    "PNG": (6, b"\x89PNG\r\n\x1a\n" + bytes(100), errors.UnrecognisedFormat),
    "SVG": (6, b"<svg xmlns='http://www.w3.org/2000/svg'/>", errors.UnrecognisedFormat),
    "PDF": (6, b"%PDF-1.7\n" + bytes(100), errors.UnrecognisedFormat),
    "ELF": (6, b"\x7fELF" + bytes(100), errors.UnrecognisedFormat),
    "other RIFF": (6, b"RIFF\x24\x00\x00\x00WEBPVP8 " + bytes(100), errors.UnrecognisedFormat),
    "HLS playlist": (7, b"#EXTM3U\n#EXTINF:10,\nhttp://127.0.0.1:1/a.ts\n", errors.FormatNotAllowed),
    "HLS playlist with mark": (8, b"\xef\xbb\xbf#EXTM3U\n/etc/passwd\n", errors.FormatNotAllowed),
    "ffconcat": (8, b"ffconcat version 1.0\nfile /etc/passwd\n", errors.FormatNotAllowed),
    "SDP": (9, b"v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\n", errors.FormatNotAllowed),
    "RTSP": (9, b"rtsp://127.0.0.1/a", errors.FormatNotAllowed),
    "concat": (9, b"concat:a.wav|b.wav", errors.FormatNotAllowed),
    "data address": (9, b"data:audio/wav;base64,UklGRg==", errors.FormatNotAllowed),
    **{
        name: (28, bad.encode(bad.noisy_tone(0.5), name), errors.FormatNotAllowed)
        for name in ("MAT4", "MAT5", "PAF", "VOC", "NIST", "SVX", "AVR", "PVF", "IRCAM", "MPC2K")
    },
    "RIFF header only": (10, b"RIFF\x24\x00\x00\x00WAVE", errors.CorruptHeader),
    "RIFF cut in its name": (10, b"RIFF\x24\x00", errors.CorruptHeader),
    "format cut": (11, WAV[:28], errors.CorruptHeader),
    "format too small": (11, bad.wave_file(bad.chunk(b"fmt ", b"\1\0\1\0"), DATA), errors.CorruptHeader),
    "data before format": (12, bad.wave_file(DATA, bad.wave_format()), errors.CorruptHeader),
    "huge LIST": (13, bad.wave_file(bad.wave_format(), bad.chunk(b"LIST", b"INFO", 2**31), DATA), errors.CorruptHeader),
    "a million chunks": (13, bad.wave_file(bad.chunk(b"junk", b"") * 1_000_000), errors.CorruptHeader),
    "W64 of negative chunks": (
        26,
        bad.encode(STEREO, "W64")[:56] + bytes(8) + bad.encode(STEREO, "W64")[64:],
        errors.CorruptHeader,
    ),
    "no data": (15, bad.wave_file(bad.wave_format(), bad.chunk(b"data", b"")), errors.NoAudioSamples),
    "data of length 0": (15, bad.wave_file(bad.wave_format(), bad.chunk(b"data", bad.pcm(), 0)), errors.NoAudioSamples),
    "0 Hz": (18, bad.wave_file(bad.wave_format(rate_hz=0), DATA), errors.BadSampleRate),
    "4 GHz": (19, bad.wave_file(bad.wave_format(rate_hz=4_000_000_000), DATA), errors.BadSampleRate),
    "FLAC of 0 Hz": (18, FLAC[:18] + bytes(2) + bytes([FLAC[20] & 0x0F]) + FLAC[21:], errors.BadSampleRate),
    "0 channels": (21, bad.wave_file(bad.wave_format(channels=0, block_bytes=2), DATA), errors.BadChannels),
    "65535 channels": (
        22,
        bad.wave_file(bad.wave_format(channels=65_535, bits=8, block_bytes=65_535), bad.chunk(b"data", bytes(65_535))),
        errors.BadChannels,
    ),
    "32 channels": (23, bad.wave_file(bad.wave_format(channels=32), DATA), errors.TooManyChannels),
    "0 bits": (24, bad.wave_file(bad.wave_format(bits=0), DATA), errors.UnsupportedEncoding),
    "12 bits": (24, bad.wave_file(bad.wave_format(bits=12), DATA), errors.UnsupportedEncoding),
    "64 bits": (24, bad.wave_file(bad.wave_format(bits=64), DATA), errors.UnsupportedEncoding),
    "unknown tag": (25, bad.wave_file(bad.wave_format(0x1234), DATA), errors.UnsupportedEncoding),
    "block that does not fit": (24, bad.wave_file(bad.wave_format(block_bytes=3), DATA), errors.UnsupportedEncoding),
    "IMA ADPCM that overflows": (27, _adpcm(0x11, 65_535, 1024), errors.UnsupportedEncoding),
    "MS ADPCM that overflows": (27, _adpcm(0x02, 65_535, 1024), errors.UnsupportedEncoding),
    "ADPCM of 0 bytes": (27, _adpcm(0x11, 1, 4)[:32] + b"\0\0" + _adpcm(0x11, 1, 4)[34:], errors.UnsupportedEncoding),
    "FLAC that claims 49 days": (29, bad.flac_claiming(2**36 - 1, FLAC)[:132], errors.CorruptHeader),
    "FLAC without STREAMINFO": (29, b"fLaC\x84\0\0\0", errors.CorruptHeader),
    "FLAC cut": (31, FLAC[: len(FLAC) // 2], errors.Truncated),
    "FLAC cut in its header": (31, FLAC[:30], errors.CorruptHeader),
    "FLAC with a flipped bit": (32, bad.flipped(FLAC, 0.5), errors.DecodeError),
    "MP3 with a tag of 256 MB": (33, b"ID3\x04\0\0\x7f\x7f\x7f\x7f" + MP3, errors.CorruptHeader),
    "MP3 tag alone": (33, b"ID3\x04\0\0\0\0\0\0" + bytes(1000), errors.CorruptHeader),
    "Opus of 0 channels": (36, bad.ogg_page([bad.opus_head(0)], 0, 0, flags=2), errors.CorruptHeader),
    "Opus with a bad checksum": (36, bad.flipped(OPUS, 25 / len(OPUS)), errors.CorruptHeader),
    "Ogg page alone": (38, OPUS[:27], errors.NoAudioStream),
    "chained Vorbis of another rate": (
        37,
        VORBIS + bad.encode(STEREO, "OGG", "VORBIS", 8000),
        errors.ChainedStream,
    ),
    "Theora": (38, bad.ogg_page([b"\x80theora\x03\x02\x01"], 0, 0, flags=2), errors.NoAudioStream),
    "Skeleton": (38, bad.ogg_page([b"fishead\0\x03\0"], 0, 0, flags=2), errors.NoAudioStream),
    "Speex of nothing": (36, bad.ogg_page([b"Speex   1.2".ljust(80, b"\0")], 0, 0, flags=2), errors.CorruptHeader),
    "chained Speex": (37, (RECORDINGS / "agent.spx").read_bytes() * 2, errors.ChainedStream),
    "XI": (28, b"Extended Instrument: bell", errors.FormatNotAllowed),
    "M4A without its index": (40, b"\0\0\0\x20ftypM4A " + _NOISE, errors.CorruptHeader),
    "NaN": (47, bad.encode(np.full((16_000, 1), np.nan, np.float32), codec="FLOAT"), errors.NonFiniteSamples),
    "infinity": (47, bad.encode(np.full((16_000, 1), np.inf, np.float32), codec="FLOAT"), errors.NonFiniteSamples),
}


def _encrypted(path: Path, entry: bytes) -> bytes:
    return encode(path, "ipod", _AAC).replace(b"mp4a\0\0\0\0", entry + bytes(4))


def _two_tracks(path: Path) -> bytes:
    return encode(path, "mp4", _AAC, Track("aac", STEREO, 16_000))


def _wave64_claiming(claimed_bytes: int) -> bytes:
    file = bad.encode(STEREO, "W64")
    size = file.rindex(b"data") + 16
    return file[:size] + struct.pack("<Q", claimed_bytes) + file[size + 8 :]


def _webm(path: Path) -> bytes:
    return encode(path, "webm", _OPUS, options={"live": "1"})


MADE: Final[dict[str, tuple[int, Callable[[Path], bytes], str]]] = {
    "10 hours of silence in 8 MB": (35, lambda _: bad.silent_opus(10), "DURATION_LIMIT"),
    "video without sound": (39, lambda path: encode(path, "mp4", picture=(320, 240)), "NO_AUDIO_STREAM"),
    "encrypted MP4": (42, lambda path: _encrypted(path, b"enca"), "UNSUPPORTED_ENCRYPTED"),
    "M4P": (42, lambda path: _encrypted(path, b"drms"), "UNSUPPORTED_ENCRYPTED"),
    "12 hours": (51, lambda _: bad.silent_opus(12), "DURATION_LIMIT"),
    "WAV of unknown length": (
        *(14, lambda _: bad.wave_file(bad.wave_format(), bad.chunk(b"data", bad.pcm(), 0xFFFF_FFFF)), "ok"),
    ),
    "WAV with an odd byte": (
        *(16, lambda _: bad.wave_file(bad.wave_format(), bad.chunk(b"data", bad.pcm() + b"?")), "ok partial_frame"),
    ),
    "WAV cut in the middle": (17, lambda _: WAV[:16_044], "ok truncated"),
    "192 kHz": (20, lambda _: bad.encode(bad.noisy_tone(0.5, 192_000), rate_hz=192_000), "ok"),
    "8 kHz mu-law": (20, lambda _: bad.encode(STEREO, codec="ULAW", rate_hz=8000), "ok"),
    "11025 Hz": (20, lambda _: bad.encode(STEREO, rate_hz=11_025), "ok"),
    "RF64 that claims 2^60 bytes": (26, lambda _: bad.rf64(1.0, 2**60), "ok"),
    "W64 that claims 2^60 bytes": (26, lambda _: _wave64_claiming(2**60), "ok"),
    "FLAC of 8 silent channels": (30, lambda _: bad.encode(_SILENCE, "FLAC", rate_hz=8000), "ok"),
    "MP3 cut": (34, lambda _: MP3[: len(MP3) // 2], "ok truncated"),
    "MP3 behind garbage": (34, lambda _: _NOISE * 3 + MP3, "ok leading_garbage"),
    "MP3 without its length": (34, lambda _: bad.mp3_without_length(MP3), "ok"),
    "chained Opus": (37, lambda _: OPUS + OPUS, "ok"),
    "MP4 of two tracks": (41, _two_tracks, "ok several_tracks"),
    "MP4 whose sound begins late": (
        *(41, lambda path: encode_stamped(path, "mp4", "aac", [(1.0, bad.noisy_tone(1.0))]), "ok gaps_filled"),
    ),
    "WebM without a length": (43, _webm, "ok"),
    "WebM cut": (43, lambda path: _webm(path)[:-2000], "ok truncated"),
    "4K video": (44, lambda path: encode(path, "mp4", _AAC, picture=(3840, 2160)), "ok"),
    "one sample": (45, lambda _: bad.encode(STEREO[:1]), "ok"),
    "1e38": (48, lambda _: bad.encode(np.full((1600, 1), 1e38, np.float32), codec="FLOAT"), "ok"),
    "denormal": (48, lambda _: bad.encode(np.full((1600, 1), 1e-40, np.float32), codec="FLOAT"), "ok"),
}
"""What FFmpeg or some time has to make, and what comes of it: a code, or `ok` and the warnings."""

_PREPROCESS, _UPLOADS = "unit/pipeline/preprocess/test_preprocess.py", "integration/api/test_uploads.py"
_SECURITY, _ACTIONS = "integration/api/test_security.py", "integration/api/test_actions.py"
_OUTBOUND = "integration/api/test_outbound.py"
_GUARD, _HTTP = "unit/workers/outbound/test_guard.py", "unit/workers/outbound/test_http.py"

ELSEWHERE: Final = (
    (45, _PREPROCESS, "test_less_than_a_tenth_of_a_second_is_too_short"),
    (46, _PREPROCESS, "test_nobody_speaks_in_noise_and_tones"),
    (46, _PREPROCESS, "test_a_minute_of_a_line_without_voices_has_no_segments"),
    (49, _PREPROCESS, "test_inverted_channels_are_reported_and_not_cancelled"),
    (50, _UPLOADS, "test_a_file_of_exactly_the_limit_is_taken_and_one_byte_more_is_not"),
    (50, _UPLOADS, "test_an_endless_body_without_a_length_is_refused_while_it_comes"),
    (50, _UPLOADS, "test_a_length_that_lies_changes_nothing"),
    (52, _UPLOADS, "test_a_file_name_is_data_and_never_a_path"),
    (53, _ACTIONS, "test_json_that_is_none_or_asks_for_something_else_is_refused"),
    (54, _ACTIONS, "test_options_that_can_not_be_are_refused"),
    (54, _ACTIONS, "test_an_address_that_leads_inside_is_refused"),
    (55, _GUARD, "test_odd_notations_of_loopback_are_refused_whatever_the_resolver_makes_of_them"),
    (55, _GUARD, "test_a_name_that_changes_its_mind_is_looked_up_once_and_connected_to_where_it_was_checked"),
    (55, _HTTP, "test_a_redirect_that_leads_inside_is_refused"),
    (55, _HTTP, "test_redirects_are_followed_five_times_and_no_more"),
    (55, _HTTP, "test_a_compressed_body_is_unpacked_and_a_bomb_of_one_is_not"),
    (55, _HTTP, "test_a_server_that_keeps_one_waiting_is_given_up_in_time"),
    (55, _OUTBOUND, "test_an_address_inside_is_asked_by_no_door"),
    (55, _OUTBOUND, "test_a_redirect_inside_or_one_after_another_leads_nowhere"),
    (55, _OUTBOUND, "test_a_name_that_changes_its_mind_between_two_requests_is_checked_again"),
    (55, _OUTBOUND, "test_a_server_whose_answer_never_begins_is_given_up"),
    (55, _OUTBOUND, "test_a_bomb_is_not_unpacked"),
    (56, _SECURITY, "test_the_same_request_with_the_same_key_is_one_job"),
    (57, _SECURITY, "test_another_tenants_job_is_a_404_with_the_same_body_on_every_route"),
    (58, _UPLOADS, "test_a_sender_who_dawdles_is_given_up"),
    (58, _UPLOADS, "test_a_sender_who_leaves_leaves_nothing_behind"),
    (58, _UPLOADS, "test_a_damaged_form_is_refused_and_nothing_is_kept"),
    (59, "integration/test_steps.py", "test_an_artifact_that_is_damaged_again_fails_the_job_by_its_code"),
    (
        60,
        "unit/pipeline/preprocess/test_ingest.py",
        "test_file_that_crashes_its_decoder_is_given_up_after_one_more_try",
    ),
)
"""Rows that are about more than decoding, and the tests of them."""


def decode(path: Path) -> str:
    """What a confined decoder makes of the file: a code, or `ok` and its warnings."""
    try:
        return " ".join(("ok", *hear(path, cage=Cage())))
    except errors.InputError as error:
        return error.code


def main() -> None:
    """Decode every file in one process, as a worker would, and then a good one."""
    found: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "recording"
        for name, (_, content, _) in REFUSED.items():
            path.write_bytes(content)
            found[name] = decode(path)
        for name, (_, make, _) in MADE.items():
            path.write_bytes(make(Path(folder) / "made"))
            found[name] = decode(path)
        path.write_bytes(WAV)
        found["a good one at last"] = decode(path)
    sys.stdout.write(json.dumps({"outcomes": found, "peak_kib": peak_kib()}))


if __name__ == "__main__":
    main()

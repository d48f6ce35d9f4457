"""What the codecs of the telephone cost, here and in faster-whisper: word error rates after a round trip.

The utterances are brought to 8 kHz and equal level, joined to recordings of
up to 28 s, encoded, and the same files are given to both. `cost` is how much the word error rate rises over that of
16-bit PCM: a codec should cost no more here than there. faster-whisper is the extra `bench`; G.729
takes Debian's libbcg729.
"""

import ctypes.util
import tempfile
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Final

import av
import numpy as np
import soundfile

from bench import g729
from bench.harness import Figure, Findings, Plan, installed
from bench.recognisers import Ours, Yardstick
from bench.report import PACKAGES, Report, Row, progress
from bench.speech import TELEPHONE_RATE_HZ, Samples, Spoken, join, utterances
from workers import evaluate

LONGEST_S = 28.0
UTTERANCES: Final = 25
PLAIN: Final = "PCM 16 bits"

Encoder = Callable[[Samples, Path], None]


def by_libsndfile(samples: Samples, path: Path, subtype: str) -> None:
    """Write `samples` to a WAV file of this subtype."""
    soundfile.write(path, samples, TELEPHONE_RATE_HZ, subtype, format="WAV")


def by_ffmpeg(samples: Samples, path: Path, encoder: str, bit_rate: int) -> None:
    """Write `samples` to a file of the container that its name asks for."""
    rate_hz = 16_000 if encoder == "g722" else TELEPHONE_RATE_HZ
    with av.open(str(path), "w") as file:
        stream = file.add_stream(encoder, rate=rate_hz, layout="mono")
        assert isinstance(stream, av.AudioStream)
        stream.bit_rate = bit_rate
        pcm = (np.clip(samples, -1, 1) * 32767).astype(np.int16).reshape(1, -1)
        frame = av.AudioFrame.from_ndarray(pcm, format="s16", layout="mono")
        frame.sample_rate = TELEPHONE_RATE_HZ
        file.mux(stream.encode(frame))
        file.mux(stream.encode(None))


def by_bcg729(samples: Samples, path: Path, library: Path) -> None:
    """Write `samples` as G.729 without a header."""
    path.write_bytes(g729.encode(samples, library))


CODECS: Final[Mapping[str, tuple[str, Encoder]]] = {
    PLAIN: (".wav", partial(by_libsndfile, subtype="PCM_16")),
    "mu-law": (".wav", partial(by_libsndfile, subtype="ULAW")),
    "A-law": (".wav", partial(by_libsndfile, subtype="ALAW")),
    "GSM 06.10": (".wav", partial(by_libsndfile, subtype="GSM610")),
    "IMA ADPCM": (".wav", partial(by_libsndfile, subtype="IMA_ADPCM")),
    "AMR-NB 12.2": (".amr", partial(by_ffmpeg, encoder="libopencore_amrnb", bit_rate=12_200)),
    "Opus 12k": (".ogg", partial(by_ffmpeg, encoder="libopus", bit_rate=12_000)),
    "MP3 32k": (".mp3", partial(by_ffmpeg, encoder="libmp3lame", bit_rate=32_000)),
}


def measure(recordings: Sequence[Spoken], codecs: Mapping[str, tuple[str, Encoder]], model: str) -> Sequence[Row]:
    """A row for each codec: error rates of both, and what it costs over plain PCM, all in percent."""
    ours = Ours(model)
    yardstick = Yardstick(ours.folder)
    rows: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as folder:
        for name, (suffix, encode) in codecs.items():
            heard: dict[str, list[str]] = {"ours": [], "yardstick": []}
            size = 0
            for number, recording in enumerate(recordings):
                path = Path(folder) / f"{number}{suffix}"
                encode(recording.samples, path)
                size += path.stat().st_size
                declared = {"encoding": "g729"} if suffix == ".g729" else {}
                heard["ours"].append(ours.transcribe(path, **declared).text)
                heard["yardstick"].append(yardstick.transcribe(path))
            rates = {f"{who}_wer": _wer(recordings, texts) for who, texts in heard.items()}
            seconds = sum(len(each.samples) for each in recordings) / TELEPHONE_RATE_HZ
            rows.append({"codec": name, "kbit_s": round(8 * size / seconds / 1000, 1), **rates})
            plain = rows[0]
            rows[-1] |= {f"{who}_cost": round(rows[-1][f"{who}_wer"] - plain[f"{who}_wer"], 2) for who in heard}
            progress(rows[-1])
    return rows


def _wer(recordings: Sequence[Spoken], texts: Sequence[str]) -> float:
    pairs = zip(recordings, texts, strict=True)
    rate = evaluate.score([evaluate.Spoken("", each.text, text, 0.0) for each, text in pairs]).wer
    return round(100 * (rate or 0.0), 2)


def run(plan: Plan) -> Findings:
    """A row for each codec."""
    installed("faster_whisper", "pip install 'voxqueue[bench]'")
    codecs = dict(CODECS)
    library = ctypes.util.find_library("bcg729")
    if library:
        codecs["G.729"] = ".g729", partial(by_bcg729, library=Path(library))
    if plan.quick:
        codecs = {name: codecs[name] for name in (PLAIN, "GSM 06.10")}
    recordings = join(utterances(plan, UTTERANCES), LONGEST_S)
    words = sum(len(evaluate.normalise(each.text).split()) for each in recordings)
    columns = {
        "codec": "codec",
        "kbit_s": "kbit/s",
        "ours_wer": "WER, %",
        "yardstick_wer": "faster-whisper, %",
        "ours_cost": "cost, points",
        "yardstick_cost": "cost to faster-whisper",
    }
    rows = measure(recordings, codecs, plan.model)
    figures = {
        "worst_cost_points": Figure((max(row["ours_cost"] for row in rows),), higher_is_better=False, is_ratio=False),
        "mean_wer_over_faster_whisper": Figure(
            (sum(row["ours_wer"] for row in rows) / (sum(row["yardstick_wer"] for row in rows) or 1.0),),
            higher_is_better=False,
        ),
    }
    note = f"{words} words in {len(recordings)} recordings; {plan.model}, int8."
    missing = () if library else ("G.729 was not encoded: there is no libbcg729.",)
    report = Report("Codec round trips", columns, rows, (note, *missing), (*PACKAGES, "faster-whisper"))
    return Findings(figures, [report])

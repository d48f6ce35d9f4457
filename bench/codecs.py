"""What the codecs of the telephone cost, here and in faster-whisper: word error rates after a round trip.

The utterances are brought to 8 kHz and equal level, joined to recordings of
up to 28 s, encoded, and the same files are given to both. `cost` is how much the word error rate rises over that of
16-bit PCM: a codec should cost no more here than there. How much more it does is `dearer`, with the interval that holds
95 % of what the same recordings drawn anew (a paired bootstrap) give: a codec is dearer here only where all of it is
above zero. faster-whisper is the extra `bench`; G.729 takes Debian's libbcg729.
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
from numpy.typing import NDArray

from bench import g729
from bench.harness import Figure, Findings, Plan, installed
from bench.recognisers import Ours, Yardstick
from bench.report import PACKAGES, Report, Row, progress
from bench.speech import TELEPHONE_RATE_HZ, Samples, Spoken, join, utterances
from workers import evaluate

LONGEST_S = 28.0
UTTERANCES: Final = 150
DRAWS: Final = 10_000
PLAIN: Final = "PCM 16 bits"

Encoder = Callable[[Samples, Path], None]
Counts = NDArray[np.int64]
"""A number for each recording."""


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
    """A row for each codec, see `_compared`."""
    ours = Ours(model)
    yardstick = Yardstick(ours.folder)
    rows: list[dict[str, Any]] = []
    errors: dict[str, tuple[Counts, Counts]] = {}
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
            counted = {who: _errors(recordings, texts) for who, texts in heard.items()}
            errors[name] = counted["ours"], counted["yardstick"]
            seconds = sum(len(each.samples) for each in recordings) / TELEPHONE_RATE_HZ
            rows.append({"codec": name, "kbit_s": round(8 * size / seconds / 1000, 1)})
            rows[-1] |= _compared(_words(recordings), errors[PLAIN], errors[name])
            progress(rows[-1])
    return rows


def _words(recordings: Sequence[Spoken]) -> Counts:
    return np.array([len(evaluate.normalise(each.text).split()) for each in recordings])


def _errors(recordings: Sequence[Spoken], texts: Sequence[str]) -> Counts:
    """Words that were got wrong, by recording."""
    scores = [
        evaluate.score([evaluate.Spoken("", each.text, text, 0.0)]).wer or 0.0
        for each, text in zip(recordings, texts, strict=True)
    ]
    counted: Counts = np.rint(np.array(scores) * _words(recordings)).astype(np.int64)
    return counted


def _compared(words: Counts, plain: tuple[Counts, Counts], coded: tuple[Counts, Counts]) -> dict[str, Any]:
    """Error rates, costs over plain PCM, and how much dearer a codec is here than there, in points."""
    costs = [after - before for after, before in zip(coded, plain, strict=True)]
    drawn = np.random.default_rng(1).integers(0, len(words), (DRAWS, len(words)))
    dearer = costs[0] - costs[1]
    low, high = np.quantile(dearer[drawn].sum(axis=1) / words[drawn].sum(axis=1), (0.025, 0.975))
    whole = [_points(each, words) for each in (*coded, *costs, dearer)]
    keys = ("ours_wer", "yardstick_wer", "ours_cost", "yardstick_cost", "dearer")
    return {**dict(zip(keys, whole, strict=True)), "low": round(100 * low, 2), "high": round(100 * high, 2)}


def _points(errors: Counts, words: Counts) -> float:
    return round(100 * float(errors.sum() / max(1, words.sum())), 2)


def run(plan: Plan) -> Findings:
    """A row for each codec."""
    installed("faster_whisper", "pip install 'voxqueue[bench]'")
    codecs = dict(CODECS)
    library = ctypes.util.find_library("bcg729")
    if library:
        codecs["G.729"] = ".g729", partial(by_bcg729, library=Path(library))
    if plan.quick:
        codecs = {name: codecs[name] for name in (PLAIN, "GSM 06.10")}
    recordings = join(utterances(plan, 8 if plan.quick else UTTERANCES), LONGEST_S)
    columns = {
        "codec": "codec",
        "kbit_s": "kbit/s",
        "ours_wer": "WER, %",
        "yardstick_wer": "faster-whisper, %",
        "ours_cost": "cost, points",
        "yardstick_cost": "cost to faster-whisper",
        "dearer": "dearer by",
        "low": "95 %: from",
        "high": "to",
    }
    rows = measure(recordings, codecs, plan.model)
    figures = {
        "worst_cost_points": Figure((max(row["ours_cost"] for row in rows),), higher_is_better=False, is_ratio=False),
        "mean_wer_over_faster_whisper": Figure(
            (sum(row["ours_wer"] for row in rows) / (sum(row["yardstick_wer"] for row in rows) or 1.0),),
            higher_is_better=False,
        ),
        "dearer_for_certain": Figure(
            (float(sum(row["low"] > 0 for row in rows)),), higher_is_better=False, is_ratio=False
        ),
    }
    note = f"{_words(recordings).sum()} words in {len(recordings)} recordings; {plan.model}, int8."
    missing = () if library else ("G.729 was not encoded: there is no libbcg729.",)
    report = Report("Codec round trips", columns, rows, (note, *missing), (*PACKAGES, "faster-whisper"))
    return Findings(figures, [report])

"""A call that is streamed against the same call as one recording: the words, and how soon they are there.

Each recording (by default the demo call) is sent as a stream that is cut at so many random places, once with each of
three seeds: the pieces must be the same each time, bit for bit. Then every piece is transcribed as a job would be, and
the words of the session are compared with those of the whole recording, channel by channel. What noise of the last bit
does to the words of the whole recording is shown beside it: no comparison of words can be finer. Error
rates are those against what was really said.
"""

import random
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import jiwer
import numpy as np
import soundfile

from bench.harness import Figure, Findings, Plan
from bench.report import Report, Row
from bench.speech import CALL
from pipeline.chain import Models, transcribe
from pipeline.inference import ModelRuntime
from pipeline.joining import Part, join
from pipeline.options import JobOptions, PreprocessOptions
from pipeline.preprocess.cutter import Piece
from pipeline.preprocess.live import cut_stream
from pipeline.values import Transcript
from workers.evaluate import normalise, read_manifest
from workers.models import find_model
from workers.settings import read_settings
from workers.streaming import wav_of

SEEDS = (1, 2, 3)
CUTS = 100
RECORDINGS, QUICK_RECORDINGS = 20, 2
COLUMNS = {
    "recording": "recording",
    "duration_s": "s",
    "channels": "channels",
    "pieces": "pieces",
    "identical": "same pieces",
    "words": "words",
    "different": "different",
    "rate": "%",
    "noise_rate": "noise of 1 LSB, %",
    "wer": "WER of the recording, %",
    "session_wer": "of the session, %",
    "longest_wait_s": "longest wait, s",
    "cut_times_real_time": "cut, times real time",
}


def chunks_of(content: bytes, cuts: int, seed: int) -> Iterator[bytes]:
    """`content` cut at `cuts` random places."""
    places = sorted(random.Random(seed).sample(range(1, len(content)), min(cuts, len(content) - 1)))
    for start, stop in zip([0, *places], [*places, len(content)], strict=True):
        yield content[start:stop]


def words_of(transcript: Transcript | None, channel: int) -> str:
    """The normalised words of a channel."""
    utterances = transcript.utterances if transcript else ()
    return normalise(" ".join(each.text for each in utterances if each.channel == channel))


def streamed(pieces: Sequence[Piece], models: Models, options: PreprocessOptions) -> Transcript | None:
    """The transcript of a session of these pieces."""
    parts = []
    with tempfile.TemporaryDirectory() as folder:
        for number, piece in enumerate(pieces):
            path = Path(folder) / f"{number}.wav"
            path.write_bytes(wav_of(piece))
            told = options.model_copy(update={"stretches": piece.stretches})
            parts.append(Part(piece.start_s, transcribe(path, models, JobOptions(preprocess=told))))
    return join(parts)


def are_identical(one: Sequence[Piece], other: Sequence[Piece]) -> bool:
    """Whether two streams were cut into the same pieces, bit for bit."""
    return len(one) == len(other) and all(
        (a.start_s, a.stretches, a.samples.tobytes()) == (b.start_s, b.stretches, b.samples.tobytes())
        for a, b in zip(one, other, strict=True)
    )


def measure(path: Path, models: Models, options: PreprocessOptions, text: str | None) -> Row:
    """One row of the table."""
    content = path.read_bytes()
    started = time.perf_counter()
    all_pieces = [list(cut_stream(chunks_of(content, CUTS, seed), options)) for seed in SEEDS]
    cutting_s = (time.perf_counter() - started) / len(SEEDS)
    pieces = all_pieces[0]
    whole = transcribe(path, models, JobOptions(preprocess=options))
    session = streamed(pieces, models, options)
    words, different = compare(whole, session)
    said = normalise(text) if text else None
    return {
        "recording": path.name,
        "duration_s": round(whole.recording.duration_s, 1),
        "channels": len(whole.recording.channels),
        "pieces": len(pieces),
        "identical": all(are_identical(pieces, each) for each in all_pieces[1:]),
        "words": words,
        "different": different,
        "rate": round(100 * different / max(1, words), 2),
        "noise_rate": round(100 * compare(whole, noisy(path, models, options))[1] / max(1, words), 2),
        "wer": said and wer(said, whole),
        "session_wer": said and session and wer(said, session),
        "longest_wait_s": round(longest_wait_s(pieces), 1),
        "cut_times_real_time": round(whole.recording.duration_s / cutting_s, 1),
    }


def compare(whole: Transcript, other: Transcript | None) -> tuple[int, int]:
    """The words of `whole`, and how many of them are others in `other`, over all channels."""
    words = different = 0
    for channel in whole.recording.channels:
        reference, hypothesis = (words_of(each, channel.index) for each in (whole, other))
        compared = jiwer.process_words([reference or "-"], [hypothesis or "-"])
        words += len(reference.split())
        different += compared.substitutions + compared.deletions + compared.insertions
    return words, different


def noisy(path: Path, models: Models, options: PreprocessOptions) -> Transcript:
    """The transcript of the recording with noise of one unit of 16 bits."""
    samples, rate_hz = soundfile.read(path, dtype="float64", always_2d=True)
    noise = np.random.default_rng(1).normal(0, 1 / 32768, samples.shape)
    with tempfile.NamedTemporaryFile(suffix=".wav") as file:
        soundfile.write(file.name, samples + noise, rate_hz, subtype="PCM_16")
        return transcribe(Path(file.name), models, JobOptions(preprocess=options))


def wer(said: str, transcript: Transcript) -> float:
    """Word error rate in percent of all channels in the order of the conversation."""
    return round(100 * float(jiwer.wer(said, normalise(transcript.text) or "-")), 2)


def longest_wait_s(pieces: Sequence[Piece]) -> float:
    """From the first word of a piece to its end: how old a word can be before its piece is handed in."""
    return max((piece.duration_s - each.start_s for piece in pieces for each in piece.stretches), default=0.0)


def run(plan: Plan) -> Findings:
    """A row for each recording: the demo call, or those of the first manifest."""
    model = find_model(read_settings(model=plan.model))
    models = Models(model.folder, model.spec, Models.load(model.folder, ModelRuntime()).acoustic)
    lines = read_manifest(plan.speech[0]) if plan.speech else read_manifest(CALL.with_name("manifest.jsonl"))
    rows = [
        measure(line.audio, models, PreprocessOptions(), line.text)
        for line in plan.track(lines[: QUICK_RECORDINGS if plan.quick else RECORDINGS], "recordings")
    ]
    words, different = (sum(row[key] for row in rows) for key in ("words", "different"))
    figures = {
        "same_pieces": Figure((sum(row["identical"] for row in rows) / len(rows),)),
        "different_words_percent": Figure((100 * different / max(1, words),), higher_is_better=False, is_ratio=False),
    }
    note = f"Streams cut at {CUTS} random places, {len(SEEDS)} times; model {model.spec.name}."
    return Findings(figures, [Report("A stream and its recording", COLUMNS, rows, (note,))])

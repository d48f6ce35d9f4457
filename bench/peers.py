"""Other ways to the same words, each in a process of its own: bare CTranslate2, faster-whisper, pocketsphinx.

Each takes recordings, or their segments, loads its model, and says what the work after that took.
"""

import multiprocessing
import resource
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from bench.harness import Plan
from pipeline.features import extract
from pipeline.options import PreprocessOptions
from pipeline.preprocess import preprocess
from pipeline.spec import AttentionVocabulary
from workers.models import find_model
from workers.settings import read_settings

BEAM: Final = 5
BATCH: Final = 8
COMPUTE_TYPE: Final = "int8"
WINDOW_FRAMES: Final = 3000
KIB_A_MIB: Final = 1024
SPHINX_RATE_HZ: Final = 16_000


@dataclass(frozen=True, slots=True)
class Took:
    """Wall and CPU seconds of the work, peak memory of the process in MiB, and the text of each recording, if any."""

    seconds: float
    cpu_s: float
    peak_mib: float
    texts: tuple[str, ...] = ()


Work = Callable[[], Sequence[str]]
Peer = Callable[[str, Sequence[Any]], Work]
"""Loads a model of that name for these inputs, and gives back the work."""


def measured(peer: Peer, plan: Plan, inputs: Sequence[Any]) -> Took:
    """What `peer` takes, in a new process."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(_measure, (peer, plan.model, inputs))


def _measure(peer: Peer, model: str, inputs: Sequence[Any]) -> Took:
    work = peer(model, inputs)
    began_s, cpu_s = time.perf_counter(), time.process_time()
    texts = tuple(work())
    seconds, cpu_s = time.perf_counter() - began_s, time.process_time() - cpu_s
    return Took(seconds, cpu_s, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / KIB_A_MIB, texts)


def segments_of(recordings: Sequence[Path], model: str) -> list[NDArray[np.float32]]:
    """The frames of every segment as the system cuts and packs them, bands first."""
    spec = find_model(read_settings(model=model)).spec
    return [
        np.ascontiguousarray(segment.frames.astype(np.float32).T)
        for path in recordings
        for segment in extract(preprocess(path, PreprocessOptions()), spec).segments
    ]


def bare_loop(model: str, segments: Sequence[NDArray[np.float32]]) -> Work:
    """CTranslate2 alone: for each segment a window of 30 s, a search with the same beam, and the times of tokens."""
    import ctranslate2  # noqa: PLC0415  # only in the process that measures it

    found = find_model(read_settings(model=model))
    assert isinstance(found.spec.vocabulary, AttentionVocabulary)
    prompt, end = list(found.spec.vocabulary.prompt), found.spec.vocabulary.end
    whisper = ctranslate2.models.Whisper(str(found.folder), device="cpu", compute_type=COMPUTE_TYPE)
    windows = [np.pad(each, ((0, 0), (0, WINDOW_FRAMES - each.shape[1])))[None] for each in segments]

    def read(window: NDArray[np.float32]) -> None:
        encoded = whisper.encode(ctranslate2.StorageView.from_array(window))
        (result,) = whisper.generate(encoded, [prompt], beam_size=BEAM, return_scores=True, return_no_speech_prob=True)
        text = [token for token in result.sequences_ids[0] if token < end]
        whisper.align(encoded, prompt, [text], WINDOW_FRAMES)

    def work() -> Sequence[str]:
        for window in windows:
            read(window)
        return ()

    read(windows[0])
    return work


def batched(model: str, recordings: Sequence[Path]) -> Work:
    """faster-whisper's batched pipeline, called as its documentation does."""
    from faster_whisper import BatchedInferencePipeline  # noqa: PLC0415  # the extra `bench`

    pipeline = BatchedInferencePipeline(_faster_whisper(model))

    def work() -> list[str]:
        found = [pipeline.transcribe(str(path), language="en", batch_size=BATCH)[0] for path in recordings]
        return [" ".join(segment.text.strip() for segment in segments) for segments in found]

    return work


def plain(model: str, recordings: Sequence[Path]) -> Work:
    """faster-whisper without batches, called as its documentation does."""
    whisper = _faster_whisper(model)

    def work() -> list[str]:
        found = [whisper.transcribe(str(path), language="en", beam_size=BEAM)[0] for path in recordings]
        return [" ".join(segment.text.strip() for segment in segments) for segments in found]

    return work


def _faster_whisper(model: str) -> Any:
    from faster_whisper import WhisperModel  # noqa: PLC0415  # the extra `bench`

    folder = find_model(read_settings(model=model)).folder
    # Its default is four threads, which is slower where there are fewer cores.
    return WhisperModel(str(folder), device="cpu", compute_type=COMPUTE_TYPE, cpu_threads=multiprocessing.cpu_count())


def sphinx(model: str, recordings: Sequence[Path]) -> Work:
    """CMU Sphinx with the models in its wheel, on all channels mixed."""
    import soundfile  # noqa: PLC0415
    import soxr  # noqa: PLC0415
    from pocketsphinx import Decoder  # noqa: PLC0415  # the extra `bench`

    del model
    decoder = Decoder(samprate=SPHINX_RATE_HZ, loglevel="FATAL")

    def hear(path: Path) -> str:
        samples, rate_hz = soundfile.read(path, dtype="float32", always_2d=True)
        wide = soxr.resample(samples.mean(axis=1), rate_hz, SPHINX_RATE_HZ)
        decoder.start_utt()
        decoder.process_raw((np.clip(wide, -1, 1) * 32767).astype(np.int16).tobytes(), full_utt=True)
        decoder.end_utt()
        hypothesis = decoder.hyp()
        return hypothesis.hypstr if hypothesis else ""

    return lambda: [hear(path) for path in recordings]

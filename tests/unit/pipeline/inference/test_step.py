"""The inference step around a real model: order, laziness, and what happens when memory runs out."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline.errors import ModelMismatch, OutOfMemory
from pipeline.features import extract
from pipeline.inference import AcousticModel, BatchBudget, ModelRuntime, infer, load_model
from pipeline.inference.memory import memory_errors_named
from pipeline.options import InferenceOptions
from pipeline.spec import read_spec
from pipeline.values import Channel, Recording, Span, SpeechSegment, Stream
from tests.unit.pipeline.inference.conftest import noise

RECORDING = Recording(60.0, 16_000, "pcm_s16le", (Channel(0),))
OPTIONS = InferenceOptions()


@pytest.fixture(scope="module")
def model(parakeet: Path) -> AcousticModel:
    return load_model(parakeet, read_spec(parakeet), ModelRuntime())


def _speech(count: int) -> Iterator[SpeechSegment]:
    for index in range(count):
        length_s = 0.5 + index * 7 % 5 * 0.1
        yield SpeechSegment(Span(0, index * 2.0, index * 2.0 + length_s), noise(length_s, index).samples)


def test_emissions_come_in_the_order_of_the_segments_whatever_the_order_of_batches(model: AcousticModel) -> None:
    features = extract(Stream(RECORDING, _speech(9)), model.spec)
    emitted = list(infer(features, model, OPTIONS, BatchBudget(audio_s=9.0, count=3)).segments)
    assert [each.span for each in emitted] == [segment.span for segment in _speech(9)]


def test_only_so_much_is_read_ahead_as_keeps_the_model_busy(model: AcousticModel) -> None:
    read: list[float] = []

    def watched() -> Iterator[SpeechSegment]:
        for segment in _speech(12):
            read.append(segment.span.start_s)
            yield segment

    stream = infer(extract(Stream(RECORDING, watched()), model.spec), model, OPTIONS, BatchBudget(audio_s=1.0))
    assert read == []
    next(iter(stream.segments))
    assert len(read) == 3


@pytest.mark.parametrize(
    "error", [MemoryError(), RuntimeError("CUDA failed with error out of memory"), RuntimeError("std::bad_alloc")]
)
def test_every_library_s_way_to_run_out_of_memory_has_one_name(error: Exception) -> None:
    with pytest.raises(OutOfMemory), memory_errors_named():
        raise error


def test_other_errors_pass_unchanged() -> None:
    with pytest.raises(RuntimeError, match="shapes"), memory_errors_named():
        raise RuntimeError("shapes do not match")


def test_a_spec_of_the_other_family_is_refused(parakeet: Path) -> None:
    from pipeline.inference.whisper import Whisper  # noqa: PLC0415 - only this test wants the wrong class

    with pytest.raises(ModelMismatch):
        Whisper(parakeet, read_spec(parakeet), ModelRuntime())


def test_neither_the_package_nor_whisper_imports_torch() -> None:
    program = "import pipeline.inference, pipeline.inference.whisper, sys; print('torch' in sys.modules)"
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "False"

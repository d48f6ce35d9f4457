"""Each step's stream as a file: a ZIP without compression of one JSON and, where there is one, one .npy a segment.

Written while segments are made and read one segment at a time, so both are bounded in memory. The same stream always
gives the same bytes, and what is read equals what was written: a step may run in another process without a trace in
its result. `recording.json` is written last, with the number of segments: its presence proves that nothing is cut.
"""

import io
import json
import tokenize
import zipfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, BinaryIO, Generic, TypeVar

import numpy as np
from numpy.typing import NDArray
from pydantic import TypeAdapter

from pipeline.errors import ArtifactDamaged
from pipeline.stages import Step
from pipeline.values import (
    AttentionEmissions,
    CtcEmissions,
    Emissions,
    FeatureSegment,
    Recording,
    Span,
    SpeechSegment,
    Stream,
    WordSegment,
)

T = TypeVar("T")
Array = NDArray[Any]

_SEAL = "recording.json"
_FORMAT = "voxqueue.stream/1"
# The earliest date that a ZIP can carry: a clock would make the bytes differ from run to run.
_DATE_TIME = (1980, 1, 1, 0, 0, 0)
_UNIX = 3
_READABLE = 0o644 << 16


@dataclass(frozen=True, slots=True)
class Codec(Generic[T]):
    """How one kind of segment is laid out: `split` it into what becomes JSON and an array, `join` them again."""

    step: Step
    facts: TypeAdapter[Any]
    dtype: type[np.generic] | None
    split: Callable[[T], tuple[Any, Array | None]]
    join: Callable[[Any, Array | None], T]


@dataclass(frozen=True, slots=True)
class _CtcFacts:
    span: Span
    frame_s: float


def _split_emissions(segment: Emissions) -> tuple[Any, Array | None]:
    if isinstance(segment, CtcEmissions):
        return _CtcFacts(segment.span, segment.frame_s), segment.log_probs
    return segment, None


def _join_emissions(facts: _CtcFacts | AttentionEmissions, array: Array | None) -> Emissions:
    if isinstance(facts, AttentionEmissions):
        return facts
    return CtcEmissions(facts.span, _required(array), facts.frame_s)


def _required(array: Array | None) -> Array:
    if array is None:
        raise ArtifactDamaged("a segment has no array")
    return array


SPEECH: Codec[SpeechSegment] = Codec(
    step=Step.PREPROCESS,
    facts=TypeAdapter(Span),
    dtype=np.int16,
    split=lambda segment: (segment.span, segment.samples),
    join=lambda span, array: SpeechSegment(span, _required(array)),
)
FEATURES: Codec[FeatureSegment] = Codec(
    step=Step.FEATURES,
    facts=TypeAdapter(Span),
    dtype=np.float16,
    split=lambda segment: (segment.span, segment.frames),
    join=lambda span, array: FeatureSegment(span, _required(array)),
)
EMISSIONS: Codec[Emissions] = Codec(
    step=Step.INFERENCE,
    facts=TypeAdapter(_CtcFacts | AttentionEmissions),
    dtype=np.float16,
    split=_split_emissions,
    join=_join_emissions,
)
WORDS: Codec[WordSegment] = Codec(
    step=Step.DECODE,
    facts=TypeAdapter(WordSegment),
    dtype=None,
    split=lambda segment: (segment, None),
    join=lambda segment, _: segment,
)
CODECS: Mapping[Step, Codec[Any]] = MappingProxyType(
    {codec.step: codec for codec in (SPEECH, FEATURES, EMISSIONS, WORDS)},
)
"""The codec of what each step leaves; `format` leaves a transcript, which `pipeline.render` writes as JSON."""

_RECORDING = TypeAdapter(Recording)


def write(stream: Stream[T], codec: Codec[T], file: BinaryIO) -> None:
    """Write `stream` to a seekable `file`, taking its segments one by one; ValueError for a time that is not finite."""
    # Plain `with` would close the ZIP neatly when a segment fails; without its seal it is still refused by `read`.
    with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
        count = 0
        for count, segment in enumerate(stream.segments, start=1):
            facts, array = codec.split(segment)
            _add(archive, f"{count - 1:08}.json", _json(codec.facts.dump_python(facts, mode="json", warnings="error")))
            if array is not None:
                _add(archive, f"{count - 1:08}.npy", _npy(array, codec))
        recording = _RECORDING.dump_python(stream.recording, mode="json", warnings="error")
        seal = {"format": _FORMAT, "step": codec.step, "segments": count, "recording": recording}
        _add(archive, _SEAL, _json(seal))


def read(codec: Codec[T], file: BinaryIO) -> Stream[T]:
    """The stream in `file`, which must be seekable and stay open until the segments have been taken, once.

    Arrays are read-only.

    Raises:
        ArtifactDamaged: now or while segments are taken: the file is foreign, cut, changed, or of another step.
    """
    try:
        archive = zipfile.ZipFile(file)
        seal = json.loads(_member(archive, _SEAL))
        if (seal["format"], seal["step"]) != (_FORMAT, codec.step):
            raise ArtifactDamaged(f"expected {_FORMAT} of {codec.step}, got {seal['format']} of {seal['step']}")
        recording = _RECORDING.validate_python(seal["recording"])
        return Stream(recording, _segments(archive, codec, int(seal["segments"])))
    # zipfile's word for a version that no ZIP has had yet is NotImplementedError.
    except (zipfile.BadZipFile, NotImplementedError, KeyError, TypeError, ValueError, EOFError) as error:
        raise ArtifactDamaged(f"not a whole stream of segments: {error}") from error


def _segments(archive: zipfile.ZipFile, codec: Codec[T], count: int) -> Iterator[T]:
    names = frozenset(archive.namelist())
    for index in range(count):
        try:
            facts = codec.facts.validate_json(_member(archive, f"{index:08}.json"))
            npy = f"{index:08}.npy"
            array = _array(_member(archive, npy), codec) if npy in names else None
            segment = codec.join(facts, array)
        # numpy's parser of .npy headers lets the tokenizer's error through.
        except (zipfile.BadZipFile, KeyError, ValueError, EOFError, tokenize.TokenError) as error:
            raise ArtifactDamaged(f"segment {index}: {error}") from error
        yield segment


def _add(archive: zipfile.ZipFile, name: str, content: bytes) -> None:
    entry = zipfile.ZipInfo(name, _DATE_TIME)
    entry.create_system, entry.external_attr = _UNIX, _READABLE
    archive.writestr(entry, content)


def _json(content: Any) -> bytes:
    """Canonical JSON; ValueError for a number that is not finite, which could not be read back."""
    return json.dumps(content, ensure_ascii=False, allow_nan=False).encode()


def _member(archive: zipfile.ZipFile, name: str) -> bytes:
    entry = archive.getinfo(name)
    if entry.compress_type != zipfile.ZIP_STORED:
        # Nothing here is ever compressed: a small file that inflates without end is not ours.
        raise ArtifactDamaged(f"{name} is compressed")
    if entry.flag_bits:
        raise ArtifactDamaged(f"{name} has flags of encryption or patches: {entry.flag_bits:#x}")
    return archive.read(entry)


def _npy(array: Array, codec: Codec[T]) -> bytes:
    if array.dtype != codec.dtype:
        raise TypeError(f"{codec.step} arrays are {codec.dtype}, not {array.dtype}")
    buffer = io.BytesIO()
    np.save(buffer, np.ascontiguousarray(array), allow_pickle=False)
    return buffer.getvalue()


def _array(content: bytes, codec: Codec[T]) -> Array:
    """The array in the bytes of a .npy, without a copy; ValueError unless the bytes hold exactly what they claim."""
    buffer = io.BytesIO(content)
    if np.lib.format.read_magic(buffer) != (1, 0):  # type: ignore[no-untyped-call]  # numpy leaves it untyped
        raise ValueError("unknown version of .npy")
    shape, fortran_order, dtype = np.lib.format.read_array_header_1_0(buffer)  # type: ignore[no-untyped-call]
    if fortran_order or dtype != codec.dtype:
        raise ValueError(f"expected C order and {codec.dtype}, got {dtype}")
    return np.frombuffer(content, dtype, offset=buffer.tell()).reshape(shape)

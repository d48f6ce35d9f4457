"""Between the store and the steps: the stream that a lease is given, and the result that it leaves."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO, TypeVar

from pipeline import artifacts
from pipeline.artifacts import Codec
from pipeline.values import Stream
from workers.jobs import Lease
from workers.jobs.results import Result
from workers.runtime import Runtime

Item = TypeVar("Item")


@contextmanager
def input_stream(runtime: Runtime, lease: Lease, codec: Codec[Item]) -> Iterator[Stream[Item]]:
    """What the step before left, read while it is used.

    Raises:
        ArtifactDamaged: it is gone or is not what was written.
    """
    with runtime.store.open(lease.input) as file:
        yield artifacts.read(codec, file)


def save(runtime: Runtime, lease: Lease, stream: Stream[Item], codec: Codec[Item]) -> Result:
    """Write the stream while it is made, and refer to it in the result."""

    def write(file: BinaryIO) -> None:
        artifacts.write(stream, codec, file)
        runtime.reach("artifact.written", lease.step)

    ref = runtime.store.put(f"{lease.job_id}/{lease.step}.{lease.fence}", write)
    return Result(artifact=ref, duration_s=stream.recording.duration_s)

"""The recording behind a link, fetched by the worker that is about to read it."""

from collections.abc import Iterator
from typing import BinaryIO

from workers.jobs import ArtifactRef
from workers.jobs.values import SOURCE
from workers.runtime import Runtime
from workers.sources import check_link, copy, fetched
from workers.task import Hold


def fetch(runtime: Runtime, hold: Hold) -> ArtifactRef:
    """Fetch what the link of this job names and keep it as the recording.

    Raises:
        UrlNotAllowed, FetchFailed, TooLarge, EmptyUpload: it can't be had; the job fails.
        FetchTimeout, FetchAway: not now; the step is tried again.
        Fenced: the lease was lost, or the job was canceled meanwhile.
    """
    lease, settings = hold.lease, runtime.settings
    with runtime.store.open(lease.input) as file:
        url = file.read().decode()
    check_link(url, settings)
    with fetched(url, settings) as pieces:

        def write(file: BinaryIO) -> None:
            copy(_while_held(pieces, hold), file, settings.max_upload_bytes)

        ref = runtime.store.put(f"{lease.job_id}/{SOURCE}.{lease.fence}", write)
    runtime.jobs.keep_recording(lease, ref)
    return ref


def _while_held(pieces: Iterator[bytes], hold: Hold) -> Iterator[bytes]:
    for piece in pieces:
        hold.progress(0.0)
        yield piece

"""Decodes in the process of the test, where hundreds of small files would wait longest for processes to start."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from pipeline.audio import AudioReader, Declared, Limits
from pipeline.audio.opening import Request, open_decoder


@contextmanager
def open_here(path: Path, limits: Limits, declared: Declared | None = None) -> Iterator[AudioReader]:
    """What `open_audio` gives, without its cage."""
    with ExitStack() as resources:
        file = resources.enter_context(path.open("rb"))
        yield AudioReader(open_decoder(Request(file, limits, declared), resources), limits, resources)

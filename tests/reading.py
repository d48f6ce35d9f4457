"""Decodes in the process of the test, where hundreds of small files would wait longest for processes to start."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from pipeline.audio import AudioReader, Limits
from pipeline.audio.opening import open_decoder


@contextmanager
def open_here(path: Path, limits: Limits) -> Iterator[AudioReader]:
    """What `open_audio` gives, without its cage."""
    with ExitStack() as resources:
        file = resources.enter_context(path.open("rb"))
        yield AudioReader(open_decoder(file, limits, resources), limits, resources)

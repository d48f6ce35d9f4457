"""A recording made ready to be sent, as often as it takes."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from pipeline.errors import EmptyUpload
from workers.errors import FileNotReadable
from workers.remote.verbs import Upload
from workers.settings import settings
from workers.sources import Source, is_remote, name_of, opened

_IN_MEMORY_BYTES = 16 << 20


@contextmanager
def uploaded(source: Source, name: str | None) -> Iterator[Upload]:
    """The recording as a file that can be read again from its start; what is no file becomes a temporary one.

    Raises:
        EmptyUpload: there is nothing in it.
        FileNotReadable, UrlNotAllowed, FetchFailed, ...: it can't be had, see `workers.sources`.
    """
    with _seekable(source) as file:
        if file.seek(0, os.SEEK_END) == 0:
            raise EmptyUpload
        yield Upload(file, name or name_of(source))


@contextmanager
def _seekable(source: Source) -> Iterator[IO[bytes]]:
    if isinstance(source, str | os.PathLike) and not is_remote(source):
        with _opened(Path(source)) as file:
            yield file
        return
    with tempfile.SpooledTemporaryFile(_IN_MEMORY_BYTES) as spooled:
        with opened(source, settings()) as pieces:
            for piece in pieces:
                spooled.write(piece)
        yield spooled


def _opened(path: Path) -> IO[bytes]:
    try:
        return path.open("rb")
    except OSError as error:
        raise FileNotReadable(f"{path.name}: {error.strerror}") from error

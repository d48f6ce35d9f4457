"""One name for the many ways in which libraries say that memory ran out."""

from collections.abc import Iterator
from contextlib import contextmanager

from pipeline.errors import OutOfMemory

# PyTorch and CTranslate2 raise RuntimeError for this and for much else; only the text tells them apart.
_SIGNS = ("out of memory", "can't allocate memory", "not enough memory", "bad_alloc", "alloc_failed")


@contextmanager
def memory_errors_named() -> Iterator[None]:
    """Turn a library's out-of-memory error inside the block into `OutOfMemory`; let every other error pass."""
    try:
        yield
    except (MemoryError, RuntimeError) as error:
        if is_memory_error(error):
            raise OutOfMemory(str(error)) from error
        raise


def is_memory_error(error: Exception) -> bool:
    """Whether a library means by `error` that memory ran out."""
    return isinstance(error, MemoryError) or any(sign in str(error).lower() for sign in _SIGNS)

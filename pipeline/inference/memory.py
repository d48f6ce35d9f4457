"""Memory that runs out, by one name for the many ways in which libraries say so, and memory that is given back.

A device that is lost is told by the same texts.
"""

import ctypes
from collections.abc import Iterator
from contextlib import contextmanager

from pipeline.errors import DeviceLost, OutOfMemory

# PyTorch and CTranslate2 raise RuntimeError for this and for much else; only the text tells them apart.
_SIGNS = ("out of memory", "can't allocate memory", "not enough memory", "bad_alloc", "alloc_failed")
# After any of these no call on the card succeeds any more in this process.
_SIGNS_OF_LOSS = ("cuda error", "cuda failed", "cublas_status", "cudnn_status", "acceleratorerror")
# By their numbers in glibc's `malloc.h`.
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD, _M_ARENA_MAX = -1, -3, -8
_MALLOC = {_M_MMAP_THRESHOLD: 4 << 20, _M_TRIM_THRESHOLD: 64 << 20, _M_ARENA_MAX: 2}


@contextmanager
def memory_errors_named() -> Iterator[None]:
    """Turn a library's error of the device inside the block into `OutOfMemory` or `DeviceLost`; let others pass."""
    try:
        yield
    except (MemoryError, RuntimeError) as error:
        if is_memory_error(error):
            raise OutOfMemory(str(error)) from error
        if any(sign in f"{type(error).__name__}: {error}".lower() for sign in _SIGNS_OF_LOSS):
            raise DeviceLost(str(error)) from error
        raise


def is_memory_error(error: Exception) -> bool:
    """Whether a library means by `error` that memory ran out."""
    return isinstance(error, MemoryError) or any(sign in str(error).lower() for sign in _SIGNS)


def give_back_freed() -> None:
    """Have glibc give back what was freed: of weights that were read and rounded it would keep twice their size."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim:
        trim(0)


def keep_little_freed() -> None:
    """Have glibc give large blocks back at once from now on, in the whole process, and share what it keeps for threads.

    It would learn to keep blocks of up to 32 MiB, for each thread apart: a third of what a process with long windows
    holds. From 4 MiB on that a block is fetched anew costs no more than using it.
    """
    option = getattr(ctypes.CDLL(None), "mallopt", None)
    if option:
        for name, value in _MALLOC.items():
            option(name, value)

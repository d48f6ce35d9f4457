"""Large blocks that were freed are free for other processes, also between small ones that are held."""

import platform
import subprocess
import sys

import pytest

_BLOCKS, _BLOCK_MIB = 40, 5
_FRAGMENTED = """
import resource
import sys
from pathlib import Path
import numpy as np
from pipeline.inference.memory import give_back_freed, keep_little_freed

def held_mib():
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize() >> 20

blocks, block_mib, how = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
if how == "little":
    keep_little_freed()
np.ones(24 << 20, np.uint8).sum()
before = held_mib()
made = [(np.ones(block_mib << 20, np.uint8), np.ones(60_000, np.uint8)) for _ in range(blocks)]
small = [each for _, each in made]
del made
if how == "given back":
    give_back_freed()
print(held_mib() - before)
"""


def _kept_mib(how: str) -> int:
    """What a process keeps of large blocks that it freed."""
    command = [sys.executable, "-c", _FRAGMENTED, str(_BLOCKS), str(_BLOCK_MIB), how]
    return int(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="other libraries keep less by themselves")
@pytest.mark.parametrize("how", ["little", "given back"])
def test_large_blocks_that_were_freed_are_not_kept(how: str) -> None:
    assert _kept_mib("nothing is done") > _BLOCKS * _BLOCK_MIB / 2
    assert _kept_mib(how) < _BLOCKS * _BLOCK_MIB / 8

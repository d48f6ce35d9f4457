"""Audio that was put on disk comes back as it was, whatever part is asked for."""

import gc
import tempfile
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from pipeline.preprocess.spool import BLOCK, Spool, Track

Samples = NDArray[np.float32]


@pytest.fixture
def samples() -> Samples:
    loudness = np.append(np.repeat([1.0, 1e-3, 1e6, 0.0, 0.5], 2 * BLOCK), np.ones(77))
    samples: Samples = np.random.default_rng(0).uniform(-1, 1, len(loudness)).astype(np.float32) * loudness.astype(
        np.float32
    )
    return samples


def _spool(samples: Samples, *cuts: int) -> Spool:
    spool = Spool()
    for block in np.split(samples, cuts):
        spool.append(block)
    return spool


def test_each_block_keeps_fifteen_bits_whatever_its_level(samples: Samples) -> None:
    spool = _spool(samples, 1000, 2000, 3000, 4000)
    for start in range(0, len(samples), BLOCK):
        block = samples[start : start + BLOCK]
        np.testing.assert_allclose(spool.read(start, start + BLOCK), block, atol=np.abs(block).max() / 32_700)


def test_how_samples_come_changes_none_of_them(samples: Samples) -> None:
    at_once, in_parts, later = _spool(samples), _spool(samples, 1, 600, 601, 3333), _spool(samples[4 * BLOCK :], 99)
    np.testing.assert_array_equal(at_once.read(0, len(samples)), in_parts.read(0, len(samples)))
    np.testing.assert_array_equal(at_once.read(4 * BLOCK, len(samples)), later.read(0, len(samples)))


def test_what_is_added_after_reading_is_read_as_well(samples: Samples) -> None:
    spool = _spool(samples[:2000])
    spool.read(0, 10)
    spool.append(samples[2000:])
    np.testing.assert_array_equal(spool.read(0, len(samples)), _spool(samples).read(0, len(samples)))


@pytest.mark.parametrize(
    ("start", "stop"), [(0, 5000), (0, 1), (999, 1001), (1500, 1500), (1234, 4321), (5120, 5197), (5000, 6000)]
)
def test_any_part_equals_that_part_of_the_whole(start: int, stop: int, samples: Samples) -> None:
    spool = _spool(samples, 700, 1000, 1000, 3000)
    np.testing.assert_array_equal(spool.read(start, stop), spool.read(0, len(samples))[start:stop])


def test_reading_beyond_either_end_gives_what_there_is() -> None:
    spool = _spool(np.ones(10, np.float32))
    assert len(spool.read(-5, 4)) == 4
    assert len(spool.read(8, 20)) == 2
    assert len(spool.read(20, 30)) == 0


def test_track_adds_its_spools_up_with_their_weights() -> None:
    left, right = _spool(np.full(10, 0.5, np.float32)), _spool(np.full(10, 0.25, np.float32))
    mixed = Track((left, right), (0.5, -0.5))
    np.testing.assert_allclose(np.concatenate(list(mixed.blocks(3))), 0.125, atol=1e-4)


def test_nothing_is_left_on_disk_when_a_spool_is_dropped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    spool = _spool(np.ones(100_000, np.float32))
    assert list(tmp_path.iterdir()) == []
    assert len(_open_below(tmp_path)) == 1
    del spool
    gc.collect()
    assert _open_below(tmp_path) == []


def _open_below(folder: Path) -> list[Path]:
    """The files of a folder that this process has open, also those without a name there."""
    opened = [link.readlink() for link in Path("/proc/self/fd").iterdir() if link.is_symlink()]
    return [path for path in opened if path.is_relative_to(folder)]

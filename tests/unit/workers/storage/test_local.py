"""Artifacts: all or nothing, verified when read."""

import errno
import os
from pathlib import Path
from typing import BinaryIO

import pytest

from pipeline.errors import ArtifactDamaged, ResourceBusy
from workers.storage import LocalStore


def write_hello(file: BinaryIO) -> None:
    file.write(b"hello")


@pytest.fixture
def store(tmp_path: Path) -> LocalStore:
    return LocalStore(tmp_path)


def test_what_was_put_comes_back_under_a_key_with_its_hash(store: LocalStore) -> None:
    ref = store.put("job/features.2", write_hello)
    assert ref.key == f"job/features.2.{ref.sha256}"
    assert ref.sha256 == "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824"
    assert ref.size_bytes == 5
    with store.open(ref) as file:
        assert file.read() == b"hello"
    with store.path(ref) as path:
        assert path.read_bytes() == b"hello"


def test_a_file_its_name_and_that_of_its_folder_are_synced_in_that_order(
    store: LocalStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced, sync = [], os.fsync

    def remember(descriptor: int) -> None:
        synced.append(Path(f"/proc/self/fd/{descriptor}").readlink())
        sync(descriptor)

    monkeypatch.setattr(os, "fsync", remember)
    store.put("job/features.1", write_hello)
    store.put("job/decode.1", write_hello)
    assert [each if each.suffix != ".part" else "file" for each in synced] == [
        *(tmp_path, "file", tmp_path / "job"),
        *("file", tmp_path / "job"),
    ]


def test_a_writer_that_fails_leaves_no_file_behind(store: LocalStore, tmp_path: Path) -> None:
    def write_half(file: BinaryIO) -> None:
        file.write(b"half")
        raise LookupError

    with pytest.raises(LookupError):
        store.put("job/features.1", write_half)
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_a_full_disk_is_a_matter_of_the_moment(store: LocalStore, tmp_path: Path) -> None:
    def fill(_file: BinaryIO) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(ResourceBusy, match="No space left"):
        store.put("job/features.1", fill)
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_bytes_that_changed_are_refused(store: LocalStore, tmp_path: Path) -> None:
    ref = store.put("job/features.1", write_hello)
    (tmp_path / ref.key).write_bytes(b"hellO")
    with pytest.raises(ArtifactDamaged, match="has changed"):
        store.open(ref)


def test_bytes_that_are_gone_are_refused(store: LocalStore, tmp_path: Path) -> None:
    ref = store.put("job/features.1", write_hello)
    (tmp_path / ref.key).unlink()
    with pytest.raises(ArtifactDamaged, match="is gone"), store.path(ref):
        pass


def test_the_same_artifact_put_twice_is_one_file(store: LocalStore, tmp_path: Path) -> None:
    assert store.put("job/features.1", write_hello) == store.put("job/features.1", write_hello)
    assert len([path for path in tmp_path.rglob("*") if path.is_file()]) == 1


def test_a_deleted_job_leaves_nothing(store: LocalStore, tmp_path: Path) -> None:
    ref = store.put("job/features.1", write_hello)
    store.delete_job("job")
    assert not (tmp_path / ref.key).exists()


def test_entries_are_every_file_with_its_size_and_age(store: LocalStore, tmp_path: Path) -> None:
    ref = store.put("job/features.1", write_hello)
    (tmp_path / "job" / ".left.part").write_bytes(b"of a writer that died")
    found = {entry.key: entry for entry in store.entries()}
    assert sorted(found) == ["job/.left.part", ref.key]
    assert found[ref.key].size_bytes == 5
    assert found[ref.key].written_at == pytest.approx((tmp_path / ref.key).stat().st_mtime)
    assert list(store.entries("another")) == []


def test_removing_takes_the_folder_of_the_last_file_along(store: LocalStore, tmp_path: Path) -> None:
    first, second = store.put("job/features.1", write_hello), store.put("job/words.1", write_hello)
    store.remove([first.key, "job/never"])
    assert (tmp_path / "job").exists()
    store.remove([second.key])
    assert not (tmp_path / "job").exists()


def test_the_share_of_the_disk_in_use_is_told_even_before_the_folder_is_there(tmp_path: Path) -> None:
    share = LocalStore(tmp_path / "not" / "yet").used_share()
    assert share is not None
    assert 0.0 < share < 1.0

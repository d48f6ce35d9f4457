"""Artifacts in a bucket: verified, whole, one object whatever became of the answers (row 33 of the fault matrix)."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

import pytest

from pipeline.errors import ArtifactDamaged, ResourceBusy
from tests import s3
from workers.errors import ConfigurationError, ObjectNotAllowed, ObjectNotFound
from workers.jobs.values import ArtifactRef
from workers.objects import Bucket, split_url
from workers.settings import Settings, read_settings
from workers.storage import ArtifactStore, LocalStore, make_store

HELLO_SHA256 = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824"


def writing(content: bytes) -> Callable[[BinaryIO], None]:
    def write(file: BinaryIO) -> None:
        file.write(content)

    return write


def keys_of(store: ArtifactStore) -> list[str]:
    return sorted(entry.key for entry in store.entries())


def test_what_was_put_comes_back_under_a_key_with_its_hash(store: ArtifactStore) -> None:
    ref = store.put("job/features.2", writing(b"hello"))
    assert ref == ArtifactRef(f"job/features.2.{HELLO_SHA256}", HELLO_SHA256, 5)
    with store.open(ref) as file:
        assert file.read() == b"hello"
    with store.path(ref) as path:
        assert path.read_bytes() == b"hello"
    assert not path.exists()


def test_more_than_one_part_goes_up_and_comes_back_in_pieces(store: ArtifactStore) -> None:
    content = os.urandom(21 * 1024**2)
    ref = store.put("job/source.0", writing(content))
    with store.open(ref) as file:
        assert file.read() == content


def test_an_empty_object_is_read_too(store: ArtifactStore) -> None:
    ref = store.put("job/words.1", writing(b""))
    with store.open(ref) as file:
        assert file.read() == b""


def test_a_writer_that_fails_leaves_no_object_behind(store: ArtifactStore) -> None:
    def write_half(file: BinaryIO) -> None:
        file.write(b"half")
        raise LookupError

    with pytest.raises(LookupError):
        store.put("job/features.1", write_half)
    assert keys_of(store) == []


def test_an_object_that_changed_or_went_is_refused(store: ArtifactStore, s3_settings: Settings, tmp_path: Path) -> None:
    ref = store.put("job/features.1", writing(b"hello"))
    (tmp_path / "other").write_bytes(b"hellO")
    bucket = Bucket(s3_settings, *split_url(s3_settings.artifacts))
    with (tmp_path / "other").open("rb") as other:
        bucket.write(ref.key, other)
    with pytest.raises(ArtifactDamaged, match="has changed"):
        store.open(ref)
    store.remove([ref.key, "job/never"])
    with pytest.raises(ArtifactDamaged, match="is gone"), store.path(ref):
        pass


def test_a_deleted_job_leaves_nothing_and_others_stay(store: ArtifactStore) -> None:
    store.put("job/features.1", writing(b"hello"))
    store.put("job/source.0", writing(b"hello"))
    other = store.put("job2/source.0", writing(b"hello"))
    store.delete_job("job")
    assert keys_of(store) == [other.key]


def test_entries_tell_size_and_age_and_a_bucket_has_no_end(store: ArtifactStore) -> None:
    ref = store.put("job/source.0", writing(b"hello"))
    [entry] = store.entries("job")
    assert (entry.key, entry.size_bytes) == (ref.key, 5)
    assert entry.written_at > 1_700_000_000
    assert store.used_share() is None


FAULTS: dict[str, list[s3.Fault]] = {
    "refused once": [s3.refuse(503)],
    "refused for a while": [s3.refuse(503)] * 5,
    "too many requests": [s3.refuse(429)],
    "another writer at the same time": [s3.refuse(409)],
    "a condition that failed": [s3.refuse(412)],
    "silent for longer than the time-out": [s3.hang(1.5)],
    "done but the answer was lost": [s3.succeed_silently],
    "done twice but both answers were lost": [s3.succeed_silently, s3.succeed_silently],
}


@pytest.mark.parametrize("fault", FAULTS)
def test_an_object_is_written_once_although_the_service_was(store: ArtifactStore, proxy: s3.Proxy, fault: str) -> None:
    proxy.faults["PUT"] = list(FAULTS[fault])
    ref = store.put("job/features.1", writing(b"hello"))
    assert proxy.faults["PUT"] == []
    assert keys_of(store) == [ref.key]
    with store.open(ref) as file:
        assert file.read() == b"hello"


@pytest.mark.parametrize("fault", ["refused once", "refused for a while", "silent for longer than the time-out"])
def test_an_object_is_read_although_the_service_was(store: ArtifactStore, proxy: s3.Proxy, fault: str) -> None:
    ref = store.put("job/features.1", writing(b"hello"))
    proxy.faults["GET"] = list(FAULTS[fault])
    with store.open(ref) as file:
        assert file.read() == b"hello"


def test_a_service_that_is_away_is_a_matter_of_the_moment(s3_settings: Settings) -> None:
    away = s3_settings.model_copy(update={"s3_endpoint": f"http://127.0.0.1:{s3.free_port()}"})
    with pytest.raises(ResourceBusy, match="s3://calls-"):
        make_store(away).put("job/features.1", writing(b"hello"))


def test_what_may_not_be_read_and_what_is_not_there_are_told_apart(s3_settings: Settings, proxy: s3.Proxy) -> None:
    bucket = Bucket(s3_settings, *split_url(s3_settings.artifacts))
    with pytest.raises(ObjectNotFound):
        bucket.size_bytes("never")
    proxy.faults["HEAD"] = [s3.refuse(403)]
    with pytest.raises(ObjectNotAllowed):
        bucket.size_bytes("secret")


def test_the_settings_choose_the_store(tmp_path: Path) -> None:
    assert isinstance(make_store(read_settings(artifacts=tmp_path)), LocalStore)
    assert split_url("s3://calls") == ("calls", "")
    assert split_url("s3://calls/a/b/") == ("calls", "a/b")
    for url in ("https://calls/a", "s3:///a", "s3://calls/a?version=2"):
        with pytest.raises(ConfigurationError):
            split_url(url)
    with pytest.raises(ConfigurationError, match="VOXQUEUE_ARTIFACTS"):
        read_settings(artifacts="gs://calls/a")

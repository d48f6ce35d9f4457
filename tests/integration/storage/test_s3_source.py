"""A recording in a bucket is handed in by its address."""

from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

import pytest

from workers.client import Client
from workers.db import migrate
from workers.errors import ConfigurationError, ObjectNotFound, TooLarge
from workers.objects import Bucket, split_url
from workers.settings import Settings


@pytest.fixture
def client(s3_settings: Settings, tmp_path: Path) -> Iterator[Client]:
    """A client that keeps what it gets in a folder, and reads from the bucket."""
    changes = {"home": tmp_path, "artifacts": "", "database_url": "", "max_upload_bytes": 20_000_000}
    broker = {"broker_url": f"redis+socket://{tmp_path}/absent.sock"}
    with Client(s3_settings.model_copy(update=changes | broker)) as made:
        migrate.upgrade(made.runtime.database)
        yield made


@pytest.fixture
def bucket(s3_settings: Settings) -> Bucket:
    return Bucket(s3_settings, split_url(s3_settings.artifacts)[0])


@pytest.mark.parametrize("size", [1, 9_000_000])
def test_an_object_becomes_a_job_with_its_bytes_and_its_name(client: Client, bucket: Bucket, size: int) -> None:
    content = bytes(range(250)) * (size // 250 + 1)
    bucket.write("2026/11/call 9.wav", BytesIO(content))
    job = client.enqueue(f"s3://{bucket.name}/2026/11/call 9.wav")
    assert job.file_name == "call 9.wav"
    (kept,) = [path for path in client.settings.artifact_path.rglob("*") if path.is_file()]
    assert kept.read_bytes() == content


def test_an_object_that_is_not_there_is_one_plain_error(client: Client, bucket: Bucket) -> None:
    with pytest.raises(ObjectNotFound, match=r"absent\.wav"):
        client.enqueue(f"s3://{bucket.name}/absent.wav")
    assert client.recent() == []


def test_an_object_that_is_too_large_is_refused_before_it_is_read(client: Client, bucket: Bucket) -> None:
    bucket.write("large.wav", BytesIO(bytes(1001)))
    small = client.settings.model_copy(update={"max_upload_bytes": 1000})
    with Client(small) as strict, pytest.raises(TooLarge, match="1001 bytes"):
        strict.enqueue(f"s3://{bucket.name}/large.wav")


def test_an_address_without_a_bucket_is_no_address(client: Client) -> None:
    with pytest.raises(ConfigurationError, match="s3://BUCKET/KEY"):
        client.enqueue("s3:///call.wav")

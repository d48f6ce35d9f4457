"""A bucket of its own for each test, behind a proxy that can spoil answers."""

from collections.abc import Iterator

import pytest

from tests import s3
from workers.settings import Settings, read_settings
from workers.storage import ArtifactStore, make_store


@pytest.fixture(scope="session")
def s3_server() -> Iterator[str]:
    with s3.serving() as url:
        yield url


@pytest.fixture
def proxy(s3_server: str) -> Iterator[s3.Proxy]:
    with s3.Proxy(s3_server).open() as proxy:
        yield proxy


@pytest.fixture
def s3_settings(s3_server: str, proxy: s3.Proxy, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Settings of a bucket; the credentials are where AWS's own tools look for them."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "anyone")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "anything")
    bucket = s3.make_bucket(s3_server)
    return read_settings(artifacts=f"s3://{bucket}/voxqueue/one", s3_endpoint=proxy.url, s3_timeout_s=1.0)


@pytest.fixture
def store(s3_settings: Settings) -> ArtifactStore:
    return make_store(s3_settings)

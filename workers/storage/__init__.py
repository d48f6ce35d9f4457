"""The artifact store: bytes that one step leaves for the next, immutable, named by what made them and their hash.

`protocol` says what a store must do; `local` is a folder, `remote` a bucket of an S3-compatible service.
"""

from workers.objects import Bucket, Entry, split_url
from workers.settings import Settings
from workers.storage.local import LocalStore
from workers.storage.protocol import ArtifactStore
from workers.storage.remote import RemoteStore

__all__ = ["ArtifactStore", "Entry", "LocalStore", "RemoteStore", "make_store"]


def make_store(settings: Settings) -> ArtifactStore:
    """The store that the settings name; connects to nothing yet.

    Raises:
        ConfigurationError: `artifacts` is a URL of another kind.
    """
    if "://" in settings.artifacts:
        return RemoteStore(Bucket(settings, *split_url(settings.artifacts)))
    return LocalStore(settings.artifact_path)

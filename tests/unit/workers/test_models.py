"""A model is found by its name, and is the one that was meant."""

import subprocess
import sys
from pathlib import Path

import pytest

from pipeline.errors import ModelMismatch, ModelNotFound
from pipeline.spec import weights_sha256
from workers.models import DEFAULT_SHA256, check_weights, find_model
from workers.settings import Settings


@pytest.fixture
def altered(tmp_path: Path) -> Path:
    """The built-in model with other weights."""
    folder = tmp_path / "altered"
    folder.mkdir()
    for path in find_model(Settings()).folder.iterdir():
        if path.is_file() and path.name != "model.bin":
            (folder / path.name).write_bytes(path.read_bytes())
    (folder / "model.bin").write_bytes(b"other weights")
    return folder


def test_the_model_that_comes_with_the_package_is_the_one_that_was_meant() -> None:
    model = find_model(Settings())
    assert (model.spec.name, model.spec.family) == ("tiny.en", "attention")
    assert weights_sha256(model.folder) == DEFAULT_SHA256
    check_weights(Settings())


def test_a_folder_is_a_model_by_its_path_and_its_weights_are_checked_only_when_that_is_asked(altered: Path) -> None:
    chosen = Settings(model=str(altered))
    assert find_model(chosen).folder == altered
    check_weights(chosen)
    check_weights(Settings(model=str(altered), model_sha256=weights_sha256(altered)))
    with pytest.raises(ModelMismatch, match=DEFAULT_SHA256):
        check_weights(Settings(model=str(altered), model_sha256=DEFAULT_SHA256))


def test_a_tilde_is_the_home_folder(altered: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(altered.parent))
    assert find_model(Settings(model="~/altered")).folder == altered


@pytest.mark.parametrize("name", ["no such model!", "a/b/c/d", "", "/etc/hostname"])
def test_a_name_that_is_none_is_said_to_be_not_found(name: str) -> None:
    with pytest.raises(ModelNotFound):
        find_model(Settings(model=name))


def test_a_folder_without_a_model_is_said_to_hold_none(tmp_path: Path) -> None:
    with pytest.raises(ModelNotFound, match=str(tmp_path)):
        find_model(Settings(model=str(tmp_path)))


def test_finding_a_model_loads_no_library_that_runs_one() -> None:
    program = (
        "import sys; from workers.models import find_model; from workers.settings import Settings\n"
        "find_model(Settings()); print({'torch', 'transformers', 'ctranslate2', 'huggingface_hub'} & set(sys.modules))"
    )
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "set()"

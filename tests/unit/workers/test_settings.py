"""Settings come from the environment, are checked, and say what is wrong with them."""

from pathlib import Path

import pytest

from workers.errors import ConfigurationError
from workers.settings import read_settings


@pytest.fixture(autouse=True)
def bare_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HOME", "BROKER_URL", "DATABASE_URL", "LEASE_S"):
        monkeypatch.delenv(f"VOXQUEUE_{name}", raising=False)


def test_with_nothing_set_everything_lies_under_home(tmp_path: Path) -> None:
    settings = read_settings(home=tmp_path)
    assert settings.database == f"sqlite:///{tmp_path / 'voxqueue.db'}"
    assert settings.artifact_path == tmp_path / "artifacts"


def test_variables_are_read_with_their_prefix(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VOXQUEUE_DATABASE_URL", "postgresql://db/voxqueue")
    monkeypatch.setenv("VOXQUEUE_BROKER_URL", "redis://broker/1")
    settings = read_settings()
    assert settings.database == "postgresql://db/voxqueue"
    assert settings.broker == "redis://broker/1"


def test_a_wrong_value_is_named_with_its_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VOXQUEUE_LEASE_S", "soon")
    with pytest.raises(ConfigurationError, match=r"VOXQUEUE_LEASE_S='soon'"):
        read_settings()


def test_settings_are_frozen(tmp_path: Path) -> None:
    settings = read_settings(home=tmp_path)
    with pytest.raises(ValueError, match="frozen"):
        settings.lease_s = 1.0  # type: ignore[misc]

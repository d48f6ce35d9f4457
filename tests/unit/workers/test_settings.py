"""Settings come from the environment, are checked, and say what is wrong with them."""

from pathlib import Path

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from workers.db.session import Database
from workers.errors import ConfigurationError
from workers.settings import environment_of, read_settings
from workers.stack import stack_settings


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


@pytest.mark.parametrize("url", ["nonsense", "mysql://db/voxqueue", "postgresql://voxqueue:hush@db:port/voxqueue"])
@pytest.mark.parametrize("name", ["DATABASE_URL", "BROKER_URL"])
def test_a_url_of_the_wrong_kind_is_named_and_its_password_is_not_told(
    monkeypatch: pytest.MonkeyPatch, name: str, url: str
) -> None:
    monkeypatch.setenv(f"VOXQUEUE_{name}", url)
    with pytest.raises(ConfigurationError, match=rf"\(VOXQUEUE_{name}: not a URL that starts with") as caught:
        read_settings()
    assert "hush" not in str(caught.value)


@pytest.mark.parametrize(
    ("database", "broker"),
    [
        ("sqlite:////srv/voxqueue.db", "redis+socket:///run/redis.sock?virtual_host=1"),
        ("postgresql://voxqueue:hush@db:5432/voxqueue?sslmode=require", "rediss://:hush@broker:6380/0"),
        ("postgresql+psycopg://db/voxqueue", "redis://broker"),
        ("postgres://db/voxqueue", ""),
    ],
)
def test_urls_of_the_databases_and_brokers_that_are_supported_are_taken(database: str, broker: str) -> None:
    chosen = read_settings(database_url=database, broker_url=broker)
    assert (chosen.database_url, chosen.broker_url) == (database, broker)
    Database(chosen.database).dispose()


@pytest.mark.parametrize(("lease_s", "heartbeat_s"), [(5.0, 5.0), (3.0, None), (None, 30.0)])
def test_a_heartbeat_that_comes_after_the_lease_is_refused(lease_s: float | None, heartbeat_s: float | None) -> None:
    chosen = {name: value for name, value in {"lease_s": lease_s, "heartbeat_s": heartbeat_s}.items() if value}
    with pytest.raises(ConfigurationError, match=r"VOXQUEUE_HEARTBEAT_S=.*VOXQUEUE_LEASE_S"):
        read_settings(**chosen)


@given(lease_s=st.floats(0.1, 1e4), heartbeat_s=st.floats(0.01, 1e4))
def test_the_stack_never_shortens_a_lease_below_its_heartbeat(lease_s: float, heartbeat_s: float) -> None:
    assume(heartbeat_s < lease_s)
    for chosen in ({"lease_s": max(lease_s, 5.1)}, {"heartbeat_s": min(heartbeat_s, 29.0)}, {"reap_s": lease_s}):
        quicker = stack_settings(read_settings(**chosen))
        assert quicker.heartbeat_s < quicker.lease_s
        assert all(getattr(quicker, name) == value for name, value in chosen.items())


def test_processes_of_the_stack_read_what_it_was_given_and_not_what_the_caller_has_set(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("VOXQUEUE_ARTIFACTS", "/elsewhere")
    monkeypatch.setenv("voxqueue_language_model", "/elsewhere/lm.bin")
    monkeypatch.setenv("PATH_OF_THE_CALLER", "kept")
    given_to_all = environment_of(read_settings(home=tmp_path, artifacts=None, language_model=None))
    assert given_to_all["PATH_OF_THE_CALLER"] == "kept"
    assert not any("elsewhere" in value for value in given_to_all.values())
    assert given_to_all["VOXQUEUE_HOME"] == str(tmp_path)


def test_a_home_that_cannot_be_made_is_a_wrong_setting(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigurationError, match=r"VOXQUEUE_HOME: .*Not a directory"):
        Database(read_settings(home=tmp_path / "file" / "home").database)

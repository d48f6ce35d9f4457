"""Who may open the HTTP door, and on which address."""

import socket
import urllib.request
from pathlib import Path

import pytest

from workers.db import migrate
from workers.db.session import Database
from workers.door import check_may_open, is_loopback, listening_socket, url_of
from workers.errors import ConfigurationError
from workers.jobs.keys import ApiKeys


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "::1", "127.8.9.10"])
def test_this_machine_is_known_by_its_names(host: str) -> None:
    assert is_loopback(host)


@pytest.mark.parametrize(
    "host", ["0.0.0.0", "::", "", "10.0.0.1", "example.com", "localhost.example.com", "2130706433"]
)
def test_whatever_others_may_reach_is_not_taken_for_this_machine(host: str) -> None:
    assert not is_loopback(host)


def test_other_machines_are_let_in_with_a_key_only(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path / 'voxqueue.db'}")
    migrate.upgrade(database)
    check_may_open("127.0.0.1", database)
    with pytest.raises(ConfigurationError, match="voxqueue keys create"):
        check_may_open("0.0.0.0", database)
    ApiKeys(database).create()
    check_may_open("0.0.0.0", database)
    database.dispose()


def test_a_socket_takes_connections_before_anyone_serves() -> None:
    with listening_socket("127.0.0.1", 0) as listening:
        url = url_of(listening)
        assert urllib.request.Request(url).host == f"127.0.0.1:{listening.getsockname()[1]}"
        with socket.create_connection(listening.getsockname(), timeout=5), listening.accept()[0] as taken:
            assert taken.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY), "answers would wait to be acknowledged"
        with pytest.raises(ConfigurationError, match=rf"--port {listening.getsockname()[1]}: Address already in use"):
            listening_socket("127.0.0.1", listening.getsockname()[1])


@pytest.mark.parametrize("host", ["no.such.host.invalid", "x" * 80, "192.0.2.1"])
def test_an_address_that_is_none_of_ours_is_named(host: str) -> None:
    with pytest.raises(ConfigurationError, match=f"--host {host}"):
        listening_socket(host, 0)


def test_an_address_of_version_six_stands_in_brackets() -> None:
    try:
        listening = listening_socket("::1", 0)
    except ConfigurationError:
        pytest.skip("this machine has no IPv6")
    with listening:
        assert url_of(listening) == f"http://[::1]:{listening.getsockname()[1]}"

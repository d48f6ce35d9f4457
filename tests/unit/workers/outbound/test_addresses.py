"""Which addresses are public, in every notation that has fooled somebody."""

from ipaddress import ip_address

import pytest

from workers.outbound.addresses import Allowed, is_public, parse_address

INSIDE = [
    "127.0.0.1",
    "127.255.255.254",
    "0.0.0.0",
    "10.1.2.3",
    "172.16.0.1",
    "172.31.255.255",
    "192.168.1.1",
    "169.254.169.254",
    "100.64.0.1",
    "100.100.100.200",
    "192.0.0.192",
    "192.0.2.1",
    "198.18.0.1",
    "198.51.100.7",
    "203.0.113.9",
    "224.0.0.1",
    "239.255.255.255",
    "240.0.0.1",
    "255.255.255.255",
    "168.63.129.16",
    "192.88.99.1",
    "::",
    "::1",
    "::7f00:1",
    "::ffff:127.0.0.1",
    "::ffff:169.254.169.254",
    "::ffff:7f00:1",
    "64:ff9b::7f00:1",
    "64:ff9b::a9fe:a9fe",
    "64:ff9b:1::1",
    "2002:7f00:1::",
    "2002:a9fe:a9fe::1",
    "2001:0:4136:e378:8000:63bf:3fff:fdd2",
    "2001:db8::1",
    "fe80::1",
    "fe80::1%eth0",
    "fec0::1",
    "fc00::1",
    "fd00:ec2::254",
    "ff02::1",
    "100::1",
    "4000::1",
]
OUTSIDE = [
    "1.1.1.1",
    "8.8.8.8",
    "93.184.216.34",
    "172.15.0.1",
    "172.32.0.1",
    "100.63.255.255",
    "100.128.0.1",
    "169.253.1.1",
    "223.255.255.255",
    "2606:2800:220:1:248:1893:25c8:1946",
    "2a00:1450:4001:81b::200e",
    "::ffff:8.8.8.8",
    "64:ff9b::808:808",
    "2002:808:808::1",
]


@pytest.mark.parametrize("text", INSIDE)
def test_what_is_not_one_host_on_the_public_internet_is_told_apart(text: str) -> None:
    assert not is_public(parse_address(text))


@pytest.mark.parametrize("text", OUTSIDE)
def test_public_addresses_are_public_in_every_wrapping(text: str) -> None:
    assert is_public(parse_address(text))


def test_an_address_that_is_carried_by_another_is_unwrapped() -> None:
    for text in ("::ffff:1.2.3.4", "64:ff9b::102:304", "2002:102:304::1"):
        assert parse_address(text) == ip_address("1.2.3.4")
    assert parse_address("2606:2800::1") == ip_address("2606:2800::1")


@pytest.mark.parametrize("text", ["localhost", "0x7f.1", "2130706433", "127.1", "0177.0.0.1", "", "1.2.3.4.5", "[::1]"])
def test_what_only_a_resolver_takes_for_an_address_is_none(text: str) -> None:
    with pytest.raises(ValueError, match="address"):
        parse_address(text)


def test_hosts_and_networks_that_are_allowed_are_read_from_one_line() -> None:
    allowed = Allowed.parse(" Hooks.Internal., 10.0.0.0/8 ,192.168.7.7, fd00::/8,[::1],,")
    assert allowed.has_host("hooks.internal")
    assert allowed.has_host("HOOKS.internal.")
    assert not allowed.has_host("hooks.internal.evil.example")
    assert not allowed.has_host("10.0.0.1")
    inside = ["10.255.0.1", "192.168.7.7", "fd12::1", "::1", "::ffff:10.0.0.1"]
    assert all(allowed.has_address(parse_address(text)) for text in inside)
    outside = ["11.0.0.1", "192.168.7.8", "fe80::1", "::2"]
    assert not any(allowed.has_address(parse_address(text)) for text in outside)


def test_nothing_is_allowed_by_nothing() -> None:
    assert Allowed.parse("") == Allowed.parse(" , ") == Allowed()
    assert not Allowed().has_host("")
    assert not Allowed().has_address(parse_address("127.0.0.1"))


@pytest.mark.parametrize("text", ["https://hooks.internal", "hooks:8080", "me@hooks", "10.0.0.0/99", "two words"])
def test_what_names_neither_host_nor_network_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="neither a host nor a network"):
        Allowed.parse(f"good.internal,{text}")

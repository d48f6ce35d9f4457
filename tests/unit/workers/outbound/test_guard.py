"""The guard lets nothing in by the back door: every URL of the usual list, and names that change their mind."""

from collections.abc import Sequence

import pytest

from pipeline.errors import VoxqueueError
from tests.sinks import ADDRESS, sink
from workers.errors import ConfigurationError, FetchAway, UrlNotAllowed
from workers.outbound import Allowed, Limits, Outbound, Policy, policy_of
from workers.outbound.guard import system_resolve
from workers.settings import Settings

LIMITS = Limits(max_bytes=1000, total_s=5, idle_s=2)
SECRET = b"the credentials of the cloud"

# As users and attackers write them; 127.0.0.1 has a server with a secret behind each.
REFUSED_AT_SIGHT = [
    "ftp://example.com/",
    "file:///etc/passwd",
    "gopher://127.0.0.1/",
    "data:text/plain,hello",
    "javascript:1",
    "//example.com/",
    "example.com",
    "http://example.com/",
    "http://169.254.169.254/latest/meta-data/",
    "https://169.254.169.254/",
    "https://127.0.0.1/",
    "https://[::1]/",
    "https://[::ffff:127.0.0.1]/",
    "https://[::ffff:7f00:1]/",
    "https://[64:ff9b::7f00:1]/",
    "https://[fe80::1]/",
    "https://10.0.0.1/",
    "https://0.0.0.0/",
    "https://user@example.com/",
    "https://user:word@example.com/",
    "https://@example.com/",
    "https://example.com@127.0.0.1/",
    "https://example.com:6379/",
    "https://example.com:22/",
    "https://example.com:80/",
    "https://example.com:0/",
    "https://example.com:65536/",
    "https://:443/",
    "https:///path",
    "https://127.0.0.1:6379/",
]
REFUSED_WHEN_LOOKED_UP = [
    "https://0x7f.1/",
    "https://0x7f000001/",
    "https://2130706433/",
    "https://0177.0.0.1/",
    "https://127.1/",
    "https://localhost/",
    "https://localhost./",
    "https://0/",
]


def answers(*addresses: str) -> Policy:
    return Policy(resolve=lambda _host, _port: addresses)


@pytest.mark.parametrize("url", REFUSED_AT_SIGHT)
def test_urls_that_lead_inside_are_refused_without_looking_anything_up(url: str) -> None:
    def unreached(host: str, _port: int) -> Sequence[str]:
        raise AssertionError(host)

    guarded = Outbound(Policy(resolve=unreached))
    with pytest.raises(UrlNotAllowed), guarded.get(url, LIMITS):
        pass
    with pytest.raises(UrlNotAllowed):
        guarded.post(url, b"{}", {}, 1)


@pytest.mark.parametrize("url", REFUSED_WHEN_LOOKED_UP)
def test_odd_notations_of_loopback_are_refused_whatever_the_resolver_makes_of_them(url: str) -> None:
    with pytest.raises((UrlNotAllowed, FetchAway)), Outbound(Policy()).get(url, LIMITS):
        pass
    assert Policy().check("https://0x7f.1/").host == "0x7f.1"
    assert system_resolve("0x7f.1", 443) == ["127.0.0.1"]


@pytest.mark.parametrize(
    "url",
    ["https://a b/", "https://exa\r\nmple.com/", "https://example.com/" + "a" * 2048, "https://[::1/", "\x00", ""],
)
def test_what_is_no_url_is_refused(url: str) -> None:
    with pytest.raises((UrlNotAllowed, FetchAway)), Outbound(answers()).get(url, LIMITS):
        pass


@pytest.mark.parametrize(
    "addresses", [("127.0.0.1",), ("1.1.1.1", "127.0.0.1"), ("::1", "2606:4700::1111"), ("::ffff:10.0.0.1",), ("what",)]
)
def test_one_address_that_is_not_public_spoils_the_name(addresses: tuple[str, ...]) -> None:
    with pytest.raises(UrlNotAllowed):
        answers(*addresses).addresses("https", "example.com", 443)


def test_a_name_with_public_addresses_gives_all_of_them() -> None:
    assert answers("1.1.1.1", "2606:4700::1111").addresses("https", "example.com", 443) == [
        "1.1.1.1",
        "2606:4700::1111",
    ]


def test_a_name_that_can_not_be_looked_up_is_not_connected_to() -> None:
    def broken(_host: str, _port: int) -> Sequence[str]:
        raise OSError

    for policy in (answers(), Policy(resolve=broken)):
        with pytest.raises(FetchAway) as caught, Outbound(policy).get("https://example.com/", LIMITS):
            pass
        assert caught.value.retryable


def test_a_name_that_changes_its_mind_is_looked_up_once_and_connected_to_where_it_was_checked() -> None:
    asked: list[str] = []

    def rebinding(host: str, _port: int) -> Sequence[str]:
        asked.append(host)
        return [ADDRESS if len(asked) == 1 else "127.0.0.1"]

    guarded = Outbound(Policy(Allowed.parse(f"{ADDRESS}/32"), resolve=rebinding))
    with sink() as outside, sink("127.0.0.1") as inside:
        inside.answer = lambda handler: handler.send(body=SECRET)
        outside.answer = lambda handler: handler.send(body=b"harmless")
        with guarded.get(outside.url(host="rebind.example"), LIMITS) as body:
            assert b"".join(body) == b"harmless"
        assert asked == ["rebind.example"]
        assert outside.came[0].headers["host"] == f"rebind.example:{outside.port}"
        with pytest.raises(UrlNotAllowed), guarded.get(outside.url(host="rebind.example"), LIMITS):
            pass
        assert inside.came == []


def test_a_host_that_was_allowed_may_be_anywhere_and_speak_plainly_and_its_neighbours_may_not() -> None:
    policy = Policy(Allowed.parse("hooks.internal"), resolve=lambda _host, _port: [ADDRESS])
    with sink() as server:
        assert Outbound(policy).post(server.url(host="hooks.internal"), b"{}", {}, 5).status == 200
        for host in ("other.internal", "hooks.internal.example", ADDRESS):
            with pytest.raises(UrlNotAllowed):
                Outbound(policy).post(server.url(host=host), b"{}", {}, 5)
    assert len(server.came) == 1


def test_a_name_is_refused_when_only_some_of_its_addresses_are_in_an_allowed_network() -> None:
    policy = Policy(Allowed.parse("10.0.0.0/8"), resolve=lambda _host, _port: ["10.0.0.1", "127.0.0.1"])
    with pytest.raises(UrlNotAllowed):
        policy.addresses("https", "half.internal", 443)
    assert policy.check("http://half.internal:8080/").port == 8080


def test_plain_http_is_for_port_80_of_public_hosts_where_it_was_chosen() -> None:
    plain = Policy(plain=True, resolve=lambda _host, _port: ["1.1.1.1"])
    assert plain.check("http://example.com/").scheme == "http"
    assert plain.addresses("http", "example.com", 80) == ["1.1.1.1"]
    for url in ("http://example.com:8080/", "https://example.com:80/", "http://127.0.0.1/", "http://example.com:443/"):
        with pytest.raises(UrlNotAllowed):
            plain.check(url)


def test_the_first_address_that_answers_is_taken() -> None:
    with sink() as server:
        policy = Policy(Allowed.parse("127.0.0.0/8"), resolve=lambda _host, _port: ["127.0.0.3", ADDRESS])
        assert Outbound(policy).post(server.url(host="two.internal"), b"", {}, 5).status == 200
        gone = server.url(host="two.internal")
    with pytest.raises(FetchAway):
        Outbound(policy).post(gone, b"", {}, 5)


def test_settings_say_what_is_permitted_and_are_checked() -> None:
    policy = policy_of(Settings(outbound_allow="127.0.0.0/8,hooks.internal", outbound_http=True))
    assert (policy.plain, policy.allowed.has_host("hooks.internal")) == (True, True)
    assert policy_of(Settings()) == Policy()
    with pytest.raises(ConfigurationError, match="VOXQUEUE_OUTBOUND_ALLOW: 'http://"):
        policy_of(Settings(outbound_allow="http://hooks.internal"))


def test_refusals_name_the_rule_and_no_secret() -> None:
    for url, told in (("https://me:word@example.com/", "user name"), ("https://10.1.1.1/", "public internet")):
        with pytest.raises(VoxqueueError, match=told) as caught:
            Policy().check(url)
        assert "word@" not in caught.value.sentence
        assert caught.value.code == "URL_NOT_ALLOWED"

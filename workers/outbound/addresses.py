"""Which addresses belong to the public internet, however they are written, and which others were allowed by name."""

from dataclasses import dataclass, replace
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

# Of the special-purpose registries of IANA, those that some releases of `ipaddress` take for global; and the address at
# which one large cloud answers its guests with their credentials.
_NEVER = tuple(map(IPv4Network, ("192.0.0.0/24", "192.88.99.0/24", "240.0.0.0/4", "168.63.129.16/32")))
_UNICAST = IPv6Network("2000::/3")
_SIX_TO_FOUR = IPv6Network("2002::/16")
_TEREDO = IPv6Network("2001::/32")
_NAT64 = IPv6Network("64:ff9b::/96")


def parse_address(text: str) -> Address:
    """The address, unwrapped from an IPv6 one that only carries it (mapped, NAT64, 6to4).

    Raises:
        ValueError: it is no address.
    """
    address = ip_address(text)
    return address if isinstance(address, IPv4Address) else _unwrapped(address)


def is_public(address: Address) -> bool:
    """Whether a packet to this address leaves for the public internet, to one host."""
    if isinstance(address, IPv4Address):
        return address.is_global and not address.is_multicast and not any(address in network for network in _NEVER)
    return address in _UNICAST and address not in _TEREDO and address.is_global


@dataclass(frozen=True)
class Allowed:
    """Hosts and networks that may be reached although they are not public, over plain HTTP and on any port too."""

    hosts: frozenset[str] = frozenset()
    networks: tuple[Network, ...] = ()

    @classmethod
    def parse(cls, text: str) -> "Allowed":
        """Read `host,address,network/bits,...`.

        Raises:
            ValueError: an entry is none of these.
        """
        entries = [entry.strip().lower() for entry in text.split(",") if entry.strip()]
        networks = {entry: _network_of(entry) for entry in entries}
        hosts = frozenset(entry.rstrip(".") for entry, network in networks.items() if network is None)
        odd = sorted(host for host in hosts if set(host) & set("/:@ "))
        if odd:
            raise ValueError(f"{odd[0]!r} is neither a host nor a network such as 10.0.0.0/8")
        return cls(hosts, tuple(network for network in networks.values() if network is not None))

    def has_host(self, host: str) -> bool:
        """Whether this host was named."""
        return host.lower().rstrip(".") in self.hosts

    def with_host(self, host: str) -> "Allowed":
        """These, and `host`."""
        return replace(self, hosts=self.hosts | {host.lower().rstrip(".")})

    def names(self, host: str) -> bool:
        """Whether `host`, a name or an address, was named, by itself or in a network."""
        try:
            return self.has_host(host) or self.has_address(parse_address(host.strip("[]")))
        except ValueError:
            return False

    def has_address(self, address: Address) -> bool:
        """Whether this address lies in a network that was named."""
        return any(address.version == network.version and address in network for network in self.networks)


NOTHING = Allowed()


def _unwrapped(address: IPv6Address) -> Address:
    if address.ipv4_mapped is not None:
        return address.ipv4_mapped
    if address in _SIX_TO_FOUR:
        return IPv4Address((int(address) >> 80) & 0xFFFFFFFF)
    if address in _NAT64:
        return IPv4Address(int(address) & 0xFFFFFFFF)
    return address


def _network_of(entry: str) -> Network | None:
    try:
        return ip_network(entry.strip("[]"), strict=False)
    except ValueError:
        return None

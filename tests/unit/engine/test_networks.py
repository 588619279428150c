"""Networks held against the standard library's ipaddress as the model."""
import ipaddress
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from uacfast.proxy.networks import Networks

# Few distinct high bits, so that networks nest, touch and overlap often.
IPV4_NUMBERS = st.one_of(st.integers(0, 2**32 - 1), st.integers(0, 600), st.integers(2**32 - 600, 2**32 - 1))
IPV6_NUMBERS = st.one_of(
    st.integers(0, 2**128 - 1),
    st.integers(0, 600),
    st.integers(2**64 - 300, 2**64 + 300),
    st.integers(2**128 - 600, 2**128 - 1),
)


@st.composite
def ipv4_networks(draw):
    return ipaddress.IPv4Network((draw(IPV4_NUMBERS), draw(st.integers(0, 32))), strict=False)


@st.composite
def ipv6_networks(draw):
    return ipaddress.IPv6Network((draw(IPV6_NUMBERS), draw(st.integers(0, 128))), strict=False)


def edges(network):
    """The addresses where a mistake by one would show."""
    numbers = {int(network.network_address), int(network.broadcast_address)}
    kind = type(network.network_address)
    top = 2**network.max_prefixlen
    return [kind(n + d) for n in numbers for d in (-1, 0, 1) if 0 <= n + d < top]


def model(networks, address):
    if address.version == 6 and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    return any(address in network for network in networks if network.version == address.version)


@given(
    st.lists(st.one_of(ipv4_networks(), ipv6_networks()), max_size=12),
    st.lists(st.one_of(IPV4_NUMBERS.map(ipaddress.IPv4Address), IPV6_NUMBERS.map(ipaddress.IPv6Address)), max_size=8),
)
def test_agrees_with_ipaddress(networks, addresses):
    # A network of mapped addresses is an IPv4 network here; the model has no such notion.
    networks = [n for n in networks if n.version == 4 or n.network_address.ipv4_mapped is None]
    under_test = Networks([str(network) for network in networks])
    for address in addresses + [edge for network in networks for edge in edges(network)]:
        assert under_test.contains_text(str(address)) == model(networks, address), address


def test_a_hundred_thousand_networks():
    choose = random.Random(7)
    prefixes = {choose.getrandbits(24) for _ in range(100_000)}
    under_test = Networks([f"{ipaddress.IPv4Address(prefix << 8)}/24" for prefix in prefixes])
    for _ in range(5_000):
        number = choose.getrandbits(32)
        assert under_test.contains_text(str(ipaddress.IPv4Address(number))) == (number >> 8 in prefixes)
    for prefix in list(prefixes)[:5_000]:
        assert under_test.contains_text(str(ipaddress.IPv4Address(prefix << 8 | choose.getrandbits(8))))


def test_mapped_addresses_are_ipv4():
    assert Networks(["192.0.2.0/24"]).contains_text("::ffff:192.0.2.7")
    assert not Networks(["192.0.2.0/24"]).contains_text("::ffff:192.0.3.7")
    assert Networks(["::ffff:192.0.2.0/120"]).contains_text("192.0.2.7")
    assert not Networks(["::/0"]).contains_text("::ffff:192.0.2.7")
    assert not Networks(["0.0.0.0/0"]).contains_text("::1")


def test_single_addresses_netmasks_and_the_empty_set():
    assert Networks(["192.0.2.1"]).contains_text("192.0.2.1")
    assert not Networks(["192.0.2.1"]).contains_text("192.0.2.2")
    assert Networks(["2001:db8::1"]).contains_text("2001:db8::1")
    assert Networks(["10.0.0.0/255.0.0.0"]).contains_text("10.200.0.1")
    assert not Networks([]).contains_text("192.0.2.1")
    assert Networks(["0.0.0.0/0", "::/0"]).contains_text("255.255.255.255")


@pytest.mark.parametrize(
    ("text", "advice"),
    [
        ("10.0.0.1/8", "10.0.0.0/8"),
        ("2001:db8::1/32", "2001:db8::/32"),
        ("10.0.0.0/33", "0 to 32"),
        ("::/129", "0 to 128"),
        ("::/255.0.0.0", "prefix length"),
        ("10.0.0.0/", "prefix length"),
        ("10.0.0.0/-1", "prefix length"),
        ("10.0.0.0/²", "prefix length"),
        ("10.0.0/8", "no network"),
        ("carrier.example", "no network"),
        ("10.0.0.1\x00", "no network"),
        ("", "no network"),
        (7, "must be a text"),
    ],
)
def test_what_is_no_network_is_named(text, advice):
    with pytest.raises(ValueError, match=advice) as caught:
        Networks(["192.0.2.0/24", text])
    assert repr(text) in str(caught.value)


@pytest.mark.parametrize("text", ["", "carrier.example", "192.0.2.1:5060", "[::1]", "::1%lo", "192.0.2.1\x00"])
def test_what_is_no_address_is_named(text):
    with pytest.raises(ValueError, match="no IP address"):
        Networks(["192.0.2.0/24"]).contains_text(text)

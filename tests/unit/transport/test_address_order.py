"""RFC 6724 §10.2 examples, with the source addresses that they assume."""
import ipaddress

import pytest

from uacfast.transport.address_order import in_order


@pytest.mark.parametrize(
    ("sources", "expected"),
    [
        # Prefer a matching scope: a global IPv4 source beats a link-local IPv6 one.
        ({"2001:db8:1::1": "fe80::1", "198.51.100.121": "198.51.100.117"}, ["198.51.100.121", "2001:db8:1::1"]),
        # Prefer the higher precedence where both have a global source.
        ({"2001:db8:1::1": "2001:db8:1::2", "10.1.2.3": "10.1.2.4"}, ["2001:db8:1::1", "10.1.2.3"]),
        # Prefer a matching label: 6to4 to 6to4.
        ({"2002:c633:6401::1": "2002:c633:6401::2", "2001:db8:1::1": "2002:c633:6401::2"},
         ["2002:c633:6401::1", "2001:db8:1::1"]),
        # Prefer the smaller scope.
        ({"2001:db8:1::1": "2001:db8:1::2", "fe80::1": "fe80::2"}, ["fe80::1", "2001:db8:1::1"]),
        # Avoid what has no route.
        ({"2001:db8:1::1": None, "192.0.2.1": "192.0.2.2"}, ["192.0.2.1", "2001:db8:1::1"]),
    ],
)
def test_examples(sources, expected):
    def source_of(destination):
        source = sources[str(destination)]
        return source and ipaddress.ip_address(source)

    assert in_order(sources, source_of) == expected
    assert in_order(reversed(sources), source_of) == expected


def test_equals_stay_in_the_servers_order():
    addresses = ["192.0.2.7", "192.0.2.1", "192.0.2.200"]
    assert in_order(addresses, lambda destination: ipaddress.ip_address("192.0.2.2")) == addresses


def test_the_kernel_is_asked_for_the_source():
    assert in_order(["203.0.113.1"]) == ["203.0.113.1"]
    assert sorted(in_order(["127.0.0.1", "::1"])) == ["127.0.0.1", "::1"]

"""Scanning and parsing a message: the first thing that happens to every datagram."""
from bench.messages import INVITE, OK
from uacfast.testing.loops import scan_and_parse_loop, scan_loop


def test_scan_invite(per_operation):
    assert per_operation(scan_loop, INVITE, guide_ns=500) == 1000 * INVITE.partition(b"\r\n\r\n")[0].count(b"\r\n")


def test_scan_200(per_operation):
    assert per_operation(scan_loop, OK, guide_ns=500) == 1000 * OK.partition(b"\r\n\r\n")[0].count(b"\r\n")


def test_scan_and_parse_invite(per_operation):
    assert per_operation(scan_and_parse_loop, INVITE) == 1000


def test_scan_and_parse_200(per_operation):
    assert per_operation(scan_and_parse_loop, OK) == 1000

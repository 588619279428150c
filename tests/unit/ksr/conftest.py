"""A runtime that holds one message, and messages for it."""

import pytest

from uacfast.testing.recorded_runtime import RecordedRuntime

CRLF = "\r\n"


def request(
    method="INVITE",
    uri="sip:bob@example.com",
    *lines,
    body="",
    via="127.0.0.1:5070",
    contact=True,
    from_="<sip:alice@example.com>;tag=f1",
    to="<sip:bob@example.com>",
    cseq=None,
    call_id="c1@x",
    **extra,
):
    """Octets of a request; `extra` headers have underscores for hyphens."""
    head = [
        f"{method} {uri} SIP/2.0",
        f"Via: SIP/2.0/UDP {via};branch=z9hG4bKx1",
        "Max-Forwards: 70",
        f"From: {from_}",
        f"To: {to}",
        f"Call-ID: {call_id}",
        f"CSeq: {cseq or '1 ' + method}",
    ]
    if contact is True:
        head.append("Contact: <sip:alice@127.0.0.1:5070>")
    elif contact:
        head.append(f"Contact: {contact}")
    head += [f"{name.replace('_', '-')}: {value}" for name, value in extra.items()]
    head += lines
    head.append(f"Content-Length: {len(body)}")
    return (CRLF.join(head) + CRLF + CRLF + body).encode("utf-8", "surrogateescape")


def reply(status=200, reason="OK", *lines, method="INVITE"):
    """Octets of a response with two Vias."""
    return (
        CRLF.join(
            [
                f"SIP/2.0 {status} {reason}",
                "Via: SIP/2.0/UDP 127.0.0.1:5060;branch=z9hG4bKours",
                "Via: SIP/2.0/UDP 127.0.0.1:5070;branch=z9hG4bKx1",
                "From: <sip:alice@example.com>;tag=f1",
                "To: <sip:bob@example.com>;tag=t1",
                "Call-ID: c1@x",
                f"CSeq: 1 {method}",
                *lines,
                "Content-Length: 0",
            ]
        )
        + CRLF
        + CRLF
    ).encode()


@pytest.fixture
def runtime():
    return RecordedRuntime()


def yes(value):
    """A KEMI int that means yes; a bool would change what scripts do."""
    return type(value) is int and value == 1


def no(value):
    return type(value) is int and value == -1

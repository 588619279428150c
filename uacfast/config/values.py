"""The rules of single values: addresses, URIs, networks, expressions, and the types that carry them.

A type is `Annotated[python type, msgspec.Meta(...), Check(...)]`. `Meta.description` is the phrase that an error
message puts after "expected"; `Check` holds what a type cannot say. Nothing here knows about tables or lines.
"""
import ipaddress
import re
import warnings
from collections.abc import Callable
from typing import Annotated, Any

from msgspec import Meta

from uacfast.routing.pv import text_template
from uacfast.routing.pv.stores import avp_name
from uacfast.routing.regex import compile_regex
from uacfast.routing.template import Template
from uacfast.store import StoreError, parse_url

SIP_PORT = 5060
INT32_MAX = 2**31 - 1


class Check:
    """A rule beyond the type: `apply(value)` returns the value to keep or raises ValueError(what was expected)."""

    __slots__ = ("apply",)

    def __init__(self, apply: Callable[[Any], Any]) -> None:
        self.apply = apply


class Marker:
    """A property of a key that is neither type nor rule."""

    __slots__ = ("name",)

    def __init__(self, name: str) -> None:
        self.name = name

    def __repr__(self) -> str:
        return self.name


SECRET = Marker("SECRET")                    # never shown: not in messages, not in repr()
EMPTY_IS_UNSET = Marker("EMPTY_IS_UNSET")    # for lists: the value "" stands for the empty list

_HOST_NAME = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?(?:\.[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}"
                        r"[A-Za-z0-9_])?)*\.?")
_HOST_PORT = re.compile(r"(?P<host>\[[0-9A-Fa-f:.]+\]|[^\s:\[\]]+)(?::(?P<port>[0-9]{1,5}))?")
_TOKEN = re.compile(r"[A-Za-z0-9.!%*_+`'~-]+")                                   # RFC 3261 §25.1 token
_AVP = re.compile(r"\$avp\(([^()\s]+)\)|\$\(avp\(([^()\s]+)\)\)")
_PSEUDO_VARIABLE = re.compile(r"\$(?:[A-Za-z_(])")
_SIP_URI = re.compile(r"sips?:(?:[^@\s<>\"]+@)?(?P<host_port>(?:\[[0-9A-Fa-f:.]+\]|[^\s:;?@\[\]<>\"]+)(?::[0-9]+)?)"
                      r"(?:[;?][^\s<>\"]*)?", re.IGNORECASE)
_TEL_URI = re.compile(r"tel:[^\s<>\"@]+", re.IGNORECASE)
_LINE_BREAKERS = re.compile(r"[\r\n\0]")
_SIP_METHODS = frozenset(("INVITE", "ACK", "BYE", "CANCEL", "OPTIONS", "REGISTER", "PRACK", "UPDATE", "INFO",
                          "SUBSCRIBE", "NOTIFY", "REFER", "MESSAGE", "PUBLISH"))
# URI parameters that a Record-Route of ours carries for other purposes (RFC 3261 §19.1.1; Kamailio rr, dialog; ours).
_RECORD_ROUTE_PARAMETERS = frozenset(("lr", "r2", "ftag", "did", "auth", "cseq", "transport", "maddr", "user", "method",
                                      "ttl"))


def is_host(text: str) -> bool:
    """True for an IPv4 address, a bracketed IPv6 address or a host name (RFC 3261 §25.1 `host`; `_` is let pass)."""
    if text.startswith("["):
        try:
            ipaddress.IPv6Address(text[1:-1])
        except ValueError:
            return False
        return text.endswith("]")
    if not text.replace(".", "").isdigit():
        return len(text) <= 253 and _HOST_NAME.fullmatch(text) is not None
    try:
        ipaddress.IPv4Address(text)
    except ValueError:
        return False
    return True


def split_host_port(text: str) -> tuple[str, int | None]:
    """`host[:port]` as (host, port); an IPv6 host keeps its brackets, a missing port is None. ValueError otherwise."""
    match = _HOST_PORT.fullmatch(text)
    if match is None or not is_host(match["host"]):
        raise ValueError("host[:port], an IPv6 address in brackets")
    if match["port"] is None:
        return match["host"], None
    port = int(match["port"])
    if not 1 <= port <= 65535:
        raise ValueError("a port from 1 to 65535")
    return match["host"], port


def has_pseudo_variables(text: str) -> bool:
    """True when `text` holds something that reads as a pseudo-variable (`$rU`, `$(fu{uri.host})`); `$$` is a dollar."""
    return _PSEUDO_VARIABLE.search(text.replace("$$", "")) is not None


def one_line(text: str) -> str:
    """Keeps header values on their line: CR, LF and NUL are refused (engine specification W3)."""
    if _LINE_BREAKERS.search(text):
        raise ValueError("text without CR, LF or NUL")
    return text


def _host_port(text: str) -> str:
    split_host_port(text)
    return text


def _optional_host_port(text: str) -> str:
    return _host_port(text) if text else text


def _uri(text: str, schemes: str, sip_only: bool) -> str:
    one_line(text)
    if has_pseudo_variables(text):
        return text
    if not sip_only and _TEL_URI.fullmatch(text):
        return text
    match = _SIP_URI.fullmatch(text)
    if match is None or (sip_only and text[:5].lower() == "sips:"):
        raise ValueError(schemes)
    try:
        split_host_port(match["host_port"])
    except ValueError as error:
        raise ValueError(f"{schemes}; after the user part it needs {error}") from None
    return text


def _any_uri(text: str) -> str:
    if not text:
        return text
    return _with_variables(_uri(text, "a URI such as sip:user@example.com (sip:, sips: or tel:)", sip_only=False))


def _relay_uri(text: str) -> str:
    what = "a sip: URI such as sip:192.0.2.10:5060 (this version sends over UDP only)"
    return _with_variables(_uri(text, what, sip_only=True))


def _network(text: str) -> str:
    try:
        ipaddress.ip_network(text)
    except ValueError:
        try:
            meant = ipaddress.ip_network(text, strict=False)
        except ValueError:
            raise ValueError("an address or a network such as 192.0.2.0/24 or 2001:db8::/32") from None
        raise ValueError(f"a network without host bits; did you mean {meant}?") from None
    return text


def _expression(text: str) -> str:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            if text:
                compile_regex(text)
    except (ValueError, OverflowError) as error:
        raise ValueError(f"a regular expression that routes can use ({str(error).rstrip('.')})") from None
    return text


def _with_variables(text: str) -> str:
    try:
        Template(one_line(text))
    except ValueError as error:
        raise ValueError(f"known pseudo-variables only ({str(error).rstrip('.')})") from None
    return text


def _variable_text(text: str) -> str:
    try:
        text_template(one_line(text))
    except ValueError as error:
        raise ValueError(f"known pseudo-variables only ({str(error).rstrip('.')})") from None
    return text


def _web_url(text: str) -> str:
    if text and not re.fullmatch(r"https?://[^\s/]+(?:/\S*)?", text, re.IGNORECASE):
        raise ValueError("a URL such as https://example.com/events")
    return text


def _method(text: str) -> str:
    if text.upper() in _SIP_METHODS and text not in _SIP_METHODS:
        raise ValueError(f'"{text.upper()}": method names are case-sensitive')
    if not _TOKEN.fullmatch(text):
        raise ValueError("a method name such as INVITE")
    return text


def _store_param(text: str) -> str:
    if text and not _TOKEN.fullmatch(text):
        raise ValueError("a URI parameter name (letters, digits and . ! % * _ + ` ' ~ -)")
    if text.lower() in _RECORD_ROUTE_PARAMETERS:
        raise ValueError(f'a name of its own; "{text}" already has a meaning in Record-Route')
    return text


def _dialog_param(text: str) -> str:
    return text if text == "did" else _store_param(text)


def _database_url(text: str) -> str:
    if text:
        try:
            parse_url(text)
        except StoreError as error:
            raise ValueError(f"a database URL ({error})") from None
    return text


def _restore_mode(text: str) -> str:
    mode = text.lower() or "auto"
    if mode not in ("none", "manual", "auto"):
        raise ValueError('one of "none", "manual", "auto"')
    return mode


def avp_key(text: str) -> str | int | None:
    """What an AVP is kept under, None for an empty text. ValueError(what was expected)."""
    if not text:
        return None
    written = _AVP.fullmatch(text)
    if not written or "$" in written[written.lastindex]:
        raise ValueError("an AVP such as $avp(saved_from)")
    try:
        return avp_name(written[written.lastindex])
    except ValueError:
        raise ValueError("an AVP such as $avp(saved_from) or $avp(i:5)") from None


def _avp(text: str) -> str:
    avp_key(text)
    return text


def _pseudo_variable(text: str) -> str:
    if text and not re.fullmatch(r"\$\S+", text):
        raise ValueError("a pseudo-variable such as $avp(realm)")
    return text


def _contact_addr(text: str) -> str:
    if re.search(r"\s", text) or re.match(r"(?:sips?|tel):", text, re.IGNORECASE):
        raise ValueError("host[:port][;parameters] without a scheme")
    return one_line(text)


def _clamped_hash_size(size: int) -> int:
    return min(max(size, 2), 14)


def _non_empty(text: str) -> str:
    if not text:
        raise ValueError("a string that is not empty")
    return one_line(text)


def _hex_digits(count: int) -> Callable[[str], str]:
    def check(text: str) -> str:
        if text and not re.fullmatch(rf"[0-9A-Fa-f]{{{count}}}", text):
            raise ValueError(f"{count} hexadecimal digits")
        return text.lower()
    return check


def _integer(least: int, most: int, what: str) -> Any:
    """An int type with its bounds and the phrase an error message uses."""
    bounds = f"from {least} to {most}" if most != INT32_MAX else f"of {least} or more"
    return Annotated[int, Meta(ge=least, le=most, description=f"{what} {bounds}")]


Flag = Annotated[bool, Meta(description="true or false (or 1 or 0)")]
Text = Annotated[str, Meta(description="a string"), Check(one_line)]
DisplayText = Annotated[str, Meta(description="a string"), Check(_with_variables)]
VariableText = Annotated[str, Meta(description="a string"), Check(_variable_text)]
WebUrl = Annotated[str, Meta(description="an http: or https: URL"), Check(_web_url)]
NonEmptyText = Annotated[str, Meta(description="a string that is not empty"), Check(_non_empty)]
SecretText = Annotated[str, Meta(description="a string"), SECRET]
SealKey = Annotated[str, Meta(description="a key, a string that is not empty"), SECRET, Check(_non_empty)]
DatabaseUrl = Annotated[str, Meta(description="a database URL"), SECRET, Check(_database_url)]
Path = Annotated[str, Meta(description="the path of a file")]

Workers = _integer(1, 64, "a number of processes")
Microseconds = _integer(0, 500, "microseconds, an integer")
Milliseconds = _integer(1, INT32_MAX, "milliseconds, an integer")
MillisecondsOrZero = _integer(0, INT32_MAX, "milliseconds, an integer")
Seconds = _integer(1, INT32_MAX, "seconds, an integer")
SecondsOrZero = _integer(0, INT32_MAX, "seconds, an integer")
SecondsOrLess = Annotated[int, Meta(ge=-INT32_MAX, le=INT32_MAX, description="seconds, an integer")]
Count = _integer(1, INT32_MAX, "an integer")
CountOrZero = _integer(0, INT32_MAX, "an integer")
Percent = _integer(0, 90, "percent, an integer")
HashSize = Annotated[int, Meta(description="an integer from 2 to 14"), Check(_clamped_hash_size)]
PortOrZero = _integer(0, 65_535, "a port, an integer")
StatusCode = _integer(200, 699, "a status code, an integer")
RequestSize = _integer(1024, 1 << 24, "octets, an integer")
Connections = _integer(1, 65_535, "an integer")
RequestToMode = _integer(0, 3, "an integer")

FileMode = Annotated[int, Meta(ge=0, le=0o777, description="permissions such as 0o600, an integer up to 0o777")]
HostPort = Annotated[str, Meta(description="host[:port]"), Check(_host_port)]
OptionalHostPort = Annotated[str, Meta(description="host[:port]"), Check(_optional_host_port)]
Uri = Annotated[str, Meta(description="a URI such as sip:user@example.com"), Check(_any_uri)]
RelayUri = Annotated[str, Meta(description="a sip: URI such as sip:192.0.2.10:5060"), Check(_relay_uri)]
Network = Annotated[str, Meta(description="a network such as 192.0.2.0/24"), Check(_network)]
Expression = Annotated[str, Meta(description="a regular expression"), Check(_expression)]
Method = Annotated[str, Meta(description="a method name such as INVITE"), Check(_method)]
StoreParam = Annotated[str, Meta(description="a URI parameter name"), Check(_store_param)]
DialogParam = Annotated[str, Meta(description="a URI parameter name"), Check(_dialog_param)]
RestoreMode = Annotated[str, Meta(description='one of "none", "manual", "auto"'), Check(_restore_mode)]
Avp = Annotated[str, Meta(description="an AVP such as $avp(saved_from)"), Check(_avp)]
PseudoVariable = Annotated[str, Meta(description="a pseudo-variable such as $avp(realm)"), Check(_pseudo_variable)]
ContactAddr = Annotated[str, Meta(description="host[:port][;parameters]"), Check(_contact_addr)]
Md5Ha1 = Annotated[str, Meta(description="32 hexadecimal digits"), SECRET, Check(_hex_digits(32))]
Sha256Ha1 = Annotated[str, Meta(description="64 hexadecimal digits"), SECRET, Check(_hex_digits(64))]

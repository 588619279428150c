from typing import TypedDict

class Header(TypedDict):
    id: str | None
    name: bytes
    value: bytes
    line: bytes

class Message(TypedDict):
    is_request: bool
    method: str | None
    method_text: bytes | None
    request_uri: bytes | None
    version: bytes
    status: int
    reason: bytes | None
    headers: list[Header]
    flaws: set[str]
    body: bytes
    start: int
    length: int
    headers_start: int
    headers_end: int

class Uri(TypedDict):
    scheme: str
    user: bytes | None
    password: bytes | None
    host: bytes | None
    host_is_ipv6: bool
    port: int
    parameters: bytes | None
    headers: bytes | None

class Via(TypedDict):
    value: bytes
    protocol: bytes
    transport: bytes
    host: bytes
    port: int
    sent_by: bytes
    parameters: bytes | None
    branch: bytes | None
    received: bytes | None
    maddr: bytes | None
    rport_parameter: bytes | None
    rport: int

class Address(TypedDict):
    value: bytes
    display: bytes | None
    uri: bytes
    name_addr: bytes
    parameters: bytes | None
    tag: bytes | None
    brackets: bool

HEADER_NAMES: tuple[str | None, ...]
METHOD_NAMES: tuple[str | None, ...]
FLAWS: dict[str, int]
SCHEMES: tuple[str, ...]
DEFAULT_LIMITS: dict[str, int]

def scan(data: bytes, accept_lf: bool = False, limits: dict[str, int] | None = None) -> Message | None: ...
def header_id(name: bytes) -> str | None: ...
def method_id(name: bytes) -> str | None: ...
def parse_uri(text: bytes) -> Uri: ...
def uri_equal(a: bytes, b: bytes) -> bool: ...
def parse_via(value: bytes) -> list[Via]: ...
def parse_address(value: bytes) -> list[Address]: ...
def parse_cseq(value: bytes) -> tuple[int, bytes, bytes]: ...
def list_elements(value: bytes) -> list[bytes]: ...
def parameter_find(parameters: bytes, name: bytes, exact: bool = False) -> tuple[bool, bytes | None]: ...

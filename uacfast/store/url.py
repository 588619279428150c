"""Database URLs: sqlite:///path, mysql://user:password@host[:port]/database, postgres://…"""
import re
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, quote, unquote

from .errors import StoreError

SQLITE, MYSQL, POSTGRES = "sqlite", "mysql", "postgres"
_SCHEMES = {"sqlite": SQLITE, "mysql": MYSQL, "mariadb": MYSQL, "postgres": POSTGRES, "postgresql": POSTGRES}
_DEFAULT_PORTS = {MYSQL: 3306, POSTGRES: 5432}
# What may stand behind the question mark.
_OPTIONS = {SQLITE: (), MYSQL: ("unix_socket", "ssl_ca"), POSTGRES: ("host", "sslmode")}
_SSL_MODES = ("disable", "allow", "prefer", "require", "verify-ca", "verify-full")
_URL = re.compile(r"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*)://(?P<authority>[^/?]*)(?P<path>/[^?]*)?(?:\?(?P<query>.*))?",
                  re.DOTALL)
_HOST_PORT = re.compile(r"(?P<host>\[[0-9A-Fa-f:.]+\]|[^\s:\[\]]*)(?::(?P<port>[0-9]{1,5}))?")
EXPECTED = "sqlite:///PATH, mysql://USER:PASSWORD@HOST/DATABASE or postgres://USER:PASSWORD@HOST/DATABASE"


@dataclass(frozen=True)
class DatabaseUrl:
    """A database URL in its parts, percent-decoded. str() and repr() leave the password out."""

    kind: str                                   # SQLITE, MYSQL or POSTGRES
    path: str = ""                              # SQLite: the file
    user: str = ""
    password: str = field(default="", repr=False)
    host: str = ""                              # without brackets
    port: int = 0                               # 0: the default of the kind
    database: str = ""
    options: tuple[tuple[str, str], ...] = ()   # (name, value) in the order of the URL

    def option(self, name: str) -> str:
        """The value of a query parameter, "" when it is not there."""
        return dict(self.options).get(name, "")

    @property
    def default_port(self) -> int:
        return _DEFAULT_PORTS[self.kind]

    def without_secrets(self, message: str) -> str:
        """`message`, in which the password is hidden wherever it stands."""
        return message.replace(self.password, "***") if len(self.password) > 3 else message

    def __str__(self) -> str:
        if self.kind == SQLITE:
            return f"sqlite:///{quote(self.path)}"
        user = f"{quote(self.user, safe='')}@" if self.user else ""
        host = f"[{self.host}]" if ":" in self.host else self.host
        port = f":{self.port}" if self.port else ""
        query = "&".join(f"{name}={quote(value)}" for name, value in self.options)
        return f"{self.kind}://{user}{host}{port}/{quote(self.database, safe='')}{'?' if query else ''}{query}"


def parse_url(url: str) -> DatabaseUrl:
    """Takes a database URL apart. StoreError: a sentence that says what was expected and never shows the URL itself."""
    match = _URL.fullmatch(url)
    if match is None:
        raise StoreError(f"the database URL is not understood: expected {EXPECTED}")
    scheme = match["scheme"].lower()
    if scheme not in _SCHEMES:
        raise StoreError(f'the database URL begins with "{scheme}:", which is not supported: expected {EXPECTED}')
    kind = _SCHEMES[scheme]
    authority, path = match["authority"], (match["path"] or "")[1:]
    options = _options(kind, scheme, match["query"] or "")
    if kind == SQLITE:
        if authority:
            raise StoreError(f"the database URL has {len(authority)} characters between sqlite:// and the next slash: "
                             "expected sqlite:///PATH, or sqlite:////PATH for a path from the root")
        if not path or "\0" in unquote(path):
            raise StoreError("the database URL has no file: expected sqlite:///PATH")
        return DatabaseUrl(kind=kind, path=unquote(path))
    if "@" in path or "/" in path:
        raise StoreError(f"the database URL is not understood: expected {scheme}://USER:PASSWORD@HOST/DATABASE, "
                         "characters such as / @ : ? % in USER and PASSWORD percent-encoded (%2F %40 %3A %3F %25)")
    user_part, _, host_part = authority.rpartition("@")
    user, _, password = user_part.partition(":")
    host_port = _HOST_PORT.fullmatch(host_part)
    port = int(host_port["port"] or 0) if host_port else 0
    if host_port is None or port > 65535 or host_port["port"] and not port:
        raise StoreError("the database URL has no usable host: expected "
                         f"{scheme}://USER:PASSWORD@HOST[:PORT]/DATABASE, an IPv6 address in brackets")
    found = DatabaseUrl(kind=kind, user=unquote(user), password=unquote(password),
                        host=unquote(host_port["host"]).strip("[]"), port=port, database=unquote(path), options=options)
    _check_server(found, scheme)
    return found


def _check_server(url: DatabaseUrl, scheme: str) -> None:
    if not url.database:
        raise StoreError(f"the database URL names no database: expected {scheme}://USER:PASSWORD@HOST/DATABASE")
    if not url.host and not url.option("unix_socket") and not url.option("host"):
        socket = "unix_socket=/PATH" if url.kind == MYSQL else "host=/DIRECTORY"
        raise StoreError(f"the database URL names no host: expected {scheme}://USER:PASSWORD@HOST/DATABASE, or "
                         f"{scheme}://USER@/DATABASE?{socket} for a unix socket")
    if any("\0" in text for text in (url.user, url.password, url.host, url.database)):
        raise StoreError("the database URL holds %00, which no database takes")


def _options(kind: str, scheme: str, query: str) -> tuple[tuple[str, str], ...]:
    known = _OPTIONS[kind]
    try:
        options = tuple(parse_qsl(query, keep_blank_values=True, strict_parsing=bool(query)))
    except ValueError:
        options = ((query, ""),)
    for name, value in options:
        if name not in known or not value:
            what = " or ".join(f"{one}=…" for one in known) or "nothing"
            # What stands here by mistake may be the rest of a password: it is not repeated.
            raise StoreError("the database URL has something behind its question mark that is not understood: "
                             f"expected {what} (a question mark in the password is written %3F)")
        if name == "sslmode" and value not in _SSL_MODES:
            raise StoreError(f"the database URL has another sslmode than {scheme} knows: expected one of "
                             f"{', '.join(_SSL_MODES)}")
    return options

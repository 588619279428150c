"""The tables: those of Kamailio 5.6 that we read and create alike, and our own uacfast_regstate."""
from dataclasses import dataclass, replace

INTEGER, SMALL, BIG, TEXT = "integer", "small", "big", "text"


@dataclass(frozen=True)
class Column:
    """One column. default None: it has none."""

    name: str
    kind: str = TEXT
    length: int = 0                    # characters, of a TEXT
    default: str | int | None = None
    unsigned: bool = False             # where the database knows it (MySQL)
    nullable: bool = False


@dataclass(frozen=True)
class Table:
    """One table. Kamailio's have a serial number `id` before their columns, ours a text as primary key."""

    name: str
    version: int                                        # of its row in `version`
    columns: tuple[Column, ...]
    unique: tuple[tuple[str, tuple[str, ...]], ...] = ()   # (name of the index, columns)
    indexes: tuple[tuple[str, tuple[str, ...]], ...] = ()
    primary: str = ""                                   # "": the serial number

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(column.name for column in self.columns)


def _text(name: str, length: int, default: str | None = "", nullable: bool = False) -> Column:
    return Column(name, TEXT, length, default, nullable=nullable)


def _number(name: str, default: int = 0, kind: str = INTEGER, unsigned: bool = False) -> Column:
    return Column(name, kind, 0, default, unsigned)


VERSION = Table("version", 1, (_text("table_name", 32, None), _number("table_version", unsigned=True)),
                unique=(("table_name_idx", ("table_name",)),))

# uac-semantics: the columns in the order in which rows are given.
UACREG = Table("uacreg", 5, (
    _text("l_uuid", 64), _text("l_username", 64), _text("l_domain", 64), _text("r_username", 64), _text("r_domain", 64),
    _text("realm", 64), _text("auth_username", 64), _text("auth_password", 64), _text("auth_ha1", 128),
    _text("auth_proxy", 255), _number("expires"), _number("flags"), _number("reg_delay"), _text("contact_addr", 255),
    _text("socket", 128)), unique=(("l_uuid_idx", ("l_uuid",)),))
_CONTACT_USER = _text("contact_user", 255)
REGISTRATION_COLUMNS = UACREG.columns + (_CONTACT_USER,)
# Versions of uacreg that can be read; the second has contact_user (between contact_addr and socket).
UACREG_VERSIONS = (5, 6)
# Columns that came after the first version of uacreg; where one is missing, its default stands for it.
LATER_COLUMNS = frozenset(("auth_ha1", "flags", "reg_delay", "contact_addr", "socket", "contact_user"))

SUBSCRIBER = Table("subscriber", 7, (
    _text("username", 64), _text("domain", 64), _text("password", 64), _text("ha1", 128), _text("ha1b", 128)),
    unique=(("account_idx", ("username", "domain")),), indexes=(("username_idx", ("username",)),))

ADDRESS = Table("address", 6, (
    _number("grp", 1, unsigned=True), _text("ip_addr", 50, None), _number("mask", 32),
    _number("port", 0, SMALL, unsigned=True), _text("tag", 64, None, nullable=True)))

# What is kept of a registration beside uacreg, so that a restart is no storm. Times are seconds since 1970.
REGSTATE = Table("uacfast_regstate", 1, (
    _text("l_uuid", 255, None),
    _text("fingerprint", 64),          # of the uacreg row: a state never goes to another account under the same uuid
    _text("call_id", 255), _text("from_tag", 64), _number("cseq", kind=BIG),
    _number("flags", kind=BIG),
    _number("granted_until", kind=BIG),        # the registrar's expiry; 0: not registered
    _number("next_attempt", kind=BIG), _number("failures", kind=BIG), _number("last_status", kind=BIG),
    _number("min_expires", kind=BIG),          # seconds that a 423 asked for
    _text("challenge", 1024),                  # value of the last challenge, for pre-emptive credentials
    _number("nonce_count", kind=BIG),
    _text("service_route", 1024), _text("target", 255),
    _number("updated_at", kind=BIG)), primary="l_uuid")
STATE_COLUMNS = REGSTATE.names


def uacreg(name: str = "uacreg", version: int = 5) -> Table:
    """The registrations table under `name`, as version 5 (Kamailio 5.6 to 6.1) or 6 (with contact_user)."""
    columns = UACREG.columns if version == 5 else UACREG.columns[:-1] + (_CONTACT_USER, UACREG.columns[-1])
    return replace(UACREG, name=name, version=version, columns=columns)

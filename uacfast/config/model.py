"""The tables of a configuration file. Every default is written here and nowhere else.

Names are Kamailio's where Kamailio has the parameter. All Structs are frozen: a reload makes a new Config.
"""
import ipaddress
from typing import Annotated, ClassVar, Literal

from msgspec import UNSET, Meta, UnsetType, field

from . import control
from . import values as v
from .control import ControlAddress
from .schema import Table

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


class Server(Table, frozen=True, kw_only=True):
    """[server]: the process as a whole."""

    workers: v.Workers = 1                             # processes, one event loop each
    log_level: Literal["error", "warning", "info", "debug"] = "info"
    log_format: Literal["text", "json"] = "text"
    server_header: v.Text = "uacfast"                  # Server header of our own replies; "": no such header
    user_agent_header: v.Text = "uacfast"              # User-Agent of requests of our own; "": no such header
    alias: tuple[v.HostPort, ...] = ()                 # more names that are ours, host[:port] (Kamailio's alias)
    batch_pause: v.Microseconds = 500                  # longest pause between two drains under load; 0: never pause
    drain_timeout: v.SecondsOrZero = 60                # seconds SIGTERM waits for running transactions; 0: does not
    max_transactions: v.Count = 2_000_000              # above this many a new INVITE is answered 503


class Listen(Table, frozen=True, kw_only=True):
    """[[listen]]: one socket."""

    uri: Annotated[str, Meta(description='"udp:ADDRESS:PORT", an IPv6 address in brackets')]
    advertise: v.OptionalHostPort = ""                 # host[:port] written into Via and Record-Route; "": the address
    certificate: v.Path = ""                           # tls, wss: PEM files
    private_key: v.Path = ""
    verify_client: v.Flag = False                      # tls, wss: ask the peer for a certificate

    @property
    def transport(self) -> str:
        """udp, tcp, tls, ws or wss."""
        return self.uri.partition(":")[0].lower()

    @property
    def address(self) -> tuple[str, int]:
        """Where to bind: (host, port), an IPv6 host without brackets; the port defaults to 5060."""
        host, port = v.split_host_port(self.uri.partition(":")[2])
        return host.strip("[]"), port or v.SIP_PORT

    @property
    def advertised(self) -> tuple[str, int]:
        """What Via and Record-Route say: (host, port), an IPv6 host in brackets; the port defaults to the socket's."""
        host, port = v.split_host_port(self.advertise or self.uri.partition(":")[2])
        return host, port or self.address[1]


class Tm(Table, frozen=True, kw_only=True):
    """[tm]: transactions. Times are milliseconds (RFC 3261 §17, Kamailio tm)."""

    fr_timer: v.Milliseconds = 30_000                  # wait for the first reply of a branch
    fr_inv_timer: v.Milliseconds = 120_000             # INVITE: wait for the final reply after a provisional one
    max_inv_lifetime: v.Milliseconds = 180_000         # longest life of an INVITE transaction
    max_noninv_lifetime: v.Milliseconds = 32_000       # longest life of any other transaction
    wt_timer: v.Milliseconds = 32_000                  # how long a finished transaction stays to absorb
    #                                                    retransmissions: 64*T1 as RFC 3261 asks; Kamailio has 5000
    retr_timer1: v.Milliseconds = 500                  # T1: first retransmission
    retr_timer2: v.Milliseconds = 4_000                # T2: longest interval between retransmissions
    auto_inv_100: v.Flag = True                        # answer an INVITE with 100 at once
    auto_inv_100_reason: v.NonEmptyText = "trying -- your call is important to us"
    relay_100: v.Flag = False                          # pass a 100 from downstream on
    noninv_timeout_408: v.Flag = True                  # 408 when a non-INVITE times out; false: silence (RFC 4320)
    faked_reply_prio: v.CountOrZero = 2_000            # our own 408 or 503 ranks below received ones; 0: like them
    disable_6xx_block: v.Flag = False                  # let serial forking go on after a 6xx
    enable_uac_fr: v.Flag = False                      # tell scripts of failures of requests with evroute 2
    failover_503: v.Flag = True                        # a 503, like silence and transport errors, leads to the next
    #                                                    address (SRV, A, AAAA) of the same host name (RFC 3263 §4.3);
    #                                                    false: only these do. A route's next `relay` target is tried
    #                                                    after any refusal, whatever this says
    stray_replies: Literal["record_route", "forward", "drop"] = "record_route"   # a reply without transaction goes on
    #                                                    by its Via: with a Record-Route of ours / always / never


class Rr(Table, frozen=True, kw_only=True):
    """[rr]: record-routing."""

    append_fromtag: v.Flag = True                      # ;ftag= in Record-Route, which tells the direction later
    enable_double_rr: v.Flag = True                    # two Record-Routes when the socket changes
    enable_full_lr: v.Flag = False                     # ;lr=on in place of ;lr


class Dialog(Table, frozen=True, kw_only=True):
    """[dialog]: tracked dialogs (routes with dialog = true, dlg_manage() of scripts)."""

    default_timeout: v.Seconds = 43_200                # seconds from the 2xx on after which a dialog is given up
    send_bye: v.Flag = False                           # both sides get a BYE then
    timeout_noreset: v.Flag = False                    # requests within a dialog do not start its timeout anew
    rr_param: v.DialogParam = "did"                    # Record-Route parameter that carries the dialog's number


class Ha1(Table, frozen=True, kw_only=True,
          rename={"md5": "MD5", "sha256": "SHA-256", "sha512_256": "SHA-512-256"}):
    """H(username:realm:password) by algorithm, lower-case hexadecimal; "": not known."""

    SECRET_TABLE: ClassVar[bool] = True
    EXPECTED: ClassVar[str] = '32 or 64 hexadecimal digits, or { MD5 = "…" }'

    md5: v.Md5Ha1 = ""
    sha256: v.Sha256Ha1 = ""
    sha512_256: v.Sha256Ha1 = ""

    @classmethod
    def from_text(cls, text: str) -> "Ha1":
        """The short form: 32 digits are MD5, 64 are SHA-256. ValueError otherwise."""
        digits = text.lower()
        if len(digits) in (32, 64) and not digits.strip("0123456789abcdef"):
            return cls(md5=digits) if len(digits) == 32 else cls(sha256=digits)
        raise ValueError(cls.EXPECTED)


class Credential(Table, frozen=True, kw_only=True):
    """What answers a digest challenge: a user name with a password or an HA1."""

    SECRET_TABLE: ClassVar[bool] = True
    EXPECTED: ClassVar[str] = '"username:realm:password" or { username, realm, password or ha1 }'

    username: v.NonEmptyText
    realm: v.Text = ""                                 # "": any realm, in a route only
    password: v.SecretText = ""
    ha1: Ha1 | None = None

    @classmethod
    def from_text(cls, text: str) -> "Credential":
        """Kamailio's form `username:realm:password`: blanks around each part are cut off, none may be empty, the
        password may hold colons but no blanks. ValueError otherwise."""
        parts = [part.strip() for part in text.split(":", 2)]
        if len(parts) != 3 or not all(parts) or any(blank.isspace() for blank in parts[2]):
            raise ValueError(cls.EXPECTED)
        v.one_line(text.strip())
        return cls(username=parts[0], realm=parts[1], password=parts[2])


class Uac(Table, frozen=True, kw_only=True):
    """[uac]: the parameters of Kamailio's uac module, and some of our own."""

    rr_from_store_param: v.StoreParam = "vsf"          # Record-Route parameter that carries From
    rr_to_store_param: v.StoreParam = "vst"            # the same for To
    restore_mode: v.RestoreMode = "auto"               # none, manual or auto
    restore_dlg: v.Flag = False                        # keep the values in the dialog, not in Record-Route
    restore_passwd: v.SecretText = ""                  # obscures the stored values; the same on all nodes
    restore_from_avp: v.Avp = ""                       # AVP that a script finds the original From in, and may change:
    #                                                    replies show what is in it. Routes need none
    restore_to_avp: v.Avp = ""                         # the same for To
    restore_display: v.Flag = True                     # our own: bring display names back too
    restore_seal: Annotated[tuple[v.SealKey, ...], v.EMPTY_IS_UNSET] = ()   # our own: keys that authenticate the
    #                                                    stored values; the first signs, all verify; none: not sealed
    credential: tuple[Credential, ...] = ()            # answers to challenges, by realm; the last defined wins
    auth_realm_avp: v.PseudoVariable = ""              # all three or none: credentials from variables
    auth_username_avp: v.PseudoVariable = ""
    auth_password_avp: v.PseudoVariable = ""
    auth_cseq: Literal["raise", "keep"] = "raise"      # our own: CSeq of a request sent again with credentials
    auth_preemptive: v.Flag = False                    # our own: send credentials before they are asked for, with the
    #                                                    nonce that the destination gave before
    auth_sess_raw: v.Flag = False                      # our own: -sess algorithms as RFC 2617's sample code has them
    reg_db_url: v.DatabaseUrl = ""                     # database of the registrations; "": none
    reg_db_table: v.NonEmptyText = "uacreg"
    reg_contact_addr: v.ContactAddr = ""               # host[:port][;parameters] of our Contact
    reg_timer_interval: v.Seconds = 90                 # seconds
    reg_retry_interval: v.SecondsOrZero = 0            # seconds to wait after a failure; 0: disable the record
    reg_random_delay: v.SecondsOrLess = 0              # seconds, spreads the first REGISTERs; 0 or less: off
    reg_hash_size: v.HashSize = 4                      # exponent; taken as the nearest of 2..14
    reg_keep_callid: v.Flag = False
    reg_active: v.Flag = True                          # false: load the records, send nothing
    reg_gc_interval: v.SecondsOrZero = 150             # seconds; for Kamailio's files: here nothing waits to be freed
    reload_delta: v.SecondsOrZero = 30                 # seconds between two reloads; 0: no guard
    reg_use_domain: v.Flag = False                     # match the domain too, not the user name alone
    reg_keep_states: v.Flag = True                     # our own: keep expiry, Call-ID and CSeq in the database (table
    #                                                    uacfast_regstate), so that a restart registers only what is due
    reg_preemptive: v.Flag = False                     # our own: credentials for the last nonce in each refresh
    reg_refresh_spread: v.Percent = 0                  # our own: percent of the granted time by which refreshes are
    #                                                    spread out further, earlier than Kamailio's
    reg_min_expires_at_once: v.Flag = True             # our own: follow a 423 at once; false: after reg_timer_interval
    reg_retry_max: v.SecondsOrZero = 0                 # our own: seconds; reg_retry_interval doubles with each failure
    #                                                    up to this; 0: it stays as it is
    reg_retry_refused: v.SecondsOrZero = 0             # our own: seconds to wait after 401, 403, 404, 407 and 6xx, when
    #                                                    that is more than reg_retry_interval
    reg_retry_after: v.Flag = False                    # our own: wait at least as long as Retry-After says
    reg_enable_after: v.SecondsOrZero = 0              # our own: seconds after which a record that a failure disabled
    #                                                    is enabled again; 0: never
    reg_max_rate: v.CountOrZero = 0                    # our own: registrations begun per second and worker; 0: no limit
    reg_registrar_rate: v.CountOrZero = 0              # our own: the same for each registrar
    reg_breaker_failures: v.CountOrZero = 0            # our own: 5xx and missing answers in a row after which a
    #                                                    registrar is left alone; 0: never
    reg_breaker_interval: v.Seconds = 60               # our own: seconds it is left alone, twice as long each time
    reg_service_route: v.Flag = False                  # our own: Path is supported, Service-Route kept and followed
    default_socket: v.Text = ""                        # udp:ADDRESS:PORT of a [[listen]]; "": chosen by destination
    event_callback: v.Text = ""                        # script function called for uac:reply


class AuthUser(Table, frozen=True, kw_only=True):
    """[[auth.user]]: a caller who needs no database."""

    SECRET_TABLE: ClassVar[bool] = True
    EXPECTED: ClassVar[str] = "a table { username, realm, password or ha1 }"

    username: v.NonEmptyText
    realm: v.Text = ""                                 # "": every realm, with a password only
    password: v.SecretText = ""
    ha1: Ha1 | None = None


class Auth(Table, frozen=True, kw_only=True):
    """[auth]: challenges to callers (Kamailio auth); routes with `authenticate` and scripts use them."""

    secret: v.SecretText = ""                          # makes nonces; the same on all nodes; "": new at each start
    nonce_expire: v.Seconds = 300                      # seconds
    nonce_count: v.Flag = False                        # with a qop, refuse a nonce count that was there before
    algorithm: tuple[Literal["MD5", "SHA-256", "SHA-512-256"], ...] = ()   # offered in this order, a header line each;
    #                                                    (): MD5, which is not named
    user: tuple[AuthUser, ...] = ()


class AuthDb(Table, frozen=True, kw_only=True):
    """[auth_db]: callers in a database (Kamailio auth_db)."""

    db_url: v.DatabaseUrl = ""                         # "": none; sqlite:///path, mysql://…, postgres://…
    calculate_ha1: v.Flag = False                      # the table has passwords; false: ha1 and ha1b
    user_column: v.NonEmptyText = "username"
    domain_column: v.NonEmptyText = "domain"
    password_column: v.Text = ""                       # "": password or ha1, as calculate_ha1 says
    use_domain: v.Flag = False                         # the domain has to match too, not the user name alone


class Address(Table, frozen=True, kw_only=True):
    """[[permissions.address]]: one row of Kamailio's address table."""

    EXPECTED: ClassVar[str] = "a table { group, network, port }"

    group: v.Count = 1
    network: v.Network
    port: v.PortOrZero = 0                             # source port; 0: any


class Permissions(Table, frozen=True, kw_only=True):
    """[permissions]: groups of source addresses (Kamailio permissions)."""

    address: tuple[Address, ...] = ()


class Pike(Table, frozen=True, kw_only=True):
    """[pike]: sources that send too much (Kamailio pike). What they send beyond it is dropped without an answer."""

    reqs_density_per_unit: v.CountOrZero = 0           # requests in one time unit; 0: nobody is counted
    sampling_time_unit: v.Seconds = 2                  # seconds
    remove_latency: v.Seconds = 120                    # seconds after which a silent source is forgotten
    ipv4_prefix: Annotated[int, Meta(ge=1, le=32, description="an integer from 1 to 32")] = 32   # own: who is one
    ipv6_prefix: Annotated[int, Meta(ge=1, le=128, description="an integer from 1 to 128")] = 64
    max_sources: v.Count = 65_536                      # own: sources known at a time
    allow_group: v.CountOrZero = 0                     # own: a group of [[permissions.address]] that is not counted


class HashTable(Table, frozen=True, kw_only=True):
    """[[htable]]: a table of $sht(...) and KSR.htable (Kamailio htable)."""

    EXPECTED: ClassVar[str] = "a table { name, autoexpire, initval, ... }"

    name: v.NonEmptyText
    size: v.HashSize = 8                               # as Kamailio has it; tables grow by themselves here
    autoexpire: v.SecondsOrZero = 0                    # seconds a cell lives; 0: for ever
    initval: int | None = None                         # what an absent cell reads as
    updateexpire: v.Flag = True                        # writing begins a cell's time anew
    max_items: v.Count = 1_000_000                     # own: above this many nothing new is taken


class Registrar(Table, frozen=True, kw_only=True):
    """[registrar]: REGISTER in routes with `registrar` and in scripts (Kamailio registrar). Bindings are in memory."""

    default_expires: v.Seconds = 3_600                 # seconds, when the request names none
    min_expires: v.SecondsOrZero = 60                  # seconds; less is answered 423
    max_expires: v.SecondsOrZero = 0                   # seconds; more is cut; 0: no limit
    max_contacts: v.CountOrZero = 10                   # of one address of record; 0: no limit
    case_sensitive: v.Flag = True                      # user names; RFC 3261 says they are
    method_filtering: v.Flag = False                   # look only at contacts that allow the request's method
    append_branches: v.Flag = True                     # all contacts, not the best one alone


class Usrloc(Table, frozen=True, kw_only=True):
    """[usrloc]: the location table (Kamailio usrloc)."""

    use_domain: v.Flag = False                         # tell users of several domains apart
    max_bindings: v.Count = 1_000_000                  # own: above this many no new one is taken


class Script(Table, frozen=True, kw_only=True):
    """[script]: a KSR script in Python, which every message goes to; then no [[route]] is looked at."""

    file: v.Path = ""                                  # relative to this file; "": the routes decide
    watchdog_seconds: v.SecondsOrZero = 10             # a callback that runs so long is told in the log; 0: never
    watchdog_kill: v.Flag = False                      # and ends its worker, which is started anew


class Kemi(Table, frozen=True, kw_only=True):
    """[kemi]: which methods of the script are called when (Kamailio's core parameters kemi.*); "none": none is."""

    onsend_route_callback: v.NonEmptyText = "ksr_onsend_route"   # for what is about to leave
    reply_route_callback: v.NonEmptyText = "ksr_reply_route"     # for every reply
    pre_routing_callback: v.NonEmptyText = "none"                # (msg, "core:pre-routing") before the other two


class Event(Table, frozen=True, kw_only=True):
    """[[event]]: what becomes of the final replies to requests of our own with evroute set (uac_req_send)."""

    EXPECTED: ClassVar[str] = "a table { name, log or webhook }"

    name: Literal["uac:reply"] = "uac:reply"
    log: v.VariableText = ""                           # a line for the log; every pseudo-variable can stand in it
    log_level: Literal["error", "warning", "info", "debug"] = "info"
    webhook: v.WebUrl = ""                             # the event is posted there as JSON


class Control(Table, frozen=True, kw_only=True):
    """[control]: where operators and their programs look in. Nothing listens unless it is named here."""

    http: control.HttpAddress = ""                     # POST /rpc, GET /metrics, GET / (the dashboard); "": none
    http_names: tuple[v.HostPort, ...] = ()            # host names in use for it, beside addresses and localhost
    http_fault_status: v.Flag = True                   # the code of a fault is the HTTP status too, as with Kamailio
    unix: control.UnixPath = ""                        # JSON-RPC datagram socket (Kamailio dgram_socket); "": none
    fifo: control.UnixPath = ""                        # JSON-RPC FIFO for kamctl (Kamailio fifo_name); "": none
    fifo_reply_dir: control.UnixPath = "/tmp"          # where clients keep the FIFOs for replies
    binrpc: tuple[control.BinrpcAddress, ...] = ()     # for kamcmd: unixs:/path, unixd:/path, tcp:host:port,
    #                                                    udp:host:port (Kamailio ctl binrpc)
    mode: v.FileMode = 0o600                           # permissions of sockets and FIFO: 384 is 0o600, 432 is 0o660
    user: v.Text = ""                                  # their owner, a name; "": who starts the program
    group: v.Text = ""                                 # their group, a name; "": the group of who starts the program
    allow_remote: v.Flag = False                       # http, tcp: and udp: may listen beyond the loopback interface;
    #                                                    there is no password: who reaches them commands the proxy
    show_secrets: v.Flag = False                       # RPC shows passwords and HA1
    actions: v.Flag = False                            # the dashboard can enable, disable and refresh registrations
    request_size: v.RequestSize = 131_072              # the largest request that is read
    connections: v.Connections = 128                   # at a time, of binrpc and of http

    @property
    def http_address(self) -> tuple[str, int] | None:
        """(host without brackets, port)."""
        return control.http_address(self.http) if self.http else None

    @property
    def binrpc_addresses(self) -> tuple[ControlAddress, ...]:
        """`binrpc` parsed."""
        return tuple(control.control_address(text) for text in self.binrpc)


class Limits(Table, frozen=True, kw_only=True):
    """[limits]: what is refused (engine specification M14). Sizes are octets."""

    message: Annotated[int, Meta(ge=256, le=65_535, description="octets, an integer from 256 to 65535")] = 65_535
    header_part: Annotated[int, Meta(ge=256, le=65_535, description="octets, an integer from 256 to 65535")] = 32_768
    line: Annotated[int, Meta(ge=128, le=65_535, description="octets, an integer from 128 to 65535")] = 8_192
    headers: Annotated[int, Meta(ge=8, le=256, description="an integer from 8 to 256")] = 256
    vias: Annotated[int, Meta(ge=1, le=256, description="an integer from 1 to 256")] = 70
    routes: Annotated[int, Meta(ge=1, le=256, description="an integer from 1 to 256")] = 30
    uri: Annotated[int, Meta(ge=32, le=65_535, description="octets, an integer from 32 to 65535")] = 1_024
    max_forwards: Annotated[int, Meta(ge=1, le=255, description="an integer from 1 to 255")] = 70   # when it is missing
    accept_bare_lf: v.Flag = False                     # take LF alone as a line end


class Replacement(Table, frozen=True, kw_only=True):
    """replace_from, replace_to: the arguments of uac_replace_from() and uac_replace_to()."""

    EXPECTED: ClassVar[str] = "a table { display, uri } with at least one of the two"

    display: v.DisplayText | UnsetType = UNSET                # not given: stays as it is; "": removed
    uri: v.Uri = ""                                    # "": stays as it is


class Reply(Table, frozen=True, kw_only=True):
    """reply: answer the request ourselves."""

    code: v.StatusCode
    reason: v.Text = ""                                # "": the standard phrase of the code


class RequestTo(Table, frozen=True, kw_only=True):
    """request_to: the arguments of uac_reg_request_to()."""

    user: v.NonEmptyText
    mode: v.RequestToMode = 0                          # bit 0: user is a user name, not a uuid; bit 1: use the HA1


class Authenticate(Table, frozen=True, kw_only=True):
    """authenticate: challenge the caller, and go on when the credentials are right."""

    EXPECTED: ClassVar[str] = "a table { realm, table, qop, check_user }"

    realm: v.DisplayText = "$fd"                       # pseudo-variables allowed
    table: v.Text = ""                                 # of auth_db.db_url; "": [[auth.user]] alone
    qop: Literal["", "auth", "auth-int"] = "auth"      # "": none, as RFC 2069 has it
    check_user: v.Flag = True                          # who logs in must be who stands in From (REGISTER: and in To)


class Route(Table, frozen=True, kw_only=True):
    """[[route]]: conditions and what to do; the first route whose conditions all hold is taken."""

    EXPECTED: ClassVar[str] = "a table"

    name: v.Text = ""
    method: tuple[v.Method, ...] = ()                  # any of these; (): every method
    source: tuple[v.Network, ...] = ()                 # any of these networks; (): everywhere
    source_group: v.CountOrZero = 0                    # a group of [[permissions.address]]; 0: no condition
    ruri_user: v.Expression = ""                       # regular expressions; "": no condition
    ruri_domain: v.Expression = ""
    from_user: v.Expression = ""
    from_domain: v.Expression = ""
    to_user: v.Expression = ""
    to_domain: v.Expression = ""
    user_agent: v.Expression = ""
    replace_from: Replacement | None = None
    replace_to: Replacement | None = None
    record_route: v.Flag = False
    credential: Credential | None = None               # answers 401 and 407
    relay: tuple[v.RelayUri, ...] = ()                 # next hops, tried in turn; (): the request-URI decides
    fork: v.Flag = False                               # all of relay at once
    ruri: v.Uri = ""                                   # a new request-URI; "": stays as it is
    fr_timer: v.MillisecondsOrZero = 0                 # milliseconds; 0: the value of [tm]
    fr_inv_timer: v.MillisecondsOrZero = 0
    dialog: v.Flag = False                             # track the dialog that an INVITE begins; also record-routes it
    dialog_timeout: v.SecondsOrZero = 0                # seconds; 0: default_timeout of [dialog]
    reply: Reply | None = None                         # in place of relaying
    lookup: Literal["", "registrations", "location"] = ""   # location: where [registrar] has the user; 404 when nowhere
    request_to: RequestTo | None = None
    authenticate: Authenticate | None = None           # first of all: challenge the caller
    registrar: v.Flag = False                          # carry a REGISTER out and answer it, in place of relaying

    @property
    def networks(self) -> tuple[Network, ...]:
        """`source` parsed."""
        return tuple(ipaddress.ip_network(text) for text in self.source)


# Keys of [uac] that are read and checked, but do something only in scripts.
FOR_SCRIPTS = ("auth_realm_avp", "auth_username_avp", "auth_password_avp", "event_callback")


class Config(Table, frozen=True, kw_only=True):
    """A whole configuration file."""

    server: Server = field(default_factory=Server)
    listen: tuple[Listen, ...] = ()
    tm: Tm = field(default_factory=Tm)
    rr: Rr = field(default_factory=Rr)
    dialog: Dialog = field(default_factory=Dialog)
    uac: Uac = field(default_factory=Uac)
    script: Script = field(default_factory=Script)
    kemi: Kemi = field(default_factory=Kemi)
    limits: Limits = field(default_factory=Limits)
    event: tuple[Event, ...] = ()
    control: Control = field(default_factory=Control)
    auth: Auth = field(default_factory=Auth)
    auth_db: AuthDb = field(default_factory=AuthDb)
    permissions: Permissions = field(default_factory=Permissions)
    pike: Pike = field(default_factory=Pike)
    htable: tuple[HashTable, ...] = ()
    registrar: Registrar = field(default_factory=Registrar)
    usrloc: Usrloc = field(default_factory=Usrloc)
    route: tuple[Route, ...] = ()

    def without_effect(self) -> list[str]:
        """One sentence for each key that differs from its default and has no effect beside the others."""
        sentences = []
        if not self.script.file:
            sentences += [f"uac.{name} has no effect without script.file: it is for scripts" for name in FOR_SCRIPTS
                          if getattr(self.uac, name)]
            if self.kemi != Kemi():
                sentences.append("[kemi] has no effect without script.file: it is for scripts")
        for index, route in enumerate(self.route):
            named = f' (route "{route.name}")' if route.name else ""
            if not self.uac.reg_db_url and (route.lookup == "registrations" or route.request_to is not None):
                sentences.append(f"route[{index}]{named} asks for accounts, and uac.reg_db_url is not set: "
                                 "its requests are answered 404")
        if self.script.file and self.route:
            sentences.append("[[route]] has no effect beside script.file: the script decides about every request")
        return sentences

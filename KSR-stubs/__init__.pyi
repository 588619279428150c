"""What scripts do with SIP messages: the KSR object of Kamailio's Python scripts.

Functions of type int answer 1 or more for yes and -1 or less for no, so compare with 0: `if KSR.tm.t_relay() < 0`.
Those of type bool answer True and False. Written by docs/make_stubs.py.
"""
from typing import NoReturn, Protocol

__version__: int  # 1002


class Message(Protocol):
    """The `msg` argument of callbacks."""
    Type: str
    Method: str
    RURI: str
    Status: int
    src_address: tuple[str, int]
    dst_address: tuple[str, int]

    def copy(self) -> Message: ...
    def getHeader(self, name: str) -> str | None: ...
    def rewrite_ruri(self, uri: str) -> int: ...
    def set_dst_uri(self, uri: str) -> int: ...
    def call_function(self, name: str, *arguments: str | int) -> int: ...


def add_local_rport() -> bool:
    """Our Via asks for no rport: replies come to the socket that we send from all the same."""


def add_tcp_alias(port: int) -> bool: ...


def add_tcp_alias_via() -> bool: ...


def crit(text: str) -> int: ...


def dbg(text: str) -> int: ...


def err(text: str) -> int: ...


def force_rport() -> bool:
    """Let replies go to the source port, whatever the Via asks for (RFC 3581)."""


def forward() -> int:
    """Send the request to $du or its Request-URI without state: 1, or -1 when it cannot be sent."""


def forward_uri(uri: str) -> int:
    """The same to another URI."""


def get_debug() -> int:
    """Kamailio's level number of what is logged: 3 debug, 2 info, 0 warnings, -1 errors."""


def info(text: str) -> int: ...


def is_ACK() -> bool: ...


def is_BYE() -> bool: ...


def is_CANCEL() -> bool: ...


def is_DELETE() -> bool: ...


def is_GET() -> bool: ...


def is_INFO() -> bool: ...


def is_INVITE() -> bool: ...


def is_IPv4() -> bool: ...


def is_IPv6() -> bool: ...


def is_KDMQ() -> bool: ...


def is_MESSAGE() -> bool: ...


def is_NOTIFY() -> bool: ...


def is_OPTIONS() -> bool: ...


def is_POST() -> bool: ...


def is_PRACK() -> bool: ...


def is_PUBLISH() -> bool: ...


def is_PUT() -> bool: ...


def is_REFER() -> bool: ...


def is_REGISTER() -> bool: ...


def is_SCTP() -> bool: ...


def is_SUBSCRIBE() -> bool: ...


def is_TCP() -> bool: ...


def is_TCPX() -> bool: ...


def is_TLS() -> bool: ...


def is_UDP() -> bool: ...


def is_UPDATE() -> bool: ...


def is_WS() -> bool: ...


def is_WSS() -> bool: ...


def is_WSX() -> bool: ...


def is_dst_port(port: int) -> bool: ...


def is_method(names: str) -> bool:
    """Whether the method is one of these: "INVITE|ACK"."""


def is_method_in(letters: str) -> bool:
    """Whether one of the letters stands for the method."""


def is_myself(text: str) -> bool: ...


def is_myself_duri() -> bool: ...


def is_myself_furi() -> bool: ...


def is_myself_nhuri() -> bool: ...


def is_myself_ruri() -> bool: ...


def is_myself_srcip() -> bool: ...


def is_myself_suri() -> bool: ...


def is_myself_turi() -> bool: ...


def is_proto(letters: str) -> bool:
    """Whether one of the letters stands for the source's transport: U is UDP, the only one."""


def is_src_port(port: int) -> bool: ...


def isbflagset(flag: int) -> bool: ...


def isbiflagset(flag: int, branch: int) -> bool: ...


def isdsturiset() -> bool: ...


def isflagset(flag: int) -> bool: ...


def issflagset(flag: int) -> bool: ...


def log(level: str, text: str) -> int: ...


def notice(text: str) -> int: ...


def resetbflag(flag: int) -> bool: ...


def resetbiflag(flag: int, branch: int) -> bool: ...


def resetdsturi() -> bool: ...


def resetflag(flag: int) -> bool: ...


def resetsflag(flag: int) -> bool: ...


def route(name: str) -> int:
    """There are no native route blocks."""


def set_advertised_address(address: str) -> int: ...


def set_advertised_port(port: int) -> int: ...


def set_drop() -> int:
    """A reply, or in a branch callback the branch, is not sent on."""


def set_forward_close() -> bool: ...


def set_forward_no_connect() -> bool: ...


def set_reply_close() -> bool: ...


def set_reply_no_connect() -> bool: ...


def setbflag(flag: int) -> bool: ...


def setbiflag(flag: int, branch: int) -> bool: ...


def setdsturi(uri: str) -> bool: ...


def setflag(flag: int) -> bool: ...


def sethost(host: str) -> bool: ...


def setsflag(flag: int) -> bool:
    """Flags of the message alone, not of its transaction."""


def seturi(uri: str) -> bool: ...


def setuser(user: str) -> bool: ...


def to_IPv4() -> bool: ...


def to_IPv6() -> bool: ...


def to_SCTP() -> bool: ...


def to_TCP() -> bool: ...


def to_TLS() -> bool: ...


def to_UDP() -> bool: ...


def to_WS() -> bool: ...


def to_WSS() -> bool: ...


def to_WSX() -> bool: ...


def warn(text: str) -> int: ...


class _AppPython3:
    """KSR.app_python3: calling a method of the script by its name (kemi-python.md §3.10)."""

    def exec(self, name: str) -> int:
        """Call a method of the script: 1, or -1 when there is none of that name."""

    def exec_p1(self, name: str, parameter: str) -> int:
        """The same with one more argument."""

    def execx(self, name: str) -> int: ...


app_python3: _AppPython3


class _Auth:
    """KSR.auth: callers are challenged and their credentials checked (kemi-python.md §2, §3.10).

    Results of checks: 1 good; -1 error, -2 wrong password, -3 unknown user, -4 stale or foreign nonce, -5 no credentials,
    -6 nonce used before, -8 the user is not who stands in From."""

    def auth_challenge(self, realm: str, flags: int) -> int:
        """Answer 401 (REGISTER) or 407 with a fresh nonce. `flags`: 1 qop=auth, 2 qop=auth-int, 4 no 500 on an error,
        16 stale=true. 1; -1: it cannot be sent."""

    def consume_credentials(self) -> int:
        """Take the header with the credentials that were accepted out of the request. 1; -1: none were."""

    def has_credentials(self, realm: str) -> int:
        """1: the request has credentials for this realm; -1: it has none."""

    def proxy_challenge(self, realm: str, flags: int) -> int:
        """The same, always 407."""

    def pv_auth_check(self, srealm: str, spasswd: str, vflags: int, vchecks: int) -> int:
        """Check the credentials against a password. `vflags`: 1 it is an HA1; `vchecks`: as auth_db.auth_check()'s
        flags."""

    def pv_proxy_authenticate(self, realm: str, passwd: str, flags: int) -> int:
        """The same for Proxy-Authorization, whatever the method."""

    def pv_www_authenticate(self, realm: str, passwd: str, flags: int) -> int:
        """The same for Authorization, whatever the method."""

    def www_challenge(self, realm: str, flags: int) -> int:
        """The same, always 401."""


auth: _Auth


class _AuthDb:
    """KSR.auth_db: credentials against the subscriber table (kemi-python.md §2, §3.10). Results are those of KSR.auth.

    The database is asked by the control part; only this message waits for the answer."""

    def auth_check(self, srealm: str, stable: str, iflags: int) -> int:
        """Check the credentials against the subscriber table. `iflags`: 1 the user must be From's (REGISTER: and To's)
        and the
        domains the realm; 3 the same, but not for INVITE, BYE, PRACK, UPDATE, MESSAGE. ACK and CANCEL: always 1."""

    def is_subscriber(self, suri: str, stable: str, iflags: int) -> int:
        """1: the user of this URI is in the table; -1: not. Bit 0 of `iflags`: look the domain up as well."""

    def proxy_authenticate(self, realm: str, table: str) -> int:
        """The same for Proxy-Authorization."""

    def www_authenticate(self, realm: str, table: str) -> int:
        """The same for Authorization, without a check of the user."""


auth_db: _AuthDb


class _Corex:
    """KSR.corex: further branches, sockets, what is there in a message (kemi-python.md §3.10)."""

    def append_branch(self) -> int:
        """Another destination: the Request-URI as it is now, with $du and send socket."""

    def append_branch_uri(self, uri: str) -> int: ...

    def append_branch_uri_q(self, uri: str, q: str) -> int:
        """Another destination that t_relay() sends to as well; "": the Request-URI as it is now. q: from 0 to 1, "" or
        anything else: none."""

    def has_ruri_user(self) -> int: ...

    def has_user_agent(self) -> int: ...

    def is_socket_name(self, name: str) -> int:
        """Sockets have no names here."""

    def isxflagset(self, flag: int) -> int: ...

    def resetxflag(self, flag: int) -> int: ...

    def send_data(self, uri: str, data: str) -> int:
        """Send this text as one datagram to a SIP URI, as it is: 1, or -1 when the URI leads nowhere. Waits for the
        addresses of a name."""

    def sendx(self, uri: str, socket: str, data: str) -> int:
        """send_data() by our socket "udp:host:port"; -1 when it is none of ours."""

    def set_send_socket(self, name: str) -> int:
        """Send by our socket "udp:host:port"; one that is not ours changes nothing."""

    def setxflag(self, flag: int) -> int:
        """Flags 0 to 63 beside those of setflag(), with the transaction like them: 1, or -1 for another number."""


corex: _Corex


class _Dialog:
    """KSR.dialog: tracked dialogs (kemi-python.md §3.8)."""

    def dlg_bye(self, side: str) -> int:
        """Send a BYE to "caller", "callee" or "all"."""

    def dlg_get(self, callid: str, from_tag: str, to_tag: str) -> int:
        """Work on the dialog with these from here on."""

    def dlg_isflagset(self, flag: int) -> int: ...

    def dlg_manage(self) -> int:
        """Track the call that an initial INVITE begins, or find the dialog of a request within one."""

    def dlg_reset_property(self, name: str) -> int: ...

    def dlg_resetflag(self, flag: int) -> int: ...

    def dlg_set_property(self, name: str) -> int:
        """timeout-noreset: requests within the dialog leave its timeout as it is; bye-on-timeout: both sides get a BYE."""

    def dlg_set_timeout(self, seconds: int) -> int: ...

    def dlg_set_timeout_id(self, seconds: int, h_entry: int, h_id: int) -> int:
        """The same for the dialog with these numbers ($dlg(h_entry), $dlg(h_id))."""

    def dlg_setflag(self, flag: int) -> int: ...

    def is_known_dlg(self) -> int: ...

    def var_get(self, name: str) -> str | None:
        """The variable, None when it is not set."""

    def var_gete(self, name: str) -> str:
        """The variable, "" when it is not set."""

    def var_getw(self, name: str) -> str:
        """The variable, "<null>" when it is not set."""

    def var_is_null(self, name: str) -> int: ...

    def var_rm(self, name: str) -> int: ...

    def var_sets(self, name: str, value: str) -> int: ...


dialog: _Dialog


class _Hdr:
    """KSR.hdr: header lines (kemi-python.md §3.3). Edits show in get() only after textopsx.msg_apply_changes()."""

    def append(self, htext: str) -> int:
        """Add whole lines, CRLF included, after the last header. 1; -1: no room."""

    def append_after(self, htext: str, hname: str) -> int:
        """The same after the first header of that name, at the end where there is none."""

    def append_to_reply(self, htext: str) -> int:
        """Whole lines for our own replies to this request."""

    def get(self, hname: str) -> str | None:
        """The value of the first header of that name, None without."""

    def get_idx(self, hname: str, idx: int) -> str | None:
        """The value of the header number `idx` of that name, from the end when negative; None without."""

    def gete(self, hname: str) -> str:
        """The same, "" without."""

    def gete_idx(self, hname: str, idx: int) -> str: ...

    def getw(self, hname: str) -> str:
        """The same, "<null>" without."""

    def getw_idx(self, hname: str, idx: int) -> str: ...

    def insert(self, htext: str) -> int:
        """Add whole lines before the first header. 1; -1: no room."""

    def insert_before(self, htext: str, hname: str) -> int:
        """The same before the first header of that name, at the start where there is none."""

    def is_present(self, hname: str) -> int:
        """1: there is such a header; -1: there is none."""

    def match_content(self, hname: str, op: str, mval: str, hi: str) -> bool:
        """Whether a value compares so with `mval`: eq, ne, sw, in or re; `hi`: "f" the first header of that name, "l"
        the
        last, "a" any of them. A real bool."""

    def remove(self, hname: str) -> int:
        """Take all headers of that name out. 1, also when there was none; -1: no room."""

    def rmappend(self, hrm: str, hadd: str) -> int:
        """remove() and append()."""

    def rminsert(self, hrm: str, hadd: str) -> int:
        """remove() and insert()."""


hdr: _Hdr


class _Htable:
    """KSR.htable: named tables of values with an expiry (kemi-python.md §3.10). Times in arguments are seconds."""

    def sht_cn(self, htname: str, rexp: str) -> int:
        """How many cells have a name that the expression finds; -1: broken expression or no such table."""

    def sht_dec(self, htname: str, itname: str) -> int:
        """Lower an integer; the new value, -1 when that is not possible."""

    def sht_get(self, htname: str, itname: str) -> str | int | None:
        """The value, int or str; None without."""

    def sht_gete(self, htname: str, itname: str) -> str | int | None:
        """The same, "" without."""

    def sht_getw(self, htname: str, itname: str) -> str | int | None:
        """The same, "<null>" without."""

    def sht_has_name(self, sname: str, sop: str, mval: str) -> int: ...

    def sht_has_str_value(self, sname: str, sop: str, mval: str) -> int: ...

    def sht_inc(self, htname: str, itname: str) -> int:
        """Raise an integer; the new value, -1 when that is not possible."""

    def sht_is_null(self, htname: str, itname: str) -> int:
        """1: no such cell; -1: there is one."""

    def sht_iterator_end(self, iname: str) -> int: ...

    def sht_iterator_next(self, iname: str) -> int:
        """1: there is a current cell; -1: that was the last."""

    def sht_iterator_rm(self, iname: str) -> int:
        """Drop the current cell."""

    def sht_iterator_start(self, iname: str, hname: str) -> int:
        """Begin to walk over the cells as they are now."""

    def sht_lock(self, htname: str, skey: str) -> int:
        """1: one worker runs one callback at a time, so a cell needs no lock until it waits."""

    def sht_match_name(self, sname: str, sop: str, mval: str) -> int:
        """1: some cell's name compares so; -1: none does."""

    def sht_match_str_value(self, sname: str, sop: str, mval: str) -> int:
        """1: some cell's value compares so; -1: none does."""

    def sht_reset(self, hname: str) -> int:
        """Empty the table."""

    def sht_rm(self, htname: str, itname: str) -> int:
        """1, also when there was no such cell."""

    def sht_rm_name(self, sname: str, sop: str, sval: str) -> int:
        """Drop the cells whose name compares so: eq, ne, re or sw."""

    def sht_rm_name_re(self, htname: str, rexp: str) -> int:
        """Drop the cells whose name the expression finds."""

    def sht_rm_value(self, sname: str, sop: str, sval: str) -> int:
        """Drop the cells whose value compares so: eq, ne, re or sw."""

    def sht_rm_value_re(self, htname: str, rexp: str) -> int:
        """Drop the cells whose value the expression finds."""

    def sht_setex(self, htname: str, itname: str, itval: int) -> int:
        """Let the cell live `itval` seconds from now, 0: for ever; -1: no such cell."""

    def sht_seti(self, htname: str, itname: str, itval: int) -> int: ...

    def sht_sets(self, htname: str, itname: str, itval: str) -> int: ...

    def sht_setxi(self, htname: str, itname: str, itval: int, exval: int) -> int:
        """Write an integer that lives `exval` seconds."""

    def sht_setxs(self, htname: str, itname: str, itval: str, exval: int) -> int:
        """Write a text that lives `exval` seconds."""

    def sht_unlock(self, htname: str, skey: str) -> int: ...


htable: _Htable


class _Jsonrpcs:
    """KSR.jsonrpcs: commands of the control part (kemi-python.md §3.10)."""

    def exec(self, request: str) -> int:
        """Run a JSON-RPC 2.0 request: 1, its answer is in response() then; -1 when it cannot be run."""

    def execx(self, request: str) -> int: ...

    def response(self) -> str | None:
        """The answer to the last exec(), None when there was none."""


jsonrpcs: _Jsonrpcs


class _Kx:
    """KSR.kx: the parts of a message without naming a pseudo-variable (kemi-python.md §3.10)."""

    def get_body(self) -> str | None: ...

    def get_callid(self) -> str | None: ...

    def get_duri(self) -> str | None: ...

    def get_fhost(self) -> str | None: ...

    def get_furi(self) -> str | None: ...

    def get_fuser(self) -> str | None: ...

    def get_method(self) -> str | None: ...

    def get_ohost(self) -> str | None: ...

    def get_ouri(self) -> str | None: ...

    def get_ouser(self) -> str | None: ...

    def get_protoid(self) -> int:
        """1 udp, 2 tcp, 3 tls, 5 ws, 6 wss; 0 without a message."""

    def get_rhost(self) -> str | None: ...

    def get_ruri(self) -> str | None: ...

    def get_ruser(self) -> str | None: ...

    def get_srcip(self) -> str | None: ...

    def get_srcport(self) -> int | None: ...

    def get_status(self) -> int:
        """A reply's status, 0 for a request."""

    def get_thost(self) -> str | None: ...

    def get_turi(self) -> str | None: ...

    def get_tuser(self) -> str | None: ...

    def get_ua(self) -> str | None: ...

    def gete_body(self) -> str: ...

    def gete_callid(self) -> str: ...

    def gete_duri(self) -> str: ...

    def gete_fhost(self) -> str: ...

    def gete_furi(self) -> str: ...

    def gete_fuser(self) -> str: ...

    def gete_method(self) -> str: ...

    def gete_ohost(self) -> str: ...

    def gete_ouri(self) -> str: ...

    def gete_ouser(self) -> str: ...

    def gete_rhost(self) -> str: ...

    def gete_ruri(self) -> str: ...

    def gete_ruser(self) -> str: ...

    def gete_srcip(self) -> str: ...

    def gete_thost(self) -> str: ...

    def gete_turi(self) -> str: ...

    def gete_tuser(self) -> str: ...

    def gete_ua(self) -> str: ...

    def getw_body(self) -> str: ...

    def getw_callid(self) -> str: ...

    def getw_duri(self) -> str: ...

    def getw_fhost(self) -> str: ...

    def getw_furi(self) -> str: ...

    def getw_fuser(self) -> str: ...

    def getw_method(self) -> str: ...

    def getw_ohost(self) -> str: ...

    def getw_ouri(self) -> str: ...

    def getw_ouser(self) -> str: ...

    def getw_rhost(self) -> str: ...

    def getw_ruri(self) -> str: ...

    def getw_ruser(self) -> str: ...

    def getw_srcip(self) -> str: ...

    def getw_thost(self) -> str: ...

    def getw_turi(self) -> str: ...

    def getw_tuser(self) -> str: ...

    def getw_ua(self) -> str: ...

    def ifdef(self, name: str) -> bool:
        """There are no preprocessor defines here."""

    def ifndef(self, name: str) -> bool: ...


kx: _Kx


class _Maxfwd:
    """KSR.maxfwd: Max-Forwards counted down (kemi-python.md §2, §3.10)."""

    def is_maxfwd_lt(self, limit: int) -> int:
        """1: Max-Forwards is below `limit`; -1: it is not; -2: it is missing or cannot be read."""

    def process_maxfwd(self, limit: int) -> int:
        """Count Max-Forwards down. 1: done; 2: it was missing and stands there with `limit` now; -1: it is 0; -2: it
        cannot be read or written."""


maxfwd: _Maxfwd


class _Nathelper:
    """KSR.nathelper: requests from behind a NAT (kemi-python.md §2, §3.10)."""

    def add_contact_alias(self) -> int:
        """set_contact_alias(), when the Contact's address is not the source's. 2: it is, nothing was added."""

    def add_contact_alias_addr(self, ip_str: str, port_str: str, proto_str: str) -> int:
        """set_contact_alias() with an address of the script's."""

    def add_rcv_param(self, uriparam: int) -> int:
        """Add `;received="sip:IP:PORT"` to every Contact, 1: within the URI. -1: no Contact."""

    def fix_nated_contact(self) -> int:
        """Let the first Contact's host and port be the source's. -1: no usable Contact."""

    def fix_nated_register(self) -> int:
        """Remember the source as `received` for registrar.save()."""

    def fix_nated_sdp(self, level: int) -> int:
        """Write the source address into the session description: 2 c= lines, 8 o= line, 4 keep the old one as an
        attribute, 1 add a=direction:active. -1: nothing to change."""

    def fix_nated_sdp_ip(self, level: int, ip: str) -> int:
        """The same with an address of the script's."""

    def handle_ruri_alias(self) -> int:
        """Take the alias off the Request-URI and send to its address. 1; 2: no alias; -1: a broken one."""

    def handle_ruri_alias_mode(self, mode: int) -> int:
        """handle_ruri_alias(); with mode 1 the address replaces the Request-URI's host and port as well."""

    def is_rfc1918(self, address: str) -> int:
        """1: a private IPv4 or IPv6 address."""

    def nat_uac_test(self, tflags: int) -> int:
        """1: one of the tests selected by the bits of `tflags` is true; -1: none is."""

    def set_alias_to_pv(self, uri_avp: str) -> int:
        """Write the URI that the first Contact's alias stands for into a variable, named as "$avp(x)"."""

    def set_contact_alias(self) -> int:
        """Add `;alias=IP~PORT~PROTOCOL` of the source to the Contact URI. -1: no usable Contact."""

    def set_contact_alias_trim(self) -> int:
        """The same in place of an alias that stands there already."""


nathelper: _Nathelper


class _Permissions:
    """KSR.permissions: groups of source addresses (kemi-python.md §3.10)."""

    def allow_address(self, addr_group: int, ips: str, port: int) -> int:
        """The same for an address and port given as arguments."""

    def allow_address_group(self, addr: str, port: int) -> int:
        """The same for an address and port given as arguments."""

    def allow_source_address(self, addr_group: int) -> int:
        """1: the source's address and port are in this group; -1: they are not. Group 0 stands for every group."""

    def allow_source_address_group(self) -> int:
        """The lowest group that the source is in; -1: none."""

    def allow_trusted(self) -> int:
        """-1: there is no table of trusted peers; groups of addresses take its place."""


permissions: _Permissions


class _Pike:
    """KSR.pike: is this source flooding us (kemi-python.md §3.10)."""

    def pike_check_ip(self, sip: str) -> int:
        """The same for a numeric address; 1 for what is none."""

    def pike_check_req(self) -> int:
        """1: go on; -2: the source has just become blocked; -1: it is still blocked. 1 when [pike] is off."""


pike: _Pike


class _Pv:
    """KSR.pv: pseudo-variables by name (kemi-python.md §3.2).

    What a name means is routing/pv. A name that is no variable reads as null and takes nothing; both are logged."""

    def get(self, name: str) -> str | int | None:
        """The value: int or str, None when it is null."""

    def gete(self, name: str) -> str | int:
        """The value, an empty text when it is null."""

    def geti(self, name: str) -> int:
        """The value as a number: of a text the digits that it begins with, 0 when there are none or it is null."""

    def getl(self, name: str) -> str | int | None:
        """geti() for numbers of 64 bits."""

    def getvn(self, name: str, default: int) -> str | int | None:
        """The value, the number `default` when it is null."""

    def getvs(self, name: str, default: str) -> str | int | None:
        """The value, `default` when it is null."""

    def getw(self, name: str) -> str | int:
        """The value, "<null>" when it is null."""

    def is_null(self, name: str) -> bool:
        """Whether it has no value; True too for what is no variable."""

    def seti(self, name: str, value: int) -> bool:
        """Give it a number; False when it does not take that."""

    def setl(self, name: str, value: int) -> bool:
        """seti() by its newer name."""

    def sets(self, name: str, value: str) -> bool:
        """Give it a text; False when it does not take that."""

    def unset(self, name: str) -> bool:
        """Take its value away; False when that is not possible."""


pv: _Pv


class _Pvx:
    """KSR.pvx: the stores of variables by plain names (kemi-python.md §3.10).

    Where KSR.pv takes "$avp(x)", these take "x"; a result of 1 is yes, -1 is no. What the stores are is routing/pv."""

    def avp_get(self, name: str) -> str | int | None:
        """$avp(name): the newest value, None when there is none."""

    def avp_gete(self, name: str) -> str | int: ...

    def avp_getw(self, name: str) -> str | int: ...

    def avp_is_null(self, name: str) -> bool: ...

    def avp_rm(self, name: str) -> int:
        """Take the newest value away."""

    def avp_seti(self, name: str, value: int) -> int: ...

    def avp_sets(self, name: str, value: str) -> int:
        """Put it on top of the values that are there."""

    def evalx(self, destination: str, text: str) -> int:
        """A text with variables in it, into the variable that `destination` names."""

    def pv_var_to_xavp(self, name: str, root: str) -> int:
        """$var(name), or with "*" all of them, as fields of a record; what the record was before is gone."""

    def pv_xavi_print(self) -> int: ...

    def pv_xavp_print(self) -> int:
        """All of $xavp in the log."""

    def pv_xavp_to_var(self, root: str) -> int:
        """Each field of the newest record as $var(field)."""

    def pv_xavu_print(self) -> int: ...

    def sbranch_append(self) -> int:
        """Make a further destination of $sbranch(...)."""

    def sbranch_reset(self) -> int:
        """Forget what $sbranch(...) holds."""

    def sbranch_set_ruri(self) -> int:
        """Make $sbranch(...) the Request-URI, $du, $fs and $bf."""

    def shv_get(self, name: str) -> str | int | None:
        """$shv(name): 0 when it is unset."""

    def shv_seti(self, name: str, value: int) -> int: ...

    def shv_sets(self, name: str, value: str) -> int: ...

    def var_get(self, name: str) -> str | int | None:
        """$var(name): 0 when it is unset."""

    def var_seti(self, name: str, value: int) -> int: ...

    def var_sets(self, name: str, value: str) -> int: ...

    def xavi_child_get(self, root: str, field: str) -> str | int | None:
        """$xavi(root=>field), None when there is none."""

    def xavi_child_gete(self, root: str, field: str) -> str | int: ...

    def xavi_child_getw(self, root: str, field: str) -> str | int: ...

    def xavi_child_is_null(self, root: str, field: str) -> bool: ...

    def xavi_child_rm(self, root: str, field: str) -> int: ...

    def xavi_child_seti(self, root: str, field: str, value: int) -> int: ...

    def xavi_child_sets(self, root: str, field: str, value: str) -> int:
        """Write the field of the newest record; it is made when there is none."""

    def xavi_get(self, root: str) -> str | int | None:
        """$xavi(root): the newest value, None when there is none."""

    def xavi_get_keys(self, root: str, index: int) -> int:
        """The fields of one record; None when there is none with that number."""

    def xavi_getd(self, root: str) -> int:
        """All records, each {field: [values, the newest first]}; None when there are none."""

    def xavi_getd_p1(self, root: str, index: int) -> int:
        """One record, {field: [values, the newest first]}; None when there is none with that number."""

    def xavi_gete(self, root: str) -> str | int: ...

    def xavi_getw(self, root: str) -> str | int: ...

    def xavi_is_null(self, root: str) -> bool: ...

    def xavi_rm(self, root: str) -> int:
        """Take the newest value or record away."""

    def xavi_seti(self, root: str, value: int) -> int: ...

    def xavi_sets(self, root: str, value: str) -> int: ...

    def xavp_child_get(self, root: str, field: str) -> str | int | None:
        """$xavp(root=>field), None when there is none."""

    def xavp_child_gete(self, root: str, field: str) -> str | int: ...

    def xavp_child_getw(self, root: str, field: str) -> str | int: ...

    def xavp_child_is_null(self, root: str, field: str) -> bool: ...

    def xavp_child_rm(self, root: str, field: str) -> int: ...

    def xavp_child_seti(self, root: str, field: str, value: int) -> int: ...

    def xavp_child_sets(self, root: str, field: str, value: str) -> int:
        """Write the field of the newest record; it is made when there is none."""

    def xavp_copy(self, source: str, index: int, destination: str) -> int:
        """A copy of one record as the newest of another name."""

    def xavp_copy_dst(self, source: str, index: int, destination: str, place: int) -> int:
        """A copy of one record in the place of another."""

    def xavp_get(self, root: str) -> str | int | None:
        """$xavp(root): the newest value, None when there is none."""

    def xavp_get_keys(self, root: str, index: int) -> int:
        """The fields of one record; None when there is none with that number."""

    def xavp_getd(self, root: str) -> int:
        """All records, each {field: [values, the newest first]}; None when there are none."""

    def xavp_getd_p1(self, root: str, index: int) -> int:
        """One record, {field: [values, the newest first]}; None when there is none with that number."""

    def xavp_gete(self, root: str) -> str | int: ...

    def xavp_getw(self, root: str) -> str | int: ...

    def xavp_is_null(self, root: str) -> bool: ...

    def xavp_params_explode(self, parameters: str, root: str) -> int:
        """A record of "a=1;b=two"."""

    def xavp_params_implode(self, root: str, destination: str) -> int:
        """The newest record as "a=1;b=two;", into the variable that `destination` names."""

    def xavp_rm(self, root: str) -> int:
        """Take the newest value or record away."""

    def xavp_seti(self, root: str, value: int) -> int: ...

    def xavp_sets(self, root: str, value: str) -> int: ...

    def xavp_slist_explode(self, text: str, separator: str, mode: str, root: str) -> int:
        """A record whose field v has the parts of `text`; mode "t" trims them."""

    def xavu_child_get(self, root: str, field: str) -> str | int | None:
        """$xavu(root=>field), None when there is none."""

    def xavu_child_gete(self, root: str, field: str) -> str | int: ...

    def xavu_child_getw(self, root: str, field: str) -> str | int: ...

    def xavu_child_is_null(self, root: str, field: str) -> bool: ...

    def xavu_child_rm(self, root: str, field: str) -> int: ...

    def xavu_child_seti(self, root: str, field: str, value: int) -> int: ...

    def xavu_child_sets(self, root: str, field: str, value: str) -> int:
        """Write the field of the newest record; it is made when there is none."""

    def xavu_get(self, root: str) -> str | int | None:
        """$xavu(root): the newest value, None when there is none."""

    def xavu_gete(self, root: str) -> str | int: ...

    def xavu_getw(self, root: str) -> str | int: ...

    def xavu_is_null(self, root: str) -> bool: ...

    def xavu_params_explode(self, parameters: str, root: str) -> int: ...

    def xavu_params_implode(self, root: str, destination: str) -> int: ...

    def xavu_rm(self, root: str) -> int:
        """Take the newest value or record away."""

    def xavu_seti(self, root: str, value: int) -> int: ...

    def xavu_sets(self, root: str, value: str) -> int: ...


pvx: _Pvx


class _Registrar:
    """KSR.registrar: bindings saved and looked up (kemi-python.md §2, §3.9). There is one table, whatever its name."""

    def add_sock_hdr(self, hdr_name: str) -> int:
        """Add a header with the socket that the request came to: `name: udp:host:port`."""

    def lookup(self, table: str) -> int:
        """Let the Request-URI's bindings be where the request goes: the best becomes the Request-URI, the others
        branches.
        1; -1: not registered; -2: no contact takes this method; -3: error."""

    def lookup_branches(self, table: str) -> int:
        """Replace each branch that is an address of record here by its bindings. -1: none was found."""

    def lookup_to_dset(self, table: str, uri: str) -> int:
        """Add all bindings of `uri` (""; the Request-URI) as branches; the Request-URI stays."""

    def lookup_uri(self, table: str, uri: str) -> int:
        """The same with another address of record than the Request-URI."""

    def reg_send_reply(self) -> int:
        """Send the answer of the last save() that sent none. -1: there is none."""

    def registered(self, table: str) -> int:
        """1: the Request-URI (in a REGISTER To) is registered; -1: it is not."""

    def registered_action(self, table: str, uri: str, match_flag: int, match_action: int) -> int:
        """registered_flags(); what Kamailio writes into variables besides is not written."""

    def registered_flags(self, table: str, uri: str, match_flag: int) -> int:
        """The same, for a binding that: 1 has this message's Call-ID, 2 its source as received, 4 its Contact."""

    def registered_uri(self, table: str, uri: str) -> int:
        """1: `uri` is registered; "": the Request-URI's."""

    def save(self, table: str, flags: int) -> int:
        """Carry this REGISTER out and answer it. 1 inserted, 2 updated, 3 deleted, 4 only asked; -1 refused, -2 too
        many
        contacts. `flags`: 2 send no answer, 4 the new contact replaces all others, 16 keep the answer's lines for a
        reply."""

    def save_uri(self, table: str, flags: int, uri: str) -> int:
        """save() for the address of record of `uri` in place of To's."""

    def set_q_override(self, new_q: str) -> int:
        """A q for all contacts of the next save(). -1: no number from 0 to 1."""

    def unregister(self, table: str, uri: str) -> int:
        """Take all bindings of `uri` out. 1; -1: there was none."""

    def unregister_ruid(self, table: str, uri: str, ruid: str) -> int:
        """Take the binding with this id out. 1; -1: there was none."""


registrar: _Registrar


class _Rr:
    """KSR.rr: loose routing and record-routing (kemi-python.md §2, §3.7)."""

    def add_rr_param(self, parameters: str) -> int:
        """Have ";name=value" stand in the Record-Route value that will be written."""

    def check_route_param(self, pattern: str) -> int:
        """Whether the expression is found in the parameters of the Route value that loose_route() took off."""

    def is_direction(self, direction: str) -> int:
        """Whether the request travels "downstream", from caller to callee, or "upstream"."""

    def loose_route(self) -> int:
        """1: the request goes along its route set, of which our own value is taken off; -1: there is none, it is not ours, or
        it is broken. Restores From and To within a dialog (uac.restore_mode auto)."""

    def loose_route_mode(self, mode: int) -> int:
        """loose_route(); the modes tell strict routers apart, which is always done here."""

    def loose_route_preloaded(self) -> int:
        """loose_route() of a request that has a route set before there is a dialog; else -1."""

    def next_hop_route(self) -> int:
        """Whether the topmost Route leads to somebody else."""

    def record_route(self) -> int:
        """Stay in the dialog's way: 1, or -1 when this was asked for already."""

    def record_route_params(self, parameters: str) -> int:
        """record_route() with ";name=value" in it."""

    def record_route_preset(self, first: str, second: str) -> int:
        """record_route() with these addresses, host[:port][;parameters], in place of ours; second "": the first alone. They
        must be ours in the end (server.alias), else nobody takes the Route off later: 1, or -1."""

    def record_route_preset_one(self, address: str) -> int: ...

    def remove_record_route(self) -> int:
        """Take all Record-Route header fields off."""


rr: _Rr


class _Rtpproxy:
    """KSR.rtpproxy: answers as Kamailio does when no RTP proxy is there; uacfast leaves media alone."""

    def rtpproxy_answer(self, flags: str) -> int: ...

    def rtpproxy_answer_ip(self, flags: str, ip: str) -> int: ...

    def rtpproxy_destroy(self, flags: str) -> int: ...

    def rtpproxy_manage(self, flags: str) -> int: ...

    def rtpproxy_manage0(self) -> int: ...

    def rtpproxy_manage_ip(self, flags: str, ip: str) -> int: ...

    def rtpproxy_offer(self, flags: str) -> int: ...

    def rtpproxy_offer_ip(self, flags: str, ip: str) -> int: ...

    def rtpproxy_stop_stream2uac(self) -> int: ...

    def rtpproxy_stop_stream2uas(self) -> int: ...

    def rtpproxy_stream2uac(self, pname: str, count: int) -> int: ...

    def rtpproxy_stream2uas(self, pname: str, count: int) -> int: ...

    def rtpproxy_unforce(self) -> int: ...

    def set_rtpproxy_set(self, rset: int) -> int: ...

    def start_recording(self) -> int: ...


rtpproxy: _Rtpproxy


class _Sanity:
    """KSR.sanity: is a message well-formed (kemi-python.md §2.2). What fails is answered here, except ACK and replies."""

    def sanity_check(self, mflags: int, uflags: int) -> int:
        """1: everything asked for is fine; -1: it is not, and a request has been answered."""

    def sanity_check_defaults(self) -> int:
        """The checks that Kamailio does by default, of Request-URI, From and To."""

    def sanity_reply(self) -> int:
        """-1: sanity_check() has sent its answer itself."""


sanity: _Sanity


class _Siputils:
    """KSR.siputils: questions about a message and its URIs (kemi-python.md §3.10)."""

    def add_uri_param(self, sparam: str) -> int:
        """Add `name=value` to the Request-URI; what is there already stays. -1: not a parameter."""

    def cmp_aor(self, suri1: str, suri2: str) -> int:
        """1: the same user at the same host."""

    def cmp_uri(self, suri1: str, suri2: str) -> int:
        """1: equal by the rules of RFC 3261 §19.1.4."""

    def has_totag(self) -> int:
        """1: To has a tag."""

    def hdr_date_check(self, tdiff: int) -> int:
        """1: Date is not more than `tdiff` seconds away from now."""

    def is_alphanum(self, tval: str) -> int:
        """1: letters and digits of ASCII only."""

    def is_alphanumex(self, tval: str, eset: str) -> int:
        """1: letters and digits of ASCII, and what `eset` lists."""

    def is_first_hop(self) -> int:
        """1: a request that has one Via; a reply whose topmost Record-Route is ours and that another host sent."""

    def is_first_hop_mode(self, mode: int) -> int:
        """is_first_hop(); the mode that also accepts a foreign Record-Route is not told apart."""

    def is_gruu(self) -> int:
        """1: the Request-URI has a gr parameter without a value, 2: with one (RFC 5627)."""

    def is_http(self) -> int: ...

    def is_numeric(self, tval: str) -> int:
        """1: digits only."""

    def is_reply(self) -> int: ...

    def is_request(self) -> int: ...

    def is_sip(self) -> int:
        """1: whatever is routed here is SIP."""

    def is_tel_number(self, tval: str) -> int:
        """1: digits, perhaps behind a plus."""

    def is_uri(self, suri: str) -> int:
        """1: the text is a sip, sips or tel URI."""

    def is_user(self, suser: str) -> int:
        """1: the user of the credentials that were accepted."""

    def options_reply(self) -> int:
        """Answer an OPTIONS that is for us. -1: another method, or the Request-URI has a user."""

    def sip_parse_headers(self) -> int:
        """1: all headers are known from the start."""

    def uri_param(self, sparam: str) -> int:
        """1: the Request-URI has this parameter, without a value."""

    def uri_param_rm(self, sparam: str) -> int:
        """Take a parameter out of the Request-URI. -1: it was not there."""

    def uri_param_value(self, sparam: str, svalue: str) -> int:
        """1: the Request-URI has this parameter with this value."""


siputils: _Siputils


class _Sl:
    """KSR.sl: replies without and with a transaction (kemi-python.md §2, §3.10)."""

    def send_reply(self, code: int, reason: str) -> int:
        """From the transaction when there is one, else without state."""

    def send_reply_error(self) -> int: ...

    def send_reply_mode(self, code: int, reason: str, mode: int) -> int:
        """send_reply(); mode 1: without state even though there is a transaction."""

    def sl_forward_reply(self, code: str, reason: str) -> int:
        """Send a copy of the reply at hand on by its Via, as it is now; the reply itself goes its way as well, unless it
        is dropped. The copy has `code`, of the same class, and `reason` in place of its own; "": as they are."""

    def sl_reply_error(self) -> int:
        """Answer with what went wrong last inside a function; 500 when nothing did."""

    def sl_send_reply(self, code: int, reason: str) -> int:
        """Without state; the ACK that it brings is absorbed."""


sl: _Sl


class _Textops:
    """KSR.textops: header lines, bodies and texts searched and changed (kemi-python.md §3.10).

    Searching uses the routes' automata (linear in the text); substitution needs groups and uses Python's re. What is
    searched is
    the message as received; what is changed shows after textopsx.msg_apply_changes()."""

    def append_hf(self, htxt: str) -> int:
        """Add whole header lines at the end."""

    def append_hf_after(self, htxt: str, hname: str) -> int: ...

    def append_to_reply(self, htxt: str) -> int:
        """Whole header lines for our own replies to this request."""

    def cmp_istr(self, s1: str, s2: str) -> int:
        """The same without regard to case."""

    def cmp_str(self, s1: str, s2: str) -> int: ...

    def ends_with(self, s1: str, s2: str) -> int: ...

    def has_body(self) -> int: ...

    def has_body_type(self, ctype: str) -> int:
        """1: there is a body of this type."""

    def in_list(self, subject: str, vlist: str, vsep: str) -> int:
        """1: `subject` is an item of the list; blanks round items do not count."""

    def in_list_prefix(self, subject: str, vlist: str, vsep: str) -> int:
        """1: `subject` begins with an item of the list."""

    def insert_hf(self, htxt: str) -> int:
        """Add whole header lines at the start."""

    def insert_hf_before(self, htxt: str, hname: str) -> int: ...

    def is_audio_on_hold(self) -> int:
        """1: the session description holds the audio (a=sendonly, a=inactive, or c=IN IP4 0.0.0.0)."""

    def is_present_hf(self, hname: str) -> int: ...

    def is_present_hf_re(self, ematch: str) -> int:
        """1: the expression finds some header's name."""

    def is_privacy(self, privacy: str) -> int:
        """1: Privacy lists this value (RFC 3323)."""

    def remove_hf(self, hname: str) -> int:
        """Take all headers of that name out; -1: there was none."""

    def remove_hf_exp(self, match_re: str, skip_re: str) -> int:
        """Take the headers out whose name `match_re` finds and `skip_re` does not."""

    def remove_hf_re(self, re_text: str) -> int:
        """Take the headers out whose name the expression finds; -1: there was none."""

    def replace(self, sre: str, stxt: str) -> int:
        """Put `stxt` in place of the first match in the message; -1: nothing matched."""

    def replace_all(self, sre: str, stxt: str) -> int:
        """The same for every match."""

    def replace_body(self, sre: str, stxt: str) -> int:
        """The same for the first match in the body."""

    def replace_body_all(self, sre: str, stxt: str) -> int:
        """The same for every match in the body."""

    def replace_body_str(self, match: str, repl: str, mode: str) -> int:
        """The same in the body."""

    def replace_str(self, match: str, repl: str, mode: str) -> int:
        """Put `repl` in place of `match`, taken as it is; mode: "a" all, "f" the first, with "i" without regard to
        case."""

    def search(self, sre: str) -> int:
        """1: the expression is found somewhere in the message."""

    def search_body(self, sre: str) -> int:
        """1: the expression is found in the body."""

    def search_hf(self, hname: str, sre: str, flags: str) -> int:
        """1: the expression is found in a value of that name; flags: "a" any, "f" the first, "l" the last."""

    def set_body(self, nb: str, ct: str) -> int:
        """A new body with its type and length."""

    def starts_with(self, s1: str, s2: str) -> int: ...

    def subst(self, subex: str) -> int:
        """`/expression/replacement/flags` over the whole message; -1: nothing matched."""

    def subst_body(self, subex: str) -> int:
        """The same over the body."""

    def subst_hf(self, hname: str, subex: str, flags: str) -> int:
        """The same over values of that name; flags: "a" all, "f" the first, "l" the last."""

    def subst_uri(self, subex: str) -> int:
        """The same over the Request-URI."""

    def subst_user(self, subex: str) -> int:
        """The same over the user part of the Request-URI."""


textops: _Textops


class _Textopsx:
    """KSR.textopsx: changes made visible, status lines, bodies taken away (kemi-python.md §3.10)."""

    def change_reply_status(self, code: int, reason: str) -> int:
        """Another status line for a reply that is being forwarded; a provisional stays one, a final too."""

    def keep_hf(self) -> int:
        """Take all headers out that SIP does not need."""

    def keep_hf_re(self, sre: str) -> int:
        """The same, but what has a name that the expression finds stays."""

    def msg_apply_changes(self) -> int:
        """Write the message out with its changes and read it anew, so that get() sees them. In the request and reply
        routes only; -1: elsewhere, or the message would not be one any more, and stays as it was."""

    def remove_body(self) -> int:
        """Take the body and its type away."""


textopsx: _Textopsx


class _Tm:
    """KSR.tm: transactions (kemi-python.md §2, §3.5)."""

    def t_any_replied(self) -> int: ...

    def t_any_timeout(self) -> int: ...

    def t_branch_replied(self) -> int:
        """Failure callback: the chosen branch got a response of any kind."""

    def t_branch_timeout(self) -> int:
        """Failure callback: the chosen branch got no final response in time."""

    def t_check_status(self, pattern: str) -> int:
        """Whether the regular expression is found in the status code. ValueError when it is none."""

    def t_check_trans(self) -> int: ...

    def t_clean(self) -> int:
        """There is nothing to clean: each transaction has a timer that ends it."""

    def t_drop_replies(self, which: str) -> int:
        """The same; "l": only those of the branches that the last t_relay() began, "n": none."""

    def t_drop_replies_all(self) -> int:
        """Failure callback: the refusals until now are not sent upstream if others come. Elsewhere it changes nothing."""

    def t_exists(self) -> int: ...

    def t_get_branch_index(self) -> int: ...

    def t_get_status_code(self) -> int:
        """Reply callback: the reply's; failure callback: that of the chosen branch; else the last one sent upstream."""

    def t_grep_status(self, code: int) -> int:
        """Whether some branch has this status."""

    def t_is_canceled(self) -> int: ...

    def t_is_expired(self) -> int:
        """Whether the transaction's lifetime is over."""

    def t_is_set(self, what: str) -> int:
        """Whether a callback is armed: "failure_route", "branch_route" or "onreply_route"."""

    def t_load_contacts(self) -> int:
        """Put the Request-URI and all further branches aside, for t_next_contacts(); a single destination stays. Always 1 in
        request and failure callbacks."""

    def t_lookup_cancel(self) -> int:
        """1 when the INVITE of this CANCEL is known, else -1."""

    def t_lookup_cancel_flags(self, flags: int) -> int:
        """t_lookup_cancel(); 1: setflag()'s flags become those of the INVITE."""

    def t_lookup_request(self) -> int:
        """1 when the request has a transaction already, else -1; a copy is not answered."""

    def t_newtran(self) -> int: ...

    def t_next_contacts(self) -> int:
        """Make those of the highest q among what t_load_contacts() put aside the destinations of the next t_relay(): the
        Request-URI and further branches. -2: there are none left."""

    def t_on_branch(self, name: str) -> int: ...

    def t_on_branch_failure(self, name: str) -> int: ...

    def t_on_failure(self, name: str) -> int: ...

    def t_on_reply(self, name: str) -> int: ...

    def t_relay(self) -> int: ...

    def t_relay_to_flags(self, flags: int) -> int:
        """t_relay(); bit 0 of flags: no 100 of our own to an INVITE."""

    def t_relay_to_proto(self, protocol: str) -> int:
        """t_relay() by this transport; only udp is there."""

    def t_relay_to_proto_addr(self, protocol: str, host: str, port: int) -> int: ...

    def t_relay_to_proxy(self, proxy: str) -> int:
        """t_relay() to "[udp:]host[:port]" for this once; the Request-URI stays."""

    def t_relay_to_proxy_flags(self, proxy: str, flags: int) -> int: ...

    def t_release(self) -> int:
        """Let the transaction go, if there is one that has no answer: nobody will answer it."""

    def t_replicate(self, uri: str) -> int:
        """Send a copy of the request as it is now to this SIP URI too; nothing is heard of its replies. "": to $du, else
        the Request-URI. -1 for INVITE, ACK and CANCEL: nobody would end the call that such a copy sets up."""

    def t_reply(self, code: int, reason: str) -> int:
        """Answer from the transaction; in a failure callback instead of the branch's refusal. Creates none."""

    def t_reply_error(self) -> int: ...

    def t_reset_fr(self) -> int: ...

    def t_reset_max_lifetime(self) -> int:
        """The lifetime as [tm] says, from now on."""

    def t_reset_retr(self) -> int:
        """T1 and T2 as [tm] says."""

    def t_retransmit_reply(self) -> int:
        """Send the last reply again: 1, or -1 when there is none."""

    def t_save_lumps(self) -> int:
        """Failure routes begin with the request as it is now: what is changed between here and t_relay() goes out with
        that alone. -1 before t_newtran()."""

    def t_send_reply(self, code: int, reason: str) -> int:
        """The same; creates the transaction where there is none yet."""

    def t_set_auto_inv_100(self, on: int) -> int:
        """0: t_relay() answers this INVITE with no 100 of ours; 1: as tm.auto_inv_100 says."""

    def t_set_fr(self, fr_inv_timer: int, fr_timer: int) -> int:
        """Timers of this transaction in ms, 0: as they are. They count for branches that are begun from now on."""

    def t_set_fr_inv(self, fr_inv_timer: int) -> int: ...

    def t_set_max_lifetime(self, inv_lifetime: int, noninv_lifetime: int) -> int:
        """How long this transaction may last in ms from now on, if it is an INVITE's or if it is not; 0: as it is. Then its
        branches end with a 408 of ours, whatever provisional responses came."""

    def t_set_retr(self, t1: int, t2: int) -> int:
        """T1 and T2 of this transaction in ms, at most 65535; 0: as it is. What is being repeated takes them after the next
        copy. Unlike tm.retr_timer2 this T2 bounds the interval of INVITEs as well, as Kamailio's does."""

    def t_uac_send(self, method: str, ruri: str, nexthop: str, socket: str, headers: str, body: str) -> int:
        """A request of our own, of which nothing more is heard: 1, or -1 when it cannot be sent. Its From and To
        are its Request-URI; an empty nexthop or socket: chosen."""

    def t_use_uac_headers(self) -> int:
        """ACK and CANCEL of ours are always written from what the branch sent: 1."""


tm: _Tm


class _Tmx:
    """KSR.tmx: more of transactions (kemi-python.md §3.6)."""

    def t_cancel_branches(self, which: str) -> int:
        """Reply callback: cancel "all" branches, the "others", or "this" one."""

    def t_cancel_callid(self, callid: str, cseq: str, flag: int) -> int:
        """Cancel the branches of the INVITE with this Call-ID and CSeq number; its caller hears what they answer. flag: set
        for its transaction, 0: none. -1: this worker has no such INVITE without a final response."""

    def t_cancel_callid_reason(self, callid: str, cseq: str, flag: int, code: int) -> int:
        """The same with a Reason header field in the CANCEL; code: its cause, 0: no such header field."""

    def t_continue(self, index: int, label: int, callback: str) -> int:
        """Call callback(msg) with the request of the transaction that t_suspend() left, as a failure callback; its
        t_relay() sends to the Request-URI or a new one. If nothing is relayed or answered there, the caller gets a 500. 1: it
        ran, or there was nothing to do since the caller has cancelled; -1: no such transaction waits in this worker."""

    def t_drop(self) -> int: ...

    def t_drop_rcode(self, code: int) -> int:
        """Let the transaction end without an answer."""

    def t_flush_flags(self) -> int:
        """Flags live with the transaction at once: nothing is to be copied."""

    def t_flush_xflags(self) -> int: ...

    def t_is_branch_route(self) -> int: ...

    def t_is_failure_route(self) -> int: ...

    def t_is_reply_route(self) -> int: ...

    def t_is_request_route(self) -> int: ...

    def t_precheck_trans(self) -> int:
        """Whether another worker is just handling the same request: none can be, each call has one owner."""

    def t_reply_callid(self, callid: str, cseq: str, code: int, reason: str) -> int:
        """Answer the request with this Call-ID and CSeq number: 1; -1: this worker has none without a final response."""

    def t_suspend(self) -> int:
        """Have the transaction wait for t_continue(), which finds it by $T(id_index) and $T(id_label): 1. It is begun if
        need be; what the request route made of the request stays. After fr_timer it ends with a 408 of ours, by way of the
        failure callback. -1: the caller has cancelled or was answered; replies cannot be suspended."""


tmx: _Tmx


class _Uac:
    """KSR.uac: the functions of Kamailio's uac module (kemi-python.md §3.1, uac-semantics §5)."""

    def uac_auth(self) -> int:
        """Answer the challenge of the branch that failed: 1 when credentials were added for the next attempt, else -1."""

    def uac_auth_mode(self, mode: int) -> int:
        """The same; bit 0 of mode: the password is an HA1. The credentials of the AVP parameters go before the list."""

    def uac_reg_disable(self, attribute: str, value: str) -> int: ...

    def uac_reg_enable(self, attribute: str, value: str) -> int: ...

    def uac_reg_lookup(self, uuid: str, variable: str) -> int:
        """Set the pseudo-variable of that name to the local URI of this record: 1, or -1."""

    def uac_reg_lookup_uri(self, uri: str, variable: str) -> int: ...

    def uac_reg_refresh(self, uuid: str) -> int: ...

    def uac_reg_request_to(self, user: str, mode: int) -> int: ...

    def uac_reg_status(self, uuid: str) -> int: ...

    def uac_replace_from(self, display: str, uri: str) -> int:
        """An empty display removes the name, an empty URI leaves the URI as it is."""

    def uac_replace_from_uri(self, uri: str) -> int: ...

    def uac_replace_to(self, display: str, uri: str) -> int: ...

    def uac_replace_to_uri(self, uri: str) -> int: ...

    def uac_req_send(self) -> int:
        """Send what $uac_req(...) describes: 1, or -1 when something needed is missing or it cannot be sent."""

    def uac_restore_from(self) -> int:
        """Restore by hand what loose_route() found in our Route value: 1, or -1 when nothing is stored."""

    def uac_restore_to(self) -> int: ...


uac: _Uac


class _X:
    """KSR.x: leaving a callback (kemi-python.md §1.3)."""

    def drop(self) -> NoReturn:
        """End the callback, and do not send on what it is about."""

    def exit(self) -> NoReturn:
        """End the callback."""


x: _X


class _Xlog:
    """KSR.xlog: log entries with pseudo-variables in them (kemi-python.md §3.10)."""

    def xalert(self, text: str) -> int: ...

    def xcrit(self, text: str) -> int: ...

    def xdbg(self, text: str) -> int: ...

    def xerr(self, text: str) -> int: ...

    def xinfo(self, text: str) -> int: ...

    def xlog(self, level: str, text: str) -> int:
        """`level`: L_ALERT, L_CRIT, L_ERR, L_WARN, L_NOTICE, L_INFO or L_DBG, also in small letters without L_."""

    def xnotice(self, text: str) -> int: ...

    def xwarn(self, text: str) -> int: ...


xlog: _Xlog

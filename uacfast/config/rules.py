"""Rules that hold between keys. Each is skipped when one of its keys already has an error of its own."""
from typing import Any

from .control import is_loopback
from .model import Config, Credential, Listen, Replacement, Route
from .problems import Path
from .reader import Reader
from .values import split_host_port

_TRANSPORTS = ("udp", "tcp", "tls", "ws", "wss")
_TLS_KEYS = ("certificate", "private_key", "verify_client")


def check(reader: Reader, config: Config, tables: dict[str, Any]) -> None:
    """Notes in `reader` what does not fit together. `tables` is the document as it was written."""
    _listen(reader, config)
    _events(reader, config)
    _tm(reader, config)
    _limits(reader, config)
    _restore(reader, config)
    _auth(reader, config)
    _registration(reader, config)
    _control(reader, config)
    _callers(reader, config)
    _sources(reader, config)
    _routes(reader, config, tables)


def _listen(reader: Reader, config: Config) -> None:
    if not config.listen and not reader.failed(("listen",)):
        reader.problem(("listen",), 'is missing: expected at least one [[listen]] with uri = "udp:ADDRESS:PORT"')
    seen: dict[tuple[str, tuple[str, int]], int] = {}
    for index, listen in enumerate(config.listen):
        path: Path = ("listen", index)
        if listen is None or reader.failed(path + ("uri",)):
            continue
        transport, colon, address = listen.uri.partition(":")
        transport = transport.lower()
        try:
            if not colon or transport not in _TRANSPORTS:
                raise ValueError('"udp:ADDRESS:PORT", an IPv6 address in brackets')
            split_host_port(address)
        except ValueError as error:
            reader.problem(path + ("uri",), f"expected {error}", listen.uri)
            continue
        if transport != "udp":
            reader.problem(path + ("uri",), f'this version listens on udp only; expected "udp:{address}"', listen.uri)
        if transport not in ("tls", "wss"):
            for name in _TLS_KEYS:
                if getattr(listen, name):
                    reader.problem(path + (name,), f"is for tls: and wss: only, and this socket is {transport}:")
        first = seen.setdefault((transport, listen.address), index)
        if first != index:
            reader.problem(path + ("uri",), f"is the same socket as listen[{first}]; take one of them out", listen.uri)


def _events(reader: Reader, config: Config) -> None:
    for index, event in enumerate(config.event):
        path: Path = ("event", index)
        if event is not None and not (event.log or event.webhook) and not reader.failed(
                path + ("log",), path + ("webhook",)):
            reader.problem(path, "expected log, webhook or both")


def _tm(reader: Reader, config: Config) -> None:
    first, longest = ("tm", "retr_timer1"), ("tm", "retr_timer2")
    if not reader.failed(first, longest) and config.tm.retr_timer1 > config.tm.retr_timer2:
        reader.problem(first, f"expected at most retr_timer2, which is {config.tm.retr_timer2}", config.tm.retr_timer1)


def _limits(reader: Reader, config: Config) -> None:
    limits = config.limits
    for small, large in (("header_part", "message"), ("line", "header_part"), ("uri", "line")):
        if reader.failed(("limits", small), ("limits", large)):
            continue
        if getattr(limits, small) > getattr(limits, large):
            # Told at the key that is written down, which may be either of the two.
            at = small if ("limits", small) in reader.lines else large
            phrase = f"at most {large}" if at == small else f"at least {small}"
            other = large if at == small else small
            reader.problem(("limits", at), f"expected {phrase}, which is {getattr(limits, other)}", getattr(limits, at))


def _restore(reader: Reader, config: Config) -> None:
    uac, mode = config.uac, config.uac.restore_mode
    if reader.failed(("uac", "restore_mode")) or mode == "none":
        return
    for name in ("rr_from_store_param", "rr_to_store_param"):
        if not reader.failed(("uac", name)) and not getattr(uac, name):
            reader.problem(("uac", name), f'expected a parameter name, since restore_mode is "{mode}"', "")
    names = {uac.rr_from_store_param, uac.rr_to_store_param}
    dialog = config.dialog.rr_param
    if ((dialog in names or not dialog)
            and not reader.failed(("dialog", "rr_param"), ("uac", "rr_from_store_param"),
                                  ("uac", "rr_to_store_param"))):
        reader.problem(("dialog", "rr_param"), "expected a parameter name that uac does not use", dialog)
    if (uac.rr_from_store_param and uac.rr_from_store_param == uac.rr_to_store_param
            and not reader.failed(("uac", "rr_from_store_param"), ("uac", "rr_to_store_param"))):
        reader.problem(("uac", "rr_to_store_param"), "expected another name than rr_from_store_param",
                       uac.rr_to_store_param)
    if reader.failed(("rr", "append_fromtag"), ("uac", "restore_dlg")) or config.rr.append_fromtag:
        return
    if mode == "manual":
        reader.problem(("rr", "append_fromtag"), 'expected true, since uac.restore_mode is "manual"', False)
    elif not uac.restore_dlg:
        reader.problem(("rr", "append_fromtag"),
                       'expected true, since uac.restore_mode is "auto" and uac.restore_dlg is not set', False)
    else:
        for index, route in enumerate(config.route):
            # Without a dialog the values go into Record-Route after all.
            if route is not None and (route.replace_from or route.replace_to) and not route.dialog:
                reader.problem(("route", index), "replaces From or To: expected dialog = true, since rr.append_fromtag "
                               "is false and only a dialog tells the direction then")


def _auth(reader: Reader, config: Config) -> None:
    for index, credential in enumerate(config.uac.credential):
        path: Path = ("uac", "credential", index)
        if credential is None or reader.failed(path):
            continue
        if not credential.realm:
            reader.problem(path + ("realm",), "expected the realm of the challenges that it answers", "")
        _credential(reader, credential, path)
    names = ("auth_realm_avp", "auth_username_avp", "auth_password_avp")
    missing = [name for name in names if not getattr(config.uac, name)]
    given = [name for name in names if getattr(config.uac, name)]
    if given and missing and not reader.failed(*(("uac", name) for name in names)):
        reader.problem(("uac", given[0]), f"expected {' and '.join(missing)} as well: all three or none",
                       getattr(config.uac, given[0]))


def _credential(reader: Reader, credential: Credential, path: Path) -> None:
    if credential.ha1 is None and not credential.password:
        reader.problem(path, "expected a password or ha1", {}, secret=True)
    elif credential.ha1 is not None and credential.password:
        reader.problem(path, "expected a password or ha1, not both", {}, secret=True)
    elif credential.ha1 is not None and not (credential.ha1.md5 or credential.ha1.sha256 or credential.ha1.sha512_256):
        reader.problem(path + ("ha1",), 'expected { MD5 = "…" }, { SHA-256 = "…" } or { SHA-512-256 = "…" }')


def _registration(reader: Reader, config: Config) -> None:
    uac = config.uac
    if uac.reg_db_url and not uac.reg_contact_addr and not reader.failed(("uac", "reg_contact_addr")):
        reader.problem(("uac", "reg_db_url"), "expected reg_contact_addr = \"host[:port]\" as well: the address that "
                       "registrars are to send calls to", uac.reg_db_url, secret=True)
    if not uac.default_socket or reader.failed(("uac", "default_socket"), ("listen",)):
        return
    transport, _, address = uac.default_socket.partition(":")
    try:
        wanted = (transport.lower(), Listen(uri=f"udp:{address}").address)
    except ValueError:
        wanted = None
    sockets = [listen for listen in config.listen if (listen.transport, listen.address) == wanted]
    if not sockets:
        known = ", ".join(f'"{listen.uri}"' for listen in config.listen)
        reader.problem(("uac", "default_socket"), f"expected the uri of a [[listen]]: {known}", uac.default_socket)


def _control(reader: Reader, config: Config) -> None:
    control = config.control
    if control.allow_remote or reader.failed(("control", "allow_remote")):
        return
    what = ("an address of this machine's loopback interface such as 127.0.0.1, or allow_remote = true: whoever "
            "reaches it commands the proxy")
    if not reader.failed(("control", "http")) and control.http_address and not is_loopback(control.http_address[0]):
        reader.problem(("control", "http"), f"expected {what}", control.http)
    if reader.failed(("control", "binrpc")):
        return
    for index, address in enumerate(control.binrpc_addresses):
        if not address.is_local:
            reader.problem(("control", "binrpc", index), f"expected {what}", control.binrpc[index])


def _callers(reader: Reader, config: Config) -> None:
    for index, user in enumerate(config.auth.user):
        path: Path = ("auth", "user", index)
        if user is None or reader.failed(path):
            continue
        _credential(reader, user, path)
        if user.ha1 is not None and not user.realm:
            reader.problem(path + ("realm",), "expected the realm that ha1 was made for", "")
    for index, route in enumerate(config.route):
        if route is None or route.authenticate is None or reader.failed(("route", index, "authenticate")):
            continue
        path = ("route", index, "authenticate")
        if route.authenticate.table and not config.auth_db.db_url and not reader.failed(("auth_db", "db_url")):
            reader.problem(path + ("table",), "expected auth_db.db_url as well: the database that has this table",
                           route.authenticate.table)
        elif not route.authenticate.table and not config.auth.user and not reader.failed(("auth", "user")):
            reader.problem(path, "expected table = \"subscriber\" or at least one [[auth.user]]: nobody can log in", {})


def _sources(reader: Reader, config: Config) -> None:
    if reader.failed(("permissions", "address")):
        return
    groups = {row.group for row in config.permissions.address if row is not None}
    wanted: list[tuple[Path, int]] = [(("pike", "allow_group"), config.pike.allow_group)]
    wanted += [(("route", index, "source_group"), route.source_group)
               for index, route in enumerate(config.route) if route is not None]
    for path, group in wanted:
        if group and group not in groups and not reader.failed(path):
            reader.problem(path, f"expected a [[permissions.address]] with group = {group}", group)
    names: dict[str, int] = {}
    for index, table in enumerate(config.htable):
        if table is not None and names.setdefault(table.name, index) != index:
            reader.problem(("htable", index, "name"),
                           f"expected another name: htable[{names[table.name]}] has this one", table.name)


def _routes(reader: Reader, config: Config, tables: dict[str, Any]) -> None:
    names: dict[str, int] = {}
    for index, route in enumerate(config.route):
        if route is None:
            continue
        path: Path = ("route", index)
        _actions(reader, route, tables["route"][index], path)
        for name in ("replace_from", "replace_to"):
            replacement = getattr(route, name)
            if replacement is not None and not reader.failed(path + (name,)) and replacement == Replacement():
                reader.problem(path + (name,), "expected display, uri or both")
        if route.credential is not None and not reader.failed(path + ("credential",)):
            _credential(reader, route.credential, path + ("credential",))
        if route.name and not reader.failed(path + ("name",)):
            first = names.setdefault(route.name, index)
            if first != index:
                reader.problem(path + ("name",), f"expected another name: route[{first}] has this one", route.name)


def _actions(reader: Reader, route: Route, given: dict[str, Any], path: Path) -> None:
    for action in ("registrar", "lookup"):
        if action == "lookup" and given.get(action) != "location":
            continue
        for name in ("relay", "reply", "fork") if given.get(action) else ():
            if given.get(name):
                reader.problem(path + (name,), f"cannot stand beside {action}: take one of the two out")
    if given.get("reply"):
        for name in ("relay", "fork", "ruri"):
            if given.get(name):
                reader.problem(path + (name,), "cannot stand beside reply: take one of the two out")
    elif route.fork and len(route.relay) < 2 and not reader.failed(path + ("fork",), path + ("relay",)):
        reader.problem(path + ("fork",), f"expected at least two next hops in relay, not {len(route.relay)}", True)

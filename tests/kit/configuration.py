"""One description of a proxy, written as uacfast's TOML or as an equivalent Kamailio script."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from pathlib import Path

TEMPLATE = Path(__file__).parent / "kamailio" / "edge.cfg"


@dataclass(frozen=True)
class Replace:
    """New From or To. None leaves that part as it is, an empty display removes it."""

    uri: str | None = None
    display: str | None = None

    def table(self) -> dict:
        return {key: value for key, value in (("display", self.display), ("uri", self.uri)) if value is not None}

    def arguments(self) -> str:
        """Arguments of Kamailio's uac_replace_from/to."""
        if self.display is None:
            return json.dumps(self.uri)
        return f"{json.dumps(self.display)}, {json.dumps(self.uri or '')}"


@dataclass(frozen=True)
class Route:
    """One [[route]]; the name also names Kamailio's failure routes."""

    name: str
    user: str = ""
    method: tuple[str, ...] = ()
    source: tuple[str, ...] = ()
    replace_from: Replace | None = None
    replace_to: Replace | None = None
    record_route: bool = True
    relay: tuple[str, ...] = ()
    fork: bool = False
    ruri: str | None = None
    fr_timer: int | None = None
    fr_inv_timer: int | None = None
    reply: tuple[int, str] | None = None
    credential: dict | None = None

    def table(self) -> dict:
        table: dict = {"name": self.name}
        if self.method:
            table["method"] = list(self.method)
        if self.source:
            table["source"] = list(self.source)
        if self.user:
            table["ruri_user"] = self.user
        if self.replace_from:
            table["replace_from"] = self.replace_from.table()
        if self.replace_to:
            table["replace_to"] = self.replace_to.table()
        if self.reply:
            return table | {"reply": {"code": self.reply[0], "reason": self.reply[1]}}
        table["record_route"] = self.record_route
        if self.ruri:
            table["ruri"] = self.ruri
        if self.relay:
            table["relay"] = list(self.relay)
        if self.fork:
            table["fork"] = True
        for key in ("fr_timer", "fr_inv_timer", "credential"):
            if getattr(self, key) is not None:
                table[key] = getattr(self, key)
        return table

    def script(self) -> str:
        """The same route as a block of Kamailio's request route."""
        conditions = ["true"]
        if self.method:
            conditions.append("(" + " || ".join(f'method == "{m}"' for m in self.method) + ")")
        if self.user:
            conditions.append(f'$rU =~ "{self.user}"')
        if self.source:
            conditions.append("(" + " || ".join(f"src_ip == {network}" for network in self.source) + ")")
        lines = []
        if self.reply:
            lines.append(f'sl_send_reply("{self.reply[0]}", "{self.reply[1]}"); exit;')
        else:
            if self.ruri:
                pieces = re.split(r"(\$[A-Za-z]+)", self.ruri)
                parts = [piece if piece.startswith("$") else f'"{piece}"' for piece in pieces if piece]
                lines.append(f"$ru = {' + '.join(parts)};")
            if self.replace_from:
                lines.append(f"uac_replace_from({self.replace_from.arguments()});")
            if self.replace_to:
                lines.append(f"uac_replace_to({self.replace_to.arguments()});")
            if self.record_route:
                lines.append('if (is_method("INVITE|SUBSCRIBE|REFER|NOTIFY")) record_route();')
            if self.fr_timer is not None or self.fr_inv_timer is not None:
                lines.append(f't_set_fr("{self.fr_inv_timer or 0}", "{self.fr_timer or 0}");')
            if self.relay:
                if self.fork:
                    lines += [f'$du = "{target}"; append_branch();' for target in self.relay[1:]]
                lines.append(f'$du = "{self.relay[0]}";')
                if not self.fork and len(self.relay) > 1:
                    lines.append(f't_on_failure("{self.name}_1");')
            lines.append("if (!t_relay()) sl_reply_error();")
            lines.append("exit;")
        body = "\n\t\t".join(lines)
        return f"\tif ({' && '.join(conditions)}) {{\n\t\t{body}\n\t}}\n"

    def failure_routes(self) -> str:
        if self.fork:
            return ""
        blocks = []
        for index, target in enumerate(self.relay[1:], 1):
            following = f't_on_failure("{self.name}_{index + 1}"); ' if index + 1 < len(self.relay) else ""
            blocks.append(
                f"failure_route[{self.name}_{index}] {{\n"
                f'\tif (t_is_canceled() || t_check_status("6..")) exit;\n'
                f'\t$du = "{target}"; {following}t_relay();\n}}\n'
            )
        return "".join(blocks)


DIALOG_FORMING = ("INVITE", "SUBSCRIBE", "REFER", "NOTIFY")
RELAY_BY_REQUEST_URI = (Route("dialogs", method=DIALOG_FORMING), Route("rest", record_route=False))


@dataclass(frozen=True)
class Configuration:
    """A whole proxy. Tables hold keys of the TOML section of the same name."""

    listen: tuple[str, ...]
    routes: tuple[Route, ...] = RELAY_BY_REQUEST_URI
    server: dict = field(default_factory=dict)
    tm: dict = field(default_factory=dict)
    rr: dict = field(default_factory=dict)
    uac: dict = field(default_factory=dict)
    limits: dict = field(default_factory=dict)
    extra: str = ""

    def toml(self) -> str:
        sections = []
        for name in ("server", "tm", "rr", "uac", "limits"):
            table = getattr(self, name)
            if name == "server":
                # A test need not see its transactions end.
                table = {"drain_timeout": 0} | table
            if table:
                sections.append(f"[{name}]\n" + "".join(f"{key} = {_toml(value)}\n" for key, value in table.items()))
        sections += [f"[[listen]]\nuri = {_toml(uri)}\n" for uri in self.listen]
        for route in self.routes:
            sections.append("[[route]]\n" + "".join(f"{k} = {_toml(v)}\n" for k, v in route.table().items()))
        return "\n".join(sections) + self.extra

    def kamailio(self) -> str:
        """The same proxy for Kamailio 5.6; keys that only uacfast has are left out."""
        own = {"restore_display", "restore_seal"}
        parameters = []
        for module, table in (("tm", self.tm), ("rr", self.rr), ("uac", self.uac)):
            for key, value in table.items():
                if key in own:
                    continue
                text = json.dumps(value) if isinstance(value, str) else str(int(value))
                parameters.append(f'modparam("{module}", "{key}", {text})')
        return (
            TEMPLATE.read_text()
            .replace("# LISTEN", "\n".join(f"listen={uri}" for uri in self.listen))
            .replace("# PARAMETERS", "\n".join(parameters))
            .replace("\t# ROUTES", "".join(route.script() for route in self.routes))
            .replace("# FAILURE_ROUTES", "".join(route.failure_routes() for route in self.routes))
        )


def _toml(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{key} = {_toml(item)}" for key, item in value.items()) + " }"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(_toml(item) for item in value) + "]"
    # A JSON string without non-ASCII escapes is a TOML basic string.
    return json.dumps(value)

"""$sel(...): the selects of Kamailio that have a variable of the same meaning."""
import re

from uacfast.routing.pv.headers import ViaVariable

SAME = {
    "ruri": "$ru", "ruri.user": "$rU", "ruri.host": "$rd", "ruri.port": "$rp", "ruri.type": "$rz",
    "method": "$rm", "msg.len": "$ml", "msg.body": "$rb", "call_id": "$ci", "cseq": "$csb", "cseq.num": "$cs",
    "cseq.method": "$rm", "user_agent": "$ua", "contact": "$ct", "contact.uri": "$(ct{nameaddr.uri})",
    "contact.uri.user": "$(ct{nameaddr.uri}{uri.user})", "contact.uri.host": "$(ct{nameaddr.uri}{uri.host})",
    "from": "$hdr(From)", "from.uri": "$fu", "from.uri.user": "$fU", "from.uri.host": "$fd", "from.name": "$fn",
    "from.tag": "$ft", "to": "$hdr(To)", "to.uri": "$tu", "to.uri.user": "$tU", "to.uri.host": "$td", "to.name": "$tn",
    "to.tag": "$tt", "src.ip": "$si", "src.port": "$sp", "dst.ip": "$Ri", "dst.port": "$Rp",
}
_VIA = re.compile(r"(?:via|v)(?:\[([1-9][0-9]?)\])?\.([a-z]+)")


def select(argument, compile_variable):
    """The variable for a select; ValueError for one that is not known here."""
    name = argument.constant or ""
    via = _VIA.fullmatch(name)
    if via:
        return ViaVariable(int(via[1] or 1) - 1, via[2])
    if name not in SAME:
        raise ValueError(f"$sel({argument.source}) is not known; use the variable of the same meaning, or $hdr(name).")
    return compile_variable(SAME[name])

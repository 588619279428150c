"""Variables and transformations read the same here and in Kamailio, for one message with everything."""

import dataclasses
import json
import re

from kit.configuration import Configuration
from kit.ports import free_port
from kit.programs import wait_until
from kit.script_messages import REQUEST
from uacfast.testing.message_context import ScriptMessage

# ruff: noqa: SIM905 - a list of names reads better than one literal per name
# Not here: what differs on purpose ($rp and $rP of a URI without them, $cT with parameters, $hfl of lists that Kamailio
# does not split or leaves a comma on), the return code of the last native function, and null as xlog shows {s.int}.
PLAIN = (
    "$ru $rU $rd $rp $rP $rz $ou $oU $od $op $du $dd $nh(u) $nh(U) $nh(d) $nh(p) $fu $fU $fd $fn $ft $fti $tti "
    "$tu $tU $td $tn $tt $ci $cs $csb $rm $rs $rr $rv $bs $cl $ct $ua $re $ai $di $dip $dir $au $aU $ad "
    "$ar $aa $adu $Au $si $su $sut $sas $sp $proto $pr $Ri $Rp $Rn $Ru $Rut $RAi $RAp $fs $ml $mt $hdr(X-List) "
    "$hdr(contact) $hdr(m) $hdr(Nope) $(hdr(X-List)[1]) $(hdr(X-List)[-1]) $(hdr(X-List)[5]) $(hdr(X-List)[*]) "
    "$hdrc(Via) $hdrc(Nope) $(hfl(Route)[1]) $expires(min) $expires(max) $route_uri $rdir(id) "
    "$rdir(name) $avp(x) $var(x) $vn(x) $vz(x) $xavp(a=>b) $xavu(a=>b) $mf $bf $mF $bF $br $bR $branch(uri) "
    "$T_branch_idx $T_reply_code $T(id_index) $null $K(IPv4) $K(IPv6) $K(TLS) $version(num) "
    "$_s(<$rU>) $hdr($_s(X-List)) "
).split()
TRANSFORMED = {
    "fu": (
        "s.len s.md5 s.toupper s.substr,4,5 s.substr,-3,0 s.select,1,: s.select,-1,@ s.strip,4 s.striptail,2 "
        "s.prefixes,3 s.replace,a,bb s.rm,al s.before,@ s.after,@ s.count,a s.encode.hexa s.encode.base64 "
        "s.encode.base58 s.escape.user s.escape.param s.urlencode.param s.numeric s.corehash s.corehash,16 "
        "s.sha256 uri.user uri.host uri.port uri.params uri.param,y uri.param,z uri.scheme uri.transport "
        "re.subst,/a(.)/<\\1>/g re.subst,/nothing/x/ uri.user}{s.toupper tobody.user nameaddr.uri "
        "param.value,y param.name,0 param.count "
    ),
    "ru": "uri.user uri.passwd uri.host uri.port uri.headers uri.params uri.transport uri.tosocket param.value,x",
    "ct": "nameaddr.name nameaddr.uri nameaddr.len nameaddr.uri}{uri.host",
    "fn": "s.unquote s.len",
    "cs": "s.len",
    "rb": "line.at,0 line.count line.sw,v s.trim s.len s.rtrim",
    "hdr(From)": "tobody.uri tobody.display tobody.user tobody.host tobody.tag tobody.params"
    " nameaddr.name nameaddr.uri",
    "hdr(Diversion)": "param.value,reason param.in,privacy param.in,nope param.valueat,1 s.unbracket",
}
NAMES = PLAIN + [f"$({name}{{{step}}})" for name, steps in TRANSFORMED.items() for step in steps.split()]


@dataclasses.dataclass(frozen=True)
class Probing(Configuration):
    """A Kamailio that writes every variable of NAMES to its log."""

    def kamailio(self) -> str:
        lines = [self.log_line(number, name) for number, name in enumerate(NAMES)]
        modules = 'loadmodule "uac.so"\nloadmodule "tmx.so"\nloadmodule "xlog.so"'
        text = super().kamailio().replace('loadmodule "uac.so"', modules)
        return text.replace(
            "request_route {", 'request_route {\n\tif ($rU == "bob") {\n' + "\n".join(lines) + "\n\t\texit;\n\t}\n", 1
        )

    @staticmethod
    def log_line(number: int, name: str) -> str:
        text = json.dumps(f"PV {number} [{name}]\n")
        return f'\t\txlog("L_ERR", {text});'


def test_variables_read_the_same(start, caller):
    proxy = start(Probing(listen=(f"udp:127.0.0.1:{free_port()}",)), "kamailio")
    caller.send(REQUEST, proxy.address)
    line = re.compile(r"PV (\d+) \[(.*)\]\s*$", re.MULTILINE)
    wait_until(lambda: len(line.findall(proxy.stderr)) == len(NAMES), 10, "the log line of every variable")
    kamailio = {NAMES[int(number)]: value for number, value in line.findall(proxy.stderr)}
    message = ScriptMessage(REQUEST, source=(caller.host, caller.port), sockets=((*proxy.address, ""),))
    ours = {name: message.text(name) for name in NAMES}
    assert {name: (ours[name], value) for name, value in kamailio.items() if ours[name] != value} == {}

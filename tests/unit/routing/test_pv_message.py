"""What each variable reads in each callback (kemi-python.md §4 and §4.1)."""

import os
import time

import pytest

from kit.script_messages import BARE, REPLY, REQUEST
from uacfast.testing.message_context import ScriptMessage

SENT = b"INVITE sip:branch@192.0.2.9 SIP/2.0\r\n\r\n"
SOCKETS = (("127.0.0.1", 5060, "203.0.113.5:5080"), ("::1", 5060, ""))

REQUEST_VALUES = {
    "$ru": "sip:bob:pw@192.0.2.9:5070;transport=tcp;x=1?h=v",
    "$rU": "bob",
    "$rd": "192.0.2.9",
    "$rp": "5070",
    "$rP": "tcp",
    "$rz": "sip",
    "$ou": "sip:bob:pw@192.0.2.9:5070;transport=tcp;x=1?h=v",
    "$oU": "bob",
    "$od": "192.0.2.9",
    "$op": "5070",
    "$oP": "tcp",
    "$du": None,
    "$dd": None,
    "$dp": None,
    "$dP": None,
    "$ds": None,
    "$nh(u)": "sip:bob:pw@192.0.2.9:5070;transport=tcp;x=1?h=v",
    "$nh(U)": "bob",
    "$nh(d)": "192.0.2.9",
    "$nh(p)": "5070",
    "$nh(P)": "tcp",
    "$fu": "sip:alice@ex.com:5070;y=1",
    "$fU": "alice",
    "$fd": "ex.com",
    "$fn": '"Alice A"',
    "$ft": "from1",
    "$fti": "from1",
    "$tti": None,
    "$tu": "sip:bob@biloxi.com",
    "$tU": "bob",
    "$td": "biloxi.com",
    "$tn": "Bob B",
    "$tt": None,
    "$ci": "call-1@h",
    "$cs": "7",
    "$csb": "7 INVITE",
    "$rm": "INVITE",
    "$rs": None,
    "$rr": None,
    "$rv": "SIP/2.0",
    "$rb": "v=0\r\n",
    "$bs": 5,
    "$cl": 5,
    "$cT": "application/sdp",
    "$ct": '"A" <sip:alice@192.0.2.1:5062>;expires=60, <sip:alice@192.0.2.2>',
    "$ua": "phone/1.0",
    "$re": "sip:rpid@ex.com",
    "$ai": "sip:+4930@ex.com",
    "$di": "sip:div@ex.com",
    "$dip": "full",
    "$dir": "user-busy",
    "$rt": "sip:refer@ex.com?a=b",
    "$au": "al",
    "$aU": "al@dom.org",
    "$ad": "dom.org",
    "$ar": "re.alm",
    "$aa": "MD5",
    "$adu": "sip:x@y",
    "$Au": "alice@ex.com",
    "$si": "192.0.2.1",
    "$sp": 5062,
    "$su": "sip:192.0.2.1:5062",
    "$sut": "sip:192.0.2.1:5062;transport=udp",
    "$sas": "udp:192.0.2.1:5062",
    "$proto": "udp",
    "$pr": "udp",
    "$Ri": "127.0.0.1",
    "$Rp": 5060,
    "$Rn": None,
    "$Ru": "sip:127.0.0.1:5060",
    "$Rut": "sip:127.0.0.1:5060;transport=udp",
    "$RAi": "203.0.113.5",
    "$RAp": 5080,
    "$fs": None,
    "$fsn": None,
    "$conid": None,
    "$ml": len(REQUEST),
    "$mb": REQUEST.decode(),
    "$mi": 1,
    "$mt": 1,
    "$hdr(X-List)": 'a, b;q="1,2"',
    "$hdr(contact)": '"A" <sip:alice@192.0.2.1:5062>;expires=60, <sip:alice@192.0.2.2>',
    "$hdr(m)": '"A" <sip:alice@192.0.2.1:5062>;expires=60, <sip:alice@192.0.2.2>',
    "$hdr(Nope)": None,
    "$(hdr(X-List)[1])": "c",
    "$(hdr(X-List)[-1])": "c",
    "$(hdr(X-List)[-3])": None,
    "$(hdr(X-List)[2])": None,
    "$(hdr(X-List)[*])": 'a, b;q="1,2",c',
    "$(hdr(Via)[1])": "SIP/2.0/TLS phone.example;branch=z9hG4bKa",
    "$hdrc(Via)": 2,
    "$hdrc(x-LIST)": 2,
    "$hdrc(Nope)": 0,
    "$hfl(Via)": "SIP/2.0/UDP 192.0.2.1:5062;branch=z9hG4bK1;rport",
    "$(hfl(Via)[2])": "SIP/2.0/TLS phone.example;branch=z9hG4bKa",
    "$(hfl(Route)[-1])": "<sip:127.0.0.2;lr>",
    "$(hfl(X-List)[0])": 'a, b;q="1,2"',
    "$hflc(Via)": 3,
    "$(hfl(Route)[*])": "<sip:127.0.0.1;lr>,<sip:127.0.0.2;lr>",
    "$expires(min)": 60,
    "$expires(max)": 3600,
    "$route_uri": "sip:127.0.0.1;lr",
    "$rdir(id)": 1,
    "$rdir(name)": "downstream",
    "$via0(host)": "192.0.2.1",
    "$via0(port)": 5062,
    "$via0(branch)": "z9hG4bK1",
    "$via1(host)": "[2001:db8::1]",
    "$sel(via[3].host)": "phone.example",
    "$sel(via[4].host)": None,
    "$sel(from.uri.user)": "alice",
    "$sel(contact.uri)": "sip:alice@192.0.2.1:5062",
    "$msg(len)": len(REQUEST),
    "$msg(body)": "v=0\r\n",
    "$msg(fline)": "INVITE sip:bob:pw@192.0.2.9:5070;transport=tcp;x=1?h=v SIP/2.0",
    "$avp(x)": None,
    "$var(x)": 0,
    "$vn(x)": None,
    "$vz(x)": 0,
    "$shv(x)": 0,
    "$xavp(a=>b)": None,
    "$xavp(a)": None,
    "$xavu(a=>b)": None,
    "$xavi(a=>b)": None,
    "$dlg_var(x)": None,
    "$dlg(callid)": None,
    "$dlg_ctx(timeout)": None,
    "$DLG_count": None,
    "$DLG_lifetime": None,
    "$DLG_status": None,
    "$sht(t=>x)": None,
    "$shtex(t=>x)": None,
    "$shtinc(t=>x)": None,
    "$shtcn(t=>x)": None,
    "$T_branch_idx": 0,
    "$T_reply_code": 0,
    "$T_reply_reason": "",
    "$T(id_index)": None,
    "$T(id_label)": None,
    "$T(reply_code)": None,
    "$T(reply_type)": None,
    "$T(branch_index)": None,
    "$T_req($ru)": None,
    "$T_rpl($rs)": None,
    "$T_inv($ru)": None,
    "$T_branch(uri)": None,
    "$branch(uri)": None,
    "$branch(count)": None,
    "$br": None,
    "$bR": None,
    "$mf": 0,
    "$bf": 0,
    "$sf": 0,
    "$mF": "00000000",
    "$bF": "00000000",
    "$sF": "00000000",
    "$uac_req(method)": None,
    "$stat(x)": None,
    "$def(X)": None,
    "$defn(X)": None,
    "$null": None,
    "$K(IPv4)": 2,
    "$K(IPv6)": 10,
    "$K(WSS)": 6,
    "$rc": 0,
    "$retcode": 0,
    "$jsonrpl(code)": 0,
    "$jsonrpl(body)": None,
    "$hu": None,
    "$version(num)": "5.6.3",
    "$_s(<$rU>)": "<bob>",
    "$$": "$",
}
NO_MESSAGE = (
    "$ru",
    "$fu",
    "$tU",
    "$ci",
    "$rm",
    "$rb",
    "$bs",
    "$si",
    "$sp",
    "$Ri",
    "$hdr(X)",
    "$hdrc(X)",
    "$hfl(X)",
    "$rs",
    "$ft",
    "$ct",
    "$ai",
    "$au",
    "$expires(min)",
    "$route_uri",
    "$via0(host)",
    "$mb",
    "$ds",
    "$nh(u)",
    "$rdir(id)",
    "$Au",
    "$T_reply_last",
    "$T_req($ru)",
    "$msg(len)",
)


@pytest.mark.parametrize("name", REQUEST_VALUES)
def test_request(name):
    value = ScriptMessage(REQUEST, sockets=SOCKETS).get(name)
    assert (value, type(value)) == (REQUEST_VALUES[name], type(REQUEST_VALUES[name]))


@pytest.mark.parametrize(
    "name,value",
    [
        ("$rU", None),
        ("$rd", "biloxi.com"),
        ("$rp", None),
        ("$rP", "udp"),
        ("$fU", None),
        ("$fn", None),
        ("$tU", None),
        ("$rb", ""),
        ("$bs", 0),
        ("$cl", None),
        ("$cT", None),
        ("$ct", None),
        ("$ua", None),
        ("$au", None),
        ("$ai", None),
        ("$di", None),
        ("$dir", None),
        ("$re", None),
        ("$rt", None),
        ("$expires(min)", None),
        ("$route_uri", None),
        ("$hdr(Contact)", None),
        ("$(hdr(Contact)[*])", None),
        ("$hdrc(Contact)", 0),
        ("$hfl(Contact)", None),
        ("$Au", "ex.com"),
    ],
)
def test_request_without_it(name, value):
    assert ScriptMessage(BARE).get(name) == value


@pytest.mark.parametrize("name", NO_MESSAGE)
def test_without_a_message_it_is_null(name):
    assert ScriptMessage(kind="none").get(name) is None


REPLY_VALUES = {
    "$ru": None,
    "$rU": None,
    "$rd": None,
    "$ou": None,
    "$nh(u)": None,
    "$rz": None,
    "$rs": 486,
    "$rr": "Busy Here",
    "$rm": "INVITE",
    "$rv": "SIP/2.0",
    "$fu": "sip:anonymous@ex.com",
    "$fU": "anonymous",
    "$ft": "from1",
    "$tt": "to1",
    "$tti": "to1",
    "$tu": "sip:bob@biloxi.com",
    "$ci": "call-1@h",
    "$cs": "7",
    "$ct": "<sip:bob@192.0.2.9>",
    "$rb": "",
    "$mt": 2,
    "$hdrc(Via)": 2,
    "$(hdr(Via)[-1])": "SIP/2.0/UDP 192.0.2.1:5062;branch=z9hG4bK1",
    "$T_branch_idx": 1,
    "$T_reply_code": 486,
    "$T_reply_reason": "Busy Here",
    "$T_reply_last": 486,
    "$T(reply_code)": 486,
    "$T(branch_index)": 1,
    "$T_req($ru)": REQUEST_VALUES["$ru"],
    "$T_req($fU)": "alice",
    "$T_req($rs)": None,
    "$T_req($si)": "192.0.2.1",
    "$(T_req($ru){s.len})": len(REQUEST_VALUES["$ru"]),
    "$T_rpl($rs)": None,
    "$T_branch(uri)": "sip:branch@192.0.2.9",
    "$T_branch(flags)": 0,
    "$ds": None,
}


@pytest.mark.parametrize("name", REPLY_VALUES)
def test_reply(name):
    message = ScriptMessage(REPLY, kind="reply", source=("192.0.2.9", 5060))
    message.begin_transaction(REQUEST, branches=2, sent=SENT)
    value = message.get(name)
    assert (value, type(value)) == (REPLY_VALUES[name], type(REPLY_VALUES[name]))


def test_branch():
    message = ScriptMessage(REQUEST, kind="branch")
    message.begin_transaction(branches=3)
    message.set_reply_status(100)
    assert [
        message.get(name)
        for name in ("$T_branch_idx", "$T_reply_code", "$rs", "$rU", "$T(branch_index)", "$T_req($ru)", "$ds")
    ] == [2, 100, None, "bob", 2, None, f"Contact: <{REQUEST_VALUES['$ru']}>"]
    assert isinstance(message.get("$T(id_index)"), int) and isinstance(message.get("$T(id_label)"), int)


def test_failure_with_a_reply():
    message = ScriptMessage(REQUEST, kind="failure")
    message.begin_transaction(branches=2, final=486)
    message.set_reply(REPLY)
    assert [
        message.get(name)
        for name in (
            "$rs",
            "$ru",
            "$T_reply_code",
            "$T_reply_reason",
            "$T_branch_idx",
            "$T_rpl($rs)",
            "$T_rpl($hdr(Contact))",
            "$T_rpl($tt)",
            "$T_rpl($ru)",
            "$T(reply_type)",
            "$T_branch(uri)",
        )
    ] == [None, REQUEST_VALUES["$ru"], 486, "Busy Here", 2, 486, "<sip:bob@192.0.2.9>", "to1", None, 0, None]


def test_failure_that_is_ours():
    message = ScriptMessage(REQUEST, kind="failure")
    message.begin_transaction(branches=1, final=408)
    assert [message.get(name) for name in ("$T_reply_code", "$T_reply_reason", "$T_rpl($rs)", "$T(reply_type)")] == [
        408,
        "Request Timeout",
        None,
        1,
    ]


def test_branch_failure():
    message = ScriptMessage(REQUEST, kind="branch_failure")
    message.begin_transaction(branches=2, final=503)
    assert [message.get(name) for name in ("$T_branch_idx", "$T_reply_code")] == [1, 503]


def test_cancel_shows_its_invite():
    cancel = REQUEST.replace(b"INVITE", b"CANCEL").replace(b"alice", b"carol")
    message = ScriptMessage(cancel)
    message.begin_transaction(REQUEST)
    assert [message.get(name) for name in ("$rm", "$fU", "$T_inv($rm)", "$T_inv($fU)")] == [
        "CANCEL",
        "carol",
        "INVITE",
        "alice",
    ]


def test_other_messages_cannot_stand_within_each_other():
    message = ScriptMessage(REQUEST)
    for name in ("$T_req($T_rpl($rs))", "$T_req(x)", "$T_req($ru$rd)", "$T_req($_s($T_inv($ru)))"):
        with pytest.raises(ValueError, match="T_req"):
            message.get(name)


def test_upstream_request_swaps_the_initial_tags():
    message = ScriptMessage(REQUEST.replace(b"t: Bob B <sip:bob@biloxi.com>", b"t: <sip:bob@biloxi.com>;tag=to1"))
    message.set_direction(True)
    assert [message.get(name) for name in ("$fti", "$tti", "$ft", "$rdir(id)", "$rdir(name)")] == [
        "to1",
        "from1",
        "from1",
        2,
        "upstream",
    ]


def test_ipv6():
    message = ScriptMessage(REQUEST, source=("2001:db8::7", 5062), sockets=(("::1", 5060, ""),))
    assert [message.get(name) for name in ("$si", "$su", "$sas", "$Ri", "$Ru", "$RAi", "$RAu")] == [
        "2001:db8::7",
        "sip:[2001:db8::7]:5062",
        "udp:[2001:db8::7]:5062",
        "::1",
        "sip:[::1]:5060",
        "::1",
        "sip:[::1]:5060",
    ]


def test_octets_that_are_no_utf8_come_back_as_they_were():
    message = ScriptMessage(REQUEST.replace(b"phone/1.0", b"ph\xff\xfene/\xc3\xa9"))
    value = message.get("$ua")
    assert value.encode("utf-8", "surrogateescape") == b"ph\xff\xfene/\xc3\xa9"
    assert message.get("$(ua{s.len})") == 9
    assert message.get("$(ua{s.encode.hexa})") == b"ph\xff\xfene/\xc3\xa9".hex()
    message.set("$avp(x)", value)
    assert message.get("$(avp(x){s.strip,2}{s.encode.hexa})") == b"\xff\xfene/\xc3\xa9".hex()


def test_time_and_process():
    message = ScriptMessage(REQUEST)
    now = time.time()
    for name in ("$TS", "$Ts", "$TV(s)"):
        assert abs(message.get(name) - now) <= 2
    assert 0 <= message.get("$TV(u)") < 1_000_000
    assert float(message.get("$TV(Sn)")) == pytest.approx(now, abs=2)
    local = time.localtime()
    assert message.get("$time(year)") == local.tm_year and message.get("$time(yday)") == local.tm_yday
    assert message.get("$time(wday)") == int(time.strftime("%w", local)) + 1
    assert message.get("$timef(%Y-%m-%d)") == time.strftime("%Y-%m-%d", local)
    assert message.get("$utimef(%H)") in (time.strftime("%H", time.gmtime(now)), time.strftime("%H", time.gmtime()))
    assert len(message.get("$TF")) == 24 and message.get("$Tf").endswith(str(local.tm_year))
    assert message.get("$pp") == os.getpid()


def test_environment(monkeypatch):
    monkeypatch.setenv("UACFAST_TEST", "42 apples")
    message = ScriptMessage(REQUEST)
    assert [message.get(name) for name in ("$env(UACFAST_TEST)", "$envn(UACFAST_TEST)", "$env(UACFAST_NOPE)")] == [
        "42 apples",
        42,
        None,
    ]

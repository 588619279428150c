"""KSR.maxfwd, sanity, siputils, permissions, pike, htable, rtpproxy, nathelper."""

import pytest

from uacfast.proxy.flood_guard import FloodGuard
from uacfast.routing.ksr.htable import HtableModule
from uacfast.routing.ksr.maxfwd import MaxfwdModule
from uacfast.routing.ksr.nathelper import NathelperModule
from uacfast.routing.ksr.permissions import PermissionsModule
from uacfast.routing.ksr.pike import PikeModule
from uacfast.routing.ksr.rtpproxy import RtpproxyModule
from uacfast.routing.ksr.sanity import SanityModule
from uacfast.routing.ksr.siputils import SiputilsModule

from .conftest import no, reply, request, yes

STOCK_REQUEST, STOCK_REPLY = 17895, 17604


# --- maxfwd ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "value,result,written",
    [
        ("70", 1, "69"),
        ("10", 1, " 9"),
        ("1", 1, "0"),
        ("0", -1, "0"),
        ("255", 1, " 70"),
        ("256", -2, "256"),
        ("x", -2, "x"),
    ],
)
def test_max_forwards_is_counted_down(runtime, value, result, written):
    runtime.take(request().replace(b"Max-Forwards: 70", b"Max-Forwards: " + value.encode()))
    found = MaxfwdModule(runtime).process_maxfwd(10)
    assert type(found) is int and found == result
    assert f"Max-Forwards: {written}\r\n".encode() in runtime.written


def test_missing_max_forwards_is_added(runtime):
    runtime.take(request().replace(b"Max-Forwards: 70\r\n", b""))
    assert MaxfwdModule(runtime).process_maxfwd(10) == 2
    assert b"Max-Forwards: 10\r\n" in runtime.written


def test_is_maxfwd_lt(runtime):
    module = MaxfwdModule(runtime)
    runtime.take(request())
    assert yes(module.is_maxfwd_lt(71)) and no(module.is_maxfwd_lt(70))
    runtime.take(request().replace(b"Max-Forwards: 70\r\n", b""))
    assert module.is_maxfwd_lt(10) == -2


# --- sanity ----------------------------------------------------------------------------------------------------------


def test_good_messages_are_sane(runtime):
    module = SanityModule(runtime)
    runtime.take(request())
    assert yes(module.sanity_check(STOCK_REQUEST, 7)) and yes(module.sanity_check_defaults())
    assert yes(module.sanity_check(0x7FFF, 15))
    runtime.take(reply())
    assert yes(module.sanity_check(STOCK_REPLY, 6)) and runtime.replies == []
    assert no(module.sanity_reply())


def changed(old, new):
    return request().replace(old, new)


@pytest.mark.parametrize(
    "octets,checks,status,reason",
    [
        (request("INVITE", cseq="1 OPTIONS"), 32, 400, "CSeq method does not match request method"),
        (request("INVITE", cseq="4294967295 INVITE"), 64, 400, "CSeq number is illegal"),
        (request("INVITE", cseq="x INVITE"), 64, 400, "CSeq number is illegal"),
        (changed(b"Content-Length: 0", b"Content-Length: 99"), 128, 400, "Content-Length mis-match"),
        (request(Expires="soon"), 256, 400, "Expires value is illegal"),
        (request(Proxy_Require="foo, bar"), 512, 420, "Bad Extension"),
        (request(uri="http:x"), 2, 416, "Unsupported URI Scheme"),
        (
            changed(b"INVITE sip:bob@example.com SIP/2.0", b"INVITE sip:bob@example.com SIP/3.0"),
            1,
            505,
            "Version Not Supported",
        ),
        (changed(b"From:", b"X:"), 4, 400, "Missing Required Header in Request"),
        (request(from_="<sip:>;tag=1"), 1024, 400, "Bad From header"),
        (request(to="<sip:a@[::1>"), 1024, 400, "Bad To header"),
        (request(contact="<sip:>"), 1024, 400, "Bad Contact header"),
        (request(to="<sip:a@b>;tag=1;tag=2"), 4096, 400, "Multiple tags in From or To"),
        (request(Authorization="Digest nonsense"), 2048, 400, "Malformed digest credentials"),
        (request(Authorization="Digest nonsense"), 8192, 400, "Malformed digest credentials"),
        (changed(b"SIP/2.0/UDP 127", b"SIP/2.0 127"), 16384, 400, "Missing or invalid Via"),
    ],
)
def test_each_check_is_answered(runtime, octets, checks, status, reason):
    module = SanityModule(runtime)
    runtime.take(octets)
    assert no(module.sanity_check(checks, 15))
    assert [(found[0], found[1], found[3]) for found in runtime.replies] == [(status, reason, True)]
    assert yes(module.sanity_check(0, 15)) and len(runtime.replies) == 1
    assert runtime.replies[0][2] == (b"Unsupported: foo, bar\r\n" if status == 420 else b"")


def test_only_the_uris_asked_for_are_read(runtime):
    runtime.take(request(contact="<sip:>"))
    assert yes(SanityModule(runtime).sanity_check(STOCK_REQUEST, 7))


def test_ack_and_replies_are_not_answered(runtime):
    module = SanityModule(runtime)
    runtime.take(request("ACK", cseq="1 OPTIONS"))
    assert no(module.sanity_check(STOCK_REQUEST, 7))
    runtime.take(reply().replace(b"CSeq: 1", b"CSeq: x"))
    assert no(module.sanity_check(STOCK_REPLY, 6))
    assert runtime.replies == []


# --- siputils --------------------------------------------------------------------------------------------------------


def test_kinds_of_messages(runtime):
    module = SiputilsModule(runtime)
    runtime.take(request())
    assert no(module.has_totag()) and yes(module.is_request()) and no(module.is_reply()) and yes(module.is_first_hop())
    assert yes(module.is_sip()) and no(module.is_http()) and yes(module.sip_parse_headers())
    runtime.take(request(to="<sip:b@x>;tag=1"))
    assert yes(module.has_totag())
    runtime.take(request("INVITE", "sip:b@x", "Via: SIP/2.0/UDP 1.2.3.4;branch=z9hG4bK2"))
    assert no(module.is_first_hop())
    runtime.take(reply())
    assert no(module.is_request()) and yes(module.is_reply()) and no(module.is_first_hop())
    runtime.take(reply(200, "OK", "Record-Route: <sip:127.0.0.1:5060;lr>"), source=("192.0.2.1", 5060))
    assert yes(module.is_first_hop())
    runtime.take(reply(200, "OK", "Record-Route: <sip:192.0.2.9;lr>"), source=("192.0.2.1", 5060))
    assert no(module.is_first_hop())


def test_texts(runtime):
    module = SiputilsModule(runtime)
    assert yes(module.is_uri("sip:a@b")) and yes(module.is_uri("tel:+49")) and no(module.is_uri("a@b"))
    assert (
        yes(module.is_numeric("012"))
        and no(module.is_numeric("01a"))
        and no(module.is_numeric(""))
        and no(module.is_numeric("٣"))
    )
    assert yes(module.is_tel_number("+49")) and no(module.is_tel_number("+"))
    assert yes(module.is_alphanum("a1")) and no(module.is_alphanum("a-1")) and yes(module.is_alphanumex("a-1", "-"))
    assert no(module.is_alphanumex("", "-"))
    assert yes(module.cmp_uri("sip:a@B;x=1", "sip:a@b;x=1")) and no(module.cmp_uri("sip:a@b", "sip:c@b"))
    assert yes(module.cmp_aor("sip:a@B:5060;x=1", "sip:a@b")) and no(module.cmp_aor("x", "x"))


def test_request_uri_parameters(runtime):
    module = SiputilsModule(runtime)
    runtime.take(request(uri="sip:b@x;a;b=2;c=3"))
    assert yes(module.uri_param("a")) and no(module.uri_param("b")) and no(module.uri_param("z"))
    assert (
        yes(module.uri_param_value("b", "2"))
        and no(module.uri_param_value("b", "3"))
        and no(module.uri_param_value("a", ""))
    )
    assert yes(module.uri_param_rm("b")) and runtime.request_uri == "sip:b@x;a;c=3"
    assert yes(module.uri_param_rm("a")) and yes(module.uri_param_rm("c")) and runtime.request_uri == "sip:b@x"
    assert no(module.uri_param_rm("c"))
    assert yes(module.add_uri_param("d=4")) and runtime.request_uri == "sip:b@x;d=4"
    assert yes(module.add_uri_param("")) and no(module.add_uri_param("a b")) and no(module.add_uri_param("a>"))
    assert runtime.written.startswith(b"INVITE sip:b@x;d=4 SIP/2.0\r\n")


def test_options_reply(runtime):
    module = SiputilsModule(runtime)
    runtime.take(request("OPTIONS", "sip:127.0.0.1"))
    assert yes(module.options_reply()) and runtime.replies[0][:2] == (200, "OK")
    runtime.take(request("OPTIONS", "sip:a@127.0.0.1"))
    assert no(module.options_reply())
    runtime.take(request())
    assert no(module.options_reply()) and len(runtime.replies) == 1


def test_dates_and_gruu(runtime):
    module = SiputilsModule(runtime)
    runtime.take(request("INVITE", "sip:b@x;gr", "Date: Sat, 13 Nov 2010 23:29:00 GMT"))
    assert no(module.hdr_date_check(60)) and yes(module.hdr_date_check(2**31 - 1)) and yes(module.is_gruu())
    runtime.take(request("INVITE", "sip:b@x;gr=1", "Date: never"))
    assert no(module.hdr_date_check(60)) and module.is_gruu() == 2
    runtime.take(request())
    assert no(module.hdr_date_check(60)) and no(module.is_gruu())


# --- permissions -----------------------------------------------------------------------------------------------------


def test_source_groups(runtime):
    module = PermissionsModule(runtime)
    runtime.features.sources.replace([(1, "192.0.2.0/24", 0), (2, "198.51.100.1", 5070), (3, "2001:db8::/32", 0)])
    runtime.take(request(), source=("192.0.2.7", 5060))
    assert (
        yes(module.allow_source_address(1))
        and no(module.allow_source_address(2))
        and no(module.allow_source_address(9))
    )
    assert yes(module.allow_source_address(0)) and module.allow_source_address_group() == 1
    runtime.take(request(), source=("198.51.100.1", 5070))
    assert yes(module.allow_source_address(2)) and module.allow_source_address_group() == 2
    runtime.take(request(), source=("198.51.100.1", 5071))
    assert (
        no(module.allow_source_address(2))
        and no(module.allow_source_address(0))
        and no(module.allow_source_address_group())
    )
    assert yes(module.allow_address(3, "2001:db8::5", 1)) and yes(module.allow_address(3, "[2001:db8::5]", 1))
    assert no(module.allow_address(1, "192.0.3.1", 1)) and no(module.allow_address(1, "name", 1))
    assert no(module.allow_address(1, "192.0.2.1", 70000)) and yes(module.allow_address(0, "192.0.2.1", 1))
    assert module.allow_address_group("192.0.2.1", 5) == 1 and no(module.allow_address_group("10.0.0.1", 5))
    assert no(module.allow_trusted())


# --- pike ------------------------------------------------------------------------------------------------------------


def test_pike(runtime):
    module = PikeModule(runtime)
    runtime.take(request(), source=("192.0.2.7", 5060))
    assert all(yes(module.pike_check_req()) for _ in range(1000)), "off: everybody passes"
    runtime.features.flood_guard = FloodGuard(density=4, unit=2000)
    results = [module.pike_check_req() for _ in range(9)]
    assert results == [1] * 6 + [-2, -1, -1] and {type(result) for result in results} == {int}
    assert yes(module.pike_check_ip("192.0.2.8")) and no(module.pike_check_ip("192.0.2.7"))
    assert yes(module.pike_check_ip("no address"))


# --- htable ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def htable(runtime):
    runtime.hash_tables.define("ipban", auto_expire=300)
    runtime.hash_tables.define("plain")
    return HtableModule(runtime)


def test_cells(runtime, htable):
    assert (htable.sht_get("ipban", "a"), htable.sht_gete("ipban", "a"), htable.sht_getw("ipban", "a")) == (
        None,
        "",
        "<null>",
    )
    assert yes(htable.sht_is_null("ipban", "a"))
    assert yes(htable.sht_seti("ipban", "a", 5)) and htable.sht_get("ipban", "a") == 5
    assert yes(htable.sht_sets("ipban", "b", "x")) and htable.sht_gete("ipban", "b") == "x"
    assert no(htable.sht_is_null("ipban", "a"))
    assert (htable.sht_inc("ipban", "a"), htable.sht_dec("ipban", "a"), htable.sht_dec("ipban", "new")) == (6, 5, -1)
    assert htable.sht_inc("ipban", "b") == -1, "text cannot be raised"
    assert (
        yes(htable.sht_rm("ipban", "a")) and yes(htable.sht_rm("ipban", "a")) and yes(htable.sht_is_null("ipban", "a"))
    )


def test_cells_expire(runtime, htable):
    htable.sht_seti("ipban", "a", 1)
    htable.sht_setxs("plain", "b", "x", 10)
    htable.sht_setxi("plain", "c", 7, 20)
    htable.sht_seti("plain", "d", 1)
    runtime.now = 15_000
    assert htable.sht_get("plain", "b") is None and htable.sht_get("plain", "c") == 7
    assert yes(htable.sht_setex("plain", "c", 100)) and no(htable.sht_setex("plain", "b", 100))
    runtime.now = 299_999
    assert htable.sht_get("ipban", "a") == 1
    runtime.now = 300_000
    assert htable.sht_get("ipban", "a") is None and htable.sht_get("plain", "c") is None
    assert htable.sht_get("plain", "d") == 1


def test_many_cells(runtime, htable):
    for name in ("a1", "a2", "b1"):
        htable.sht_sets("plain", name, f"v{name}")
    assert yes(htable.sht_match_name("plain", "sw", "b")) and no(htable.sht_match_name("plain", "eq", "b"))
    assert yes(htable.sht_match_str_value("plain", "re", "^va")) and no(htable.sht_has_str_value("plain", "eq", "x"))
    assert htable.sht_cn("plain", "^a") == 2
    assert yes(htable.sht_iterator_start("i", "plain"))
    seen = 0
    while htable.sht_iterator_next("i") > 0:
        seen += 1
    assert seen == 3 and yes(htable.sht_iterator_end("i")) and no(htable.sht_iterator_next("i"))
    assert yes(htable.sht_rm_name_re("plain", "^a")) and htable.sht_get("plain", "b1") == "vb1"
    assert no(htable.sht_rm_name_re("plain", "(")) and no(htable.sht_rm_name("plain", "huh", "x"))
    assert yes(htable.sht_rm_value_re("plain", "b1")) and htable.sht_get("plain", "b1") is None
    assert (
        yes(htable.sht_sets("plain", "z", "1"))
        and yes(htable.sht_reset("plain"))
        and htable.sht_get("plain", "z") is None
    )
    assert yes(htable.sht_lock("plain", "k")) and yes(htable.sht_unlock("plain", "k"))


def test_unknown_tables(runtime, htable):
    assert htable.sht_get("no", "a") is None and no(htable.sht_sets("no", "a", "x")) and no(htable.sht_rm("no", "a"))
    assert no(htable.sht_inc("no", "a")) and no(htable.sht_reset("no")) and no(htable.sht_lock("no", "a"))
    assert (
        no(htable.sht_setex("no", "a", 1)) and no(htable.sht_iterator_start("i", "no")) and no(htable.sht_cn("no", "x"))
    )
    with pytest.raises(TypeError):
        htable.sht_seti("ipban", "a", "1")


# --- rtpproxy --------------------------------------------------------------------------------------------------------


def test_rtpproxy_is_off(runtime):
    assert no(RtpproxyModule(runtime).rtpproxy_manage("co"))


# --- nathelper -------------------------------------------------------------------------------------------------------


@pytest.fixture
def nat(runtime):
    return NathelperModule(runtime)


SDP = "v=0\r\no=- 1 1 IN IP4 10.0.0.9\r\ns=-\r\nc=IN IP4 10.0.0.9\r\nt=0 0\r\nm=audio 4000 RTP/AVP 0\r\n"
HERE = ("192.0.2.7", 5070)


@pytest.mark.parametrize(
    "bit,octets,source,hit",
    [
        (1, request(contact="<sip:a@10.1.2.3>"), HERE, True),
        (1, request(contact="<sip:a@192.0.2.7>"), HERE, False),
        (1, request(contact="<sip:a@172.31.0.1>"), HERE, True),
        (1, request(contact="<sip:a@172.32.0.1>"), HERE, False),
        (1, request(contact="<sip:a@192.168.0.1>"), HERE, True),
        (1, request(contact="<sip:a@100.64.0.1>"), HERE, True),
        (1, request(contact="*"), HERE, False),
        (1, request(contact=False), HERE, False),
        (2, request(via="192.0.2.8:5070"), HERE, True),
        (2, request(via="192.0.2.7:5070"), HERE, False),
        (4, request(via="10.0.0.1:5070"), HERE, True),
        (4, request(via="192.0.2.7:5070"), HERE, False),
        (8, request(body=SDP), HERE, True),
        (8, request(body=SDP.replace("10.0.0.9", "192.0.2.7")), HERE, False),
        (16, request(via="192.0.2.7:5071"), HERE, True),
        (16, request(via="192.0.2.7:5070"), HERE, False),
        (16, request(via="192.0.2.7"), ("192.0.2.7", 5060), False),
        (32, request(), ("10.0.0.1", 5070), True),
        (32, request(), HERE, False),
        (32, request(), ("fd00::1", 5070), True),
        (64, request().replace(b"SIP/2.0/UDP", b"SIP/2.0/WS"), HERE, True),
        (64, request(), HERE, False),
        (128, request(contact="<sip:a@x:5071>"), HERE, True),
        (128, request(contact="<sip:a@x:5070>"), HERE, False),
        (256, request(body=SDP), HERE, True),
        (256, request(body=SDP.replace("10.0.0.9", "192.0.2.7")), HERE, False),
        (512, request(contact="<sip:a@192.0.2.8>"), HERE, True),
        (512, request(contact="<sip:a@192.0.2.7>"), HERE, False),
    ],
)
def test_nat_tests(runtime, nat, bit, octets, source, hit):
    runtime.take(octets, source=source)
    assert yes(nat.nat_uac_test(bit)) if hit else no(nat.nat_uac_test(bit))


def test_contact_alias_there_and_back(runtime, nat):
    runtime.take(request(contact="<sip:x@10.0.0.9:5060>"), source=("127.0.0.1", 17030))
    assert yes(nat.set_contact_alias())
    assert b"Contact: <sip:x@10.0.0.9:5060;alias=127.0.0.1~17030~1>\r\n" in runtime.written
    runtime.take(request("BYE", "sip:x@10.0.0.9:5060;alias=127.0.0.1~17030~1;y=z"))
    assert yes(nat.handle_ruri_alias())
    assert runtime.request_uri == "sip:x@10.0.0.9:5060;y=z"
    assert runtime.context.destination_uri == "sip:127.0.0.1:17030;transport=udp"
    assert nat.handle_ruri_alias() == 2


def test_contact_alias_forms(runtime, nat):
    runtime.take(request(contact="sip:x@10.0.0.9;q=1"), source=HERE)
    assert yes(nat.set_contact_alias())
    assert b"Contact: <sip:x@10.0.0.9;alias=192.0.2.7~5070~1>;q=1\r\n" in runtime.written
    runtime.take(request(contact="<sip:x@10.0.0.9;alias=1.1.1.1~1~1>"), source=HERE)
    assert yes(nat.set_contact_alias()) and b"alias=1.1.1.1~1~1" in runtime.written
    assert yes(nat.set_contact_alias_trim()) and b"<sip:x@10.0.0.9;alias=192.0.2.7~5070~1>" in runtime.written
    runtime.take(request(contact="<sip:x@10.0.0.9?a=b>"), source=("2001:db8::7", 5070))
    assert yes(nat.set_contact_alias()) and b"<sip:x@10.0.0.9;alias=[2001:db8::7]~5070~1?a=b>" in runtime.written
    runtime.take(request(contact=False))
    assert no(nat.set_contact_alias())
    runtime.take(request(contact="<sip:x@192.0.2.7:5070>"), source=HERE)
    assert nat.add_contact_alias() == 2
    assert yes(nat.add_contact_alias_addr("198.51.100.1", "5080", "tcp"))
    assert b"alias=198.51.100.1~5080~2>" in runtime.written
    assert no(nat.add_contact_alias_addr("name", "5080", "tcp")) and no(
        nat.add_contact_alias_addr("1.2.3.4", "x", "udp")
    )


@pytest.mark.parametrize(
    "alias", ["1.2.3.4", "1.2.3.4~5060", "name~5060~1", "1.2.3.4~0~1", "1.2.3.4~5060~9", "1.2.3.4~99999~1"]
)
def test_broken_alias(runtime, nat, alias):
    runtime.take(request("BYE", f"sip:x@10.0.0.9;alias={alias}"))
    assert no(nat.handle_ruri_alias()) and runtime.context.destination_uri is None


def test_alias_into_the_request_uri(runtime, nat):
    runtime.take(request("BYE", "sip:x@10.0.0.9:5060;alias=127.0.0.1~17030~2"))
    assert yes(nat.handle_ruri_alias_mode(1))
    assert (runtime.request_uri, runtime.context.destination_uri) == (
        "sip:x@127.0.0.1:17030",
        "sip:127.0.0.1:17030;transport=tcp",
    )


def test_alias_into_a_variable(runtime, nat):
    runtime.take(request(contact="<sip:x@10.0.0.9;alias=192.0.2.7~5070~1>"))
    assert yes(nat.set_alias_to_pv("$avp(where)"))
    assert runtime.context.state.avps["where"] == ["sip:192.0.2.7:5070;transport=udp"]
    assert no(nat.set_alias_to_pv("nonsense"))
    runtime.take(request(contact="<sip:x@10.0.0.9>"))
    assert no(nat.set_alias_to_pv("$avp(where)"))


def test_contact_fixed(runtime, nat):
    runtime.take(request(contact="<sip:x@10.0.0.9:5060;y=1>"), source=HERE)
    assert yes(nat.fix_nated_contact()) and b"<sip:x@192.0.2.7:5070;y=1>" in runtime.written
    runtime.take(request(contact="<sip:x@10.0.0.9>, <sip:y@10.0.0.8>"), source=HERE)
    assert yes(nat.add_rcv_param(0))
    assert (
        b'<sip:x@10.0.0.9>;received="sip:192.0.2.7:5070", <sip:y@10.0.0.8>;received="sip:192.0.2.7:5070"'
        in runtime.written
    )
    runtime.take(request(contact="<sip:x@10.0.0.9>"), source=HERE)
    assert yes(nat.add_rcv_param(1)) and b"<sip:x@10.0.0.9;received=sip:192.0.2.7:5070>" in runtime.written
    runtime.take(request(contact=False))
    assert no(nat.add_rcv_param(0)) and no(nat.fix_nated_contact())


def test_is_rfc1918(nat):
    assert yes(nat.is_rfc1918("10.0.0.1")) and no(nat.is_rfc1918("8.8.8.8")) and no(nat.is_rfc1918("x"))


def test_session_descriptions(runtime, nat):
    runtime.take(request(body=SDP), source=HERE)
    assert yes(nat.fix_nated_sdp(2)) and yes(nat.fix_nated_sdp(8))
    fixed = SDP.replace("10.0.0.9", "192.0.2.7")
    assert runtime.written.endswith(f"Content-Length: {len(fixed)}\r\n\r\n{fixed}".encode())
    assert yes(nat.fix_nated_sdp_ip(2, "198.51.100.1")) and b"c=IN IP4 198.51.100.1\r\n" in runtime.written
    assert no(nat.fix_nated_sdp_ip(2, "x\r\ny"))
    runtime.take(request())
    assert no(nat.fix_nated_sdp(2))


def test_fix_nated_register_is_remembered(runtime, nat):
    runtime.take(request("REGISTER"), source=HERE)
    assert yes(nat.fix_nated_register()) and runtime.context.state.notes["received"] == b"sip:192.0.2.7:5070"
    runtime.take(reply())
    assert no(nat.fix_nated_register())

"""What a valid configuration becomes."""
import ipaddress

import msgspec
import pytest

from uacfast.config import Config, Credential, Ha1, Listen, Replacement, Reply, RequestTo, parse
from uacfast.config.values import avp_key, has_pseudo_variables

LISTEN = '[[listen]]\nuri = "udp:127.0.0.1:5060"\n'


def read(text):
    return parse(LISTEN + text)


def test_defaults():
    config = read("")
    assert config == Config(listen=(Listen(uri="udp:127.0.0.1:5060"),))
    assert config.without_effect() == []
    assert (config.tm.fr_timer, config.tm.fr_inv_timer, config.tm.wt_timer) == (30_000, 120_000, 32_000)
    assert (config.tm.retr_timer1, config.tm.retr_timer2) == (500, 4_000)
    assert config.server.batch_pause == 500 and config.server.drain_timeout == 60
    assert (config.limits.message, config.limits.header_part, config.limits.line) == (65_535, 32_768, 8_192)
    assert (config.limits.headers, config.limits.vias, config.limits.routes) == (256, 70, 30)
    assert config.uac.restore_mode == "auto" and config.rr.append_fromtag is True


@pytest.mark.parametrize("uri, address, advertise, advertised", [
    ("udp:127.0.0.1:5062", ("127.0.0.1", 5062), "", ("127.0.0.1", 5062)),
    ("udp:127.0.0.1", ("127.0.0.1", 5060), "", ("127.0.0.1", 5060)),
    ("UDP:0.0.0.0:5070", ("0.0.0.0", 5070), "203.0.113.5", ("203.0.113.5", 5070)),
    ("udp:[::1]:5062", ("::1", 5062), "", ("[::1]", 5062)),
    ("udp:[2001:db8::1]", ("2001:db8::1", 5060), "[2001:db8::2]:5080", ("[2001:db8::2]", 5080)),
    ("udp:edge_1.example.com:5060", ("edge_1.example.com", 5060), "sip.example.com", ("sip.example.com", 5060)),
])
def test_listen(uri, address, advertise, advertised):
    listen, = parse(f"[[listen]]\nuri = '{uri}'\nadvertise = '{advertise}'").listen
    assert (listen.transport, listen.address, listen.advertised) == ("udp", address, advertised)


@pytest.mark.parametrize("written, meant", [("true", True), ("1", True), ("false", False), ("0", False)])
def test_flags(written, meant):
    config = read(f"[tm]\nrelay_100 = {written}\nauto_inv_100 = {written}")
    assert config.tm.relay_100 is meant and config.tm.auto_inv_100 is meant


@pytest.mark.parametrize("written, meant", [("AUTO", "auto"), ("Manual", "manual"), ("none", "none"), ("", "auto")])
def test_restore_mode(written, meant):
    assert read(f"[uac]\nrestore_mode = '{written}'").uac.restore_mode == meant


@pytest.mark.parametrize("written, meant", [('""', ()), ("[]", ()), ('"k"', ("k",)),
                                            ('["new", "old"]', ("new", "old"))])
def test_restore_seal(written, meant):
    assert read(f"[uac]\nrestore_seal = {written}").uac.restore_seal == meant


@pytest.mark.parametrize("written, meant", [("1", 2), ("4", 4), ("14", 14), ("99", 14), ("-3", 2)])
def test_reg_hash_size_is_clamped(written, meant):
    assert read(f"[uac]\nreg_hash_size = {written}").uac.reg_hash_size == meant


def test_start_up_rules_that_allow():
    read("[rr]\nappend_fromtag = 0\n[uac]\nrestore_dlg = 1")
    read("[rr]\nappend_fromtag = 0\n[uac]\nrestore_dlg = 1\n"
         "[[route]]\nreplace_from = { uri = 'sip:a@b' }\ndialog = true\n[[route]]\nname = 'plain'")
    read("[rr]\nappend_fromtag = 0\n[uac]\nrestore_mode = 'none'\nrr_from_store_param = ''\nrr_to_store_param = ''")
    read("[uac]\nauth_realm_avp = '$avp(r)'\nauth_username_avp = '$var(u)'\nauth_password_avp = '$avp(p)'")
    read("[uac]\nreg_db_url = 'sqlite:///x.db'\nreg_contact_addr = '192.0.2.1:5060;transport=udp'")
    read("[uac]\ndefault_socket = 'UDP:127.0.0.1'\nrestore_from_avp = '$avp(f)'\nrestore_to_avp = '$(avp(t))'")


def test_credentials():
    digits = "0123456789ABCDEF" * 2
    config = read(f"""[uac]
credential = [
    " alice : example.com : p:w ",
    {{ username = "bob", realm = "example.com", password = "with space" }},
    {{ username = "carol", realm = "example.com", ha1 = {{ MD5 = "{digits}" }} }},
    {{ username = "dave", realm = "example.com", ha1 = "{digits}{digits}" }},
]
[[route]]
credential = {{ username = "eve", ha1 = "{digits}" }}
""")
    low = digits.lower()
    assert config.uac.credential == (
        Credential(username="alice", realm="example.com", password="p:w"),
        Credential(username="bob", realm="example.com", password="with space"),
        Credential(username="carol", realm="example.com", ha1=Ha1(md5=low)),
        Credential(username="dave", realm="example.com", ha1=Ha1(sha256=low + low)))
    assert config.route[0].credential == Credential(username="eve", realm="", ha1=Ha1(md5=low))


def test_route():
    config = read(r"""[[route]]
name = "all"
method = "INVITE"
source = ["127.0.0.0/8", "2001:db8::1"]
ruri_user = '^\+?[0-9]+$'
replace_from = { display = "", uri = "sip:anon@edge.example" }
replace_to = { uri = "sip:$rU@carrier.example" }
record_route = 1
relay = ["sip:127.0.0.1:5080", "sip:[2001:db8::2];transport=udp", "sip:$rU@[2001:db8::3]"]
fork = true
ruri = "tel:+4930123456;phone-context=example.com"
fr_timer = 2000
request_to = { user = "$fU", mode = 3 }
[[route]]
method = ["REGISTER", "X-OWN"]
reply = { code = 403, reason = "Forbidden" }
""")
    first, second = config.route
    assert first.method == ("INVITE",) and second.method == ("REGISTER", "X-OWN")
    assert first.networks == (ipaddress.ip_network("127.0.0.0/8"), ipaddress.ip_network("2001:db8::1/128"))
    assert first.replace_from == Replacement(display="", uri="sip:anon@edge.example")
    assert first.replace_to.display is msgspec.UNSET
    assert first.record_route is True and second.record_route is False
    assert len(first.relay) == 3 and first.request_to == RequestTo(user="$fU", mode=3)
    assert second.reply == Reply(code=403, reason="Forbidden") and first.reply is None


@pytest.mark.parametrize("uri", [
    "sip:alice@example.com", "sips:alice:pw@[2001:db8::1]:5061;lr?Subject=x", "SIP:example.com", "sip:a;b=c@d",
    "tel:+1-201-555-0123", "sip:!$&'()*+,=@example.com".replace("'", "%27"), "$fu", "sip:$(rU)@x", "sip:a$1@x", ""])
def test_uris(uri):
    assert read(f"[[route]]\nruri = '{uri}'").route[0].ruri == uri


def test_pseudo_variables():
    assert has_pseudo_variables("sip:$rU@x") and has_pseudo_variables("$(fu{uri.host})")
    assert not has_pseudo_variables("sip:a$1@x") and not has_pseudo_variables("cost: $$rU")


@pytest.mark.parametrize("text,key", [
    ("", None), ("$avp(f)", "f"), ("$(avp(f))", "f"), ("$avp(s:f)", "f"), ("$avp(i:5)", 5)])
def test_avp_keys(text, key):
    assert avp_key(text) == key


def test_keys_without_effect():
    config = read("""[uac]
restore_from_avp = "$avp(from)"
event_callback = "on_event"
credential = ["u:secret:p"]
[[route]]
dialog = true
[[route]]
name = "inbound"
request_to = { user = "$fU" }
""")
    sentences = config.without_effect()
    assert sentences == ["uac.event_callback has no effect without script.file: it is for scripts",
                         'route[1] (route "inbound") asks for accounts, and uac.reg_db_url is not set: '
                         "its requests are answered 404"]
    assert "secret" not in "".join(sentences)


def test_repr_shows_no_secret():
    config = read("""[uac]
restore_passwd = "hunter2"
restore_seal = ["hunter2"]
credential = ["u:r:hunter2"]
reg_db_url = "mysql://u:hunter2@h/d"
reg_contact_addr = "192.0.2.1"
[[route]]
credential = { username = "u", ha1 = "00112233445566778899aabbccddeeff" }
""")
    assert "hunter2" not in repr(config) and "00112233" not in repr(config)
    assert "restore_passwd=***" in repr(config) and "username='u'" in repr(config)


def test_frozen():
    with pytest.raises(AttributeError):
        read("").tm.fr_timer = 1


def test_travels_between_processes():
    config = read("[uac]\nrestore_passwd = 'x'\ncredential = ['u:r:p']\n[[route]]\nreplace_from = { uri = 'sip:a@b' }\n"
                  "[[route]]\nreplace_from = { display = '' }\n")
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(config), type=Config) == config

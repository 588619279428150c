"""Every kind of error: its line, its key, its value and what was expected; all of them at once; no secrets."""
import pytest
from hypothesis import given
from hypothesis import strategies as st

from uacfast.config import Config, ConfigError, Problem, load, parse
from uacfast.config.schema import keys_of

LISTEN = '[[listen]]\nuri = "udp:127.0.0.1:5060"\n'          # two lines, so that cases begin on line 3


def problems(text):
    with pytest.raises(ConfigError) as caught:
        parse(text, "edge.toml")
    return caught.value.problems


def only(text):
    problem, = problems(LISTEN + text)
    return problem


@pytest.mark.parametrize("text, line, key, value, expected", [
    # types and ranges
    ("[server]\nworkers = 0", 4, "server.workers", "0", "expected a number of processes from 1 to 64"),
    ("[server]\nworkers = 65", 4, "server.workers", "65", "from 1 to 64"),
    ("[server]\nworkers = true", 4, "server.workers", "true", "from 1 to 64"),
    ("[server]\nworkers = 2.0", 4, "server.workers", "2.0", "from 1 to 64"),
    ("[server]\n\nlog_level = 'loud'", 5, "server.log_level", '"loud"', 'one of "error", "warning", "info", "debug"'),
    ("[server]\nlog_format = 'xml'", 4, "server.log_format", '"xml"', 'one of "text", "json"'),
    ("[server]\nbatch_pause = 501", 4, "server.batch_pause", "501", "microseconds, an integer from 0 to 500"),
    ("[server]\ndrain_timeout = -1", 4, "server.drain_timeout", "-1", "seconds, an integer of 0 or more"),
    ("[server]\nmax_transactions = 0", 4, "server.max_transactions", "0", "an integer of 1 or more"),
    ('[server]\nserver_header = "a\\r\\nb"', 4, "server.server_header", '"a\\r\\nb"', "text without CR, LF or NUL"),
    ("[server]\nserver_header = 2026-11-23", 4, "server.server_header", "2026-11-23", "expected a string"),
    ("[server]\nalias = ['ok', 'a b']", 4, "server.alias[1]", '"a b"', "host[:port]"),
    ("[server]\nalias = 'sip:a'", 4, "server.alias", '"sip:a"', "host[:port]"),
    ("[tm]\nfr_timer = '30s'", 4, "tm.fr_timer", '"30s"', "milliseconds, an integer of 1 or more"),
    ("[tm]\nfr_timer = 0", 4, "tm.fr_timer", "0", "milliseconds, an integer of 1 or more"),
    ("[tm]\nfr_timer = 99999999999999999999", 4, "tm.fr_timer", "99999999999999999999", "of 1 or more"),
    ("[tm]\nrelay_100 = 2", 4, "tm.relay_100", "2", "true or false (or 1 or 0)"),
    ("[tm]\nrelay_100 = 1.0", 4, "tm.relay_100", "1.0", "true or false (or 1 or 0)"),
    ("[tm]\nrelay_100 = 'yes'", 4, "tm.relay_100", '"yes"', "true or false (or 1 or 0)"),
    ("[tm]\nstray_replies = 'x'", 4, "tm.stray_replies", '"x"', 'one of "record_route", "forward", "drop"'),
    ("[tm]\nauto_inv_100_reason = ''", 4, "tm.auto_inv_100_reason", '""', "a string that is not empty"),
    ("[limits]\nmessage = 70000", 4, "limits.message", "70000", "octets, an integer from 256 to 65535"),
    ("[limits]\nheaders = 257", 4, "limits.headers", "257", "an integer from 8 to 256"),
    ("[limits]\nmax_forwards = 256", 4, "limits.max_forwards", "256", "an integer from 1 to 255"),
    # tables
    ("server = 5", 3, "listen[0].server", "", "is not a known key"),
    ("[[server]]\nworkers = 1", 3, "server", "[…]", "expected [server] in single brackets, once"),
    ("[route]\nname = 'x'", 3, "route", "{…}", "expected [[route]] in double brackets"),
    ("[[route]]\nreplace_from = 'sip:a@b'", 4, "route[0].replace_from", '"sip:a@b"', "a table { display, uri }"),
    ("[[route]]\nreply = 403", 4, "route[0].reply", "403", "a table { code, reason }"),
    # unknown keys
    ("[tm]\n\nfr_tmer = 1", 5, "tm.fr_tmer", "", 'is not a known key; did you mean "fr_timer"?'),
    ("[rr]\nfr_timer = 1", 4, "rr.fr_timer", "", "is not a known key here; it belongs into [tm]"),
    ("[rr]\nrelay = 1", 4, "rr.relay", "", "it belongs into [[route]]"),
    ("[rr]\nzzzz = 1", 4, "rr.zzzz", "", "known are append_fromtag, enable_double_rr, enable_full_lr"),
    ("[rr]\n'z z' = 1", 4, 'rr."z z"', "", "is not a known key"),
    ("[metrics]\nhttp = 1", 3, "metrics", "", "is not a known table; known are server, listen"),
    ("[script]\nfile = 1", 4, "script.file", "1", "the path of a file"),
    ("[serverr]\nworkers = 1", 3, "serverr", "", 'is not a known table; did you mean "server"?'),
    ("[[route]]\nreplace_from = {\"url\" = 'sip:a@b'}", 4, "route[0].replace_from.url", "", 'did you mean "uri"?'),
    # rules of [tm] and [limits]
    ("[tm]\nretr_timer2 = 400\nretr_timer1 = 500", 5, "tm.retr_timer1", "500", "at most retr_timer2, which is 400"),
    ("[limits]\nline = 40000", 4, "limits.line", "40000", "at most header_part, which is 32768"),
    ("[limits]\nmessage = 3000\nheader_part = 3000\nline=300", 6, "limits.line", "300", "at least uri, which is 1024"),
    # [uac]
    ("[uac]\nrestore_mode = 'magic'", 4, "uac.restore_mode", '"magic"', 'one of "none", "manual", "auto"'),
    ("[uac]\nrr_from_store_param = ''", 4, "uac.rr_from_store_param", '""', 'since restore_mode is "auto"'),
    ("[uac]\nrr_to_store_param = ''\nrestore_mode='Manual'", 4, "uac.rr_to_store_param", '""', '"manual"'),
    ("[uac]\nrr_to_store_param = 'a;b'", 4, "uac.rr_to_store_param", '"a;b"', "a URI parameter name"),
    ("[uac]\nrr_to_store_param = 'ftag'", 4, "uac.rr_to_store_param", '"ftag"', "already has a meaning"),
    ("[uac]\nrr_to_store_param = 'vsf'", 4, "uac.rr_to_store_param", '"vsf"', "another name than rr_from_store_param"),
    ("[rr]\nappend_fromtag = 0", 4, "rr.append_fromtag", "false", 'since uac.restore_mode is "auto"'),
    ("[rr]\nappend_fromtag = false\n[uac]\nrestore_mode = 'manual'\nrestore_dlg = 1", 4, "rr.append_fromtag", "false",
     'since uac.restore_mode is "manual"'),
    ("[rr]\nappend_fromtag = 0\n[uac]\nrestore_dlg = 1\n[[route]]\nreplace_to = {uri = 'sip:a@b'}", 7, "route[0]", "",
     "expected dialog = true, since rr.append_fromtag is false"),
    ("[dialog]\nrr_param = 'vst'", 4, "dialog.rr_param", '"vst"', "a parameter name that uac does not use"),
    ("[dialog]\nrr_param = 'lr'", 4, "dialog.rr_param", '"lr"', "already has a meaning"),
    ("[dialog]\ndefault_timeout = 0", 4, "dialog.default_timeout", "0", "seconds, an integer of 1 or more"),
    ("[uac]\nrestore_from_avp = '$var(x)'", 4, "uac.restore_from_avp", '"$var(x)"', "an AVP such as"),
    ("[uac]\nrestore_from_avp = '$avp(i:x)'", 4, "uac.restore_from_avp", '"$avp(i:x)"', "an AVP such as"),
    ("[uac]\nrestore_to_avp = '$avp(s:)'", 4, "uac.restore_to_avp", '"$avp(s:)"', "an AVP such as"),
    ("[uac]\nrestore_to_avp = '$avp($rU)'", 4, "uac.restore_to_avp", '"$avp($rU)"', "an AVP such as"),
    ("[uac]\nrestore_to_avp = 'saved_to'", 4, "uac.restore_to_avp", '"saved_to"', "an AVP such as"),
    ("[uac]\nauth_realm_avp = 'realm'\nauth_username_avp='$avp(u)'\nauth_password_avp='$avp(p)'", 4,
     "uac.auth_realm_avp", '"realm"', "a pseudo-variable such as"),
    ("[uac]\n\nauth_username_avp = '$avp(u)'", 5, "uac.auth_username_avp", '"$avp(u)"',
     "expected auth_realm_avp and auth_password_avp as well: all three or none"),
    ("[uac]\nauth_cseq = 'lower'", 4, "uac.auth_cseq", '"lower"', 'one of "raise", "keep"'),
    ("[uac]\nreg_db_url = 'mysql://u:p@h'\nreg_contact_addr = 'a'", 4, "uac.reg_db_url", "***", "names no database"),
    ("[uac]\nreg_db_url = 'sqlite:///x.db'", 4, "uac.reg_db_url", "***", "reg_contact_addr"),
    ("[uac]\nreg_db_url = 'sqlite:///x.db'\nreg_contact_addr = 5", 5, "uac.reg_contact_addr", "5", "host[:port]"),
    ("[uac]\nreg_contact_addr = 'sip:192.0.2.1'", 4, "uac.reg_contact_addr", '"sip:192.0.2.1"', "without a scheme"),
    ("[uac]\nreg_timer_interval = 0", 4, "uac.reg_timer_interval", "0", "seconds, an integer of 1 or more"),
    ("[uac]\nreg_db_table = ''", 4, "uac.reg_db_table", '""', "a string that is not empty"),
    ("[uac]\ndefault_socket = 'udp:127.0.0.1:5062'", 4, "uac.default_socket", '"udp:127.0.0.1:5062"',
     'expected the uri of a [[listen]]: "udp:127.0.0.1:5060"'),
    ("[uac]\ndefault_socket = 'tcp:127.0.0.1:5060'", 4, "uac.default_socket", '"tcp:127.0.0.1:5060"', "a [[listen]]"),
    # credentials
    ("[uac]\ncredential = ['u:r']", 4, "uac.credential[0]", "***", '"username:realm:password"'),
    ("[uac]\ncredential = [\n'u:r:p',\n'u::p']", 6, "uac.credential[1]", "***", '"username:realm:password"'),
    ("[uac]\ncredential = 'u:r:p q'", 4, "uac.credential", "***", '"username:realm:password"'),
    ("[uac]\ncredential = 5", 4, "uac.credential", "***", '"username:realm:password"'),
    ("[uac.credential]\nusername = 'u'", 3, "uac.credential", "***", "expected a list of"),
    ("[[uac.credential]]\nrealm = 'r'\npassword = 'p'", 3, "uac.credential[0].username", "", "is missing: expected"),
    ("[[uac.credential]]\nusername = 'u'\nrealm = 'r'", 3, "uac.credential[0]", "***", "expected a password or ha1"),
    ("[[uac.credential]]\nusername = 'u'\npassword = 'p'", 3, "uac.credential[0].realm", '""', "the realm of the"),
    (f"[[uac.credential]]\nusername = 'u'\nrealm = 'r'\npassword = 'p'\nha1 = '{'a' * 32}'", 3, "uac.credential[0]",
     "***", "a password or ha1, not both"),
    ("[[uac.credential]]\nusername = 'u'\nrealm = 'r'\nha1 = 'abc'", 6, "uac.credential[0].ha1", "***",
     "32 or 64 hexadecimal digits"),
    ("[[uac.credential]]\nusername = 'u'\nrealm = 'r'\nha1 = { MD5 = 'abc' }", 6, "uac.credential[0].ha1.MD5", "***",
     "32 hexadecimal digits"),
    ("[[uac.credential]]\nusername = 'u'\nrealm = 'r'\nha1 = { SHA1 = 'abc' }", 6, "uac.credential[0].ha1.SHA1", "",
     "is not a known key; known are MD5, SHA-256"),
    ("[[uac.credential]]\nusername = 'u'\nrealm = 'r'\nha1 = {}", 6, "uac.credential[0].ha1", "", "{ MD5 = "),
    ("[[route]]\ncredential = { username = 'u' }", 4, "route[0].credential", "***", "a password or ha1"),
    # control
    ("[control]\nhttp = 1", 4, "control.http", "1", "host:port such as 127.0.0.1:8088"),
    ("[control]\nhttp = '127.0.0.1'", 4, "control.http", '"127.0.0.1"', "host:port such as 127.0.0.1:8088"),
    ("[control]\nhttp = '0.0.0.0:80'", 4, "control.http", '"0.0.0.0:80"', "or allow_remote = true: whoever"),
    ("[control]\nhttp = 'sip.example.com:80'", 4, "control.http", '"sip.example.com:80"', "loopback interface such as"),
    ("[control]\nunix = 'rpc.sock'", 4, "control.unix", '"rpc.sock"', "an absolute path of at most 107 octets"),
    (f"[control]\nfifo = '/{'a' * 107}'", 4, "control.fifo", f'"/{"a" * 77}…',
     "an absolute path of at most 107"),
    ("[control]\nbinrpc = ['unixs:/a', 'unixd:b']", 4, "control.binrpc[1]", '"unixd:b"', "an absolute path"),
    ("[control]\nbinrpc = ['tcp:1.2.3.4:5']", 4, "control.binrpc[0]", '"tcp:1.2.3.4:5"', "allow_remote = true"),
    ("[control]\nbinrpc = ['tcp:[::1]:0']", 4, "control.binrpc[0]", '"tcp:[::1]:0"', "unixs:/path, unixd:/path, tcp:"),
    ("[control]\nmode = 0o1777", 4, "control.mode", "1023", "permissions such as 0o600"),
    # routes
    ("[[route]]\nmethod = 'invite'", 4, "route[0].method", '"invite"', '"INVITE": method names are case-sensitive'),
    ("[[route]]\nmethod = ['BYE', 'A B']", 4, "route[0].method[1]", '"A B"', "a method name such as INVITE"),
    ("[[route]]\nsource = ['192.0.2.1/24']", 4, "route[0].source[0]", '"192.0.2.1/24"', "did you mean 192.0.2.0/24?"),
    ("[[route]]\nsource = ['inside']", 4, "route[0].source[0]", '"inside"', "an address or a network such as"),
    ("[[route]]\nto_domain = '('", 4, "route[0].to_domain", '"("', "missing )"),
    ("[[route]]\nuser_agent = 'a{99999999999}'", 4, "route[0].user_agent", '"a{99999999999}"', "use smaller counts"),
    ("[[route]]\nreplace_to = {}", 4, "route[0].replace_to", "", "expected display, uri or both"),
    ("[[route]]\n[route.replace_to]\nuri = 'bob@x'", 5, "route[0].replace_to.uri", '"bob@x"', "a URI such as sip:"),
    ('[[route]]\nreplace_to = { display = "a\\u0000" }', 4, "route[0].replace_to.display", '"a\\u0000"', "NUL"),
    ("[[route]]\nruri = 'sip:a b@c'", 4, "route[0].ruri", '"sip:a b@c"', "a URI such as"),
    ("[[route]]\nruri = 'sip:a@10.0.0.256'", 4, "route[0].ruri", '"sip:a@10.0.0.256"', "it needs host[:port]"),
    ("[[route]]\nrelay = [\n'sip:a',\n'sip:b:0']", 6, "route[0].relay[1]", '"sip:b:0"', "a port from 1 to 65535"),
    ("[[route]]\nrelay = 'tel:123'", 4, "route[0].relay", '"tel:123"', "a sip: URI such as"),
    ("[[route]]\nrelay = 'sips:a'", 4, "route[0].relay", '"sips:a"', "a sip: URI such as"),
    ("[[route]]\nruri = 'sip:$(rU{s.strip})@x'", 4, "route[0].ruri",
     '"sip:$(rU{s.strip})@x"', "known pseudo-variables"),
    ("[[route]]\nruri = 'sip:$zz@x'", 4, "route[0].ruri", '"sip:$zz@x"', "$zz is not a pseudo-variable"),
    ("[[route]]\nfrom_user = '(?=a)'", 4, "route[0].from_user", '"(?=a)"', "uses lookaround"),
    ("[[route]]\nfork = true", 4, "route[0].fork", "true", "at least two next hops in relay, not 0"),
    ("[[route]]\nrelay = 'sip:a'\nfork = 1", 5, "route[0].fork", "true", "at least two next hops in relay, not 1"),
    ("[[route]]\nreply = { code = 199 }", 4, "route[0].reply.code", "199", "a status code, an integer from 200 to 699"),
    ("[[route]]\nreply = { reason = 'x' }", 4, "route[0].reply.code", "", "is missing: expected a status code"),
    ("[[route]]\nlookup = 'x'", 4, "route[0].lookup", '"x"', 'one of "", "registrations", "location"'),
    ("[[route]]\nrequest_to = { user = 'u', mode = 4 }", 4, "route[0].request_to.mode", "4", "an integer from 0 to 3"),
    ("[[route]]\nname = 'a'\n[[route]]\nname = 'b'\n[[route]]\nname = 'a'", 8, "route[2].name", '"a"', "route[0] has"),
    ("[[route]]\nfr_timer = -1", 4, "route[0].fr_timer", "-1", "milliseconds, an integer of 0 or more"),
])
def test_one_error(text, line, key, value, expected):
    problem = only(text)
    assert (problem.line, problem.key, problem.value) == (line, key, value)
    assert expected in problem.expected


@pytest.mark.parametrize("uri, expected", [
    ("127.0.0.1:5060", '"udp:ADDRESS:PORT"'), ("", '"udp:ADDRESS:PORT"'), ("sctp:127.0.0.1", '"udp:ADDRESS:PORT"'),
    ("udp:", "host[:port]"), ("udp:::1:5060", "host[:port]"), ("udp:[::g]:5060", "host[:port]"),
    ("udp:127.0.0.1:0", "a port from 1 to 65535"), ("udp:127.0.0.1:65536", "a port from 1 to 65535"),
    ("udp:1.2.3.4.5", "host[:port]"), ("udp:127.0.0.1:5060:1", "host[:port]"), ("udp://127.0.0.1", "host[:port]"),
    ("tcp:127.0.0.1:5060", 'this version listens on udp only; expected "udp:127.0.0.1:5060"'),
    ("tls:[::1]:5061", "this version listens on udp only"), ("ws:127.0.0.1", "this version listens on udp only"),
    ("wss:127.0.0.1:443", "this version listens on udp only"),
])
def test_listen_uri(uri, expected):
    problem, = problems(f"[[listen]]\n\nuri = '{uri}'\n")
    assert (problem.line, problem.key, problem.value) == (3, "listen[0].uri", f'"{uri}"')
    assert expected in problem.expected


def test_listen_tables():
    same = problems(LISTEN + '[[listen]]\nuri = "UDP:127.0.0.1"\n')
    assert [(problem.line, problem.key) for problem in same] == [(4, "listen[1].uri")]
    assert "is the same socket as listen[0]" in same[0].expected
    assert problems("")[0] == Problem(1, "listen", "", 'is missing: expected at least one [[listen]] with uri = '
                                                       '"udp:ADDRESS:PORT"')
    missing, = problems("\n[[listen]]\nadvertise = 'a'")
    assert (missing.line, missing.key) == (2, "listen[0].uri") and missing.expected.startswith("is missing")
    advertise, = problems(LISTEN + "advertise = 'a:b'")
    assert (advertise.line, advertise.key) == (3, "listen[0].advertise")
    elements = problems("listen = [5]")
    assert [problem.key for problem in elements] == ["listen[0]"]


@pytest.mark.parametrize("key, value", [("certificate", "'x'"), ("private_key", "'x'"), ("verify_client", "true")])
def test_tls_keys(key, value):
    problem = only(f"{key} = {value}")
    assert (problem.line, problem.key) == (3, f"listen[0].{key}") and "is for tls: and wss: only" in problem.expected
    tls = problems(f"[[listen]]\nuri = 'tls:127.0.0.1'\n{key} = {value}")
    assert [problem.key for problem in tls] == ["listen[0].uri"]
    typed = problems(f"[[listen]]\nuri = 'tls:127.0.0.1'\n{key} = 5")
    assert [problem.key for problem in typed] == ["listen[0].uri", f"listen[0].{key}"]


@pytest.mark.parametrize("name", ["relay", "fork", "ruri"])
def test_reply_excludes(name):
    given = {"relay": "['sip:a', 'sip:b']", "fork": "true", "ruri": "'sip:a'"}[name]
    problem = only(f"[[route]]\nreply = {{ code = 403 }}\n{name} = {given}")
    assert (problem.line, problem.key) == (5, f"route[0].{name}")
    assert problem.expected == "cannot stand beside reply: take one of the two out"


@pytest.mark.parametrize("text, line, reason", [
    ("a = 1\nb = \n", 2, "invalid value"),
    ("a = 1\n\n[t\n", 3, "expected ']' at the end of a table declaration"),
    ("a = 'x", 1, "expected \"'\""),
    ("a = 1\nb = \"\"\"x\n\n", 2, "unterminated string"),
    ("[t]\na=1\n[t]\n", 3, "cannot declare ('t',) twice"),
    ("a = 1\na = 2\n\n# end\n", 2, "cannot overwrite a value"),
    ("a = 1\nb = 1" + "2" * 5000, 2, "a number is too long"),
    ("a = " + "[" * 5000, 0, "values are nested too deeply"),
    ("a = 1\nb = '\udc80'", 2, "is not Unicode text"),
])
def test_syntax(text, line, reason):
    problem, = problems(text)
    assert problem.line == line and problem.key == "" and reason in problem.expected


def test_files(tmp_path):
    def told(path):
        with pytest.raises(ConfigError) as caught:
            load(str(path))
        return str(caught.value)

    missing = tmp_path / "missing.toml"
    assert told(missing) == f"{missing}: there is no such file; `uacfast init {missing}` writes one"
    assert told(tmp_path) == f"{tmp_path}: cannot be read: Is a directory"
    assert "cannot be read" in told("a\0b")
    latin = tmp_path / "latin.toml"
    latin.write_bytes(b"# one\n# caf\xe9\n")
    assert told(latin) == f"{latin}:2: is not UTF-8 text; save the file as UTF-8"
    marked = tmp_path / "marked.toml"
    marked.write_bytes(b"\xef\xbb\xbf" + LISTEN.encode())
    assert load(str(marked)).listen[0].address == ("127.0.0.1", 5060)


ALL_AT_ONCE = '''\
[server]
workers = 70
log_levl = "x"
[[listen]]
uri = "tcp:127.0.0.1"
[tm]
fr_timer = "abc"
retr_timer1 = 5000
[[route]]
name = "to-carrier"
source = ["192.0.2.1/24", "x"]
replace_from = { display = "a\\nb", uri = "anon" }
relay = [
  "sip:127.0.0.1",
  "127.0.0.1",
]
reply = { code = 99 }
[uac]
restore_mode = 5
credential = ["a:b", { username = "", realm = "y", pasword = "p" }]
'''


def test_all_at_once():
    found = problems(ALL_AT_ONCE)
    assert [(problem.line, problem.key) for problem in found] == [
        (2, "server.workers"), (3, "server.log_levl"), (5, "listen[0].uri"), (7, "tm.fr_timer"), (8, "tm.retr_timer1"),
        (11, "route[0].source[0]"), (11, "route[0].source[1]"), (12, "route[0].replace_from.display"),
        (12, "route[0].replace_from.uri"), (13, "route[0].relay"), (15, "route[0].relay[1]"),
        (17, "route[0].reply.code"), (19, "uac.restore_mode"), (20, "uac.credential[0]"),
        (20, "uac.credential[1].pasword"), (20, "uac.credential[1].username")]
    assert {problem.route for problem in found if problem.key.startswith("route")} == {"to-carrier"}


def test_text_of_an_error():
    with pytest.raises(ConfigError) as caught:
        parse(ALL_AT_ONCE, "edge.toml")
    lines = str(caught.value).splitlines()
    assert len(lines) == len(caught.value.problems)
    assert lines[0] == "edge.toml:2: server.workers = 70: expected a number of processes from 1 to 64"
    assert lines[1] == 'edge.toml:3: server.log_levl: is not a known key; did you mean "log_level"?'
    assert lines[8].startswith('edge.toml:12: route[0].replace_from.uri (route "to-carrier") = "anon": expected a URI')


SECRET = "hunter2"


@pytest.mark.parametrize("text", [
    f"[uac]\nrestore_passwd = ['{SECRET}']",
    f"[uac]\nrestore_passwd = {{ x = '{SECRET}' }}",
    f"[uac]\nrestore_password = '{SECRET}'",
    f"[uac]\nrestore_seal = ['', '{SECRET}']",
    f'[uac]\nrestore_seal = "{SECRET}\\n"',
    f"[uac]\ncredential = ['{SECRET}']",
    f"[uac]\ncredential = ['u:{SECRET} x']",
    f"[uac]\ncredential = [['{SECRET}']]",
    f"[uac]\ncredential = {{ username = 'u', password = '{SECRET}' }}",
    f"[uac]\ncredential = [{{ username = 'u', password = '{SECRET}' }}]",
    f"[uac]\ncredential = [{{ username = 'u', realm = 'r', pass = '{SECRET}' }}]",
    f"[uac]\ncredential = [{{ username = 'u', realm = 'r', ha1 = '{SECRET}' }}]",
    f"[uac]\ncredential = [{{ username = 'u', realm = 'r', ha1 = {{ MD5 = '{SECRET}' }} }}]",
    f"[uac]\nreg_db_url = 'mysql://u:{SECRET}@h/d'",
    f"[[route]]\ncredential = '{SECRET}'",
    f"[[route]]\ncredential = {{ username = 'u', password = ['{SECRET}'] }}",
    f"[[route]]\ncredential = {{ username = 'u', password = '{SECRET}', ha1 = '{SECRET}' }}",
    f"[[uac]]\nrestore_passwd = '{SECRET}'",
    f"[[route]]\nreplace_from = {{ restore_passwd = '{SECRET}' }}",
    f"[route.credential]\npassword = '{SECRET}'",
])
def test_secrets_are_masked(text):
    with pytest.raises(ConfigError) as caught:
        parse(LISTEN + text)
    assert SECRET not in str(caught.value) and SECRET not in repr(caught.value)


def test_values_are_shown_on_one_short_line():
    long = only(f"[server]\nlog_level = '{'x' * 500}'")
    assert len(long.value) == 80 and long.value.endswith("…")
    escape = only('[server]\nlog_level = "\\u001b[31m\\u0085"')
    assert escape.value == '"\\u001b[31m\\x85"'
    huge = only("[server]\nworkers = 0x" + "f" * 8000)
    assert huge.value == "a number of more than 80 digits"


PIECES = [f"[{name}]\n" for name in keys_of(Config)] + [f"[[{name}]]\n" for name in keys_of(Config)]
PIECES += [f"{key} = " for table in keys_of(Config).values() for key in keys_of(table.value.struct)]
PIECES += [LISTEN, "uri = ", "display = ", "code = ", "ha1 = ", "MD5 = ", "[route.credential]\n"]
PIECES += ["[[uac.credential]]\n"]
ENDS = ["1\n", "-1\n", "0\n", "true\n", "1.5\n", "nan\n", "''\n", "'u:r:p'\n", "'sip:a@b'\n", "'$fu'\n", "[]\n", "{}\n",
        "['a', 1, [2]]\n", "{ uri = 'sip:x', display = '' }\n", "{ username = 'u', password = 'p' }\n",
        "[{ code = 1 }]\n", "{ code = 403 }\n", "1979-05-27\n", "'10.0.0.0/8'\n", '"\\u0000"\n', "'('\n",
        "'udp:[::1]:5060'\n", "9" * 30 + "\n"]


@given(st.lists(st.one_of(st.sampled_from(PIECES), st.sampled_from(ENDS), st.text(max_size=3)), max_size=30))
def test_tomlish_text_raises_nothing_else(pieces):
    text = "".join(pieces)
    try:
        parse(text)
    except ConfigError as error:
        assert error.problems and str(error)
        assert all(0 <= problem.line <= text.count("\n") + 1 for problem in error.problems)


@given(st.lists(st.tuples(st.sampled_from(PIECES), st.sampled_from(ENDS)), max_size=12))
def test_valid_toml_raises_nothing_else(pairs):
    """As above, but nearly always past the syntax, so that the reader and the rules are reached."""
    text, seen = "", set()
    for piece, end in pairs:
        if piece in seen:
            continue
        seen.add(piece)
        text += piece if piece.endswith("\n") else piece + end
    try:
        parse(text)
    except ConfigError as error:
        assert error.problems and str(error)


@given(st.text())
def test_any_text_raises_nothing_else(text):
    with pytest.raises(ConfigError):
        parse(text)

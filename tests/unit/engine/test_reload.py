"""A reload is all or nothing: whatever refuses it, the old script, routes, credentials and edge all go on."""
import pytest
from msgspec.structs import replace

from kit.digest import parameters
from kit.memory import CALLEE, CALLEE_B, CALLER, MemoryProxy, request, route
from kit.script import ScriptedProxy, script_text
from uacfast.config import parse
from uacfast.config.model import Event

CHALLENGE = 'Proxy-Authenticate: Digest realm="carrier.example", nonce="n1"\r\n'


def tables(name: str, callee: int, network: str) -> str:
    """A configuration of which everything says `name`; the callee is for callers of that network."""
    return route(
        f'relay = ["sip:127.0.0.1:{callee}"]\nsource_group = 1\n',
        server=f'alias = ["{name}.example"]\nserver_header = "{name}"\nuser_agent_header = "{name}"',
        uac=f'credential = ["{name}:carrier.example:secret"]',
        auth=f'secret = "{name} secret of nonces"\nalgorithm = ["{"MD5" if name == "old" else "SHA-256"}"]',
        permissions=f'address = [{{ group = 1, network = "{network}" }}]',
        dialog=f'rr_param = "{name}"',
        limits=f"uri = {1000 if name == 'old' else 2000}",
    ) + (f'[[auth.user]]\nusername = "{name}"\nrealm = "r"\npassword = "p"\n'
         f'[[htable]]\nname = "{name}"\nautoexpire = 7\n')


OLD, NEW = tables("old", 40002, "127.0.0.1"), tables("new", 40003, "127.0.0.0/8")


def assert_in_force(proxy, name, callee):
    """Routes, credentials, names and tables of this configuration alone."""
    relayed = proxy.start(callee=callee)
    proxy.answer(relayed, 407, headers=CHALLENGE)
    again = next(message for message in proxy.take(callee) if message.method == "INVITE")
    assert parameters(f"x: {again.get('Proxy-Authorization')}")["username"] == name
    proxy.answer(again, 200)
    proxy.take()
    for each in ("old", "new"):
        proxy.receive(request("OPTIONS", uri=f"sip:{each}.example"))
        answer = next((message for message in proxy.take(CALLER) if message.status == 200), None)
        assert (answer is not None) == (each == name), each
        if answer is not None:
            assert answer.get("Server") == name
        proxy.take()
    features = proxy.engine.features
    assert list(features.hash_tables.tables) == [name]
    assert features.digest.algorithms == (("MD5",) if name == "old" else ("SHA-256",))
    assert [row[1] for row in features.sources.rows()] == ["127.0.0.1" if name == "old" else "127.0.0.0/8"]
    assert proxy.engine.requests.user_agent_line == f"User-Agent: {name}\r\n".encode()


def changed(config, table, **values):
    return replace(config, **{table: replace(getattr(config, table), **values)})


def refused_route(config):
    return replace(config, route=(replace(config.route[0], ruri_user="("),))


REFUSALS = {
    "seals": (lambda config: changed(config, "uac", restore_seal=("key",) * 9), "At most 8 keys"),
    "sources": (lambda config: changed(config, "permissions", address=(
        replace(config.permissions.address[0], network="nonsense"),)), "nonsense"),
    "flood guard": (lambda config: changed(config, "pike", reqs_density_per_unit=1, ipv4_prefix=0), "prefixes"),
    "events": (lambda config: replace(config, event=(Event(log="$nonsense(x"),)), "nonsense"),
    "routes": (refused_route, "missing"),
    "aliases": (lambda config: changed(config, "server", alias=("x.example",) * 300), "At most 256 own names"),
    "long alias": (lambda config: changed(config, "server", alias=("new.example", "x" * 256)), "longer than"),
    "a script more": (lambda config: changed(config, "script", file="more.py"), "script.file was added"),
}


@pytest.mark.parametrize("stage", REFUSALS)
def test_without_a_script(stage):
    refuse, sentence = REFUSALS[stage]
    proxy = MemoryProxy(OLD)
    assert_in_force(proxy, "old", CALLEE)
    with pytest.raises(ValueError, match=sentence):
        proxy.engine.apply(refuse(parse(NEW)))
    assert_in_force(proxy, "old", CALLEE)
    proxy.engine.apply(parse(NEW))
    assert_in_force(proxy, "new", CALLEE_B)


SCRIPT = """
def ksr_request_route(self, msg):
    if KSR.is_OPTIONS():
        KSR.sl.sl_send_reply(200, "NAME %s" % KSR.pv.get("$sht(NAME=>began)"))
        return 1
    KSR.uac.uac_replace_from("", "sip:NAME@edge.example")
    self.seen(KSR.pv.get("$avp(NAME)"))
    KSR.setdsturi("sip:127.0.0.1:40002")
    KSR.tm.t_relay()

def began(self, rank):
    KSR.htable.sht_sets("NAME", "began", "yes")
    return RESULT
"""
KEYS = '[uac]\nrestore_from_avp = "$avp(NAME)"\n[server]\nserver_header = "NAME"\n[[htable]]\nname = "NAME"\n'


def script_of(name, result="0"):
    return SCRIPT.replace("NAME", name).replace("RESULT", result).replace("def began", "def child_init")


def assert_script_in_force(proxy, name):
    proxy.receive(request("OPTIONS"))
    answer = proxy.one(CALLER)
    assert (answer.reason, answer.get("Server")) == (f"{name} yes", name)
    relayed = proxy.start()
    assert relayed.from_uri == f"sip:{name}@edge.example" and proxy.seen[-1] == "Alice <sip:alice@example.com>"
    proxy.answer(relayed, 200)
    proxy.take()
    assert list(proxy.engine.features.hash_tables.tables) == [name]


SCRIPT_REFUSALS = {
    **{stage: refusal for stage, refusal in REFUSALS.items() if stage != "a script more"},
    "variables": (lambda config: changed(config, "uac", auth_realm_avp="$avp()", auth_username_avp="$avp(u)",
                                         auth_password_avp="$avp(p)"), "missing"),
    "script taken away": (lambda config: changed(config, "script", file=""), "script.file was taken away"),
    "no such script": (lambda config: changed(config, "script", file="/none.py"), "no such file"),
}
BROKEN_SCRIPTS = {
    "syntax": ("def mod_init(:\n", "SyntaxError"),
    "module": (script_text(script_of("new")) + "\nraise RuntimeError('at import')\n", "at import"),
    "mod_init": ("def mod_init():\n    return None\n", "returned None"),
    "child_init": (script_text(script_of("new", "-1")), "returned -1"),
}


@pytest.mark.parametrize("stage", SCRIPT_REFUSALS)
def test_script_stays_when_something_else_refuses(tmp_path, stage):
    refuse, sentence = SCRIPT_REFUSALS[stage]
    proxy = ScriptedProxy(tmp_path, script_of("old"), KEYS.replace("NAME", "old") + "[permissions]\naddress = []\n")
    assert_script_in_force(proxy, "old")
    proxy.rewrite(script_of("new"))
    new = parse(NEW.replace("[uac]", f'[script]\nfile = "{proxy.path}"\nwatchdog_seconds = 0\n[uac]'))
    with pytest.raises(ValueError, match=sentence):
        proxy.engine.apply(refuse(new))
    assert_script_in_force(proxy, "old")


@pytest.mark.parametrize("stage", BROKEN_SCRIPTS)
def test_everything_stays_when_the_script_refuses(tmp_path, stage):
    text, sentence = BROKEN_SCRIPTS[stage]
    proxy = ScriptedProxy(tmp_path, script_of("old"), KEYS.replace("NAME", "old"))
    new = changed(changed(proxy.config, "uac", restore_from_avp="$avp(new)"), "server", server_header="new")
    new = replace(new, htable=(replace(new.htable[0], name="new"),))
    proxy.path.write_text(text)
    with pytest.raises(ValueError, match=sentence):
        proxy.engine.apply(new)
    assert_script_in_force(proxy, "old")
    proxy.rewrite(script_of("new"))
    proxy.engine.apply(new)         # child_init() finds the tables that the new configuration has
    assert_script_in_force(proxy, "new")

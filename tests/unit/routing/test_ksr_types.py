"""Types of results and arguments (kemi-python.md §1.4): int where Kamailio has int, bool where it has bool."""
import pytest

from kit.memory import request
from kit.script import ScriptedProxy

BOOLEANS = """
KSR.is_INVITE() KSR.is_ACK() KSR.is_method("INVITE|ACK") KSR.is_method_in("IA") KSR.is_method_in("R")
KSR.is_myself("127.0.0.1") KSR.is_myself("sip:x@127.0.0.1:9") KSR.is_myself_ruri() KSR.is_myself_furi()
KSR.is_myself_turi() KSR.is_myself_suri() KSR.is_myself_srcip() KSR.is_myself_duri() KSR.is_myself_nhuri() KSR.is_UDP()
KSR.is_TCP() KSR.is_IPv4() KSR.is_IPv6() KSR.is_src_port(1) KSR.is_dst_port(5060) KSR.to_UDP() KSR.to_TLS()
KSR.to_IPv4() KSR.setflag(1) KSR.setflag(32) KSR.isflagset(1) KSR.isflagset(2) KSR.resetflag(1) KSR.setbflag(6)
KSR.isbflagset(6) KSR.isbflagset(40) KSR.resetbflag(6) KSR.setsflag(1) KSR.issflagset(1) KSR.isdsturiset()
KSR.seturi("sip:a@b") KSR.setuser("u") KSR.sethost("h:99") KSR.setdsturi("sip:b") KSR.resetdsturi() KSR.force_rport()
KSR.add_local_rport() KSR.pv.sets("$avp(x)","1") KSR.pv.seti("$avp(x)",1) KSR.pv.is_null("$ru") KSR.pv.unset("$avp(x)")
"""
NUMBERS = """
KSR.info("x") KSR.set_drop() KSR.tm.t_check_trans() KSR.tm.t_is_set("failure_route") KSR.tm.t_is_canceled()
KSR.tm.t_on_failure("") KSR.tm.t_on_branch("") KSR.tm.t_on_reply("") KSR.tm.t_check_status("4..")
KSR.tm.t_get_status_code() KSR.tm.t_get_branch_index() KSR.tm.t_set_fr(1000,500) KSR.tm.t_reset_fr()
KSR.tm.t_grep_status(404) KSR.tm.t_any_replied() KSR.tm.t_lookup_request() KSR.tm.t_lookup_cancel()
KSR.tm.t_reply(480,"x") KSR.tm.t_drop_replies_all() KSR.tmx.t_precheck_trans() KSR.tmx.t_is_request_route()
KSR.rr.loose_route() KSR.rr.check_route_param("x") KSR.rr.is_direction("upstream") KSR.rr.add_rr_param(";a=b")
KSR.rr.record_route() KSR.corex.has_user_agent() KSR.corex.has_ruri_user() KSR.corex.append_branch()
KSR.corex.set_send_socket("udp:127.0.0.1:5060") KSR.uac.uac_auth() KSR.uac.uac_auth_mode(1) KSR.uac.uac_req_send()
KSR.uac.uac_restore_from() KSR.uac.uac_reg_status("x") KSR.uac.uac_reg_lookup("x","$ru")
KSR.uac.uac_reg_request_to("x",0) KSR.uac.uac_reg_enable("l_uuid","x") KSR.uac.uac_reg_refresh("x")
KSR.dialog.is_known_dlg() KSR.dialog.var_sets("a","b") KSR.dialog.dlg_set_timeout(9) KSR.dialog.dlg_bye("all")
KSR.dialog.dlg_setflag(1) KSR.xlog.xinfo("$ru") KSR.xlog.xlog("L_INFO","$ru") KSR.app_python3.exec("nothing")
KSR.jsonrpcs.exec("{}") KSR.sl.send_reply(100,"x")
"""
WRONG = [
    "KSR.info(1)", "KSR.info()", "KSR.is_myself(None)", "KSR.setflag('1')", "KSR.setflag(1, 2)",
    "KSR.tm.t_on_failure(None)", "KSR.tm.t_reply('480', 'x')", "KSR.tm.t_relay(1)", "KSR.rr.add_rr_param(b'x')",
    "KSR.uac.uac_replace_from('x')", "KSR.uac.uac_replace_from('x', None)", "KSR.uac.uac_auth_mode('1')",
    "KSR.sl.sl_send_reply(200, None)", "KSR.dialog.var_sets('a', 1)", "KSR.xlog.xinfo(1)",
    "KSR.corex.append_branch_uri(1)", "KSR.jsonrpcs.exec(1)",
]


def results(tmp_path, text):
    expressions = text.split()
    body = "\n".join(f"    self.seen({expression})" for expression in expressions)
    proxy = ScriptedProxy(tmp_path, f"def ksr_request_route(self, msg):\n{body}\n")
    proxy.receive(request())
    assert len(proxy.seen) == len(expressions), proxy.seen
    return dict(zip(expressions, proxy.seen, strict=True))


def test_booleans(tmp_path):
    found = results(tmp_path, BOOLEANS)
    assert {expression: value for expression, value in found.items() if type(value) is not bool} == {}
    expected = {
        "KSR.is_INVITE()": True, "KSR.is_ACK()": False, 'KSR.is_method_in("IA")': True, 'KSR.is_method_in("R")': False,
        'KSR.is_myself("127.0.0.1")': True, 'KSR.is_myself("sip:x@127.0.0.1:9")': False, "KSR.setflag(32)": False,
        "KSR.isflagset(1)": True, "KSR.isbflagset(6)": True}
    assert {name: found[name] for name in expected} == expected


def test_numbers(tmp_path):
    found = results(tmp_path, NUMBERS)
    assert {expression: value for expression, value in found.items() if type(value) is not int} == {}
    expected = {
        'KSR.info("x")': 0, "KSR.tm.t_check_trans()": -1, "KSR.tm.t_is_canceled()": -1,
        "KSR.tmx.t_is_request_route()": 1, "KSR.corex.has_ruri_user()": 1, "KSR.corex.has_user_agent()": -1,
        'KSR.uac.uac_reg_status("x")': -1}
    assert {name: found[name] for name in expected} == expected


@pytest.mark.parametrize("expression", WRONG)
def test_wrong_arguments_raise_and_the_next_message_is_served(tmp_path, expression):
    proxy = ScriptedProxy(tmp_path, f"""
def ksr_request_route(self, msg):
    if KSR.is_OPTIONS():
        KSR.sl.sl_send_reply(200, "OK")
        return 1
    try:
        {expression}
    except Exception as error:
        self.seen(type(error).__name__)
        raise
""")
    proxy.receive(request())
    proxy.receive(request("OPTIONS"))
    assert proxy.seen == ["TypeError"] and proxy.statuses() == [500, 200]


def test_unknown_names(tmp_path):
    proxy = ScriptedProxy(tmp_path, """
def ksr_request_route(self, msg):
    for module, name in ((KSR, "no_such"), (KSR.tm, "no_such"), (KSR, "no_module")):
        self.seen(hasattr(module, name))
    self.seen(KSR.pv.get("$no_such"), KSR.pv.sets("$no_such", "x"), KSR.pv.sets("$rm", "x"))
""")
    proxy.receive(request())
    assert proxy.seen == [False, False, False, (None, False, False)]

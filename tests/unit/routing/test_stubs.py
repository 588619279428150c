"""KSR-stubs: what editors know of `import KSR` is what there is."""
import ast
import importlib.util
from pathlib import Path

REPOSITORY = Path(__file__).parents[3]
STUBS = REPOSITORY / "KSR-stubs" / "__init__.pyi"
# What the stock script calls (kemi-python.md §2).
STOCK = [
    "info", "err", "dbg", "is_CANCEL", "is_ACK", "is_BYE", "is_INVITE", "is_OPTIONS", "is_NOTIFY", "is_REGISTER",
    "is_method_in", "is_myself", "is_myself_ruri", "is_myself_furi", "setflag", "isflagset", "setbflag",
    "isbflagset", "isdsturiset", "force_rport", "set_drop", "pv.get", "pv.gete", "pv.is_null", "pv.seti",
    "pike.pike_check_req", "corex.has_user_agent", "corex.has_ruri_user", "maxfwd.process_maxfwd",
    "sanity.sanity_check", "siputils.has_totag", "siputils.is_request", "siputils.is_reply",
    "siputils.is_first_hop", "rr.loose_route", "rr.record_route", "rr.check_route_param", "rr.add_rr_param",
    "tm.t_check_trans", "tmx.t_precheck_trans", "tm.t_newtran", "tm.t_relay", "tm.t_on_branch", "tm.t_on_reply",
    "tm.t_on_failure", "tm.t_is_set", "tm.t_is_canceled", "tmx.t_is_branch_route", "hdr.append", "hdr.remove",
    "registrar.save", "registrar.lookup", "sl.sl_send_reply", "sl.send_reply", "sl.sl_reply_error",
    "permissions.allow_source_address", "auth_db.auth_check", "auth.auth_challenge", "auth.consume_credentials",
    "nathelper.nat_uac_test", "nathelper.fix_nated_register", "nathelper.set_contact_alias",
    "nathelper.handle_ruri_alias", "rtpproxy.rtpproxy_manage",
]


def make_stubs():
    spec = importlib.util.spec_from_file_location("make_stubs", REPOSITORY / "docs" / "make_stubs.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_stubs_are_up_to_date():
    assert make_stubs().stubs() == STUBS.read_text(encoding="utf-8"), "run python docs/make_stubs.py"


def test_stubs_are_python():
    tree = ast.parse(STUBS.read_text(encoding="utf-8"))
    assert all(node.returns is not None for node in ast.walk(tree) if isinstance(node, ast.FunctionDef))


def test_everything_that_the_stock_script_calls_is_there():
    tree = ast.parse(STUBS.read_text(encoding="utf-8"))
    classes = {node.name: {item.name for item in node.body if isinstance(item, ast.FunctionDef)}
               for node in tree.body if isinstance(node, ast.ClassDef)}
    names = {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}
    for node in tree.body:
        if isinstance(node, ast.AnnAssign) and isinstance(node.annotation, ast.Name) and node.annotation.id in classes:
            names |= {f"{node.target.id}.{name}" for name in classes[node.annotation.id]}
    assert [name for name in STOCK if name not in names] == []

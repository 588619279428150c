"""Pseudo-variables as scripts read them: the lookup by name included, as KSR.pv.get() does it."""

from bench.messages import INVITE
from uacfast.routing.ksr.pv import PvModule
from uacfast.testing.message_context import ScriptMessage, read_loop


def read(per_operation, name, **stored):
    message = ScriptMessage(INVITE)
    for variable, value in stored.items():
        message.set(f"$avp({variable})", value)
    return per_operation(read_loop, name, message)


def test_pv_request_uri(per_operation):
    assert read(per_operation, "$ru").startswith("sip:")


def test_pv_from_user(per_operation):
    assert read(per_operation, "$fU")


def test_pv_source_address(per_operation):
    assert read(per_operation, "$si") == "192.0.2.1"


def test_pv_header(per_operation):
    assert read(per_operation, "$hdr(Call-ID)")


def test_pv_header_that_is_absent(per_operation):
    assert read(per_operation, "$hdr(X-Nothing)") is None


def test_pv_avp(per_operation):
    assert read(per_operation, "$avp(x)", x="value") == "value"


def test_pv_avp_with_a_nested_name(per_operation):
    assert read(per_operation, "$avp($avp(n))", x="value", n="x") == "value"


def test_pv_transformed(per_operation):
    assert read(per_operation, "$(fu{uri.host}{s.len})") > 0


def test_pv_through_ksr(per_operation):
    pv = PvModule(ScriptMessage(INVITE).runtime)

    def loop(n):
        for _ in range(n):
            value = pv.get("$rU")
        return value

    assert per_operation(loop)

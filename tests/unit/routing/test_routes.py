"""[[route]]: conditions, order, actions; a reload (engine specification §8, design §5)."""
import msgspec
import pytest

from kit.memory import CALLEE, CALLEE_B, CALLER, FORK, RELAY, SERIAL, Dialog, MemoryProxy, request, route
from uacfast.config import parse


def takes(conditions, octets, source=CALLER):
    """Whether a route with these conditions takes the request."""
    proxy = MemoryProxy(route(conditions + 'reply = { code = 299, reason = "Taken" }\n'))
    proxy.receive(octets, source)
    final = [message.status for message in proxy.take() if message.status >= 200]
    assert final in ([299], [404])
    return final == [299]


@pytest.mark.parametrize(("condition", "octets", "taken"), [
    ("", request("FOO"), True),
    ('method = ["INVITE"]', request(), True),
    ('method = ["INVITE"]', request("MESSAGE"), False),
    ('method = ["INVITE", "MESSAGE"]', request("MESSAGE"), True),
    ('method = ["FOO"]', request("FOO"), True),
    ('method = ["FOO"]', request("FOOL"), False),
    ('method = ["FOO"]', request("Foo"), False),
    ('method = ["FOO", "BAR"]', request("BAR"), True),
    ('source = ["127.0.0.0/8"]', request(), True),
    ('source = ["192.0.2.0/24"]', request(), False),
    ('source = ["192.0.2.0/24", "127.0.0.1"]', request(), True),
    ('source = ["::1"]', request(), False),
    ("ruri_user = '^\\+?[0-9]+$'", request(uri="sip:+123@x"), True),
    ("ruri_user = '^\\+?[0-9]+$'", request(uri="sip:+123a@x"), False),
    ("ruri_user = '^$'", request(uri="sip:x"), True),                      # an absent part is an empty text
    ("ruri_user = '.'", request(uri="sip:x"), False),
    ("ruri_domain = 'example'", request(uri="sip:a@b.example.com"), True),
    ("ruri_domain = '^example'", request(uri="sip:a@b.example.com"), False),
    ("from_user = 'alice'", request(), True),
    ("from_user = 'bob'", request(), False),
    ("from_domain = '^example\\.com$'", request(), True),
    ("to_user = 'bob'", request(), True),
    ("to_domain = 'other'", request(), False),
    ("user_agent = 'Phone'", request(headers="User-Agent: A Phone 1\r\n"), True),
    ("user_agent = 'Phone'", request(), False),
    ("from_user = 'alice'\nto_user = 'bob'", request(), True),
    ("from_user = 'alice'\nto_user = 'carol'", request(), False),
])
def test_condition(condition, octets, taken):
    assert takes(condition + "\n", octets) == taken


def test_the_first_route_that_takes_it_decides():
    config = route('method = ["MESSAGE"]\nreply = { code = 401 }\n') + """
[[route]]
ruri_user = "^1"
reply = { code = 402 }
[[route]]
ruri_user = "^12"
reply = { code = 403 }
[[route]]
ruri_user = "^2"
reply = { code = 480 }
"""
    proxy = MemoryProxy(config)
    for method, user, status in (("MESSAGE", "12", 401), ("INFO", "12", 402), ("INFO", "2", 480), ("INFO", "3", 404)):
        proxy.receive(request(method, uri=f"sip:{user}@x"))
        assert proxy.statuses() == [status]
    assert proxy.counter("no_route") == 1


def test_no_route_at_all():
    proxy = MemoryProxy('[[listen]]\nuri = "udp:127.0.0.1:5060"\n')
    proxy.receive(request())
    final = proxy.one(CALLER)
    assert (final.status, bool(final.to_tag)) == (404, True)


@pytest.mark.parametrize(
    ("reason", "line"), [("", "SIP/2.0 480 Temporarily Unavailable"), ("Not now", "SIP/2.0 480 Not now")]
)
def test_reply(reason, line):
    proxy = MemoryProxy(route(f'reply = {{ code = 480, reason = "{reason}" }}\n'))
    proxy.receive(request("MESSAGE"))
    assert proxy.one(CALLER).start_line == line


def test_ruri():
    proxy = MemoryProxy(route('ruri = "sip:$rU@other.example;user=phone"\n' + RELAY))
    relayed = proxy.start(request(uri="sip:123@example.com"))
    assert relayed.request_uri == "sip:123@other.example;user=phone"
    proxy.answer(relayed, 486)
    assert proxy.one(CALLEE).request_uri == relayed.request_uri      # the ACK


def test_a_new_request_uri_decides_where_there_is_no_relay():
    proxy = MemoryProxy(route('ruri = "sip:$rU@127.0.0.1:40003"\n'))
    proxy.receive(request(uri="sip:123@example.com"))
    assert proxy.one(CALLEE_B).request_uri == "sip:123@127.0.0.1:40003"


def test_the_request_uri_decides_where_there_is_no_relay():
    proxy = MemoryProxy(route("record_route = true\n"))
    proxy.receive(request(uri="sip:123@127.0.0.1:40003"))
    assert proxy.one(CALLEE_B).method == "INVITE"


def test_templates_see_what_the_route_has_changed():
    """replace_to uses $rU of the new Request-URI; $fu stays what came."""
    proxy = MemoryProxy(route('ruri = "sip:0$rU@carrier.example"\nreplace_to = { uri = "sip:$rU@$rd" }\n'
                              'replace_from = { uri = "sip:$fU@edge.example" }\n' + RELAY))
    relayed = proxy.start(request(uri="sip:123@example.com"))
    assert (relayed.to_uri, relayed.from_uri) == ("sip:0123@carrier.example", "sip:alice@edge.example")


def test_templates_are_evaluated_once_for_each_target_from_what_came():
    """A second attempt does not prefix the prefix."""
    proxy = MemoryProxy(route('ruri = "sip:0$rU@carrier.example"\nreplace_to = { uri = "sip:$rU@$rd" }\n' + SERIAL))
    first = proxy.start(request(uri="sip:123@example.com"))
    proxy.answer(first, 486)
    second = proxy.one(CALLEE_B)
    assert (second.request_uri, second.to_uri) == ("sip:0123@carrier.example", "sip:0123@carrier.example")


def test_the_next_hop_may_be_a_template():
    proxy = MemoryProxy(route('relay = ["sip:127.0.0.1:$hdr(X-Port)"]\n'))
    proxy.receive(request(headers="X-Port: 40003\r\n"))
    assert proxy.one(CALLEE_B).method == "INVITE"
    proxy.receive(request(headers="X-Port: nonsense\r\n"))
    assert proxy.statuses()[-1] == 500
    proxy.assert_empty()


def test_fork_and_serial():
    for lines, first in ((FORK, 2), (SERIAL, 1)):
        proxy = MemoryProxy(route(lines))
        proxy.receive(request())
        assert len([message for message in proxy.sent if message.is_request]) == first


@pytest.mark.parametrize(
    "octets",
    [
        request("OPTIONS", uri="sip:127.0.0.1:5060"),
        request("OPTIONS", uri="sip:127.0.0.1"),
        request("OPTIONS", uri="sip:127.0.0.1", max_forwards="0"),
    ],
)
def test_options_for_us_is_answered(octets):
    proxy = MemoryProxy()
    proxy.receive(octets)
    assert proxy.statuses() == [200]
    assert proxy.take() == []


def test_requests_in_a_dialog_need_no_route():
    proxy = MemoryProxy(route('method = ["INVITE"]\nrecord_route = true\n' + RELAY))
    dialog = Dialog(proxy)
    proxy.receive(dialog.downstream("BYE"))
    assert proxy.methods() == ["BYE"]


# --- reload ---------------------------------------------------------------------------------------------------------

def test_a_reload_counts_for_what_comes_next():
    proxy = MemoryProxy(route('method = ["INVITE"]\n' + RELAY, tm="fr_timer = 1000\n"))
    old = proxy.start()
    proxy.engine.apply(parse(route('method = ["INVITE"]\nrelay = ["sip:127.0.0.1:40003"]\n', tm="fr_timer = 2000\n")))
    new = proxy.start(callee=CALLEE_B)
    proxy.answer(old, 200)
    assert proxy.statuses() == [200]
    proxy.advance(1990)
    assert proxy.statuses() == []
    proxy.advance(10)
    assert proxy.statuses() == [408]
    proxy.take()
    assert new.method == "INVITE"


def test_a_call_under_way_goes_on_by_its_old_route():
    """Its next targets and replacements are those of the configuration that took it."""
    replaced = 'replace_from = {{ uri = "sip:{}@anonymous.invalid" }}\nrecord_route = true\n'
    proxy = MemoryProxy(route(replaced.format("old") + SERIAL))
    first = proxy.start()
    proxy.engine.apply(parse(route(replaced.format("new") + 'relay = ["sip:127.0.0.1:40004"]\n')))
    proxy.answer(first, 486)
    second = proxy.one(CALLEE_B)
    assert second.from_uri == "sip:old@anonymous.invalid"
    proxy.answer(second, 200)
    assert proxy.one(CALLER).from_uri == "sip:alice@example.com"
    proxy.assert_empty()


def test_a_dialog_goes_on_over_a_reload():
    config = route('replace_from = { uri = "sip:anon@anonymous.invalid" }\nrecord_route = true\n' + RELAY)
    proxy = MemoryProxy(config)
    dialog = Dialog(proxy)
    proxy.engine.apply(parse(config))
    proxy.receive(dialog.downstream("BYE"))
    assert proxy.one(CALLEE).from_uri == "sip:anon@anonymous.invalid"


def test_what_cannot_be_applied_leaves_the_old_in_force():
    proxy = MemoryProxy()
    good = parse(route(RELAY))
    broken = msgspec.structs.replace(good, route=(msgspec.structs.replace(good.route[0], ruri_user="("),))
    with pytest.raises(ValueError, match="missing"):
        proxy.engine.apply(broken)
    proxy.start()


def test_aliases_are_ours_after_a_reload_too():
    proxy = MemoryProxy(route(server='alias = ["old.example"]\n'))
    proxy.engine.apply(parse(route(server='alias = ["new.example:5070"]\n')))
    for host, ours in (("new.example:5070", True), ("old.example", False), ("127.0.0.1:5060", True)):
        proxy.receive(request("OPTIONS", uri=f"sip:{host}"))
        assert (proxy.statuses() == [200]) == ours, host
        proxy.take()


def test_limits_and_server_header_follow_a_reload():
    proxy = MemoryProxy(route('reply = { code = 480 }\n'))
    proxy.receive(request("MESSAGE"))
    assert proxy.one(CALLER).get("Server") == "uacfast"
    proxy.engine.apply(parse(route('reply = { code = 480 }\n', server='server_header = ""\n', limits="message = 400\n"
                                   "header_part = 400\nline = 200\nuri = 100\n")))
    proxy.receive(request("MESSAGE"))
    assert not proxy.one(CALLER).has("Server")
    proxy.receive(request("MESSAGE", body=b"x" * 400))
    assert proxy.statuses() in ([], [400])

"""Routes that authenticate, register, look users up and judge by source group, through the engine in memory."""

import asyncio
import re

import pytest

from kit.digest import expected_response, parameters
from kit.memory import CALLEE, CALLER, MemoryProxy, reply, request
from uacfast.config import ConfigError, parse

LISTEN = '[[listen]]\nuri = "udp:127.0.0.1:5060"\n'
USER = '[[auth.user]]\nusername = "alice"\npassword = "wonder"\n'
AUTHENTICATE = 'authenticate = { realm = "$fd", qop = "" }\n'


def proxy(routes, more=""):
    return MemoryProxy(more + LISTEN + "".join(f"[[route]]\n{lines}" for lines in routes))


def answer(
    challenge, method, uri, *, username="alice", password="wonder", header="Proxy-Authorization", body=b"", **more
):
    """A line with credentials for this challenge."""
    value = challenge.get("WWW-Authenticate" if challenge.status == 401 else "Proxy-Authenticate")
    found = parameters(f"X: {value}" if not value.startswith(" ") else value)
    fields = {"username": username, "realm": found["realm"], "nonce": found["nonce"], "uri": uri}
    if "qop" in found:
        fields |= {"qop": found["qop"], "nc": "00000001", "cnonce": "c"}
    fields |= more
    fields["response"] = expected_response(fields, method, password=password, body=body)
    return (
        f"{header}: Digest "
        + ", ".join(f"{n}={v}" if n in ("qop", "nc", "algorithm") else f'{n}="{v}"' for n, v in fields.items())
        + "\r\n"
    )


def challenged(tested, method="INVITE", status=407, **details):
    tested.receive(request(method, **details))
    found = tested.take(CALLER)[-1]
    assert found.status == status
    return found


# --- authenticate ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("qop", ["", "auth", "auth-int"])
def test_caller_logs_in(qop):
    tested = proxy([f'authenticate = {{ qop = "{qop}" }}\nrelay = ["sip:127.0.0.1:40002"]\n'], USER)
    challenge = challenged(tested)
    assert challenge.reason == "Proxy Authentication Required"
    assert re.fullmatch(
        r'Digest realm="example\.com", nonce="[^"]+"' + (f', qop="{qop}"' if qop else ""),
        challenge.get("Proxy-Authenticate"),
    )
    line = answer(challenge, "INVITE", "sip:bob@example.com", body=b"v=0")
    tested.receive(request("INVITE", headers=line, body=b"v=0", cseq=2))
    relayed = tested.one(CALLEE)
    assert not relayed.has("Proxy-Authorization"), "they are for us alone"
    assert relayed.raw.endswith(b"v=0")


def test_wrong_user_password_and_nonce():
    tested = proxy([AUTHENTICATE], USER)
    challenge = challenged(tested)
    for line in (
        answer(challenge, "INVITE", "x", password="wrong"),
        answer(challenge, "INVITE", "x", username="bob"),
        answer(challenge, "INVITE", "x", nonce="made-up"),
        "Proxy-Authorization: Digest nonsense\r\n",
        "Proxy-Authorization: Basic x\r\n",
        answer(challenge, "INVITE", "x", header="Authorization"),
    ):
        from_ = "Bob <sip:bob@example.com>;tag=1" if "bob" in line else "Alice <sip:alice@example.com>;tag=1"
        assert "stale" not in challenged(tested, headers=line, from_=from_).get("Proxy-Authenticate")
    line = answer(challenge, "INVITE", "x")
    tested.receive(request(headers=line, from_="<sip:carol@example.com>;tag=1"))
    assert tested.statuses()[-1] == 403, "alice does not speak as carol"
    assert tested.take(CALLEE) == []


def test_stale_nonce():
    tested = proxy([AUTHENTICATE], "[auth]\nnonce_expire = 1\n" + USER)
    nonce = tested.engine.features.digest.make_nonce(b"example.com", 1_000_000).decode()
    line = answer(challenged(tested), "INVITE", "x", nonce=nonce)
    assert challenged(tested, headers=line).get("Proxy-Authenticate").endswith(", stale=true")


def test_challenge_is_repeated_until_its_ack():
    tested = proxy([AUTHENTICATE], USER)
    tested.receive(request())
    tested.advance(600)
    assert [m.status for m in tested.take(CALLER)] == [407, 407]


def test_realm_out_of_from_cannot_break_the_header():
    tested = proxy(['authenticate = { realm = "$fn" }\n'], USER)
    tested.receive(request(from_='"a\\"b" <sip:alice@example.com>;tag=1'))
    assert tested.statuses() == [403]


def test_later_routes_are_not_asked_for_credentials():
    tested = proxy(['method = "MESSAGE"\n' + AUTHENTICATE, 'relay = ["sip:127.0.0.1:40002"]\n'], USER)
    tested.receive(request())
    assert tested.methods() == ["INVITE"]


def test_users_of_a_database():
    async def run():
        asked, answers = [], asyncio.Event()
        tested = proxy(
            ['authenticate = { table = "subscriber" }\nrelay = ["sip:127.0.0.1:40002"]\n'],
            '[auth_db]\ndb_url = "sqlite:///x.db"\ncalculate_ha1 = true\n',
        )

        async def subscriber(table, username, domain):
            asked.append((table, username, domain))
            await answers.wait()
            if username == "broken":
                raise OSError("away")
            return {"password": "wonder"} if username == "alice" else None

        tested.engine.features.subscribers = subscriber
        challenge = challenged(tested)

        async def send(username, **more):
            line = answer(challenge, "INVITE", "x", username=username, **more)
            octets = request(headers=line, from_=f"<sip:{username}@example.com>;tag=1")
            answers.clear()
            tested.receive(octets)
            tested.receive(octets)
            assert tested.sent == [], "nothing happens before the answer is there"
            await asyncio.sleep(0)
            answers.set()
            await asyncio.sleep(0.01)
            tested.collect()

        await send("alice")
        assert asked == [("subscriber", "alice", None)], "copies wait for the same answer"
        assert tested.methods() == ["INVITE"]
        tested.take()
        await send("bob")
        assert set(tested.statuses()) == {407}
        await send("broken")
        assert set(tested.statuses()) == {500}
        tested.close()

    asyncio.run(run())


# --- registrar and lookup --------------------------------------------------------------------------------------------

EDGE = ['method = "REGISTER"\nregistrar = true\n', 'lookup = "location"\nrecord_route = true\n']
ALICE = {"from_": "<sip:alice@example.com>;tag=1", "to": "<sip:alice@example.com>"}


def register(tested, contact, expires=600, source=CALLER, **more):
    tested.receive(
        request(
            "REGISTER",
            uri="sip:127.0.0.1",
            source=source,
            headers=f"Contact: {contact}\r\nExpires: {expires}\r\n",
            **(ALICE | more),
        ),
        source,
    )
    return tested.one(source)


def test_register_and_call():
    tested = proxy(EDGE)
    done = register(tested, "<sip:alice@127.0.0.1:40002>")
    assert (done.status, done.get("Contact")) == (200, "<sip:alice@127.0.0.1:40002>;expires=600")
    tested.receive(request(uri="sip:alice@example.com"))
    assert tested.one(CALLEE).request_uri == "sip:alice@127.0.0.1:40002"
    tested.receive(request(uri="sip:nobody@example.com"))
    assert 404 in tested.statuses()
    tested.advance_fast(600_000)
    tested.take()
    tested.receive(request(uri="sip:alice@example.com"))
    assert tested.statuses()[-1] == 404 and tested.take(CALLEE) == []


def test_register_from_behind_a_nat():
    tested = proxy(EDGE)
    done = register(tested, "<sip:alice@10.0.0.9:5060>", source=CALLEE)
    assert done.get("Contact") == '<sip:alice@10.0.0.9:5060>;expires=600;received="sip:127.0.0.1:40002"'
    tested.receive(request(uri="sip:alice@example.com"))
    assert tested.one(CALLEE).request_uri == "sip:alice@10.0.0.9:5060"


def test_equal_contacts_ring_at_once_others_in_turn():
    tested = proxy(EDGE)
    register(tested, "<sip:a@127.0.0.1:40002>, <sip:a@127.0.0.1:40003>")
    tested.receive(request(uri="sip:alice@example.com"))
    assert sorted(m.source[1] for m in tested.take() if m.method == "INVITE" and m.is_request) == [40002, 40003]
    register(tested, "<sip:a@127.0.0.1:40002>;q=0.1, <sip:a@127.0.0.1:40003>;q=0.9", call_id="new", cseq=9)
    tested.receive(request(uri="sip:alice@example.com"))
    (first,) = (m for m in tested.take() if m.is_request)
    assert first.source[1] == 40003
    tested.receive(reply(first, 486), first.source)
    (second,) = (m for m in tested.take(("127.0.0.1", 40002)) if m.method == "INVITE")
    assert second.request_uri == "sip:a@127.0.0.1:40002"


def test_path_is_followed():
    tested = proxy(EDGE)
    register(tested, "<sip:a@10.9.9.9>", source=CALLEE)
    tested.receive(
        request(
            "REGISTER",
            uri="sip:127.0.0.1",
            headers="Contact: <sip:a@10.9.9.9>\r\nPath: <sip:127.0.0.1:40003;lr>\r\n",
            call_id="p",
            **ALICE,
        )
    )
    tested.take()
    tested.receive(request(uri="sip:alice@example.com"))
    (invite,) = (m for m in tested.take() if m.is_request)
    assert invite.source == ("127.0.0.1", 40003) and invite.get("Route") == "<sip:127.0.0.1:40003;lr>"


def test_refusals_of_the_registrar():
    tested = proxy(EDGE)
    assert register(tested, "<sip:a@x>", expires=5).get("Min-Expires") == "60"
    assert register(tested, "*").status == 400
    tested = proxy(["registrar = true\n"])
    tested.receive(request("MESSAGE"))
    refused = tested.one(CALLER)
    assert (refused.status, refused.get("Allow")) == (405, "REGISTER")


def test_authenticated_register():
    tested = proxy(['method = "REGISTER"\nregistrar = true\n' + AUTHENTICATE], USER)
    challenge = challenged(tested, "REGISTER", 401, uri="sip:127.0.0.1", **ALICE)
    line = answer(challenge, "REGISTER", "sip:127.0.0.1", header="Authorization")
    tested.receive(
        request("REGISTER", uri="sip:127.0.0.1", headers=line + "Contact: <sip:a@127.0.0.1:40002>\r\n", cseq=2, **ALICE)
    )
    assert tested.one(CALLER).status == 200


# --- sources ---------------------------------------------------------------------------------------------------------


def test_source_group():
    tested = proxy(
        ['source_group = 1\nrelay = ["sip:127.0.0.1:40002"]\n', "reply = { code = 403 }\n"],
        '[[permissions.address]]\nnetwork = "192.0.2.0/24"\n[[permissions.address]]\nnetwork = "127.0.0.1"\n'
        "port = 40001\n",
    )
    tested.receive(request(), CALLER)
    assert tested.methods() == ["INVITE"]
    tested.take()
    tested.receive(request(source=("127.0.0.1", 40009)), ("127.0.0.1", 40009))
    assert tested.statuses(("127.0.0.1", 40009)) == [403]


def test_pike_drops_what_is_too_much():
    tested = proxy(["reply = { code = 403 }\n"], "[pike]\nreqs_density_per_unit = 16\n")
    for _ in range(60):
        tested.receive(request("MESSAGE"))
        tested.advance(50)
    assert len(tested.take(CALLER)) == 21 and tested.counter("dropped_flooded") == 39
    other = ("127.0.0.9", 40001)
    tested.receive(request("MESSAGE", source=other), other)
    assert tested.statuses(other) == [403]


def test_trusted_group_is_not_counted():
    tested = proxy(
        ["reply = { code = 403 }\n"],
        "[pike]\nreqs_density_per_unit = 2\nallow_group = 7\n[[permissions.address]]\ngroup = 7\n"
        'network = "127.0.0.0/8"\n',
    )
    for _ in range(20):
        tested.receive(request("MESSAGE"))
    assert len(tested.take(CALLER)) == 20


def test_reload_keeps_what_is_known():
    tested = proxy(EDGE)
    register(tested, "<sip:alice@127.0.0.1:40002>")
    tested.engine.apply(
        parse(LISTEN + "[registrar]\nmax_expires = 100\n" + "".join(f"[[route]]\n{lines}" for lines in EDGE))
    )
    tested.receive(request(uri="sip:alice@example.com"))
    assert tested.one(CALLEE).request_uri == "sip:alice@127.0.0.1:40002"
    tested.take()
    assert "expires=100" in register(tested, "<sip:alice@127.0.0.1:40002>", call_id="n").get("Contact")


# --- the file --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text,where",
    [
        ('[[route]]\nauthenticate = { table = "subscriber" }\n', "auth_db.db_url"),
        ("[[route]]\nauthenticate = {}\n", "auth.user"),
        ("[[route]]\nsource_group = 3\n", "permissions.address"),
        ('[[route]]\nregistrar = true\nrelay = ["sip:127.0.0.1"]\n', "relay"),
        ("[[route]]\nregistrar = true\nreply = { code = 403 }\n", "reply"),
        ('[[route]]\nlookup = "location"\nrelay = ["sip:127.0.0.1"]\n', "relay"),
        ('[[auth.user]]\nusername = "a"\n', "password"),
        ('[[auth.user]]\nusername = "a"\npassword = "x"\nha1 = "' + "0" * 32 + '"\n', "not both"),
        ('[[auth.user]]\nusername = "a"\nha1 = "' + "0" * 32 + '"\n', "realm"),
        ('[[htable]]\nname = "a"\n[[htable]]\nname = "a"\n', "name"),
        ('[[permissions.address]]\nnetwork = "192.0.2.1/24"\n', "host bits"),
        ("[pike]\nreqs_density_per_unit = 5\nallow_group = 9\n", "permissions.address"),
    ],
)
def test_what_does_not_fit_together(text, where):
    with pytest.raises(ConfigError) as failure:
        parse(LISTEN + text)
    assert where in str(failure.value)


def test_nothing_of_this_is_shown():
    config = parse(LISTEN + '[auth]\nsecret = "s3cret"\n' + USER)
    assert "s3cret" not in repr(config) and "wonder" not in repr(config)

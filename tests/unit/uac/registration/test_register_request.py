"""The REGISTER as it is sent: octets, Call-ID and CSeq (uac-semantics §4.7), credentials (§4.9)."""

import re

import pytest

from kit.accounts import CHALLENGE, Accounts, header, row


@pytest.fixture
def accounts():
    return Accounts(user_agent_line=b"User-Agent: uacfast/0.1\r\n", retry_interval=30)


def test_first_register_has_kamailios_header_fields_in_kamailios_order(accounts):
    accounts.load(row(expires=60))
    octets = accounts.one()[1].decode()
    assert re.fullmatch(
        "REGISTER sip:127.0.0.1:15075 SIP/2.0\r\n"
        "To: <sip:ok@127.0.0.1:15075>\r\n"
        "From: <sip:ok@127.0.0.1:15075>;tag=[0-9a-f]{16}\r\n"
        "CSeq: 10 REGISTER\r\n"
        "Call-ID: [0-9a-f]{16}-[0-9a-f]{8}\r\n"
        "Max-Forwards: 70\r\n"
        "Content-Length: 0\r\n"
        "User-Agent: uacfast/0.1\r\n"
        "Contact: <sip:acc1@127.0.0.1:15060>\r\n"
        "Expires: 60\r\n"
        "\r\n",
        octets,
    )


def test_challenge_is_answered_in_the_same_call_with_the_next_number(accounts):
    accounts.load(row())
    first = accounts.one()
    second = accounts.challenge(first)
    for name in ("From", "To", "Call-ID", "Contact", "Expires"):
        assert header(second[1], name) == header(first[1], name)
    assert header(second[1], "CSeq") == "11 REGISTER"
    assert re.fullmatch(
        'Digest username="aok", realm="sip.example.org", nonce="nonce1", uri="sip:127.0.0.1:15075", opaque="oo", '
        'qop=auth, nc=00000001, cnonce="[0-9a-f]+", response="[0-9a-f]{32}", algorithm=MD5',
        header(second[1], "Authorization"),
    )


def test_proxy_challenge_without_qop_gives_the_captured_response(accounts):
    # The second capture of uac-semantics §4.7: HA1 stored in upper case, Contact and next hop of the row's own.
    accounts.load(
        row(
            "acc2",
            r_username="ok407",
            auth_username="b",
            auth_password="",
            contact_addr="10.1.1.1:5999;transport=tcp",
            auth_ha1=ha1("b", "sip.example.org", "secret").upper(),
            auth_proxy="sip:127.0.0.1:15061",
        )
    )
    ((tag, octets, destination, _),) = accounts.take()
    assert destination == "sip:127.0.0.1:15061"
    assert header(octets, "Contact") == "<sip:acc2@10.1.1.1:5999;transport=tcp>"
    _, octets = accounts.challenge((tag, octets), 'Digest realm="sip.example.org", nonce="nonce1"', 407)
    assert header(octets, "Proxy-Authorization") == (
        'Digest username="b", realm="sip.example.org", nonce="nonce1", uri="sip:127.0.0.1:15075", '
        f'response="{expected("b", "secret")}", algorithm=MD5'
    )


def ha1(username, realm, password):
    from hashlib import md5

    return md5(f"{username}:{realm}:{password}".encode()).hexdigest()


def expected(username, password, realm="sip.example.org", nonce="nonce1", uri="sip:127.0.0.1:15075"):
    from hashlib import md5

    ha2 = md5(f"REGISTER:{uri}".encode()).hexdigest()
    return md5(f"{ha1(username, realm, password)}:{nonce}:{ha2}".encode()).hexdigest()


def test_contact_user_puts_the_uuid_into_line(accounts):
    accounts.load(row(contact_user="4930123"))
    assert header(accounts.one()[1], "Contact") == "<sip:4930123@127.0.0.1:15060;line=acc1>"


def test_each_attempt_has_a_new_call_id_and_the_same_tag(accounts):
    first = accounts.register(expires=30)
    accounts.seconds_to_next()
    second = accounts.one()
    assert header(second[1], "Call-ID") != header(first[1], "Call-ID")
    assert header(second[1], "From") == header(first[1], "From")
    assert header(second[1], "CSeq") == "10 REGISTER"


def test_keep_callid_goes_on_counting_until_a_failure():
    accounts = Accounts(keep_callid=True, retry_interval=10)
    accounts.load(row())
    first = accounts.one()
    accounts.accept(accounts.challenge(first))
    accounts.seconds_to_next()
    second = accounts.one()
    assert header(second[1], "Call-ID") == header(first[1], "Call-ID")
    assert header(second[1], "CSeq") == "12 REGISTER"
    third = accounts.challenge(second)
    assert header(third[1], "CSeq") == "13 REGISTER"
    accounts.answer(third, 500)
    accounts.seconds_to_next()
    fourth = accounts.one()
    assert header(fourth[1], "CSeq") == "10 REGISTER"
    assert header(fourth[1], "Call-ID") != header(first[1], "Call-ID")


def test_row_of_the_longest_texts_is_still_sent(accounts):
    long = "x" * 512
    accounts.load(row(long, r_username=long, r_domain=long, contact_addr=long, contact_user=long, auth_username=long))
    second = accounts.challenge(accounts.one())
    assert len(second[1]) > 4000


@pytest.mark.parametrize(
    "column,value",
    [
        ("l_uuid", ""),
        ("auth_proxy", ""),
        ("r_domain", "a\r\nX: y"),
        ("auth_ha1", "abc"),
        ("expires", -5),
        ("auth_password", ""),
        ("r_username", "a>b"),
        ("contact_addr", "h;line=1"),
        ("l_username", None),
        ("realm", "x" * 513),
        ("expires", "soon"),
    ],
)
def test_invalid_row_is_told_with_its_reason_and_the_others_load(accounts, column, value):
    columns = {column: value} | ({"contact_user": "u"} if column == "contact_addr" else {})
    refused = accounts.management.rows([row("before"), row(**columns), row("after")])
    ((uuid, reason),) = refused
    assert uuid == ("" if column == "l_uuid" else "acc1") and len(reason) > 8
    assert accounts.management.counts()["regtotal"] == 2


def test_secret_of_a_realm_is_not_given_to_another(accounts):
    accounts.load(row(realm="sip.example.com"))
    accounts.answer(accounts.one(), 401, f"WWW-Authenticate: {CHALLENGE}")
    assert accounts.take() == [] and accounts.state() == "failed"


def test_strongest_challenge_that_the_secret_fits_is_answered(accounts):
    both = CHALLENGE + ", algorithm=SHA-256"
    accounts.load(row("plain"))
    sent = accounts.one()
    accounts.answer(sent, 401, f"WWW-Authenticate: {CHALLENGE}", f"WWW-Authenticate: {both}")
    assert header(accounts.one()[1], "Authorization").endswith("algorithm=SHA-256")
    accounts.load(row("hashed", auth_ha1="0" * 32))
    sent = accounts.one()
    accounts.answer(sent, 401, f"WWW-Authenticate: {both}", f"WWW-Authenticate: {CHALLENGE}")
    assert header(accounts.one()[1], "Authorization").endswith("algorithm=MD5")


def test_call_ids_belong_to_the_worker_that_drives_the_record():
    key = bytes(range(16))
    rows = [row(f"u{n}") for n in range(40)]
    driver = Accounts(worker=2, workers=3, key=key, keep_states=True)
    driver.management.rows(rows, [2] * 40)
    driver.advance(10)
    for tag, octets, _, _ in driver.take():
        driver.accept((tag, octets))
    other = Accounts(worker=0, workers=3, key=key)
    other.management.rows(rows)
    other.management.load_states(driver.management.take_states(100), True)
    assert other.management.owners([one[0] for one in rows]) == [2] * 40

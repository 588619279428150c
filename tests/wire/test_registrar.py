"""The registrar of TOML routes on the wire: two workers that know the same bindings, and phones that others wrote."""

import contextlib
import sqlite3
import subprocess
import sys

import pytest

from kit.configuration import Configuration
from kit.endpoint import token
from kit.ports import free_port
from kit.programs import REPOSITORY, Uacfast, required, wait_until

ROUTES = """
[[route]]
method = "REGISTER"
registrar = true
{authenticate}
[[route]]
lookup = "location"
record_route = true
"""


def edge(directory, workers=1, authenticate="", extra=""):
    return Uacfast(
        directory,
        Configuration(
            listen=(f"udp:127.0.0.1:{free_port()}",),
            routes=(),
            server={"workers": workers},
            extra="\n" + extra + ROUTES.format(authenticate=authenticate),
        ),
    )


@pytest.fixture
def started(session_directory):
    proxies = []

    def start(*arguments, **more):
        proxies.append(edge(session_directory, *arguments, **more))
        return proxies[-1].start()

    yield start
    for proxy in proxies:
        proxy.stop()


def test_every_worker_knows_every_binding(started, endpoint):
    proxy = started(workers=2)
    phone, caller = endpoint(), endpoint()
    for user in range(6):
        phone.send(
            phone.request(
                "REGISTER",
                f"sip:{proxy.sent_by}",
                to=f"<sip:user{user}@x>",
                from_=f"<sip:user{user}@x>",
                headers=("Expires: 600",),
            ),
            proxy.address,
        )
        phone.receive_reply(200)

    def answer_all():
        for message in phone.collect(0.05, lambda m: m.is_request):
            phone.reply(message, 200, "OK", to_tag="t")

    # Each call has a Call-ID of its own, so half of them come to the worker that did not get the REGISTER.
    for user in range(6):
        for _ in range(4):
            call_id = token("c")

            def found(user=user, call_id=call_id):
                caller.send(
                    caller.request(
                        "MESSAGE", f"sip:user{user}@{proxy.sent_by}", call_id=call_id, branch=token("z9hG4bK")
                    ),
                    proxy.address,
                )
                answer_all()
                return caller.receive(lambda m: m.status in (200, 404)).status == 200

            wait_until(found, what=f"the way to user{user}")


def test_sipsak_registers_with_a_database(started, tmp_path):
    path = tmp_path / "callers.db"
    subprocess.run(
        [sys.executable, "-m", "uacfast", "db", "init", f"sqlite:///{path}"],
        check=True,
        cwd=REPOSITORY,
        capture_output=True,
    )
    with contextlib.closing(sqlite3.connect(path)) as connection:
        connection.execute(
            "INSERT INTO subscriber (username, domain, password) VALUES ('alice', '127.0.0.1', 'wonder')"
        )
        connection.commit()
    proxy = started(
        authenticate='authenticate = { table = "subscriber" }',
        extra=f'[auth_db]\ndb_url = "sqlite:///{path}"\ncalculate_ha1 = true\n',
    )

    def sipsak(password):
        return subprocess.run(
            [
                required("sipsak"),
                "-U",
                "-C",
                "sip:alice@127.0.0.1:9",
                "-a",
                password,
                "-x",
                "600",
                "-vv",
                "-s",
                f"sip:alice@{proxy.sent_by}",
            ],
            capture_output=True,
            text=True,
            timeout=30,
        )

    good = sipsak("wonder")
    assert good.returncode == 0 and "successful" in good.stdout, good.stdout + good.stderr
    bad = sipsak("wrong")
    assert bad.returncode != 0 and "successful" not in bad.stdout

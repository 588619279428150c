"""The dashboard in a real browser: what it shows, what its buttons do, and that strangers' names are only text."""
import pytest

from kit.browser import Browser
from uacfast.control.dispatcher import Records
from uacfast.fault import Fault

EVIL = "<img src=x onerror=\"document.title='broken in'\">"
TEXT = "document.getElementById('{}').textContent"


def record(number, flags, **changes):
    return {"l_uuid": f"id{number}", "r_username": "bob", "r_domain": "example.com", "auth_password": "geheim",
            "auth_ha1": "0123456789abcdef", "auth_proxy": "sip:carrier.example", "flags": flags,
            "diff_expires": 55} | changes


class Registrations:
    """The commands of registrations, and what was asked of them."""

    def __init__(self):
        self.rows = [record(1, 4), record(2, 1), record(3, 6), record(4, 0, l_uuid=EVIL, r_username=EVIL)]
        self.asked = []

    def prepare(self, server):
        server.counters = [{
            "request_method:INVITE": 5, "requests": 7, "active_transactions": 3, "transactions": 12345,
            "active_dialogs": 2, "dropped_not_sip": 4, "cpu_us": 1_000_000, "loop_lag_worst_us": 1500}]
        server.commands["reg.metrics"] = lambda: {
            "states": {"registered": 2, "disabled": 1}, "counters": {}, "responses": {}, "waiting": 0, "in_flight": 0,
            "octets": 0}
        server.commands["reg.registrars"] = lambda most: [
            {"destination": name, "states": {}, "accepted": 9, "refused": 1, "latency": latency, "attempts": 10,
             "unanswered": 0, "breaker": "closed"} for name, latency in (("sip:quick.example", 5), (EVIL, 700))]
        add = server.dispatcher.add
        add("uac.reg_search", lambda arguments: self.search(*arguments), "")
        for name in ("enable", "disable", "refresh"):
            add(f"uac.reg_{name}", lambda arguments, name=name: self.act(name, arguments), "")
        add("uac.reg_explain", lambda arguments: {"reason": f"{arguments[0]} is well", "transitions": ["a", "b"]}, "")

    def search(self, wanted, most):
        return Records([row for row in self.rows if wanted.lower() in row["l_uuid"].lower()][:most])

    def act(self, name, arguments):
        self.asked.append((name, arguments))
        if name == "refresh":
            raise Fault(500, "Failed to refresh record - check log messages")
        self.rows[0] = record(1, 1 if name == "disable" else 4)


@pytest.fixture
def page(serve, tmp_path):
    """page(scenario): `await scenario(browser, registrations)` with the dashboard open and filled."""
    def run(scenario, actions):
        registrations = Registrations()

        async def play(server, _listeners):
            host, port = server.config.control.http_address
            async with Browser(tmp_path) as browser:
                await browser.open(f"http://{host}:{port}/")
                await browser.until("document.getElementById('status')?.textContent", "live")
                await browser.until("document.querySelectorAll('#rows tr').length", 4)
                await scenario(browser, registrations)
                assert browser.complaints == []
                own = f"http://{host}:{port}/"
                assert [url for url in browser.requested if not url.startswith((own, "about:", "data:"))] == []
                everything = await browser.evaluate("document.documentElement.outerHTML")
                assert "geheim" not in everything and "0123456789abcdef" not in everything
                assert await browser.evaluate("document.title") == "uacfast"
        serve(f'http = "127.0.0.1:PORT"\nactions = {str(actions).lower()}\n', play, registrations.prepare)
    return run


def button(row, name):
    return (f"[...document.querySelectorAll('#rows tr')[{row}].querySelectorAll('button')]"
            f".find(one => one.textContent === '{name}')")


def test_what_it_shows(page):
    async def scenario(browser, _registrations):
        assert await browser.evaluate(TEXT.format("active")) == "3"
        assert await browser.evaluate(TEXT.format("transactions")) == "12,345"
        assert await browser.evaluate(TEXT.format("dialogs")) == "2"
        assert await browser.evaluate(TEXT.format("lag")) == "1.5 ms"
        await browser.until(TEXT.format("calls"), "0")
        assert await browser.evaluate(TEXT.format("states")) == "registered2disabled1"
        assert await browser.evaluate(TEXT.format("registrars")) == f"{EVIL}700 ms10sip:quick.example5 ms10"
        assert "dropped: not sip4" in await browser.evaluate(TEXT.format("errors"))
        rows = await browser.evaluate("[...document.querySelectorAll('#rows tr')].map(row => row.textContent)")
        assert [text.split("sip:carrier.example")[1] for text in rows] == [
            "registered55 sexplain", "disabled55 sexplain", "registered55 sexplain", "not registered55 sexplain"]
        assert rows[3].startswith(f"{EVIL}{EVIL}@example.com")
    page(scenario, actions=False)


def test_time_left_of_a_ramp(serve, tmp_path):
    registrations, left = Registrations(), [100_000]

    def metrics():
        left[0] -= 100         # with each look
        return {"states": {"unregistered": left[0], "registered": 100_000 - left[0]}, "counters": {}, "responses": {},
                "waiting": left[0], "in_flight": 0, "octets": 0}

    def prepare(server):
        registrations.prepare(server)
        server.commands["reg.metrics"] = metrics

    async def play(server, _listeners):
        host, port = server.config.control.http_address
        async with Browser(tmp_path) as browser:
            await browser.open(f"http://{host}:{port}/")
            await browser.until("document.getElementById('status')?.textContent", "live")
            await browser.until(f"/all answered in about\\d+ min \\d+ s$/.test({TEXT.format('states')})")
    serve('http = "127.0.0.1:PORT"\n', play, prepare)


def test_searching(page):
    async def scenario(browser, _registrations):
        await browser.evaluate("document.getElementById('search').value = 'ID2'")
        await browser.evaluate("document.querySelector('#find button').click()")
        await browser.until("document.querySelectorAll('#rows tr').length", 1)
        assert (await browser.evaluate(TEXT.format("rows"))).startswith("id2")
        await browser.evaluate("document.getElementById('search').value = 'nobody'")
        await browser.evaluate("document.querySelector('#find button').click()")
        await browser.until(TEXT.format("rows"), "nothing found")
    page(scenario, actions=False)


def test_buttons(page):
    async def scenario(browser, registrations):
        await browser.evaluate(f"{button(0, 'explain')}.click()")
        await browser.until(TEXT.format("explanation"), "id1\nreason: id1 is well\ntransitions:\n  a\n  b")
        await browser.evaluate(f"{button(0, 'disable')}.click()")
        await browser.until("document.querySelector('#rows tr').textContent.includes('disabled')")
        await browser.evaluate(f"{button(0, 'enable')}.click()")
        await browser.until("document.querySelector('#rows tr').textContent.includes('registered')")
        assert registrations.asked == [("disable", ["l_uuid", "id1"]), ("enable", ["l_uuid", "id1"])]
    page(scenario, actions=True)


def test_an_action_that_is_refused_says_why(serve, tmp_path):
    registrations = Registrations()

    async def play(server, _listeners):
        host, port = server.config.control.http_address
        async with Browser(tmp_path) as browser:
            await browser.open(f"http://{host}:{port}/")
            await browser.until("document.querySelectorAll('#rows tr').length", 4)
            await browser.evaluate(f"{button(0, 'refresh')}.click()")
            await browser.until(TEXT.format("explanation"), "Failed to refresh record - check log messages")
    serve('http = "127.0.0.1:PORT"\nactions = true\n', play, registrations.prepare)
    assert registrations.asked == [("refresh", ["id1"])]

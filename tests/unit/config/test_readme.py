"""What the README shows as a configuration is one."""
import re
from pathlib import Path

from kit.memory import CALLEE, reply, request
from kit.message import Message
from uacfast.config import load, parse
from uacfast.testing import ScriptHarness

PROJECT = Path(__file__).parents[3]
MINIMAL, GATEWAY, TRUNK = re.findall(r"^```toml\n(.*?)^```", (PROJECT / "README.md").read_text(encoding="utf-8"),
                              re.MULTILINE | re.DOTALL)


SCRIPT, = re.findall(r"^```python\n(.*?)^```", (PROJECT / "README.md").read_text(encoding="utf-8"),
                     re.MULTILINE | re.DOTALL)


def test_minimal_is_the_example():
    assert parse(MINIMAL) == load(str(PROJECT / "examples" / "minimal.toml"))


def test_gateway_has_full_effect():
    config = parse(GATEWAY)
    assert config.without_effect() == []
    assert [route.name for route in config.route] == ["outbound", "nobody else"]


def test_trunk_has_full_effect():
    config = parse(TRUNK)
    assert config.without_effect() == []
    assert [route.name for route in config.route] == ["from-the-carriers", "to-the-carrier"]


def test_script_hides_the_caller_and_logs_in(tmp_path):
    (tmp_path / "edge.py").write_text(SCRIPT.replace("gw1.carrier.example", "127.0.0.1:40002"), encoding="utf-8")
    with ScriptHarness(tmp_path / "edge.py", '[uac]\ncredential = ["u:r:p"]') as harness:
        invite, = [sent for sent in harness.receive(request()) if sent.octets.startswith(b"INVITE")]
        message = Message.parse(invite.octets, CALLEE)
        assert message.from_uri == "sip:anonymous@anonymous.invalid" and message.has("Record-Route")
        challenge = reply(message, 407, headers='Proxy-Authenticate: Digest realm="r", nonce="n"\r\n')
        again, = [sent for sent in harness.receive(challenge, CALLEE) if sent.octets.startswith(b"INVITE")]
        assert 'Proxy-Authorization: Digest username="u"' in again.octets.decode()

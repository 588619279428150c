"""What the README shows as a configuration is one."""
import re
from pathlib import Path

from uacfast.config import load, parse

PROJECT = Path(__file__).parents[3]
MINIMAL, GATEWAY = re.findall(r"^```toml\n(.*?)^```", (PROJECT / "README.md").read_text(encoding="utf-8"),
                              re.MULTILINE | re.DOTALL)


def test_minimal_is_the_example():
    assert parse(MINIMAL) == load(str(PROJECT / "examples" / "minimal.toml"))


def test_gateway_has_full_effect():
    config = parse(GATEWAY)
    assert config.not_yet() == []
    assert [route.name for route in config.route] == ["outbound", "nobody else"]

"""docs/parameters.md tells what uacfast/config/model.py says."""
import runpy
from pathlib import Path

import pytest

from uacfast.config import Config
from uacfast.config.schema import keys_of

DOCS = Path(__file__).parents[3] / "docs"
PAGE = (DOCS / "parameters.md").read_text(encoding="utf-8")


def test_page_is_up_to_date():
    assert runpy.run_path(str(DOCS / "make_parameters.py"))["page"]() == PAGE, "run: python docs/make_parameters.py"


@pytest.mark.parametrize("section", keys_of(Config).values(), ids=lambda key: key.key)
def test_page_names_every_key(section):
    title = f"## [[{section.key}]]" if section.many else f"## [{section.key}]"
    chapter = PAGE.split(f"{title}\n", 1)[1].split("\n## ", 1)[0]
    for key in keys_of(section.value.struct):
        assert f"| `{key}` |" in chapter

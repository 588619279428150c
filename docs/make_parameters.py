"""Writes docs/parameters.md from uacfast/config/model.py: `python docs/make_parameters.py`.

What a key means is the comment beside it in that file, its default and what it takes are the Struct's own.
"""
import ast
import inspect
import re
import tokenize
from io import StringIO
from pathlib import Path

import msgspec

from uacfast.config import Config, model
from uacfast.config.schema import keys_of

PAGE = Path(__file__).with_name("parameters.md")
HEAD = """# Every key of the configuration

Written by `docs/make_parameters.py` from `uacfast/config/model.py`; `examples/full.toml` shows the same as a file.

Names are Kamailio's where Kamailio has the parameter: `modparam("tm", "fr_timer", 30000)` is `fr_timer = 30000` under
`[tm]`. A key that is not in these tables is refused; all errors of a file are reported at once, each with its line.
Where a list is taken, a single value may stand for a list of one. A reload (SIGHUP) brings every key into force but
those of `[[listen]]` and `server.workers`.
"""
# A table's name in the page where it is not the name of a key of the file.
NESTED = {model.Replacement: "replace_from, replace_to", model.Reply: "reply", model.RequestTo: "request_to",
          model.Credential: "credential", model.Ha1: "ha1",
          model.AuthUser: "[[auth.user]]", model.Address: "[[permissions.address]]", model.Authenticate: "authenticate"}


def meanings(struct):
    """{attribute: text of the comments beside it and below it}."""
    source = inspect.getsource(struct)
    lines = source.splitlines() + [""]
    comments = {token.start[0]: token.string.lstrip("# ").strip() for token in
                tokenize.generate_tokens(StringIO(source).readline) if token.type == tokenize.COMMENT}
    found = {}
    for statement in ast.parse(source).body[0].body:
        if isinstance(statement, ast.AnnAssign):
            line, parts = statement.end_lineno, []
            while line in comments:
                parts.append(comments[line])
                line += 1
                if not lines[line - 1].lstrip().startswith("#"):
                    break
            found[statement.target.id] = " ".join(parts)
    return found


def toml(value):
    """A default as TOML writes it; a key that is left out has none."""
    if value is None or value is msgspec.UNSET:
        return "–"
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    if isinstance(value, tuple):
        return "`[]`"
    return f'`"{value}"`' if isinstance(value, str) else f"`{value}`"


def for_scripts(struct, key):
    """That a key does nothing without a script, or an empty text."""
    return "Without `script.file` no effect" if struct is model.Uac and key.name in model.FOR_SCRIPTS else ""


def cell(text):
    return text.replace("|", "\\|")


def table(struct):
    explained = meanings(struct)
    yield "| key | default | takes | meaning |\n|---|---|---|---|"
    for key in keys_of(struct).values():
        takes = f"a list of: {key.value.expected}" if key.many else key.value.expected
        default = "required" if key.required else toml(key.default)
        # The model writes Python's empty tuple where a file has an empty list.
        meaning = ". ".join(filter(None, [explained[key.name].replace("()", "[]"), for_scripts(struct, key)]))
        yield f"| `{key.key}` | {default} | {cell(takes)} | {cell(meaning)} |"


def page():
    """The whole text."""
    parts = [HEAD]
    titles = {key.value.struct: f"[[{key.key}]]" if key.many else f"[{key.key}]" for key in keys_of(Config).values()}
    for struct, title in (titles | NESTED).items():
        about = inspect.getdoc(struct)
        about = re.sub(r"^\S+(?:, \S+)?: ", "", about)        # the name stands in the heading already
        parts.append(f"## {title}\n\n{about[0].upper()}{about[1:]}\n")
        parts.append("\n".join(table(struct)) + "\n")
    return "\n".join(parts)


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")

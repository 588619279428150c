"""Writes KSR-stubs/__init__.pyi from the modules themselves, so that editors complete `import KSR`.

    python docs/make_stubs.py
"""
import inspect
import re
import sys
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(REPOSITORY))

from uacfast.routing.ksr import VERSION, assemble  # noqa: E402
from uacfast.routing.relaying import ScriptTransactions  # noqa: E402

STUBS = REPOSITORY / "KSR-stubs" / "__init__.pyi"
HEAD = f'''"""What scripts do with SIP messages: the KSR object of Kamailio's Python scripts.

Functions of type int answer 1 or more for yes and -1 or less for no, so compare with 0: `if KSR.tm.t_relay() < 0`.
Those of type bool answer True and False. Written by docs/make_stubs.py.
"""
from typing import NoReturn, Protocol

__version__: int  # {VERSION}


class Message(Protocol):
    """The `msg` argument of callbacks."""
    Type: str
    Method: str
    RURI: str
    Status: int
    src_address: tuple[str, int]
    dst_address: tuple[str, int]

    def copy(self) -> Message: ...
    def getHeader(self, name: str) -> str | None: ...
    def rewrite_ruri(self, uri: str) -> int: ...
    def set_dst_uri(self, uri: str) -> int: ...
    def call_function(self, name: str, *arguments: str | int) -> int: ...
'''
# Functions of KSR itself that answer 0 or a number; all others there are questions.
CORE_NUMBERS = {"info", "notice", "dbg", "warn", "err", "crit", "log", "get_debug", "set_drop", "forward",
                "forward_uri", "set_advertised_address", "set_advertised_port", "route"}
VALUE = "str | int | None"
# What is not an int, by module and function.
RETURNS = [
    (r"pv\.(get|getl|getvs|getvn)", VALUE), (r"pv\.(gete|getw)", "str | int"), (r"pv\.(geti)", "int"),
    (r"pv\.(sets|seti|setl|unset|is_null)", "bool"),
    (r"pvx\..*is_null", "bool"), (r"pvx\..*_(get|child_get)", VALUE),
    (r"pvx\..*_(gete|getw)", "str | int"),
    (r"hdr\.(get|get_idx)", "str | None"), (r"hdr\.(gete|getw|gete_idx|getw_idx)", "str"),
    (r"hdr\.match_content", "bool"),
    (r"htable\.sht_(get|gete|getw)", VALUE), (r"htable\.sht_iterator_(next)", "int"),
    (r"htable\.sht_iterator_(kget)", "str | None"), (r"htable\.sht_iterator_(vget)", VALUE),
    (r"dialog\.var_get", "str | None"), (r"dialog\.var_(gete|getw)", "str"),
    (r"kx\.(get_srcport)", "int | None"), (r"kx\.(get_status|get_protoid)", "int"), (r"kx\.get_\w+", "str | None"),
    (r"kx\.get[ew]_\w+", "str"), (r"kx\.ifn?def", "bool"), (r"jsonrpcs\.response", "str | None"),
    (r"x\.(exit|drop)", "NoReturn"), (r"textopsx\.hf_iterator_(hname|hbody)", "str | None"),
]


def returns(module, name):
    """The annotation of a function's result (kemi-python.md §1.4)."""
    if not module:
        return "int" if name in CORE_NUMBERS else "bool"
    for pattern, annotation in RETURNS:
        if re.fullmatch(pattern, f"{module}.{name}"):
            return annotation
    return "int"


def parameters(function):
    """The parameters as Python writes them, from the signature that the docstring begins with or from Python's own."""
    described = re.match(r"\w+\.\w+\((.*)\)", function.__doc__ or "")
    if described is None:
        return [f"{name}: {getattr(parameter.annotation, '__name__', parameter.annotation) or 'str'}"
                for name, parameter in inspect.signature(function).parameters.items()]
    found = []
    for part in filter(None, (part.strip() for part in described[1].split(","))):
        kind, _, name = part.rpartition(" ")
        name, _, default = name.partition("=")
        if name != "self":
            kind = "int" if kind == "Py_ssize_t" else kind
            found.append(f"{name}: {kind or 'int'}" + (" = ..." if default else ""))
    return found


def about(function):
    """The docstring without the signature."""
    text = inspect.getdoc(function) or ""
    return re.sub(r"\A\w+\.\w+\(.*\)\n*", "", text)


def functions(module):
    return {name: getattr(module, name) for name in dir(module) if not name.startswith("_")
            and callable(getattr(module, name))}


def definition(module, name, function, indent):
    first = ["self"] if module else []
    head = f"def {name}({', '.join(first + parameters(function))}) -> {returns(module, name)}:"
    text = about(function)
    lines = [head, *quoted(text)] if text else [f"{head} ..."]
    return [indent + line if line else "" for line in lines]


def quoted(text):
    """A docstring's lines."""
    lines = text.replace("\\", "\\\\").replace('"""', "'''").splitlines()
    lines[0] = f'"""{lines[0]}'
    lines[-1] += '"""'
    return [f"    {line}".rstrip() for line in lines]


def stubs():
    """The whole text."""
    modules = assemble(ScriptTransactions()).MODULES
    lines = [HEAD, ""]
    for name, function in functions(modules[""]).items():
        lines += definition("", name, function, "") + ["", ""]
    for module, implementation in modules.items():
        if not module:
            continue
        title = "_" + "".join(part.capitalize() for part in module.split("_"))
        lines += [f"class {title}:"]
        lines += quoted(inspect.getdoc(sys.modules[type(implementation).__module__]))
        for name, function in functions(implementation).items():
            lines += ["", *definition(module, name, function, "    ")]
        lines += ["", "", f"{module}: {title}", "", ""]
    return "\n".join(lines).rstrip() + "\n"


if __name__ == "__main__":
    STUBS.parent.mkdir(exist_ok=True)
    STUBS.write_text(stubs(), encoding="utf-8")

"""The file of a script: a module of its base name, with `import KSR` working inside it (kemi-python.md §1.1)."""
import importlib.util
import logging
import os
import sys
import traceback
import types

from uacfast.routing.ksr import assemble
from uacfast.routing.script import Script

logger = logging.getLogger("uacfast.script")


def start(script: Script, file: str = "") -> None:
    """Execute `file`, else the script's own once more, and child_init(), and have callbacks go to what comes out of it.

    ValueError, a sentence: it cannot be used, and what was in force before still is.
    """
    ksr = script.ksr or assemble(script)
    written = file or script.file
    path = os.path.abspath(written)
    name, extension = os.path.splitext(os.path.basename(path))
    if extension != ".py":
        raise ValueError(f"script.file {written!r} must end in .py.")
    folder = os.path.dirname(path)
    if folder not in sys.path:
        sys.path.insert(0, folder)
    before = {key: sys.modules.get(key) for key in ("KSR", "KSR.pv", "KSR.x", name)}
    _offer(ksr)
    try:
        module = _execute(script, written, name, path)
        handler = _call(script, written, "mod_init()", getattr(module, "mod_init", None))
        if handler is None:
            raise ValueError(f"mod_init() of {written} returned None: it must return the object whose methods are the "
                             "callbacks.")
        result = _call(script, written, "child_init()", getattr(handler, "child_init", None), script.rank)
        if not isinstance(result, int) or result < 0:
            raise ValueError(f"child_init() of {written} returned {result!r}: it must return an int from 0 on.")
    except ValueError:
        for key, value in before.items():
            if value is None:
                sys.modules.pop(key, None)
            else:
                sys.modules[key] = value
        raise
    script.install(written, ksr, module, handler)


def _offer(ksr: types.ModuleType) -> None:
    sys.modules["KSR"] = ksr
    for name, module in ksr.MODULES.items():
        if name in ("pv", "x"):
            sys.modules[f"KSR.{name}"] = module


def _execute(script: Script, written: str, name: str, path: str) -> types.ModuleType:
    spec = importlib.util.spec_from_file_location(name, path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        # The source is compiled here: cached bytecode is told apart by the second, and a reload may come sooner.
        with open(path, encoding="utf-8") as file:
            code = compile(file.read(), path, "exec")
        script.without_message(exec, code, module.__dict__)
    except FileNotFoundError:
        raise ValueError(f"script.file {written!r}: there is no such file.") from None
    except OSError as error:
        raise ValueError(f"script.file {written!r} cannot be read: {error.strerror}.") from None
    except (Exception, SystemExit) as error:
        raise _refusal(written, "The script", error) from None
    return module


def _call(script: Script, written: str, what: str, function: object, *arguments: object) -> object:
    if not callable(function):
        raise ValueError(f"{written} has no {what}: every script needs it.")
    try:
        return script.without_message(function, *arguments)
    except (Exception, SystemExit) as error:
        raise _refusal(written, what, error) from None


def _refusal(written: str, what: str, error: BaseException) -> ValueError:
    logger.error("%s", "".join(traceback.format_exception(error)).rstrip())
    place = ""
    for frame in traceback.extract_tb(error.__traceback__):
        if os.path.abspath(frame.filename) == os.path.abspath(written):
            place = f", line {frame.lineno}"
    if isinstance(error, SyntaxError) and error.lineno:
        place = f", line {error.lineno}"
    return ValueError(f"{what} of {written}{place} fails: {type(error).__name__}: {error}.".replace(
        "The script of", "The script"))

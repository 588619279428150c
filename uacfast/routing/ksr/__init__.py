"""The object `KSR` of scripts: one module of ours for each of Kamailio's."""
import importlib
import types

VERSION = 1002
# Kamailio's modules that scripts can call; each is a file of this folder with a class <Name>Module.
MODULES = (
    "app_python3", "auth", "auth_db", "corex", "dialog", "hdr", "htable", "jsonrpcs", "kx", "maxfwd", "nathelper",
    "permissions", "pike", "pv", "pvx", "registrar", "rr", "rtpproxy", "sanity", "siputils", "sl", "textops",
    "textopsx", "tm", "tmx", "uac", "x", "xlog",
)


def module_class(name: str) -> type:
    """The class behind KSR.<name>."""
    module = importlib.import_module(f"{__name__}.{name}")
    return getattr(module, "".join(part.capitalize() for part in name.split("_")) + "Module")


def assemble(runtime: object) -> types.ModuleType:
    """A module `KSR` whose functions work on the messages of this runtime. It is not put into sys.modules."""
    from uacfast.routing.ksr.core import CoreModule

    ksr = types.ModuleType("KSR", "What scripts do with SIP messages.")
    ksr.__version__ = VERSION
    core = CoreModule(runtime)
    for name in dir(core):
        if not name.startswith("_"):
            setattr(ksr, name, getattr(core, name))
    ksr.MODULES = {"": core}
    for name in MODULES:
        ksr.MODULES[name] = module_class(name)(runtime)
        setattr(ksr, name, ksr.MODULES[name])
    return ksr

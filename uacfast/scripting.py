"""The script of a worker: executed at the start and at each reload, what [uac] and [kemi] say of it, its watchdog."""
from collections.abc import Callable
from typing import Any

from uacfast import log
from uacfast.config import Config
from uacfast.config.values import avp_key
from uacfast.fault import Fault
from uacfast.proxy.engine import Engine
from uacfast.routing import script_file
from uacfast.routing.pv import pseudo_variable
from uacfast.routing.script import Script
from uacfast.routing.watchdog import Watchdog
from uacfast.uac.replace import Replacer
from uacfast.uac.request_description import RequestDescription

logger = log.get("engine")


class Scripting:
    """`rank`: what child_init() is told; `equip(script, config)`: gives a script what its functions use."""

    def __init__(self, engine: Engine, rank: int, equip: Callable[[Script, Config], None]):
        self.script: Script | None = None       # every message goes to it; None: the routes decide
        self._engine = engine
        self._rank = rank
        self._equip = equip
        self._watchdog: Watchdog | None = None
        self._begun = False
        self._version = 0

    def execute(self, config: Config, replacer: Replacer) -> None:
        """Execute the script, for the first time or anew. ValueError, a sentence, leaves the old one in force, and all
        that concerns it."""
        file = config.script.file
        if self._begun and bool(file) != (self.script is not None):
            raise ValueError(f"script.file was {'added' if file else 'taken away'}: this needs a restart.")
        if file:
            variables, avps = _variables(config.uac)
            script = self.script
            if script is None:
                script = Script(self._engine, replacer, file, self._rank)
                script.uac_request = RequestDescription()
                self._equip(script, config)
                script_file.start(script)
                self._engine.set_script(script)
                self.script = script
            else:
                script_file.start(script, file)
                script.set_replacer(replacer)
                self._equip(script, config)
            script.name_callbacks(*_callbacks(config.kemi))
            script.auth_variables, script.restore_avps = variables, avps
            self._watch(config)
        self._begun = True

    def _watch(self, config: Config) -> None:
        if self._watchdog is not None:
            self._watchdog.stop()
        self._watchdog = Watchdog(self.script, config.script)

    @property
    def commands(self) -> dict[str, Callable[..., Any]]:
        """{name: function} for the control part."""
        return {"app_python.reload": self._reload, "app_python.api_list": self._list_functions}

    def _reload(self) -> dict[str, int]:
        """Execute the script's file anew; calls go on. Fault: so does the old script."""
        try:
            script_file.start(self.script)
        except ValueError as error:
            raise Fault(500, str(error)) from None
        logger.info("the script is in force", extra=log.fields(file=self.script.file))
        self._version += 1
        return {"old": self._version - 1, "new": self._version}

    def _list_functions(self) -> list[dict[str, str]]:
        """What a script can call."""
        return [{"name": f"KSR.{module}.{name}" if module else f"KSR.{name}"}
                for module, functions in self.script.ksr.MODULES.items()
                for name in dir(functions) if not name.startswith("_")]

    def close(self) -> None:
        """End what is waiting."""
        if self._watchdog is not None:
            self._watchdog.stop()
        if self.script is not None:
            self.script.close()


def _callbacks(kemi: Any) -> list[str]:
    """The methods that are called for replies, for what leaves, and before these; "": none."""
    return ["" if name == "none" else name for name in (
        kemi.reply_route_callback, kemi.onsend_route_callback, kemi.pre_routing_callback)]


def _variables(uac: Any) -> tuple[tuple[Any, ...] | None, tuple[Any, ...] | None]:
    """What uac_auth() reads, and where the original From and To are kept; None each: nothing, nowhere."""
    names = (uac.auth_realm_avp, uac.auth_username_avp, uac.auth_password_avp)
    avps = (avp_key(uac.restore_from_avp), avp_key(uac.restore_to_avp))
    return (tuple(map(pseudo_variable, names)) if all(names) else None,
            avps if uac.restore_mode != "none" and avps != (None, None) else None)

"""The registrations of one worker: made from the configuration, driven by its ticks, offered to the control part."""

import time
from collections.abc import Callable
from typing import Any

from uacfast.uac.registration.explain import explain
from uacfast.uac.registration.functions import RegistrationFunctions
from uacfast.uac.registration.link import EngineSender
from uacfast.uac.registration.machine import Registrations
from uacfast.uac.registration.management import Management
from uacfast.uac.registration.record import RecordTable
from uacfast.uac.registration.settings import RegistrationSettings

SAME_NAME = (
    "active",
    "timer_interval",
    "retry_interval",
    "random_delay",
    "hash_size",
    "keep_callid",
    "use_domain",
    "keep_states",
    "preemptive",
    "refresh_spread",
    "min_expires_at_once",
    "retry_max",
    "retry_refused",
    "retry_after",
    "enable_after",
    "max_rate",
    "registrar_rate",
    "breaker_failures",
    "breaker_interval",
    "service_route",
)
STATES_AT_ONCE = 500  # rows in one message to the control part
STATES_TICKS = 20  # ticks after which fewer are sent, too
CLOCK_TICKS = 100  # ticks between two looks at the wall clock


class WorkerRegistrations:
    """`engine`: the worker's proxy.engine.Engine; `control()`: the way to the control part, None while there is none;
    `resolved(host, port)`: the addresses that the resolver knows of a name, or None."""

    def __init__(
        self,
        engine: Any,
        *,
        siphash_key: bytes,
        worker: int,
        workers: int,
        control: Callable[[], Any],
        wall_clock: Callable[[], float] = time.time,
        resolved: Callable[[str, int], list[str] | None] = lambda host, port: None,
    ):
        self._engine = engine
        self._control = control
        self._wall_clock = wall_clock
        self._ticks = 0
        self._resolved = resolved
        self.settings = RegistrationSettings()
        self._table = RecordTable(siphash_key, engine.now, 0)
        self._registrations = Registrations(
            self._table, self.settings, EngineSender(engine), call_key=siphash_key, worker=worker, workers=workers
        )
        self._set_clock()
        self.management = Management(self._registrations, lambda name: engine.socket_named(name.encode()))
        self.functions = RegistrationFunctions(self.management, self._act)

    def apply(self, uac: Any, user_agent_line: bytes, longest: int) -> None:
        """Take over [uac] of a configuration. `longest`: ms that a REGISTER's transaction can last."""
        settings = self.settings
        for name in SAME_NAME:
            setattr(settings, name, getattr(uac, f"reg_{name}"))
        settings.contact_addr = uac.reg_contact_addr.encode()
        settings.user_agent_line = user_agent_line
        # Several addresses of a name are tried one after the other.
        settings.overdue = 10 * longest + 60_000
        self._table.set_writes_behind(uac.reg_keep_states or self._registrations.workers > 1)

    def tick(self) -> None:
        """Every 10 ms, before the engine sends."""
        self._ticks += 1
        if self._ticks % CLOCK_TICKS == 0:
            self._set_clock()
        self._registrations.tick()
        waiting = self._table.states_waiting
        if waiting and (waiting >= STATES_AT_ONCE or self._ticks % STATES_TICKS == 0):
            control = self._control()
            if control is not None:
                control.post("registration_states", self.management.take_states(STATES_AT_ONCE))

    def _set_clock(self) -> None:
        self._registrations.set_wall_offset(int(self._wall_clock() * 1000) - self._engine.now)

    def _act(self, action: str, uuid: str) -> None:
        """What a script asks for is done by the worker that drives the record."""
        if action != "refresh" and self._registrations.workers == 1:
            getattr(self.management, action)(uuid)
        elif (control := self._control()) is not None:
            control.post("registration_action", action, uuid)

    @property
    def commands(self) -> dict[str, Callable[..., Any]]:
        """{name: function} for the control part."""
        management = self.management
        names = (
            "begin",
            "hold",
            "release",
            "rows",
            "finish",
            "load_states",
            "take_states",
            "mirror",
            "owners",
            "add",
            "refresh",
            "remove",
            "find",
            "info",
            "dump",
            "search",
            "enable",
            "disable",
            "register",
            "unregister",
            "active",
            "counts",
            "metrics",
            "registrars",
        )
        return {f"reg.{name}": getattr(management, name) for name in names} | {"reg.explain": self._explain}

    def _explain(self, uuid: str) -> dict[str, Any]:
        return explain(self.management.explain(uuid), self._resolved)

    def statistics(self) -> dict[str, int]:
        """Counters for Engine.statistics(), named group.name as operators see them."""
        counts = {f"uac.{name}": value for name, value in self.management.counts().items()}
        # Kamailio's group uac has those three alone.
        quarantined = self.management.quarantined if self._registrations.worker == 0 else 0
        return counts | {"uac_reg.quarantined": quarantined}

    def histograms(self) -> dict[str, Callable[[], dict[str, Any]]]:
        """For the metrics of the control part."""

        def reader(key: str, help: str) -> Callable[[], dict[str, Any]]:
            def read() -> dict[str, Any]:
                found = self.management.metrics()[key]
                return {
                    "help": help,
                    "bounds": [bound / 1000 for bound in found["bounds"]],
                    "counts": found["counts"],
                    "sum": found["sum"] / 1000,
                }

            return read

        return {
            "registration_latency_seconds": reader("latency", "time from REGISTER to its final response"),
            "registration_lateness_seconds": reader("lateness", "time from a registration's due time to its REGISTER"),
        }

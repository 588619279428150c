"""One worker's engine put together from a configuration: proxy, From/To replacement, routes."""
import hashlib
from collections.abc import Callable
from typing import Any

from uacfast.config import Config
from uacfast.core import set_engine, set_proxy, set_transactions
from uacfast.edge import EdgeRules
from uacfast.location_share import LocationShare
from uacfast.own_requests import OwnRequests
from uacfast.proxy.dialog_commands import dialog_commands
from uacfast.proxy.engine import Engine
from uacfast.proxy.feature_commands import feature_commands
from uacfast.proxy.features import EdgeFeatures
from uacfast.proxy.settings import ProxySettings
from uacfast.routing.admission import Subscribers
from uacfast.routing.registrations import ScriptRegistrations
from uacfast.routing.routes import RouteList
from uacfast.routing.script import Script
from uacfast.scripting import Scripting
from uacfast.tm.settings import TransactionSettings
from uacfast.uac.authenticator import Authenticator, Credentials
from uacfast.uac.registration.worker import WorkerRegistrations
from uacfast.uac.replace import Replacer


class AssembledEngine:
    """An engine with everything that its configuration asks for; this is what a worker drives.

    `handover`, `resolver`: None when there is only one worker, or only numeric next hops. `siphash_key`: 16 octets
    shared by all workers. With `capture` nothing is sent: take_sent() tells what would have been, and `now`
    (milliseconds) starts a virtual clock that advance() moves.
    """

    def __init__(self, config: Config, *, worker: int = 0, workers: int = 1, handover=None, resolver=None,
                 siphash_key: bytes = bytes(16), capture: bool = False, now: int | None = None):
        self._settings = ProxySettings()
        self._timers = TransactionSettings()
        self.engine = Engine(self._settings, self._timers, hash_key=siphash_key, worker=worker, workers=workers,
                             handover=handover, resolver=resolver, capture=capture, now=now)
        self.features = EdgeFeatures(self.engine.table, hashlib.sha256(siphash_key).digest())
        self.features.subscribers = self._subscriber
        self._subscribers = Subscribers(self.features, self.engine.receive_raw)
        self._config = config
        # What the control part may call by name (plain data in and out, may be coroutines, raise Fault), and the way
        # to it, which the worker sets: uacfast.worker.Control.
        self.commands: dict[str, Callable[..., Any]] = dialog_commands(self.engine)
        self._control: Any = None
        self._key = siphash_key
        self.authenticator = Authenticator(self.engine.table, self.engine.counters)
        self.engine.set_challenge_answerer(self.authenticator)
        self._own_requests = OwnRequests(self.engine, self._post)
        self.requests = self._own_requests.sender
        self.commands |= self._own_requests.commands
        self._scripting = Scripting(self.engine, worker + 1, self._equip)
        if config.script.file:
            self.commands |= self._scripting.commands
        # For /metrics: {name: function that gives {"help", "bounds", "counts", "sum"}} (uacfast.control.metrics).
        self.histograms: dict[str, Callable[[], dict[str, Any]]] = {}
        self.commands["histograms"] = lambda: {name: read() for name, read in self.histograms.items()}
        self.commands["commands"] = lambda: list(self.commands)
        self.commands |= feature_commands(self.features, lambda: self.engine.now, self._socket_name)
        if workers > 1:
            share = LocationShare(self.features.registrar.location, lambda: self.engine.now, self._tell_location)
            self.commands |= share.commands()
        # None unless [uac] reg_db_url says where the accounts are.
        self.registrations: WorkerRegistrations | None = None
        if config.uac.reg_db_url:
            self.registrations = WorkerRegistrations(
                self.engine, siphash_key=siphash_key, worker=worker, workers=workers,
                control=lambda: self.control, resolved=lambda host, port: _known_addresses(resolver, host, port))
            self.commands |= self.registrations.commands
            self.histograms |= self.registrations.histograms()
        self.apply(config)
        for name in ("on_readable", "on_handover", "tick", "drain", "receive", "advance", "take_sent",
                     "fileno"):
            setattr(self, name, getattr(self.engine, name))
        if self.registrations is not None:
            self.tick, self.advance = self._tick, self._advance

    def _tick(self) -> None:
        """Run what is due; to be called every 10 ms."""
        self.engine.tick()
        self.registrations.tick()
        self.engine.flush_now()

    def _advance(self, milliseconds: int) -> None:
        """Move the virtual clock, in steps of the timer resolution."""
        while milliseconds > 0:
            step = min(milliseconds, 10)
            self.engine.advance(step)
            self.registrations.tick()
            self.engine.flush_now()
            milliseconds -= step

    def add_socket(self, fd: int, address: tuple[str, int], listen_index: int) -> None:
        """Take the bound UDP socket of `[[listen]]` number `listen_index`; they come in order."""
        listen = self._config.listen[listen_index]
        index = self.engine.transport.add_socket(fd, address[0], address[1], listen.advertise)
        if index != listen_index:
            raise ValueError(f"Socket {listen_index} was given out of order.")
        self._find_default_socket()
        if fd >= 0:     # in memory there is none
            self.engine.watch(fd)

    def _socket_name(self, index: int) -> str:
        host, port = self._config.listen[index].address
        return f"udp:[{host}]:{port}" if ":" in host else f"udp:{host}:{port}"

    def _find_default_socket(self) -> None:
        socket = self._own_requests.find_socket()
        if self.registrations is not None:
            self.registrations.settings.socket = socket

    def apply(self, config: Config) -> None:
        """Let a configuration take effect for what comes from now on; calls under way go on.

        ValueError, a sentence, leaves all of the old one in force: everything is made before anything is put in place,
        and the last that can refuse is the script.
        """
        engine, uac = self.engine, config.uac
        replacer = Replacer(engine.counters, restore_mode=uac.restore_mode,
                            rr_from_store_param=uac.rr_from_store_param, rr_to_store_param=uac.rr_to_store_param,
                            restore_passwd=uac.restore_passwd, restore_display=uac.restore_display,
                            restore_seal=uac.restore_seal, restore_dlg=uac.restore_dlg, dialogs=engine.dialogs)
        edge = EdgeRules(self.features, config)
        listeners = self._own_requests.compile_events(config)
        # A key of the configuration lets calls that were set up before a restart be authenticated after it.
        credentials = Credentials(uac.credential, uac.restore_seal[0].encode() if uac.restore_seal else self._key)
        routes = RouteList(config.route, engine.transport, replacer, engine.dialogs, self.features, self._subscribers,
                           self.authenticator, credentials,
                           self.registrations.functions if self.registrations is not None else None)
        engine.transport.check_aliases(config.server.alias)
        edge.make_tables()
        try:
            self._scripting.execute(config, replacer)
        except BaseException:
            edge.unmake_tables()
            raise
        self._config = config
        edge.put_in_place()
        set_transactions(self._timers, config)
        set_proxy(self._settings, config)
        set_engine(engine, config)
        self._own_requests.apply(config, listeners, self.script)
        if self.registrations is not None:
            self.registrations.apply(uac, self.requests.user_agent_line,
                                     max(config.tm.max_noninv_lifetime, config.tm.fr_timer))
        self._find_default_socket()
        self.authenticator.use(credentials, raise_cseq=uac.auth_cseq == "raise", preemptive=uac.auth_preemptive,
                               raw_session=uac.auth_sess_raw)
        if self.script is None:
            engine.set_policy(routes)
        engine.set_route_listener(replacer)
        # A script asks the guard itself, with KSR.pike.
        engine.guard(self.features.flood_guard if self.script is None else None,
                     self.features.sources.group(config.pike.allow_group) if config.pike.allow_group else None)

    def _equip(self, script: Script, config: Config) -> None:
        """Give a script what its functions use."""
        if self.registrations is not None:
            script.registrations = ScriptRegistrations(script, self.registrations.functions, config.uac,
                                                       lambda: self.control)
        script.requests = self.requests
        script.authenticator = self.authenticator
        script.statistics = self.statistics
        script.features = self.features
        script.hash_tables = self.features.hash_tables

    def _post(self, name: str, *arguments: Any) -> None:
        if self.control is not None:
            self.control.post(name, *arguments)

    @property
    def control(self) -> Any:
        """The way to the control part, which the worker sets: uacfast.worker.Control."""
        return self._control

    @control.setter
    def control(self, control: Any) -> None:
        self._control = control
        if self.script is not None:
            self.script.control = control

    async def _subscriber(self, table: str, username: str, domain: str | None) -> dict[str, str] | None:
        """A row of the subscriber table, which the control part reads. LookupError, a sentence, where there is none."""
        if self.control is None or not self._config.auth_db.db_url:
            raise LookupError("no database of callers is configured: set auth_db.db_url")
        return await self.control.call("subscriber", table, username, domain)

    def _tell_location(self, aor: bytes, rows: list[Any]) -> None:
        if self.control is not None:
            self.control.post("location.changed", aor, rows)

    def close(self) -> None:
        """Stop what was begun and is still waiting."""
        self._scripting.close()
        self._subscribers.close()
        self.engine.close()

    @property
    def script(self) -> Script | None:
        """The script that every message goes to."""
        return self._scripting.script

    @property
    def active(self) -> int:
        """Transactions without a final response."""
        return self.engine.active

    def statistics(self) -> dict[str, int]:
        """{name: count} of what happened and what is there."""
        counters = self.engine.statistics()
        return counters if self.registrations is None else counters | self.registrations.statistics()


def _known_addresses(resolver, host: str, port: int) -> list[str] | None:
    """The addresses that a name is known to have, without asking anybody."""
    targets = resolver.cached(host, port) if resolver is not None else None
    return [f"{target.address}:{target.port}" for target in targets] if targets else None

"""One worker's engine put together from a configuration: proxy, From/To replacement, routes."""
import hashlib
from collections.abc import Callable
from functools import partial
from typing import Any

from uacfast import log
from uacfast.config import Config
from uacfast.config.values import avp_key
from uacfast.edge import configure
from uacfast.fault import Fault
from uacfast.location_share import LocationShare
from uacfast.proxy.dialog_commands import dialog_commands
from uacfast.proxy.engine import Engine
from uacfast.proxy.feature_commands import feature_commands
from uacfast.proxy.features import EdgeFeatures
from uacfast.proxy.settings import ProxySettings
from uacfast.routing import script_file
from uacfast.routing.admission import Subscribers
from uacfast.routing.events import EventSink
from uacfast.routing.pv import pseudo_variable
from uacfast.routing.registrations import ScriptRegistrations
from uacfast.routing.routes import RouteList
from uacfast.routing.script import Script
from uacfast.routing.watchdog import Watchdog
from uacfast.tm.settings import TransactionSettings
from uacfast.uac.authenticator import Authenticator, Credentials
from uacfast.uac.registration.worker import WorkerRegistrations
from uacfast.uac.replace import Replacer
from uacfast.uac.request import RequestSender
from uacfast.uac.request_description import RequestDescription

STRAY_REPLIES = {"drop": 0, "record_route": 1, "forward": 2}
TIMERS = ("retr_timer1", "retr_timer2", "fr_timer", "fr_inv_timer", "max_inv_lifetime", "max_noninv_lifetime",
          "wt_timer", "faked_reply_prio", "relay_100", "noninv_timeout_408", "disable_6xx_block", "failover_503")

logger = log.get("engine")


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
        self._rank = worker + 1
        self._script: Script | None = None
        self._watchdog: Watchdog | None = None
        self._script_version = 0
        # What the control part may call by name (plain data in and out, may be coroutines, raise Fault), and the way
        # to it, which the worker sets: uacfast.worker.Control.
        self.commands: dict[str, Callable[..., Any]] = dialog_commands(self.engine)
        self._control: Any = None
        self._key = siphash_key
        self.authenticator = Authenticator(self.engine.table, self.engine.counters)
        self.engine.set_challenge_answerer(self.authenticator)
        self.requests = RequestSender(self.engine)
        self.commands["uac.req_send"] = self._send_request
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
        name = self._default_socket
        socket = self.requests.default_socket = self.engine.socket_named(name.encode()) if name else -1
        if self.registrations is not None:
            self.registrations.settings.socket = socket

    async def _send_request(self, values: dict[str, Any]) -> dict[str, Any]:
        """Command uac.req_send: $uac_req's keys to the codes of all attempts, reason and body of the last reply."""
        try:
            outcome = await self.requests.send_request(**values)
        except ValueError as error:
            raise Fault(400, str(error)) from None
        return {"codes": list(outcome.codes), "reason": outcome.reason, "timed_out": outcome.timed_out,
                "body": outcome.body.decode("utf-8", "replace")}

    def apply(self, config: Config) -> None:
        """Let a configuration take effect for what comes from now on; calls under way go on.

        ValueError, a sentence, leaves the old one in force.
        """
        engine = self.engine
        uac = config.uac
        replacer = Replacer(engine.counters, restore_mode=uac.restore_mode,
                            rr_from_store_param=uac.rr_from_store_param, rr_to_store_param=uac.rr_to_store_param,
                            restore_passwd=uac.restore_passwd, restore_display=uac.restore_display,
                            restore_seal=uac.restore_seal, restore_dlg=uac.restore_dlg, dialogs=engine.dialogs)
        configure(self.features, config)
        self._apply_script(config, replacer)
        self._hear_events(config)
        # A key of the configuration lets calls that were set up before a restart be authenticated after it.
        credentials = Credentials(uac.credential, uac.restore_seal[0].encode() if uac.restore_seal else self._key)
        routes = RouteList(config.route, engine.transport, replacer, engine.dialogs, self.features, self._subscribers,
                           self.authenticator, credentials,
                           self.registrations.functions if self.registrations is not None else None)
        for name in TIMERS:
            setattr(self._timers, name, getattr(config.tm, name))
        header = config.server.server_header
        self._timers.server_line = f"Server: {header}\r\n".encode() if header else b""
        agent = config.server.user_agent_header
        self.requests.user_agent_line = f"User-Agent: {agent}\r\n".encode() if agent else b""
        self.requests.enable_uac_fr = config.tm.enable_uac_fr
        if self.registrations is not None:
            self.registrations.apply(uac, self.requests.user_agent_line,
                                     max(config.tm.max_noninv_lifetime, config.tm.fr_timer))
        self._default_socket = config.uac.default_socket
        self._find_default_socket()
        settings, limits = self._settings, config.limits
        settings.set_limits(limits.message, limits.header_part, limits.line, limits.headers)
        for name in ("vias", "routes", "uri", "max_forwards", "accept_bare_lf"):
            setattr(settings, name, getattr(limits, name))
        for name in ("append_fromtag", "enable_double_rr", "enable_full_lr"):
            setattr(settings, name, getattr(config.rr, name))
        settings.auto_inv_100 = config.tm.auto_inv_100
        settings.auto_inv_100_reason = config.tm.auto_inv_100_reason.encode()
        settings.stray_replies = STRAY_REPLIES[config.tm.stray_replies]
        settings.max_transactions = config.server.max_transactions
        for name in ("default_timeout", "send_bye", "timeout_noreset"):
            setattr(engine.dialogs, name, getattr(config.dialog, name))
        engine.dialogs.set_rr_param(config.dialog.rr_param)
        engine.set_batch_pause(config.server.batch_pause)
        engine.transport.forget_own_names()
        for alias in config.server.alias:
            engine.transport.add_alias(alias)
        self.authenticator.use(credentials, raise_cseq=uac.auth_cseq == "raise", preemptive=uac.auth_preemptive,
                               raw_session=uac.auth_sess_raw)
        if self._script is None:
            engine.set_policy(routes)
        engine.set_route_listener(replacer)
        # A script asks the guard itself, with KSR.pike.
        engine.guard(self.features.flood_guard if self._script is None else None,
                     self.features.sources.group(config.pike.allow_group) if config.pike.allow_group else None)
        self._config = config

    def _apply_script(self, config: Config, replacer: Replacer) -> None:
        """Execute the script, for the first time or anew. ValueError leaves the old one in force."""
        if not config.script.file:
            if self._script is not None:
                raise ValueError("script.file was taken away: this needs a restart.")
            return
        if self._script is None:
            if self._config is not config:
                raise ValueError("script.file was added: this needs a restart.")
            script = Script(self.engine, replacer, config.script.file, self._rank)
            if self.registrations is not None:
                script.registrations = ScriptRegistrations(script, self.registrations.functions, config.uac,
                                                           lambda: self.control)
            script.requests = self.requests
            script.uac_request = RequestDescription()
            script.authenticator = self.authenticator
            script.statistics = self.statistics
            script.features = self.features
            script.hash_tables = self.features.hash_tables
            script_file.start(script)
            self.commands["app_python.reload"] = self._reload_script
            self.commands["app_python.api_list"] = self._list_script_functions
            self.engine.set_script(script)
            self._script = script
            self._apply_script_parameters(config)
            return
        script_file.start(self._script, config.script.file)
        self._script.set_replacer(replacer)
        self._apply_script_parameters(config)

    def _apply_script_parameters(self, config: Config) -> None:
        """The watchdog, and what of the uac module concerns scripts: the variables of uac_auth()."""
        if self._watchdog is not None:
            self._watchdog.stop()
        self._watchdog = Watchdog(self._script, config.script)
        uac = config.uac
        names = (uac.auth_realm_avp, uac.auth_username_avp, uac.auth_password_avp)
        self._script.auth_variables = tuple(map(pseudo_variable, names)) if all(names) else None
        avps = avp_key(uac.restore_from_avp), avp_key(uac.restore_to_avp)
        self._script.restore_avps = avps if uac.restore_mode != "none" and avps != (None, None) else None

    def _hear_events(self, config: Config) -> None:
        """[[event]], and with a script uac.event_callback: who is told of the replies to requests of our own."""
        sinks: list[Callable[..., None]] = []
        if config.event:
            sinks.append(EventSink(config.event, self.engine.transport, self._post).uac_reply)
        if self._script is not None and config.uac.event_callback:
            sinks.append(partial(self._script.uac_reply, config.uac.event_callback))
        self.requests.on_event = partial(_tell_all, sinks) if sinks else None

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
        if self._script is not None:
            self._script.control = control

    def _reload_script(self) -> dict[str, int]:
        """Command app_python.reload: execute the script's file anew; calls go on. Fault: so does the old script."""
        try:
            script_file.start(self._script)
        except ValueError as error:
            raise Fault(500, str(error)) from None
        logger.info("the script is in force", extra=log.fields(file=self._script.file))
        self._script_version += 1
        return {"old": self._script_version - 1, "new": self._script_version}

    def _list_script_functions(self) -> list[dict[str, str]]:
        """Command app_python.api_list: what a script can call."""
        return [{"name": f"KSR.{module}.{name}" if module else f"KSR.{name}"}
                for module, functions in self._script.ksr.MODULES.items()
                for name in dir(functions) if not name.startswith("_")]

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
        if self._watchdog is not None:
            self._watchdog.stop()
        if self._script is not None:
            self._script.close()
        self._subscribers.close()
        self.engine.close()

    @property
    def script(self) -> Script | None:
        """The script that every message goes to."""
        return self._script

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


def _tell_all(sinks: list[Callable[..., None]], description: RequestDescription, response: Any) -> None:
    for sink in sinks:
        try:
            sink(description, response)
        except Exception:       # the others hear it all the same, and who sent the request gets the outcome
            logger.exception("the event of a request of our own could not be told")

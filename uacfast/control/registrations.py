"""Registrations seen from the control part: from the store to the workers and back, and commands where they belong.

Every worker gets every row, one of them drives it. What the workers report of them goes into the store,
so that a restart registers only what is due, and to the other workers.
"""

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Iterable
from typing import TYPE_CHECKING, Any

from uacfast import log
from uacfast.control.part import Part
from uacfast.control.progress import PROGRESS_SECONDS, Progress
from uacfast.control.uac_commands import UacCommands
from uacfast.fault import Fault, Unreachable
from uacfast.store import Store, StoreError, open_store

if TYPE_CHECKING:
    from prometheus_client.core import GaugeMetricFamily

CHUNK = 1000  # rows in one message
FINISH_CHUNK = 50_000  # records that one call goes through
STATES_KEPT = 2_000_000  # states that wait for the database
STATES_BATCH = 1000  # of them in one go
QUARANTINE_KEPT = 10_000  # invalid rows whose reason is kept
BEFORE_FIRST_ANSWER = ("unregistered", "in progress", "authenticating")  # states of a ramp
RETRY_SECONDS = (1.0, 60.0)  # pause after a load that failed: first, longest
CALL_SECONDS = 60.0  # a busy worker may need long for its answer
LOGGED_ROWS = 20  # invalid rows that are logged one by one

logger = log.get("registrations")


class Registrations(Part):
    """`server`: uacfast.server.Server."""

    def __init__(self, server: Any):
        self._server = server
        self._store: Store | None = None
        self._loading = asyncio.Lock()
        self._tasks: set[asyncio.Task[Any]] = set()
        self._ready: set[int] = set()
        self._ramp: asyncio.Task[Any] | None = None
        self._load_progress: Progress | None = None
        self._loaded = False
        self._reloaded_at: float | None = None
        self._states: dict[str, list[Any]] = {}
        self._states_wanted = asyncio.Event()
        self.quarantine: dict[str, tuple[str, float]] = {}

    # === The life of the part ===

    async def start(self) -> None:
        uac = self._server.config.uac
        if not uac.reg_db_url:
            return
        try:
            self._store = await open_store(uac.reg_db_url)
        except StoreError as error:
            raise ValueError(f"uac.reg_db_url: {error}") from None
        self._server.services |= {
            "registration_states": self._take_states,
            "registration_action": self._act_posted,
            "registration_refresh": lambda worker, uuid: self.refresh(uuid),
        }
        UacCommands(self, self._server).add_to(self._server.dispatcher)
        if uac.reg_keep_states:
            self._run(self._write_states())

    async def worker_ready(self, index: int) -> None:
        if self._store is None:
            return
        self._ready.add(index)
        if not self._loaded and len(self._ready) < self._server.workers:
            return
        targets = sorted(self._ready) if not self._loaded else [index]
        first = not self._loaded
        self._loaded = True
        try:
            await self._load(targets, first)
        except (StoreError, Fault) as error:
            logger.error("the registrations cannot be loaded yet, it is tried again: %s", error)
            self._run(self._load_later(targets, first))
        else:
            self._watch_ramp()

    async def reloaded(self, config: Any) -> None:
        uac, before = config.uac, self._server.config.uac
        if bool(uac.reg_db_url) != (self._store is not None) or uac.reg_db_url != before.reg_db_url:
            logger.error("uac.reg_db_url has changed: this needs a restart and is not applied; the rest of the file is")

    async def close(self) -> None:
        if self._store is None:
            return
        for task in list(self._tasks):
            task.cancel()
        if self._server.config.uac.reg_keep_states:
            with contextlib.suppress(StoreError, Fault):
                for index in sorted(self._ready):
                    while rows := await self._server.call_worker(index, "reg.take_states", STATES_BATCH):
                        self._states |= {row[0]: row for row in rows}
                await self._save_states()
        await self._store.close()

    def _run(self, coroutine: Awaitable[Any]) -> asyncio.Task[Any]:
        task = asyncio.ensure_future(coroutine)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    # === Loading ===

    @property
    def _table(self) -> str:
        return self._server.config.uac.reg_db_table

    async def _load_later(self, targets: list[int], first: bool) -> None:
        pause = RETRY_SECONDS[0]
        while True:
            await asyncio.sleep(pause)
            try:
                await self._store.wait()
                await self._load(targets, first)
                break
            except (StoreError, Fault) as error:
                pause = min(2 * pause, RETRY_SECONDS[1])
                logger.error("the registrations cannot be loaded, the next attempt is in %.0f s: %s", pause, error)
        self._watch_ramp()

    async def _load(self, targets: list[int], first: bool = False, dry: bool = False) -> dict[str, Any]:
        """Bring these workers' records in line with the table; the report of the first of them."""
        async with self._loading:
            if first:
                await self._make_tables()
            survivor = next((index for index in sorted(self._ready) if index not in targets), None)
            await self._call(targets, "reg.hold")
            try:
                return await self._load_rows(targets, survivor, dry)
            finally:
                self._load_progress = None
                with contextlib.suppress(Fault):
                    await self._call(targets, "reg.release")

    async def _make_tables(self) -> None:
        try:
            await self._store.ensure_ready(self._table)
        except StoreError as error:
            if error.away:
                raise
            # The operator's own table can be read all the same.
            logger.warning("tables that are missing cannot be made: %s", error)

    async def _load_rows(self, targets: list[int], survivor: int | None, dry: bool) -> dict[str, Any]:
        progress = self._load_progress = Progress("rows loaded", await self._store.count(self._table))
        quarantine: dict[str, tuple[str, float]] = {}
        refused_rows = 0
        await self._call(targets, "reg.begin", dry)
        async for rows in self._store.registrations(self._table, CHUNK):
            owners = None
            if survivor is not None:
                owners = await self._server.call_worker(
                    survivor, "reg.owners", [row[0] for row in rows], timeout=CALL_SECONDS
                )
            refused = (await self._call(targets, "reg.rows", rows, owners))[0]
            for uuid, reason in refused:
                refused_rows += 1
                if refused_rows <= LOGGED_ROWS and not dry:
                    logger.error("registration %r cannot be used: %s", uuid, reason)
                if len(quarantine) < QUARANTINE_KEPT:
                    quarantine[uuid] = (reason, time.time())
            progress.show(progress.done + len(rows))
        if not dry and self._server.config.uac.reg_keep_states:
            try:
                async for states in self._store.states(CHUNK):
                    await self._call(targets, "reg.load_states", states, survivor is None)
            except StoreError as error:
                if error.away:
                    raise
                logger.warning("states of before cannot be read, everything registers anew: %s", error)
        report = await self._finish(targets)
        if not dry:
            self.quarantine = quarantine
            logger.info(
                "registrations: %d rows, %d new, %d changed, %d unchanged, %d removed, %d cannot be used",
                progress.done,
                *(report[name] for name in ("added", "changed", "unchanged", "removed", "quarantined")),
            )
        return report

    async def _finish(self, targets: list[int]) -> dict[str, Any]:
        """Remove what no row has confirmed, worker by worker."""
        reports = []
        for index in targets:
            cursor = 0
            while cursor >= 0:
                cursor, report = await self._server.call_worker(
                    index, "reg.finish", cursor, FINISH_CHUNK, timeout=CALL_SECONDS
                )
            reports.append(report)
        return reports[0]

    async def _call(self, targets: Iterable[int], name: str, *arguments: Any) -> list[Any]:
        return await asyncio.gather(
            *(self._server.call_worker(index, name, *arguments, timeout=CALL_SECONDS) for index in targets)
        )

    def _watch_ramp(self) -> None:
        """Log how many are registered, until all have had their first answer; one task does it for all."""
        if self._ramp is None or self._ramp.done():
            self._ramp = self._run(self._show_ramp())

    async def _show_ramp(self) -> None:
        progress, before = None, -1
        while True:
            try:
                metrics = await self._call(sorted(self._ready), "reg.metrics")
            except Fault:
                return
            states = {name: sum(one["states"][name] for one in metrics) for name in metrics[0]["states"]}
            left = sum(states[name] for name in BEFORE_FIRST_ANSWER)
            done = sum(states.values()) - left
            busy = any(one["waiting"] + one["in_flight"] for one in metrics)
            if progress is None:
                progress = Progress("registrations have their first answer", done + left, done)
            # What is not to register at all, and what a breaker holds back, must not keep the log busy.
            elif left == 0 or left == before and not busy:
                logger.info(
                    "registrations: %s", ", ".join(f"{count} {name}" for name, count in states.items() if count)
                )
                return
            elif left != before:
                progress.show(done)
            before = left
            await asyncio.sleep(PROGRESS_SECONDS)

    async def loading_metrics(self) -> "list[GaugeMetricFamily]":
        """For /metrics: how far the table is read, while it is."""
        # Loaded by whoever asks for metrics, not by every start.
        from prometheus_client.core import GaugeMetricFamily

        progress = self._load_progress
        if progress is None:
            return []
        return [
            GaugeMetricFamily("uacfast_registration_rows", "Rows of the table that is being read.", progress.total),
            GaugeMetricFamily("uacfast_registration_rows_loaded", "Rows of it that were read.", progress.done),
        ]

    async def reload(self, dry: bool) -> dict[str, Any]:
        """uac.reg_reload: what has changed in the table takes effect, the rest goes on. Fault 500."""
        delta = self._server.config.uac.reload_delta
        now = time.monotonic()
        if self._loading.locked() or not dry and self._reloaded_at is not None and now < self._reloaded_at + delta:
            raise Fault(500, "Failed to shift records - check log messages")
        if not dry:
            self._reloaded_at = now
        try:
            report = await self._load(sorted(self._ready), dry=dry)
            if report["added"] or report["changed"]:
                self._watch_ramp()
            return report
        except (StoreError, Unreachable) as error:
            logger.error("the registrations cannot be reloaded, those in memory go on: %s", error)
            raise Fault(500, "Failed to reload records - check log messages") from None

    # === One record ===

    async def any_worker(self, name: str, *arguments: Any) -> Any:
        """The answer of the first worker that answers: all know all records."""
        for index in range(self._server.workers):
            try:
                return await self._server.call_worker(index, name, *arguments)
            except Unreachable as error:
                unreachable = error
        raise unreachable

    async def all_workers(self, name: str, *arguments: Any) -> list[Any]:
        """The answers of all workers; one that is being replaced reads the table again anyway."""
        return [answer for answer in await self._server.call_workers(name, *arguments) if answer is not None]

    async def act(self, command: str, attribute: str, value: str) -> Any:
        """Run `reg.<command>` where the first match is driven. Faults of Management.find()."""
        uuid, owner = await self.any_worker("reg.find", attribute, value)
        return await self._server.call_worker(owner, f"reg.{command}", uuid)

    async def add(self, row: list[Any]) -> None:
        """uac.reg_add. Fault 409, 500."""
        reasons = await self._server.call_workers("reg.add", row)
        if any(reasons):
            reason = next(filter(None, reasons))
            logger.error("registration %r cannot be added: %s", row[0], reason)
            what = "invalid password or ha1" if "auth_ha1" in reason else "check log messages"
            raise Fault(500, f"Failed to add record - {what}")

    async def refresh(self, uuid: str) -> None:
        """The row as the table has it now. Fault 404, 500."""
        failed = Fault(500, "Failed to refresh record - check log messages")
        try:
            row = await self._store.registration(self._table, uuid)
        except StoreError as error:
            logger.error("registration %r cannot be read: %s", uuid, error)
            raise failed from None
        if row is None:
            raise Fault(404, "Record not found")
        reasons = [reason for reason in await self._server.call_workers("reg.refresh", row) if reason]
        if reasons:
            logger.error("registration %r cannot be used: %s", uuid, reasons[0])
            self.quarantine[row[0]] = (reasons[0], time.time())
            raise failed
        self.quarantine.pop(row[0], None)

    async def remove(self, uuid: str) -> None:
        """Out of memory; the row stays. Fault 404."""
        if not any(await self._server.call_workers("reg.remove", uuid)):
            raise Fault(404, "Record not found")

    async def _act_posted(self, worker: int, action: str, uuid: str) -> None:
        """What a script asked for; there is nobody to tell of a failure but the log."""
        try:
            await (self.refresh(uuid) if action == "refresh" else self.act(action, "l_uuid", uuid))
        except Fault as fault:
            logger.warning("registration %r: %s failed: %s", uuid, action, fault)

    # === States ===

    def _take_states(self, worker: int, rows: list[list[Any]]) -> None:
        if self._server.config.uac.reg_keep_states and len(self._states) < STATES_KEPT:
            self._states |= {row[0]: row for row in rows}
            self._states_wanted.set()
        others = [index for index in self._ready if index != worker]
        if others:
            self._run(self._mirror(others, rows))

    async def _mirror(self, others: list[int], rows: list[list[Any]]) -> None:
        with contextlib.suppress(Fault):  # one that is being replaced reads them from the database
            await self._call(others, "reg.mirror", rows)

    async def _write_states(self) -> None:
        while True:
            await self._states_wanted.wait()
            self._states_wanted.clear()
            try:
                await self._save_states()
            except StoreError as error:
                if not error.away:
                    logger.error("states of registrations are not kept any more: %s", error)
                    self._states.clear()
                    return
                await asyncio.sleep(RETRY_SECONDS[0])
                self._states_wanted.set()

    async def _save_states(self) -> None:
        while self._states:
            batch = [self._states[uuid] for uuid in list(self._states)[:STATES_BATCH]]
            await self._store.save_states(batch)
            for row in batch:
                # What came in meanwhile is newer and stays.
                if self._states.get(row[0]) is row:
                    del self._states[row[0]]

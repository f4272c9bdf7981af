"""The wiring of one processor, and nothing else: build, start, drain, stop.

Parts start from the far end, so that each finds what it needs; they stop in reverse:
refuse, drain, flush, close. What a stop leaves in the journal the next start replays.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import importlib.metadata
import itertools
import logging
import math
import os
import secrets
import threading
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Final, TypeVar

from algovigil.errors import explain
from algovigil.phi import Preset, Protector
from algovigil_processor.alert import Alerting
from algovigil_processor.alert.desk_routes import router as desk_router
from algovigil_processor.alert.routes import router as alert_router
from algovigil_processor.alert.rule_routes import router as rule_router
from algovigil_processor.analyse import Analysis
from algovigil_processor.analyse.drift.routes import router as drift_router
from algovigil_processor.bins import Held
from algovigil_processor.compliance.canary import LeakCanary
from algovigil_processor.decode import Window, from_json
from algovigil_processor.errors import ProcessorError, Retryable, StartError
from algovigil_processor.ingest import Line
from algovigil_processor.journal import Journal
from algovigil_processor.listen import Address, Listen, bind
from algovigil_processor.own_metrics import OwnMetrics
from algovigil_processor.pinning import Pinning
from algovigil_processor.priority import step_back
from algovigil_processor.receive import grpc
from algovigil_processor.receive.handler import Handler, Meta
from algovigil_processor.receive.http import App as OtlpHttp
from algovigil_processor.receive.intake import Intake
from algovigil_processor.redact import Redact
from algovigil_processor.serve import rest, sql
from algovigil_processor.serve.auth import access
from algovigil_processor.serve.readers import Readers, limits
from algovigil_processor.server import HttpServer
from algovigil_processor.state import State
from algovigil_processor.store import QueryError, Store, locate
from algovigil_processor.telemetry import Telemetry
from algovigil_processor.ticker import Ticker

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from fastapi import APIRouter
    from starlette.types import ASGIApp

    from algovigil import MonitoringConfig
    from algovigil_processor.pipeline import Signal

_LOG: Final = logging.getLogger(__name__)
T = TypeVar("T")
_TOLD_EVERY: Final = 30  # tries to reach the database
_FIRST_CANARY: Final = 60.0  # seconds after the start
_CANARY_WAITS: Final = 60.0
_STOP_SECONDS: Final = 8.0  # of the 10 s that an orderly stop may take
_KNOWN_REQUESTS: Final = """
SELECT digest, toInt64(toUnixTimestamp64Nano(received)) AS received_ns, rejected
FROM ingest_requests WHERE received > now64(9) - toIntervalSecond({horizon:UInt64})
ORDER BY received
"""


@contextlib.contextmanager
def owned(data_dir: Path) -> Iterator[None]:
    """Hold *data_dir* for this process alone.

    Raises:
        StartError: another process holds it, or it cannot be written.
    """
    try:
        data_dir.mkdir(parents=True, exist_ok=True)
        data_dir.chmod(0o700)
        lock = (data_dir / "lock").open("a+")
    except OSError as error:
        raise StartError(
            explain(
                f"the data directory {data_dir} cannot be written: {error.strerror}",
                "a directory that this user owns",
                "choose another with --data-dir",
            )
        ) from None
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            lock.seek(0)
            raise StartError(
                explain(
                    f"the data directory {data_dir} is in use by process "
                    f"{lock.read().strip() or 'unknown'}",
                    "one processor a data directory",
                    "stop that process, or choose another with --data-dir",
                )
            ) from None
        lock.truncate(0)
        lock.write(str(os.getpid()))
        lock.flush()
        yield


class App:
    """One processor."""

    def __init__(
        self, config: MonitoringConfig, data_dir: Path, listen: Listen | None = None
    ) -> None:
        self._config = config
        self._data_dir = data_dir
        self._listen = listen or Listen()
        self._open = contextlib.AsyncExitStack()
        self.telemetry: Final = Telemetry()

    async def start(self) -> Listen:
        """Open everything; return the addresses taken.

        Raises:
            StartError: it cannot; nothing stays open.
            ConfigError: a setting cannot be obeyed; nothing stays open.
        """
        try:
            return await self._start()
        except BaseException:
            await self._open.aclose()
            raise

    async def _start(self) -> Listen:
        background = ThreadPoolExecutor(None, "background", step_back)
        asyncio.get_running_loop().set_default_executor(background)
        sockets = self._bind()
        self._open.enter_context(owned(self._data_dir))
        protector = Protector.of(self._config.phi)
        if protector.preset is Preset.OBSERVE_ONLY:
            _LOG.warning(
                "phi.preset is observe_only: identifiers are stored as they come"
            )
        redact = Redact(protector, self.telemetry)
        store = await self._reached(self._store)
        self._open.callback(store.close)
        journal = self._journal(store)
        if replayed := await asyncio.to_thread(journal.replay):
            _LOG.info("journal: %d segments of an earlier run stored", replayed)
        journal.start()
        intake = await self._reached(lambda: self._intake(store))
        pins = Held()
        pinning = Pinning(pins, journal)
        analysis = Analysis(store, redact, self._config, self.telemetry, pinning)
        # before the first request: no row is counted by a reference of yesterday, and
        # what the store has of earlier runs is final
        analysis.references.refresh()
        pinning.is_settled()
        line = Line(
            redact,
            journal,
            intake,
            self.telemetry,
            pins,
            self._config.drift_detection.bucket_seconds,
            Window(
                self._config.ingest.future_seconds, self._config.ingest.late_seconds
            ),
        )
        self._workers(line, intake)
        alerting = self._ticking(store, redact, analysis, protector.clean)
        handler = Handler(
            intake,
            self.telemetry,
            max_body_bytes=self._config.ingest.max_body_bytes,
        )
        self._canary(handler, store)
        routers = [
            alert_router(alerting),
            rule_router(alerting.rules),
            desk_router(alerting.delivery),
            drift_router(analysis.references, analysis.retraining),
        ]
        return await self._serve(sockets, handler, store, routers)

    def _bind(self) -> dict[str, socket.socket]:
        sockets = {}
        for name in ("http", "sql", "api"):
            address: Address = getattr(self._listen, name)
            sockets[name] = bind(address, f"--{name}")
            self._open.callback(sockets[name].close)
        return sockets

    async def _reached(self, work: Callable[[], T]) -> T:
        """Return *work()* once the database answers: at a start it may be away."""
        for tries in itertools.count():
            try:
                return await asyncio.to_thread(work)
            except (Retryable, QueryError) as error:
                if isinstance(error, QueryError) and error.code:
                    raise
                if tries % _TOLD_EVERY == 0:
                    _LOG.warning("%s; waiting for it", error)
                await asyncio.sleep(1)
        raise AssertionError("count never ends")

    def _store(self) -> Store:
        storage = self._config.storage
        # as long as a retry must be recognised, and a day, which a partition is
        horizon = math.ceil(self._config.ingest.dedup_horizon / 86_400) + 1
        return Store(
            locate(
                storage.url,
                self._data_dir,
                os.environ,
                allow_plaintext=storage.allow_plaintext,
            ),
            self.telemetry,
            rollup_seconds=storage.rollup_seconds,
            ttl_days={"ingest_requests": horizon, **storage.ttl_days},
        )

    def _journal(self, store: Store) -> Journal:
        ingest = self._config.ingest
        journal = Journal(
            self._data_dir / "journal",
            store,
            self.telemetry,
            segment_rows=ingest.segment_rows,
            segment_seconds=ingest.segment_seconds,
            limit_bytes=ingest.journal_bytes,
        )
        self._open.callback(journal.stop, _STOP_SECONDS / 2)
        return journal

    def _intake(self, store: Store) -> Intake:
        ingest = self._config.ingest
        known = store.query(_KNOWN_REQUESTS, {"horizon": int(ingest.dedup_horizon)})
        # the intake asks by digest: a million requests, at start only, take 0.13 s
        columns = (known.column(name).to_pylist() for name in known.column_names)
        return Intake(
            self.telemetry,
            limit_bytes=ingest.queue_bytes,
            horizon_seconds=ingest.dedup_horizon,
            known=zip(*columns, strict=True),
        )

    def _workers(self, line: Line, intake: Intake) -> None:
        workers = self._config.ingest.workers
        threads = [
            threading.Thread(
                target=intake.work,
                args=(self._config.ingest.group_bytes, line.process),
                kwargs={"express": number == workers},
                name=f"ingest-{number}",
                daemon=True,
            )
            for number in range(workers + 1)
        ]
        for thread in threads:
            thread.start()

        def drain() -> None:
            intake.close()
            for thread in threads:
                thread.join(_STOP_SECONDS / 4)

        self._open.callback(drain)

    def _ticking(
        self,
        store: Store,
        redact: Redact,
        analysis: Analysis,
        clean: Callable[[str, str], str],
    ) -> Alerting:
        state = State.open(self._config.database.url, self._data_dir)
        self._open.callback(state.close)
        alerting = Alerting(
            store, redact, state, self._config, self.telemetry, clean=clean
        )
        self._open.callback(alerting.delivery.lease.give_up)
        own = OwnMetrics(
            store,
            redact,
            self.telemetry,
            started_ns=time.time_ns(),
            instance=uuid.uuid4().hex[:8],
        )
        for name, seconds, call in (
            ("own metrics", self._config.storage.own_metrics_seconds, own.tick),
            ("analyse", self._config.alerts.interval, analysis.tick),
            *alerting.jobs(),
        ):
            self._open.callback(Ticker(name, seconds, call).stop)
        return alerting

    def _canary(self, handler: Handler, store: Store) -> None:
        seconds = self._config.phi.canary_seconds
        if not seconds:
            return
        loop = asyncio.get_running_loop()
        ending = threading.Event()

        def send(signal: Signal, body: bytes) -> bool:
            meta = Meta(signal, "canary", "canary", time.time_ns())
            taken = asyncio.run_coroutine_threadsafe(handler.handle(body, meta), loop)
            return taken.result(_CANARY_WAITS).outcome == "ok"

        canary = LeakCanary(
            send,
            store.query,
            self._data_dir,
            ("clickhouse",),
            self.telemetry,
            ending.wait,
            seed=secrets.randbits(64),
            # a bucket begins before the rows that it counts
            lag_seconds=60 + self._config.storage.rollup_seconds,
        )
        ticker = Ticker("canary", seconds, canary.tick, min(seconds, _FIRST_CANARY))
        self._open.callback(ticker.stop)
        self._open.callback(ending.set)

    async def _serve(
        self,
        sockets: dict[str, socket.socket],
        handler: Handler,
        store: Store,
        routers: list[APIRouter],
    ) -> Listen:
        bounds = self._config.sql
        readers = Readers(
            lambda name: store.reader(limits(bounds, name)),
            sessions=bounds.sessions,
            waiting=bounds.waiting,
        )
        self._open.callback(readers.close)
        apps: dict[str, ASGIApp] = {
            "http": OtlpHttp(handler, from_json),
            "sql": sql.build(
                readers,
                self.telemetry,
                access=access(self._listen.sql.host, "SQL", os.environ),
            ),
            "api": rest.build(
                importlib.metadata.version("algovigil"),
                lambda: self._ready(store),
                readers,
                routers,
                self.telemetry,
                access=access(self._listen.api.host, "API", os.environ),
            ),
        }
        taken = {}
        for name, app in apps.items():
            server = HttpServer(app, sockets[name])
            self._open.push_async_callback(server.end)
            host = getattr(self._listen, name).host
            taken[name] = Address(host, await server.begin())
        grpc_server, port = await grpc.serve(handler, str(self._listen.grpc))
        self._open.push_async_callback(grpc_server.stop, 2)
        return Listen(grpc=Address(self._listen.grpc.host, port), **taken)

    def _ready(self, store: Store) -> dict[str, str]:
        """Return each part and why it is not ready; '' when it is."""
        try:
            store.query("SELECT 1")
        except ProcessorError as error:
            database = str(error)
        else:
            database = ""
        used = self.telemetry.gauges().get("journal.bytes", 0)
        full = used > 0.9 * self._config.ingest.journal_bytes
        return {
            "database": database,
            "journal": "over 90 % of its byte limit is waiting" if full else "",
        }

    async def stop(self) -> None:
        """Refuse, drain, flush, close. Safe twice."""
        await self._open.aclose()

"""A real processor for rules on data; real sockets with a set fate for the others."""

from __future__ import annotations

import asyncio
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from algovigil_processor.decode import from_json
from algovigil_processor.listen import Address, bind
from algovigil_processor.receive import grpc
from algovigil_processor.receive.handler import Handler
from algovigil_processor.receive.http import App
from algovigil_processor.receive.intake import Accepted, Intake, Request
from algovigil_processor.server import HttpServer
from algovigil_processor.telemetry import Telemetry
from integration.processor.served import Served

if TYPE_CHECKING:
    from collections.abc import Iterator

LIMIT = 100_000


@pytest.fixture(scope="session")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """One processor, small bodies only, for all rules."""
    folder = tmp_path_factory.mktemp("conformance")
    config = folder / "c.yaml"
    config.write_text(
        f"ingest: {{max_body_bytes: {LIMIT}, segment_seconds: 0.1}}\n"
        "phi: {preset: observe_only}\n"
    )
    with Served(folder / "data", f"--config={config}") as processor:
        yield processor


class Fated(Intake):
    """An intake whose every request meets the same fate at once."""

    def __init__(self) -> None:
        super().__init__(Telemetry(), limit_bytes=1 << 20, horizon_seconds=1)
        self.fate: Accepted | Exception = Accepted()

    def offer(self, request: Request) -> Any:
        if isinstance(self.fate, Accepted):
            request.future.set_result(self.fate)
        else:
            request.future.set_exception(self.fate)
        return request.future


@dataclass(frozen=True)
class Edge:
    """Both ports, without a processor behind them."""

    grpc: str
    http: str
    intake: Fated


@pytest.fixture(scope="session")
def edge() -> Iterator[Edge]:
    """Serve both transports in a thread of their own."""
    ready: list[Edge] = []
    started, stopping = threading.Event(), threading.Event()

    async def serve() -> None:
        intake = Fated()
        handler = Handler(intake, Telemetry(), max_body_bytes=LIMIT)
        http = HttpServer(
            App(handler, from_json), bind(Address("127.0.0.1", 0), "--http")
        )
        port = await http.begin()
        server, grpc_port = await grpc.serve(handler, "127.0.0.1:0")
        ready.append(Edge(f"127.0.0.1:{grpc_port}", f"127.0.0.1:{port}", intake))
        started.set()
        await asyncio.to_thread(stopping.wait)
        await server.stop(0)
        await http.end()

    thread = threading.Thread(target=lambda: asyncio.run(serve()))
    thread.start()
    assert started.wait(20)
    yield ready[0]
    stopping.set()
    thread.join(20)

"""The SQL and API ports over a real store, each on a free port of loopback."""

from __future__ import annotations

import contextlib
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest
import uvicorn

from algovigil.config import Sql
from algovigil_processor.batch import Batch, Origin
from algovigil_processor.schema import SCHEMAS, Table
from algovigil_processor.serve import rest, sql
from algovigil_processor.serve.auth import Access
from algovigil_processor.serve.readers import Readers, limits
from algovigil_processor.store import Store
from algovigil_processor.telemetry import Telemetry

if TYPE_CHECKING:
    from collections.abc import Iterator

START_NS = 1_700_000_000_123_456_789


@dataclass
class Served:
    """Where the ports are, and what stands behind them."""

    sql_port: int
    api_port: int
    guarded_port: int
    telemetry: Telemetry
    parts: dict[str, str]
    store: Store

    @property
    def sql(self) -> str:
        """URL of the SQL port."""
        return f"http://127.0.0.1:{self.sql_port}"

    @property
    def api(self) -> str:
        """URL of the API."""
        return f"http://127.0.0.1:{self.api_port}"


def batch(table: Table, rows: list[dict[str, Any]]) -> Batch:
    """Return sealed *rows*; columns they leave out are zero or empty."""
    schema = SCHEMAS[table]
    filled = [{**{f.name: _zero(f.type) for f in schema}, **row} for row in rows]
    columns = pa.RecordBatch.from_pylist(filled, schema=schema)
    return Batch(table, columns, Origin("test", 0), policy="test")


def _zero(kind: pa.DataType) -> Any:
    if pa.types.is_string(kind):
        return ""
    if pa.types.is_list(kind) or pa.types.is_map(kind):
        return []
    if pa.types.is_timestamp(kind):
        return START_NS
    return 0


def inferences() -> list[dict[str, Any]]:
    """Return 200 inferences of one model in two versions."""
    return [
        {
            "inference_id": f"i{row}",
            "timestamp": START_NS + row,
            "model_name": "wdbc",
            "model_version": "1" if row < 150 else "2",
            "label": "malignant" if row % 3 else None,
            "score": row / 200 if row % 2 else None,
            "features": [("radius", row / 2), ("texture", 1.5)],
            "missing": ["area"] if row % 2 else [],
            "categories": [("scanner", "GE")],
        }
        for row in range(200)
    ]


def findings() -> list[Batch]:
    """Return an older and a newer finding of each kind."""
    old, new = START_NS, START_NS + 60 * 10**9
    head = {"model_name": "wdbc", "model_version": "1", "status": "ok"}
    drift = {**head, "feature": "radius", "method": "psi", "statistic": 0.01}
    drifted = {**drift, "statistic": 0.4, "status": "critical", "p_value": float("nan")}
    accuracy = {**head, "metric": "accuracy", "numerator": 9, "denominator": 10}
    latency = {**head, "metric": "latency_p95"}
    return [
        batch(
            "drift_findings",
            [{**drift, "timestamp": old}, {**drifted, "timestamp": new}],
        ),
        batch(
            "clinical_metrics",
            [
                {**accuracy, "timestamp": new, "value": 0.9, "lower": 0.6},
                {**accuracy, "timestamp": old, "value": 0.5},
            ],
        ),
        batch("service_metrics", [{**latency, "timestamp": new, "value": 12.5}]),
    ]


@contextlib.contextmanager
def serving(app: Any) -> Iterator[int]:
    """Serve *app* in a thread; yields the port."""
    config = uvicorn.Config(
        app, host="127.0.0.1", port=0, lifespan="off", log_config=None
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run)
    thread.start()
    deadline = time.monotonic() + 10
    while not server.started and time.monotonic() < deadline:
        time.sleep(0.005)
    try:
        yield server.servers[0].sockets[0].getsockname()[1]
    finally:
        server.should_exit = True
        thread.join(10)


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """Both ports over one store with rows, and the SQL port once more with a token."""
    telemetry = Telemetry()
    store = Store(tmp_path_factory.mktemp("data") / "clickhouse", telemetry)
    store.insert([batch("inferences", inferences()), *findings()], "seed")
    parts = {"database": "", "journal": ""}
    readers = Readers(lambda name: store.reader(limits(Sql(), name)))
    api = rest.build("9.9", lambda: parts, readers, [], telemetry)
    guarded = sql.build(readers, telemetry, access=Access("s3cret"))
    with (
        serving(sql.build(readers, telemetry)) as sql_port,
        serving(api) as api_port,
        serving(guarded) as guarded_port,
    ):
        yield Served(sql_port, api_port, guarded_port, telemetry, parts, store)
    readers.close()
    store.close()

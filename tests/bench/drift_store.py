"""A store with many predictions in its bins, filled directly, and a tick over it."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from algovigil.config import MonitoringConfig
from algovigil_processor.analyse import Analysis
from algovigil_processor.analyse.findings import Version
from algovigil_processor.batch import Batch, Origin
from algovigil_processor.bins import Pins, count
from algovigil_processor.schema import SCHEMAS
from algovigil_processor.store import Store
from algovigil_processor.telemetry import Telemetry

if TYPE_CHECKING:
    from pathlib import Path

NOON = 1_750_000_000 * 10**9
_BUCKETS = 60
_BATCH = 20_000
_SAMPLED = [
    "inference_id",
    "timestamp",
    "model_name",
    "model_version",
    "site",
    "device",
    "error_type",
    "label",
    "score",
    "value",
    "features",
    "categories",
    "embedding",
    "subgroup",
]
"""Columns of `inference_sample`."""


def batch(
    rows: int, features: int, seed: int = 0, shift: float = 0.0
) -> pa.RecordBatch:
    """Return predictions with a site, a sex, a label and a score."""
    rng = np.random.default_rng(seed)
    names = [f"f{i}" for i in range(features)]
    offsets = pa.array(np.arange(rows + 1, dtype=np.int32) * features)
    one = pa.array(np.arange(rows + 1, dtype=np.int32))
    values = rng.normal(size=(rows, features))
    values[:, 0] += shift
    columns: dict[str, Any] = {
        "inference_id": pa.array([f"{seed}-{i}" for i in range(rows)]),
        "model_name": pa.array(["m"] * rows),
        "model_version": pa.array(["1"] * rows),
        "timestamp": pa.array(NOON - rng.integers(0, 3600 * 10**9, rows)),
        "site": pa.array(np.where(rng.random(rows) < 0.5, "north", "south")),
        "label": pa.array(np.where(rng.random(rows) < 0.3, "1", "0")),
        "score": pa.array(rng.random(rows)),
        "error_type": pa.array([""] * rows),
        "features": pa.MapArray.from_arrays(
            offsets, pa.array(names * rows), pa.array(values.ravel())
        ),
        "subgroup": pa.MapArray.from_arrays(
            one,
            pa.array(["sex"] * rows),
            pa.array(np.where(rng.random(rows) < 0.5, "F", "M")),
        ),
    }
    filled = []
    for field in SCHEMAS["inferences"]:
        kind = field.type
        if field.name in columns:
            filled.append(columns[field.name].cast(kind))
        elif pa.types.is_map(kind) or pa.types.is_list(kind):
            filled.append(pa.array([[]] * rows, kind))
        else:
            empty = "" if pa.types.is_string(kind) else 0
            filled.append(pa.array([empty] * rows, kind))
    return pa.RecordBatch.from_arrays(filled, schema=SCHEMAS["inferences"])


def pins_of(features: int) -> Pins:
    """Return deciles of the normal distribution for each feature."""
    cuts = np.array([-1.28, -0.84, -0.52, -0.25, 0, 0.25, 0.52, 0.84, 1.28])
    edges = np.concatenate([[-np.inf], cuts, [np.inf]])
    return Pins.of(
        "r",
        0,
        {(f"f{i}", "numeric"): edges for i in range(features)},
        {("prediction.label", "categorical"): ("0", "1")},
    )


def _seal(one: Batch) -> Batch:
    return one.sealed(one.rows, "bench")


class Filled:
    """A reference in force, and *rows* predictions counted into its bins."""

    def __init__(self, folder: Path, *, rows: int, features: int) -> None:
        self._store = Store(folder / "clickhouse", Telemetry())
        config = MonitoringConfig.of({"drift_detection": {"reference_samples": 1000}})
        self._analysis = Analysis(self._store, _seal, config, Telemetry())
        past = batch(1000, features)
        at = past.schema.get_field_index("timestamp")
        old = pa.array([NOON - 86_400 * 10**9] * 1000).cast(past.schema.field(at).type)
        self._put("inferences", past.set_column(at, past.schema.field(at), old), "r")
        self._analysis.tick(NOON - 80_000 * 10**9)
        (reference,) = self._analysis.references.active
        seconds = config.drift_detection.bucket_seconds
        # what is counted of one batch stands for all: only its totals are larger
        sampled = batch(_BATCH, features, seed=1, shift=0.5)
        counted = count(sampled, "m", "1", reference.pins, seconds)
        self._put("bin_counts", _scaled(counted, max(rows // _BATCH, 1)), "c")
        # and the stored sample, of which exact tests draw theirs
        self._fill_sample(rows // 64, features)
        self.version = Version("m", "1")

    def _fill_sample(self, rows: int, features: int) -> None:
        for number in range(-(-rows // _BATCH)):
            made = batch(min(_BATCH, rows), features, seed=2 + number, shift=0.5)
            table = pa.Table.from_batches([made]).select(_SAMPLED)
            self._store._insert("inference_sample", table, f"s-{number}")

    def _put(self, table: Any, rows: pa.RecordBatch, token: str) -> None:
        self._store.insert([_seal(Batch(table, rows, Origin("bench", NOON)))], token)

    def measure(self) -> dict[str, Any]:
        """Return the time of the second tick of drift: the first has read the code."""
        drift = next(p for p in self._analysis._parts if p.kind == "drift")
        drift.find(NOON)
        wall, cpu = time.perf_counter(), time.process_time()
        found = drift.find(NOON)
        return {
            "wall s": round(time.perf_counter() - wall, 2),
            "CPU s": round(time.process_time() - cpu, 2),
            "findings": len(found.rows),
            "rows judged": max(r["rows_current"] for r in found.rows),
        }

    def close(self) -> None:
        """Close the store."""
        self._store.close()


def _scaled(counted: pa.RecordBatch, times: int) -> pa.RecordBatch:
    at = counted.schema.get_field_index("counts")
    counts = counted.column("counts")
    many = pa.array(counts.items.to_numpy() * times, pa.uint64())
    scaled = pa.MapArray.from_arrays(counts.offsets, counts.keys, many)
    return counted.set_column(at, counted.schema.field(at), scaled)

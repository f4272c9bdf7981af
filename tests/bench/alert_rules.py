"""How long a tick of a thousand rules takes, beside a query for each rule.

The store holds an hour of calls of twenty model versions; the rules name five windows,
sites, the past, burn rates, resources, clinical and drift findings. The baseline reads
what each rule needs by itself, as one alert query per rule does in a dashboard server;
it is measured on a sample of the same rules, and both are judged alike.
"""

from __future__ import annotations

import random
import statistics
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from algovigil.config import Alerts, MonitoringConfig, Rule
from algovigil_processor.alert import Alerting
from algovigil_processor.alert.evaluate.judge import judge
from algovigil_processor.alert.evaluate.reader import Reader
from algovigil_processor.alert.evaluation import valid_seconds
from algovigil_processor.alert.rules.compile import compile_rules
from algovigil_processor.batch import Batch, Origin
from algovigil_processor.schema import SCHEMAS
from algovigil_processor.state import State
from algovigil_processor.store import Store
from algovigil_processor.telemetry import Telemetry

if TYPE_CHECKING:
    from collections.abc import Callable

RULES = 1000
VERSIONS = 20
CALLS = 200_000
SAMPLE = 25
ROUNDS = 5
SECOND = 10**9
NOW = 1_900_000_000 * SECOND


def seal(batch: Batch) -> Batch:
    """A redact stage for rows that name no patient."""
    return batch.sealed(batch.rows, "bench")


def rules() -> list[Rule]:
    """A thousand rules of eight kinds, each with a threshold and a model of its own."""
    kinds = (
        'error_rate{{model="m{m}"}} > {n}%',
        'latency_p95{{model="m{m}"}} over 15m > {n}00ms',
        "latency_p99 over 1h > 2 * latency_p99 over 1h offset 1d and psi > {n}",
        "error_rate by site over 5m > {n}%",
        "burn_rate(availability over 1h, 99.9%) > {n}",
        "burn_rate(latency_p95 over 1h, {n}00ms) > 14.4",
        "cpu_percent > {n} or queue_depth > {n}",
        "diagnostic_accuracy < 0.{n:02} or drift_score > {n}%",
    )
    return [
        Rule(
            f"rule {i}",
            kinds[i % len(kinds)].format(m=i % VERSIONS, n=i % 89 + 1),
            duration=60.0,
        )
        for i in range(RULES)
    ]


def calls() -> Batch:
    """An hour of calls of twenty versions at eight sites."""
    draw = np.random.default_rng(7)
    at = NOW - draw.integers(0, 3600 * SECOND, CALLS)
    model = draw.integers(0, VERSIONS, CALLS)
    given: dict[str, pa.Array] = {
        "timestamp": pa.array(at, pa.timestamp("ns", "UTC")),
        "model_name": pa.array([f"m{m}" for m in model]),
        "model_version": pa.array(["1"] * CALLS),
        "site": pa.array([f"s{s}" for s in draw.integers(0, 8, CALLS)]),
        "error_type": pa.array(np.where(draw.random(CALLS) < 0.01, "E", "")),
        "duration_ms": pa.array(draw.gamma(2.0, 50.0, CALLS)),
        "row_weight": pa.array(np.ones(CALLS)),
    }
    schema = SCHEMAS["inferences"]
    columns = [given.get(f.name, _blank(f.type)) for f in schema]
    rows = pa.RecordBatch.from_arrays(columns, schema=schema)
    return seal(Batch("inferences", rows, Origin("bench", NOW)))


def _blank(kind: pa.DataType) -> pa.Array:
    if pa.types.is_map(kind) or pa.types.is_list(kind):
        return pa.array([[]] * CALLS, kind)
    empty: Any = "" if pa.types.is_string(kind) else None
    if pa.types.is_unsigned_integer(kind):
        empty = 0
    return pa.array([empty] * CALLS, kind)


def run() -> dict[str, object]:
    """Return the medians, in seconds, and how many queries each way takes."""
    with tempfile.TemporaryDirectory() as folder:
        store = Store(Path(folder) / "clickhouse", Telemetry())
        state = State.open("", Path(folder))
        try:
            store.insert([calls()], "bench")
            return _measured(store, state)
        finally:
            state.close()
            store.close()


def _measured(store: Store, state: State) -> dict[str, object]:
    alerts = Alerts(rules=tuple(rules()), defaults=False)
    config = MonitoringConfig(alerts=alerts)
    alerting = Alerting(store, seal, state, config, Telemetry())
    compiled = compile_rules(alerts.rules)
    reader = Reader(store, valid_seconds(config))
    reader.read(NOW, frozenset().union(*(rule.needs for rule in compiled)))
    alerting.tick(NOW)  # the first tick stores the rules
    ours, theirs, asked = [], [], 0
    for number in range(1, ROUNDS + 1):
        now_ns = NOW + number * 15 * SECOND
        ours.append(_timed(lambda at=now_ns: alerting.tick(at)))
        alone = [Reader(store, valid_seconds(config)) for _ in range(SAMPLE)]
        sample = random.Random(number).sample(compiled, SAMPLE)
        each = _timed(lambda at=now_ns, a=alone, s=sample: _one_by_one(a, s, at))
        theirs.append(tuple(seconds * RULES / SAMPLE for seconds in each))
        asked += sum(one.queries - 1 for one in alone)  # who there is, all may share
    (wall, cpu), (wall_each, cpu_each) = (
        tuple(statistics.median(each) for each in zip(*rounds, strict=True))
        for rounds in (ours, theirs)
    )
    return {
        "rules": RULES,
        "versions": VERSIONS,
        "calls_in_store": CALLS,
        "tick_seconds": round(wall, 3),
        "tick_cpu_seconds": round(cpu, 3),
        "queries": reader.queries,
        "query_per_rule_seconds": round(wall_each, 3),
        "query_per_rule_cpu_seconds": round(cpu_each, 3),
        "query_per_rule_queries": round(asked / ROUNDS / SAMPLE * RULES),
        "times_faster": round(wall_each / wall, 1),
        "times_less_cpu": round(cpu_each / cpu, 1),
    }


def _one_by_one(readers: list[Reader], rules: list[Any], now_ns: int) -> None:
    for reader, rule in zip(readers, rules, strict=True):
        readings = reader.read(now_ns, rule.needs)
        list(judge([rule], readings, {}, now_ns, min_samples=20))


def _timed(work: Callable[[], object]) -> tuple[float, float]:
    wall, cpu = time.perf_counter(), time.process_time()
    work()
    return time.perf_counter() - wall, time.process_time() - cpu


if __name__ == "__main__":
    print(run())

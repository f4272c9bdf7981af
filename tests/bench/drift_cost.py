"""What drift costs: a comparison beside Evidently's, a tick as rows grow, a count.

Evidently runs in an environment of its own (`make bench` builds it), on the same rows,
turn by turn with ours, as CPU seconds of the process.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from algovigil.drift import DriftDetector

ROWS, COLUMNS, TURNS = 100_000, 20, 3
EVIDENTLY = Path(__file__).resolve().parents[2] / ".venv-evidently/bin/python"

_PEER = """
import json, sys, time
import numpy as np, pandas as pd
from evidently import Dataset, DataDefinition, Report
from evidently.presets import DataDriftPreset
columns = [f"x{i}" for i in range(int(sys.argv[3]))]
before = pd.DataFrame(np.load(sys.argv[1]), columns=columns)
after = pd.DataFrame(np.load(sys.argv[2]), columns=columns)
definition = DataDefinition(numerical_columns=columns)
for line in sys.stdin:
    started = time.process_time()
    one = Dataset.from_pandas(before, data_definition=definition)
    two = Dataset.from_pandas(after, data_definition=definition)
    Report([DataDriftPreset()]).run(two, one).json()
    print(json.dumps(time.process_time() - started), flush=True)
"""


def _rows(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(ROWS, COLUMNS))


def beside_evidently() -> dict[str, Any]:
    """Compare 100 000 rows of 20 columns with as many, turn by turn."""
    before, after = _rows(1), _rows(2)
    after[:, 3] += 0.5
    ours, counts, theirs = [], [], []
    with tempfile.TemporaryDirectory() as folder:
        files = [f"{folder}/before.npy", f"{folder}/after.npy"]
        for file, rows in zip(files, (before, after), strict=True):
            np.save(file, rows)
        peer = None
        if EVIDENTLY.exists():
            peer = subprocess.Popen(
                [str(EVIDENTLY), "-c", _PEER, *files, str(COLUMNS)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
                env={**os.environ, "DO_NOT_TRACK": "1"},
            )
        for _ in range(TURNS):
            started = time.process_time()
            result = DriftDetector(reference_data=before).detect_drift(after)
            ours.append(time.process_time() - started)
            assert result.drifted_features == ("feature_3",)
            counts.append(_tick_seconds())
            if peer is not None:
                assert peer.stdin is not None
                assert peer.stdout is not None
                print("go", file=peer.stdin, flush=True)
                theirs.append(float(json.loads(peer.stdout.readline())))
        if peer is not None:
            peer.stdin.close()  # type: ignore[union-attr] # it is a pipe
            peer.wait(30)
    figures: dict[str, Any] = {
        "rows x columns": f"{ROWS} x {COLUMNS}",
        "DriftDetector, whole comparison, CPU s": round(min(ours), 3),
        "a tick of the processor, CPU s": round(min(counts), 4),
    }
    if theirs:
        figures["evidently, CPU s"] = round(min(theirs), 3)
        figures["evidently / DriftDetector"] = round(min(theirs) / min(ours), 1)
        figures["evidently / tick"] = round(min(theirs) / min(counts), 1)
    else:
        figures["evidently"] = f"not installed in {EVIDENTLY.parent.parent.name}"
    return figures


def _tick_seconds() -> float:
    """Return the CPU of judging the counts of as many rows, as a tick does."""
    from algovigil.statistics.compare import Observed, Plan, judge, measure
    from algovigil.statistics.profile import NumericColumn, profiles

    rng = np.random.default_rng(3)
    before, after = _rows(1), _rows(2)
    columns = {f"x{i}": NumericColumn(before[:, i]) for i in range(COLUMNS)}
    pinned = profiles(columns, 10_000, rng)
    counts = {
        n: p.count(NumericColumn(after[:, i]))
        for i, (n, p) in enumerate(pinned.items())
    }
    plan = Plan(methods=("ks_test", "psi", "missing_rate"), min_samples=200)
    started = time.process_time()
    found = []
    for i, (name, profile) in enumerate(pinned.items()):
        observed = Observed(counts[name], after[:10_000, i])
        found += measure(name, profile, observed, plan, rng)
    judge(found, plan)
    return time.process_time() - started


def tick_as_rows_grow() -> dict[str, Any]:
    """Time a whole tick over ever more predictions of 100 features in the store."""
    from tests.bench.drift_store import Filled

    figures: dict[str, Any] = {}
    for rows in (100_000, 1_000_000, 10_000_000):
        with tempfile.TemporaryDirectory() as folder:
            filled = Filled(Path(folder), rows=rows, features=100)
            figures[f"{rows:,} x 100"] = filled.measure()
            filled.close()
    return figures


def counting() -> dict[str, Any]:
    """Time the counting of predictions as they arrive, a row."""
    from tests.bench.drift_store import batch, pins_of

    figures = {}
    for features in (30, 100):
        rows = batch(16_384, features)
        pins = pins_of(features)
        from algovigil_processor.bins import count

        best = min(_timed(lambda: count(rows, "m", "1", pins, 60)) for _ in range(5))  # noqa: B023 # used at once
        figures[f"{features} features, CPU us a row"] = round(best / 16_384 * 1e6, 2)
        one = rows.slice(0, 1)
        best = min(_timed(lambda: count(one, "m", "1", pins, 60)) for _ in range(20))  # noqa: B023 # used at once
        figures[f"{features} features, CPU us of one row alone"] = round(best * 1e6)
    return figures


def _timed(call: Any) -> float:
    started = time.process_time()
    call()
    return time.process_time() - started


def run() -> dict[str, Any]:
    """Return all figures."""
    return {
        "beside evidently": beside_evidently(),
        "tick": tick_as_rows_grow(),
        "counting": counting(),
    }


if __name__ == "__main__":
    print(json.dumps(run(), indent=2))
    sys.exit(0)

"""Drift, where something has changed: named shifts of real clinical data."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from sklearn.datasets import load_breast_cancer, load_diabetes
from tests.validation.checks import Check
from tests.validation.drift_null import RUN_LENGTH, SEED

from algovigil.statistics.charts import next_evidence
from algovigil.statistics.compare import Observed, Plan, judge, measure
from algovigil.statistics.profile import NumericColumn, profiles

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

PLAN = Plan(methods=("ks_test", "psi", "missing_rate"), min_samples=200)
_MOST_LOOKS = 12

Table = dict[str, np.ndarray]


def checks(scale: float = 1.0) -> Iterator[Check]:
    """Yield every check; *scale* 1 is the full number of runs."""
    rng = np.random.default_rng(SEED + 10)
    runs = max(int(40 * scale), 6)
    tumours = _table(load_breast_cancer())
    diabetes = _table(load_diabetes(scaled=False))
    cases: list[
        tuple[str, str, Table, str, Callable[[np.ndarray], np.ndarray], int, float]
    ] = [
        (
            "tumours",
            "texture read 20 % higher (scanner)",
            tumours,
            "mean texture",
            lambda x: x * 1.2,
            500,
            0.95,
        ),
        (
            "tumours",
            "texture read 10 % higher (scanner)",
            tumours,
            "mean texture",
            lambda x: x * 1.1,
            500,
            0.5,
        ),
        (
            "tumours",
            "half a standard deviation added",
            tumours,
            "mean smoothness",
            lambda x: x + 0.5 * x.std(),
            500,
            0.95,
        ),
        (
            "tumours",
            "a fifth goes missing",
            tumours,
            "worst area",
            lambda x: np.where(rng.random(x.size) < 0.2, np.nan, x),
            500,
            0.95,
        ),
        (
            "diabetes",
            "units: mg/dl becomes mmol/l",
            diabetes,
            "s6",
            lambda x: x / 18.0,
            200,
            0.99,
        ),
        (
            "diabetes",
            "patients ten years older",
            diabetes,
            "age",
            lambda x: x + 10,
            500,
            0.95,
        ),
        (
            "diabetes",
            "spread doubles, mean stays",
            diabetes,
            "bmi",
            lambda x: x.mean() + 2 * (x - x.mean()),
            500,
            0.95,
        ),
    ]
    for case in cases:
        yield power(*case, runs=runs, rng=rng)
    yield _small_but_certain(tumours, rng)


def _table(data: object) -> Table:
    names = [str(n) for n in data.feature_names]  # type: ignore[attr-defined] # a Bunch
    return dict(zip(names, data.data.T, strict=True))  # type: ignore[attr-defined] # as above


def _drawn(table: Table, rng: np.random.Generator, rows: int) -> Table:
    picked = rng.integers(0, len(next(iter(table.values()))), rows)
    return {name: values[picked] for name, values in table.items()}


def _columns(table: Table) -> dict[str, NumericColumn]:
    return {name: NumericColumn(values) for name, values in table.items()}


def power(
    source: str,
    shift: str,
    table: Table,
    feature: str,
    change: Callable[[np.ndarray], np.ndarray],
    rows: int,
    wanted: float,
    *,
    runs: int,
    rng: np.random.Generator,
) -> Check:
    """Check that one look names the feature; say when the chart does, on average."""
    named = others = 0
    delays = []
    for _ in range(runs):
        pinned = profiles(_columns(_drawn(table, rng, 1000)), 10_000, rng)
        evidence = 0.0
        for look in range(1, _MOST_LOOKS + 1):
            current = _drawn(table, rng, rows)
            current[feature] = change(current[feature])
            found = [
                f
                for name, column in _columns(current).items()
                for f in measure(
                    name, pinned[name], Observed.of(pinned[name], column), PLAN, rng
                )
            ]
            judged = judge(found, PLAN)
            drifted = {f.feature for f in judged if f.status == "drift"}
            if look == 1:
                named += feature in drifted
                others += bool(drifted - {feature})
            smallest = min(f.p_adjusted for f in judged if f.p_adjusted is not None)
            evidence = next_evidence(evidence, smallest)
            if evidence >= RUN_LENGTH and drifted:
                break
        delays.append(look)
    return Check(
        f"{source}: {shift}",
        f"1000 against {rows} rows",
        runs,
        f"named at one look in at least {wanted:.0%}",
        f"{named / runs:.0%}; alarm after {np.median(delays):.0f} looks (median), "
        f"another feature named in {others / runs:.0%}",
        named / runs >= wanted,
    )


def _small_but_certain(table: Table, rng: np.random.Generator) -> Check:
    rows = 50_000
    pinned = profiles(_columns(_drawn(table, rng, rows)), rows, rng)
    current = _drawn(table, rng, rows)
    current["mean radius"] = current["mean radius"] * 1.01
    found = judge(
        [
            f
            for name, column in _columns(current).items()
            for f in measure(
                name, pinned[name], Observed.of(pinned[name], column), PLAN, rng
            )
        ],
        PLAN,
    )
    named = [f.feature for f in found if f.status == "drift"]
    return Check(
        "significant and too small to matter",
        f"1 % gain, {rows} against {rows} rows",
        1,
        "no drift",
        "no drift" if not named else ", ".join(named),
        not named,
    )

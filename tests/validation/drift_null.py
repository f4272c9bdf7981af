"""Drift, where nothing has changed: p-values, families of tests, charts over looks."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from tests.validation.checks import Check
from tests.validation.levels import at_level, uniform

from algovigil.statistics.change_point import change_point
from algovigil.statistics.charts import binomial_scores, cusum, e_process
from algovigil.statistics.chi_square import chi_square
from algovigil.statistics.classifier import domain_classifier
from algovigil.statistics.compare import Observed, Plan, judge, measure
from algovigil.statistics.distances import jensen_shannon, wasserstein
from algovigil.statistics.ks import ks
from algovigil.statistics.profile import NumericColumn, profiles
from algovigil.statistics.psi import bin_counts, psi, quantile_edges
from algovigil.statistics.rates import rate_change

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from algovigil.statistics.compare import Finding

SEED = 20261125
RUN_LENGTH = 8760.0
"""One false alarm a year of hourly looks."""
FEATURES, LOOKS = 50, 60


def checks(scale: float = 1.0) -> Iterator[Check]:
    """Yield every check; *scale* 1 is the full number of runs."""
    yield from _continuous(scale)
    yield from _discrete(scale)
    yield from _families(scale)
    yield from _charts(scale)


def _runs(full: int, scale: float) -> int:
    return max(int(full * scale), 20)


def _normal(rng: np.random.Generator, n: int) -> np.ndarray:
    return rng.normal(size=n)


def _lab(rng: np.random.Generator, n: int) -> np.ndarray:
    return rng.lognormal(1.0, 0.8, n)  # skewed, as most laboratory values are


def _binned(rng: np.random.Generator, n: int, m: int) -> tuple[np.ndarray, np.ndarray]:
    before, after = _lab(rng, n), _lab(rng, m)
    edges = quantile_edges(before)
    return bin_counts(before, edges), bin_counts(after, edges)


def _continuous(scale: float) -> list[Check]:
    rng = np.random.default_rng(SEED)
    shares = [0.3, 0.25, 0.2, 0.15, 0.1]

    def by_psi(n: int, m: int) -> float:
        return psi(*_binned(rng, n, m)).p_value or 0.0

    def by_chi_square(n: int, m: int) -> float:
        counts = rng.multinomial(n, shares), rng.multinomial(m, shares)
        return chi_square(*counts).p_value or 0.0

    tests: list[tuple[str, str, int, Callable[[], float]]] = [
        (
            "KS, exact",
            "60 against 50 rows",
            1000,
            lambda: ks(_normal(rng, 60), _normal(rng, 50), "exact").p_value or 0.0,
        ),
        (
            "KS, asymptotic",
            "1000 against 800 rows",
            2000,
            lambda: ks(_lab(rng, 1000), _lab(rng, 800)).p_value or 0.0,
        ),
        ("PSI", "1000 against 1000 rows", 2000, lambda: by_psi(1000, 1000)),
        ("PSI", "5000 against 500 rows", 2000, lambda: by_psi(5000, 500)),
        (
            "chi-square",
            "500 against 500, 5 levels",
            2000,
            lambda: by_chi_square(500, 500),
        ),
        (
            "Jensen-Shannon",
            "1000 against 500 rows",
            2000,
            lambda: jensen_shannon(*_binned(rng, 1000, 500)).p_value or 0.0,
        ),
        (
            "Wasserstein",
            "200 against 150 rows",
            1000,
            lambda: wasserstein(_lab(rng, 200), _lab(rng, 150), rng).p_value or 0.0,
        ),
        (
            "domain classifier",
            "200 against 200 rows, 8 features",
            400,
            lambda: (
                domain_classifier(
                    rng.normal(size=(200, 8)), rng.normal(size=(200, 8)), rng
                ).p_value
                or 0.0
            ),
        ),
    ]
    claims = []
    for name, setting, full, test in tests:
        runs = _runs(full, scale)
        p_values = np.array([test() for _ in range(runs)])
        alarms = int((p_values <= 0.05).sum())
        claims.append(
            at_level(f"{name} at 5 %", setting, alarms, runs, 0.05, exact=True)
        )
        claims.append(uniform(f"{name}, p-values", setting, p_values.tolist()))
    return claims


def _discrete(scale: float) -> list[Check]:
    rng = np.random.default_rng(SEED + 1)
    runs = _runs(1000, scale)

    def missing(rate: float, n: int, m: int) -> float:
        counts = int(rng.binomial(n, rate)), int(rng.binomial(m, rate))
        p_value = rate_change((counts[0], n), (counts[1], m)).p_value
        return 1.0 if p_value is None else p_value

    def ties(n: int, m: int) -> float:
        values = rng.integers(0, 8, n), rng.integers(0, 8, m)
        return ks(*values).p_value or 0.0

    def sparse() -> float:
        shares = [0.6, 0.3, 0.06, 0.03, 0.01]
        counts = rng.multinomial(60, shares), rng.multinomial(40, shares)
        return chi_square(*counts).p_value or 0.0

    def changed() -> float:
        counts = rng.multinomial(40, np.full(8, 1 / 8), 24)
        found = change_point(counts, rng, 39)
        return 1.0 if found is None else found.p_value

    tests: list[tuple[str, str, Callable[[], float]]] = [
        (
            "missing rate",
            "0.5 % of 1000 against 500 rows",
            lambda: missing(0.005, 1000, 500),
        ),
        (
            "missing rate",
            "10 % of 1000 against 500 rows",
            lambda: missing(0.1, 1000, 500),
        ),
        ("KS on 8 values", "500 against 500 rows", lambda: ties(500, 500)),
        ("chi-square, sparse", "60 against 40 rows, 5 levels", sparse),
        ("change point", "24 buckets of 40 rows, 8 bins", changed),
    ]
    return [
        at_level(
            f"{name} at 5 %",
            setting,
            sum(test() <= 0.05 for _ in range(runs)),
            runs,
            0.05,
            exact=False,
        )
        for name, setting, test in tests
    ]


def _families(scale: float) -> list[Check]:
    """50 features, 60 looks against one reference: raw verdicts, then the chart."""
    rng = np.random.default_rng(SEED + 2)
    runs = max(int(30 * scale), 2)
    floorless = Plan(
        methods=("ks_test", "psi", "missing_rate"),
        ks_floor=0.0,
        psi_warning=0.0,
        psi_critical=0.0,
        rate_floor=0.0,
        min_samples=200,
    )
    first = alarmed = looked = 0
    for _ in range(runs):
        p_values = []
        reference = _columns(rng, 1000)
        pinned = profiles(reference, 10_000, rng)
        for look in range(LOOKS):
            judged = _judged(pinned, _columns(rng, 500), floorless, rng)
            drift = any(f.status == "drift" for f in judged)
            looked += drift
            first += drift and look == 0
            p_values.append(
                min(f.p_adjusted for f in judged if f.p_adjusted is not None)
            )
        alarmed += bool(e_process(p_values, RUN_LENGTH).alarms.size)
    setting = f"{FEATURES} features, 1000 against 500 rows, no effect floor"
    return [
        at_level("one look names drift", setting, first, runs, 0.05, exact=False),
        Check(
            "looks that name drift, of all",
            f"{setting}; {LOOKS} looks share a reference",
            runs * LOOKS,
            "at most 5.0%",
            f"{looked / (runs * LOOKS):.1%}",
            looked / (runs * LOOKS) <= 0.05,
        ),
        at_level(
            f"an alarm within {LOOKS} looks, run length {RUN_LENGTH:.0f}",
            setting,
            alarmed,
            runs,
            LOOKS / RUN_LENGTH,
            exact=False,
        ),
    ]


def _columns(rng: np.random.Generator, rows: int) -> dict[str, NumericColumn]:
    values = rng.lognormal(1.0, 0.8, (rows, FEATURES))
    values[rng.random(values.shape) < 0.02] = np.nan
    return {f"x{i}": NumericColumn(values[:, i]) for i in range(FEATURES)}


def _judged(
    pinned: dict, current: dict, plan: Plan, rng: np.random.Generator
) -> tuple[Finding, ...]:
    found: list[Finding] = []
    for name, profile in pinned.items():
        observed = Observed.of(profile, current[name])
        found += measure(name, profile, observed, plan, rng)
    return judge(found, plan)


def _charts(scale: float) -> list[Check]:
    rng = np.random.default_rng(SEED + 3)
    runs = _runs(1000, scale)
    looks, length = 500, 1000.0
    by_cusum = sum(
        bool(cusum(rng.normal(size=looks), length).alarms.size) for _ in range(runs)
    )
    by_volume = 0
    for _ in range(runs):
        before = int(rng.binomial(200_000, 0.1))
        events = rng.binomial(40, 0.1, looks)
        scores = binomial_scores(events, np.full(looks, 40), (before, 200_000))
        by_volume += bool(cusum(scores, length).alarms.size)
    by_evidence = sum(
        bool(e_process(rng.random(looks), length).alarms.size) for _ in range(runs)
    )
    # a run length is about geometric: the chance of an alarm within t looks
    chance = 1 - np.exp(-looks / length)
    return [
        at_level(
            f"CUSUM: an alarm within {looks} looks, run length {length:.0f}",
            "standard normal scores",
            by_cusum,
            runs,
            float(chance),
            exact=True,
        ),
        at_level(
            f"alert volume: an alarm within {looks} looks, run length {length:.0f}",
            "10 % of 40 a look, reference of 200 000",
            by_volume,
            runs,
            float(chance),
            exact=False,
        ),
        at_level(
            f"e-process: an alarm within {looks} looks, run length {length:.0f}",
            "uniform p-values",
            by_evidence,
            runs,
            looks / length,
            exact=False,
        ),
    ]

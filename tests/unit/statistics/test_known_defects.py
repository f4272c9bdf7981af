"""Eleven measured defects of well-known drift libraries, as tests that ours passes.

The number is that of the measurement; the docstring says what went wrong elsewhere.
"""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from algovigil.drift import DriftDetector, StatisticalMethod
from algovigil.statistics.chi_square import chi_square
from algovigil.statistics.compare import Finding, Plan, judge
from algovigil.statistics.distances import jensen_shannon, wasserstein
from algovigil.statistics.ks import ks
from algovigil.statistics.psi import bin_counts, psi, quantile_edges

KS = StatisticalMethod.KS_TEST
PSI = StatisticalMethod.PSI


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(2607)


def test_1_the_reference_of_chi_square_is_a_sample_too(
    rng: np.random.Generator,
) -> None:
    """A one-sample test alarmed in 33 % of null runs at a nominal 5 %."""
    shares = [0.3, 0.25, 0.2, 0.15, 0.1]
    alarms = sum(
        (chi_square(*rng.multinomial(500, shares, 2)).p_value or 0) < 0.05
        for _ in range(1000)
    )
    low, high = stats.binom.ppf([0.001, 0.999], 1000, 0.05)
    assert low <= alarms <= high


def test_2_one_unseen_row_of_a_thousand_is_no_drift() -> None:
    """A single new level gave p = 0; a constant category gave NaN."""
    before = {"ward": ["A"] * 600 + ["B"] * 400}
    after = {"ward": ["A"] * 600 + ["B"] * 399 + ["new"]}
    assert not DriftDetector().detect_drift(after, before).drift_detected
    constant = {"ward": ["A"] * 1000}
    result = DriftDetector().detect_drift(constant, constant)
    assert {"ok"} == {test.status for test in result.test_results}
    assert all(map(math.isfinite, (t.statistic or 0.0 for t in result.test_results)))


@pytest.mark.parametrize("wild", [[], [1e6], [1e300], [math.inf], [-999.0]])
def test_3_one_wild_value_hides_no_shift(
    wild: list[float], rng: np.random.Generator
) -> None:
    """Bins from the pooled data: one value of 1e6 took PSI from 1.04 to .0006."""
    result = DriftDetector(methods=[PSI]).detect_drift(
        [*rng.normal(1, 1, 1000), *wild], rng.normal(size=1000)
    )
    assert result.drift_detected
    assert (result.test_results[0].statistic or 0) > 0.6


def test_3b_the_number_of_bins_is_obeyed(rng: np.random.Generator) -> None:
    """5, 10, 30 and 100 bins all gave one number."""
    before, after = rng.normal(size=2000), rng.normal(0.4, 1, 2000)
    values = set()
    for bins in (5, 10, 30, 100):
        edges = quantile_edges(before, bins=bins)
        assert bins == len(edges) - 1
        counts = bin_counts(before, edges), bin_counts(after, edges)
        values.add(psi(*counts).statistic)
    assert 4 == len(values)


def test_4_a_feature_that_goes_missing_is_drift(rng: np.random.Generator) -> None:
    """90 % missing was dropped: p = .87, no drift."""
    current = rng.normal(size=1000)
    current[rng.random(1000) < 0.9] = np.nan
    reference = rng.normal(size=1000)
    for method in (PSI, StatisticalMethod.MISSING_RATE):
        detector = DriftDetector(methods=[method], reference_data=reference)
        assert detector.detect_drift(current).drift_detected, method


def test_4b_a_stored_series_keeps_its_meaning(rng: np.random.Generator) -> None:
    """At 1001 reference rows the KS test turned into a Wasserstein distance."""
    methods = {
        tuple(
            test.method
            for test in DriftDetector()
            .detect_drift(rng.normal(size=300), rng.normal(size=rows))
            .test_results
        )
        for rows in (1000, 1001, 5000)
    }
    assert 1 == len(methods)


def test_5_a_fresh_install_imports() -> None:
    """An import failed on the pandas that pip picked: ours needs no pandas at all."""
    import subprocess
    import sys

    code = (
        "import sys; sys.modules['pandas'] = None; import algovigil.drift as d; "
        "r = d.DriftDetector().detect_drift([1.0] * 30, [1.0] * 30); "
        "assert not r.drift_detected"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


def test_6_two_samples_of_one_distribution_have_a_small_psi(
    rng: np.random.Generator,
) -> None:
    """An epsilon of 2e-308 made one row in an empty bin worth .7: PSI 1.42."""
    edges = quantile_edges(rng.normal(size=1000))
    values = [
        psi(
            bin_counts(rng.normal(size=1000), edges),
            bin_counts(rng.normal(size=1000), edges),
        ).statistic
        or 0
        for _ in range(50)
    ]
    assert max(values) < 0.06
    # a bin that only one side fills is worth little when it holds one row
    assert (psi([500, 500, 1], [500, 500, 0]).statistic or 0) < 0.005


def test_7_a_hundred_calls_judge_like_the_first(rng: np.random.Generator) -> None:
    """Each call divided its threshold by the number of features again."""
    detector = DriftDetector(reference_data=rng.normal(size=(500, 20)))
    current = rng.normal(size=(500, 20))
    current[:, 3] += 0.5
    first = detector.detect_drift(current)
    for _ in range(20):
        detector.detect_drift(rng.normal(size=(500, 20)))
    assert first == detector.detect_drift(current)
    assert ("feature_3",) == first.drifted_features


def test_8_a_permutation_p_value_is_never_zero(rng: np.random.Generator) -> None:
    """k / n instead of (k + 1) / (n + 1)."""
    assert (wasserstein(np.zeros(99), np.ones(99), rng).p_value or 0) > 0
    table = chi_square([50, 0, 0], [0, 2, 1], 0, resamples=99, rng=rng)
    assert ("monte_carlo", True) == (table.method, (table.p_value or 0) > 0)


def test_9_a_p_value_is_a_function_of_the_data(rng: np.random.Generator) -> None:
    """From sketches the same data gave KS p-values from 2.7e-7 to .74."""
    before, after = rng.normal(size=20_000), rng.normal(size=5_000)
    p_values = {
        ks(rng.permutation(before), rng.permutation(after)).p_value for _ in range(5)
    }
    assert 1 == len(p_values)
    expected = stats.ks_2samp(before, after, method="asymp").pvalue
    assert expected == pytest.approx(p_values.pop(), rel=0.05)


def test_10_an_error_is_no_silence() -> None:
    """A catch-all turned errors into NaN, and NaN into no alert."""
    result = DriftDetector().detect_drift([1.0, 2.0], [1.0, 2.0])
    assert {"insufficient_data"} == {test.status for test in result.test_results}
    assert {None} == {test.statistic for test in result.test_results}
    with pytest.raises(ValueError, match="found: a p-value outside"):
        judge([Finding("x", "psi", 9, 9, "ok", 1.0, math.nan, None, 0.1)], Plan())


def test_10b_a_limit_is_not_made_of_the_chunks_it_judges(
    rng: np.random.Generator,
) -> None:
    """Limits from ten chunks inside the reference: 7 % of null chunks alarmed."""
    reference = rng.normal(size=10_000)
    detector = DriftDetector(methods=[KS], reference_data=reference, ks_floor=0.0)
    alarms = sum(
        detector.detect_drift(rng.normal(size=1000)).drift_detected for _ in range(200)
    )
    assert alarms <= stats.binom.ppf(0.999, 200, 0.05)


def test_11_one_base_of_logarithms() -> None:
    """The same .1 was another threshold elsewhere: natural log .8326, base 2 is 1."""
    assert 1.0 == pytest.approx(jensen_shannon([10, 0], [0, 10]).statistic)

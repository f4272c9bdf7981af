"""Charts: published run lengths, stated delays, evidence that keeps its promise."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from algovigil.statistics.charts import (
    binomial_scores,
    cusum,
    cusum_limit,
    cusum_run_length,
    e_process,
    e_value,
    rate_evidence,
)


@pytest.mark.parametrize(("limit", "published"), [(4, 167.7), (5, 465.4)])
def test_published_run_lengths(limit: float, published: float) -> None:
    """The Markov chain gives 167.7 at h = 4 and 465.4 at h = 5, two-sided."""
    assert published == pytest.approx(cusum_run_length(limit), abs=0.05)


@pytest.mark.parametrize("wanted", [100.0, 465.4, 8760.0])
def test_a_limit_is_chosen_from_the_run_length(wanted: float) -> None:
    """Whoever states a false-alarm budget gets the limit that keeps it."""
    assert wanted == pytest.approx(cusum_run_length(cusum_limit(wanted)), rel=1e-3)


def test_the_stated_run_length_is_the_simulated_one() -> None:
    """300 charts without a shift alarm on average after the looks they state."""
    rng = np.random.default_rng(5)
    firsts = []
    for _ in range(300):
        chart = cusum(rng.normal(size=1500), 100.0)
        firsts.append(int(chart.alarms[0]) + 1 if chart.alarms.size else 1500)
    # run lengths are about geometric: their mean has a standard error of ARL/sqrt(n)
    assert 100 == pytest.approx(np.mean(firsts), abs=4 * 100 / np.sqrt(300))


def test_a_step_of_one_deviation_is_seen_in_ten_looks() -> None:
    """At h = 5 a shift of 1 SD takes 10.4 looks on average (Montgomery, table 9.3)."""
    rng = np.random.default_rng(6)
    delays = [
        int(cusum(rng.normal(1, 1, 200), 465.4).alarms[0]) + 1 for _ in range(400)
    ]
    assert 10.4 == pytest.approx(np.mean(delays), abs=1.0)


def test_the_target_is_fixed_and_not_a_running_mean() -> None:
    """A rate that jumps from .2 to .8 is seen at once: not after 86 looks."""
    rng = np.random.default_rng(7)
    scores = binomial_scores(rng.binomial(20, 0.8, 10), [20] * 10, (200, 1000))
    assert 0 == cusum(scores, 465.4).alarms[0]


def test_a_look_without_rows_is_no_evidence() -> None:
    """Empty buckets leave the chart where it was."""
    scores = binomial_scores([0, 50], [0, 50], (10, 100))
    assert np.isnan(scores[0])
    assert 0 == cusum(scores, 100.0).values[0]


def test_evidence_has_a_mean_of_at_most_one() -> None:
    """The calibrator of p-values integrates to 1."""
    middle = (np.arange(1_000_000) + 0.5) / 1_000_000
    assert 1 == pytest.approx(np.mean([0.5 / np.sqrt(middle)]), abs=1e-3)
    assert 0.5 / np.sqrt(0.04) == pytest.approx(e_value(0.04))
    assert np.isfinite(e_value(0.0))


def test_the_e_process_keeps_its_run_length() -> None:
    """Of 400 charts over 60 looks, a run length of 1000 lets at most 6 % alarm."""
    rng = np.random.default_rng(8)
    alarms = sum(
        bool(e_process(rng.random(60), 1000.0).alarms.size) for _ in range(400)
    )
    assert alarms <= stats.binom.ppf(0.999, 400, 60 / 1000)


def test_the_e_process_adds_up_weak_evidence() -> None:
    """Ten looks of p = .01 each alarm, though none would alone."""
    chart = e_process([0.01] * 10, 8760.0)
    assert chart.values[0] < chart.limit
    assert chart.alarms.size


def test_many_looks_at_a_rate_stay_within_alpha() -> None:
    """60 looks at a rate that is as promised: e-process at most 5 % false alarms.

    A binomial test repeated at each of those looks alarms in more than 15 %.
    """
    rng = np.random.default_rng(9)
    looks = np.arange(5, 301, 5)
    by_evidence = by_test = 0
    for _ in range(300):
        errors = rng.random(300) < 0.05
        by_evidence += rate_evidence(errors, 0.05).max() >= 20
        sums = np.cumsum(errors)[looks - 1]
        by_test += (stats.binom.sf(sums - 1, looks, 0.05) < 0.05).any()
    assert by_evidence <= stats.binom.ppf(0.999, 300, 0.05)
    assert by_test > 0.15 * 300


def test_a_doubled_rate_is_seen() -> None:
    """Error 5 % to 10 %: the median of cases until the alarm is a few hundred."""
    rng = np.random.default_rng(10)
    first = []
    for _ in range(100):
        evidence = rate_evidence(rng.random(2000) < 0.1, 0.05)
        first.append(int(np.argmax(evidence >= 20)) if evidence.max() >= 20 else 2000)
    assert np.median(first) < 300


@pytest.mark.parametrize("looks", [20.0, 465.4, 1e5, 9.5e7, 1e11])
@pytest.mark.parametrize("slack", [0.25, 0.5, 1.0])
def test_a_limit_is_found_for_any_budget(looks: float, slack: float) -> None:
    """From twenty looks to a false alarm a century at a look a second."""
    limit = cusum_limit(looks, slack)
    assert cusum_run_length(limit, slack) == pytest.approx(looks, rel=0.01)

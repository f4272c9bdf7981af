"""Treatment, survival, adverse events, numbers and classes: published figures."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import r2_score, root_mean_squared_error

from algovigil.statistics import risk_cusum
from algovigil.statistics.effects import Arm, effects
from algovigil.statistics.gaps import adjusted, proportion_gap
from algovigil.statistics.multiclass import (
    kappa,
    macro_f1,
    macro_sensitivity,
    one_against_rest,
)
from algovigil.statistics.poisson import garwood, rate_ratio
from algovigil.statistics.regression import errors
from algovigil.statistics.survival import kaplan_meier, log_rank

# Freireich et al., Blood 1963: weeks of remission in acute leukaemia
MERCAPTOPURINE = [6, 6, 6, 7, 10, 13, 16, 22, 23, 6, 9, 10, 11, 17, 19, 20, 25, 32, 32]
MERCAPTOPURINE += [34, 35]
PLACEBO = [1, 1, 2, 2, 3, 4, 4, 5, 5, 8, 8, 8, 8, 11, 11, 12, 12, 15, 17, 22, 23]
HAPPENED = [1] * 9 + [0] * 12


def test_aspirin_and_infarction() -> None:
    """Physicians' Health Study (Agresti, table 2.3): RR 1.82, OR 1.83."""
    found = effects(Arm(189, 11034), Arm(104, 11037))
    ratio, odds = found.ratio, found.odds_ratio
    assert [1.82, 1.43, 2.31] == [
        round(x or 0, 2) for x in (ratio.value, ratio.lower, ratio.upper)
    ]
    assert [1.83, 1.44, 2.33] == [
        round(x or 0, 2) for x in (odds.value, odds.lower, odds.upper)
    ]
    assert [130, False] == [
        round(found.number_needed.value or 0),
        found.number_needed.disjoint,
    ]


def test_a_number_needed_that_may_be_infinite_says_so() -> None:
    """Altman, BMJ 1998: 36/120 against 30/113 healed is benefit or harm."""
    needed = effects(Arm(36, 120), Arm(30, 113)).number_needed
    assert needed.disjoint
    assert 29 == round(needed.value or 0)
    assert (needed.lower or 0) < 0 < (needed.upper or 0)
    assert effects(Arm(5, 10), Arm(5, 10)).number_needed.value is None


def test_remission_in_leukaemia() -> None:
    """Freireich 1963: log-rank 16.79, medians 8 and 23 weeks, S(10) = .753."""
    times = MERCAPTOPURINE + PLACEBO
    found = log_rank(times, HAPPENED + [1] * 21, [0] * 21 + [1] * 21)
    assert 16.79 == round(found.statistic or 0, 2)
    treated, placebo = (
        kaplan_meier(MERCAPTOPURINE, HAPPENED),
        kaplan_meier(PLACEBO, [1] * 21),
    )
    assert (8, 23) == (placebo.median, treated.median)
    at_ten = float(treated.share[treated.times == 10][0])
    assert 0.7529 == round(at_ten, 4)
    assert (0 <= treated.lower).all()
    assert (treated.lower <= treated.share).all()
    assert (treated.share <= treated.upper).all()


def test_exact_rates() -> None:
    """Garwood 1936: 0 gives up to 3.689, 10 give 4.795 to 18.391."""
    none, ten = garwood(0, 1), garwood(10, 1)
    assert [0, 3.6889, 4.7954, 18.3904] == pytest.approx(
        [none.lower, none.upper, ten.lower, ten.upper], abs=1e-3
    )
    assert "insufficient_data" == garwood(3, 0).status
    ratio = rate_ratio((20, 1000.0), (10, 1000.0))
    assert 2.0 == pytest.approx(ratio.value)
    assert (ratio.lower or 0) < 1 < 2 < (ratio.upper or 0)
    assert rate_ratio((5, 10.0), (0, 10.0)).upper is None


def test_two_film_critics() -> None:
    """Siskel and Ebert (Agresti, table 10.5): kappa .389, error .0598."""
    counts = [[24, 8, 13], [8, 13, 11], [10, 9, 64]]
    found = kappa(counts)
    assert 0.389 == round(found.value or 0, 3)
    assert 0.0598 == pytest.approx(
        ((found.upper or 0) - (found.lower or 0)) / 2 / 1.959964, abs=1e-4
    )
    rates = [24 / 45, 13 / 32, 64 / 83]
    assert sum(rates) / 3 == pytest.approx(macro_sensitivity(counts).value)
    assert (24, 18, 21, 97) == (
        (t := one_against_rest(counts, 0)).tp,
        t.fp,
        t.fn,
        t.tn,
    )
    assert 0 < (macro_f1(counts) or 0) < 1
    assert [None, None] == [kappa([[9]]).value, macro_sensitivity([[9]]).value]


def test_errors_of_numbers() -> None:
    """As scikit-learn's; bad rows take no part, too few are a status."""
    rng = np.random.default_rng(2)
    y = rng.normal(size=300)
    x = y + 0.3 * rng.normal(size=300) + 0.1
    found = errors([*x, np.nan, np.inf], [*y, 1, 2])
    assert root_mean_squared_error(y, x) == pytest.approx(found["rmse"].value)
    assert r2_score(y, x) == pytest.approx(found["r_squared"].value)
    assert (found["bias"].lower or 0) < 0.1 < (found["bias"].upper or 0)
    assert {"insufficient_data"} == {e.status for e in errors([1], [2]).values()}
    assert "insufficient_data" == errors([1, 2, 3, 4], [5, 5, 5, 5])["r_squared"].status


def test_the_worst_of_many_subgroups_is_no_finding() -> None:
    """Over 20 equal subgroups a gap is named in at most about 5 % of runs."""
    rng = np.random.default_rng(6)
    named = 0
    for _ in range(200):
        hits = rng.binomial(60, 0.8, 20)
        gaps = [
            proportion_gap((h, 60), (hits.sum() - h, 60 * 19), 10)
            for h in hits.tolist()
        ]
        named += min(p for p in adjusted(gaps) if p is not None) < 0.05
    assert named <= 20
    small = proportion_gap((3, 4), (50, 90), 10)
    assert (None, None) == (small.difference, small.p_value)


def test_run_lengths_are_those_of_simulation() -> None:
    """The chain's mean number of cases to a false alarm, as 400 runs give it."""
    rng = np.random.default_rng(7)
    risks = rng.beta(1, 9, 500)
    limit = risk_cusum.limit_for(risks, 2.0, 2000)
    lengths = []
    for _ in range(400):
        p = rng.choice(risks, 20_000)
        found = risk_cusum.chart(p, rng.random(20_000) < p, 2.0, limit)
        lengths.append(found.alarms[0] + 1 if found.alarms else 20_000)
    assert 2000 == pytest.approx(np.mean(lengths), rel=0.2)
    assert risk_cusum.run_length(risks, 2.0, limit + 1) > risk_cusum.run_length(
        risks, 2.0, limit
    )


def test_a_doubling_of_the_odds_is_found() -> None:
    """Case by case as the recursion says, and an alarm soon after the change."""
    rng = np.random.default_rng(8)
    p = rng.beta(1, 9, 3000)
    odds = p / (1 - p)
    worse = 2 * odds / (1 + 2 * odds)
    events = rng.random(3000) < np.where(np.arange(3000) < 1500, p, worse)
    limit = risk_cusum.limit_for(p, 2.0, 20_000)
    found = risk_cusum.chart(p, events, 2.0, limit)
    level, path = 0.0, []
    for step in risk_cusum.weights(p, events, 2.0).tolist():
        level = max(0.0, level + step)
        path.append(level)
        level = 0.0 if level > limit else level
    assert path == pytest.approx(found.path.tolist())
    assert 1500 < found.alarms[0] < 2200


@pytest.mark.parametrize("groups", [[], [0, 0, 0]], ids=["none", "one group"])
def test_survival_of_nobody_is_a_status(groups: list[int]) -> None:
    """No group to compare, no events: a status and empty curves."""
    times = [1.0, 2.0, 3.0][: len(groups)]
    assert "insufficient_data" == log_rank(times, [1] * len(groups), groups).status
    empty = kaplan_meier([], [])
    assert (0, None) == (empty.n, empty.median)
    assert kaplan_meier([5, 6], [0, 0]).median is None
    assert [0.0] == kaplan_meier([5, 5], [1, 1]).share.tolist()

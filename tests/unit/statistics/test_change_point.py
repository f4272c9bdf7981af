"""Change points: found where they are, and not where nothing changed."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from algovigil.statistics.change_point import change_point

EVEN = np.full(10, 0.1)
TILTED = np.linspace(0.5, 1.5, 10) / 10


def series(rng: np.random.Generator, *parts: tuple[int, np.ndarray]) -> np.ndarray:
    return np.vstack([rng.multinomial(80, shares, n) for n, shares in parts])


def test_a_change_is_dated_and_its_set_holds_the_truth() -> None:
    """The shift begins at bucket 30: in at least 90 % of runs the set says so."""
    rng = np.random.default_rng(1)
    held = 0
    for _ in range(60):
        found = change_point(series(rng, (30, EVEN), (15, TILTED)), rng, 39)
        assert found is not None
        assert found.earliest <= found.bucket <= found.latest
        held += found.earliest <= 30 <= found.latest
    assert held >= 54


def test_without_a_change_p_values_keep_their_level() -> None:
    """The maximum over all splits is compared with maxima."""
    rng = np.random.default_rng(2)
    below = 0
    for _ in range(200):
        found = change_point(series(rng, (25, EVEN)), rng, 39)
        assert found is not None
        below += found.p_value <= 0.05
    assert below <= stats.binom.ppf(0.999, 200, 0.05)


@pytest.mark.parametrize("counts", [np.zeros((5, 3), int), np.eye(1, 3, dtype=int)])
def test_fewer_than_two_filled_buckets_have_no_change(counts: np.ndarray) -> None:
    """Nothing to part."""
    assert change_point(counts, np.random.default_rng(0)) is None


def test_empty_buckets_in_between_are_skipped() -> None:
    """A night without patients moves no date."""
    rng = np.random.default_rng(3)
    counts = series(rng, (10, EVEN), (10, TILTED[::-1] ** 2 / (TILTED**2).sum()))
    counts = np.insert(counts, 10, np.zeros((4, 10), int), axis=0)
    found = change_point(counts, rng)
    assert found is not None
    assert 14 == found.bucket

"""Diagnostic rates with their own denominators."""

from __future__ import annotations

import pytest

from algovigil.statistics.confusion import Confusion, diagnostic_rates

LIVER = Confusion(tp=231, fp=32, fn=27, tn=54)


def test_published_rates() -> None:
    """Altman and Bland, BMJ 1994, to the two digits they give."""
    rates = {rate.metric: rate for rate in diagnostic_rates(LIVER)}
    published = {"sensitivity": 0.90, "specificity": 0.63, "ppv": 0.88, "npv": 0.67}
    assert published == {m: round(rates[m].value or 0, 2) for m in published}
    assert [344, 258, 86, 263, 81] == [rate.denominator for rate in rates.values()]
    assert 285 / 344 == pytest.approx(rates["diagnostic_accuracy"].value)


def test_a_class_too_small_is_insufficient_on_its_own() -> None:
    """Nine diseased carry no sensitivity, though there are plenty of healthy."""
    rates = {r.metric: r for r in diagnostic_rates(Confusion(9, 0, 0, 500))}
    assert ("insufficient_data", None) == (
        rates["sensitivity"].status,
        rates["sensitivity"].value,
    )
    assert (rates["sensitivity"].lower or 0) > 0.6
    assert "ok" == rates["specificity"].status


def test_no_cases_have_no_numbers() -> None:
    """An empty table is insufficient_data throughout, with neither 0 nor NaN."""
    rates = diagnostic_rates(Confusion(0, 0, 0, 0))
    assert {("insufficient_data", None, None, None)} == {
        (rate.status, rate.value, rate.lower, rate.upper) for rate in rates
    }

"""Diagnostic performance of each version, on labels that arrive late.

A cohort is made by the time of prediction, and every figure says how many of its
predictions have a label. The database counts; only the counts leave it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from algovigil.statistics.confusion import MIN_CLASS, Confusion, class_rates, rate
from algovigil_processor.analyse.findings import Found, Row, Version, each, finite, head
from algovigil_processor.analyse.store import rows

if TYPE_CHECKING:
    from collections.abc import Mapping

    from algovigil.config import Clinical as ClinicalConfig
    from algovigil_processor.analyse.store import Store


class Clinical:
    """Compare predictions of the window with the outcomes known by now."""

    def __init__(self, store: Store, config: ClinicalConfig) -> None:
        self._store = store
        self._window_ns = int(config.window * 1e9)
        self._positive = config.positive_label
        self._min_total = config.min_samples
        self._min_class = min(MIN_CLASS, config.min_samples)

    def __call__(self, now_ns: int) -> Found:
        """Return rows of `clinical_metrics`: five a version."""
        start_ns = max(now_ns - self._window_ns, 0)
        counted = rows(
            self._store,
            "confusion",
            start_ns=start_ns,
            now_ns=now_ns,
            positive=self._positive,
        )
        return each(counted, lambda row: self._rates(row, now_ns, start_ns))

    def _rates(
        self, counted: Mapping[str, Any], now_ns: int, start_ns: int
    ) -> list[Row]:
        labels = counted["labels"]
        table = Confusion(*(counted[cell] for cell in ("tp", "fp", "fn", "tn")))
        accuracy = rate(
            "diagnostic_accuracy", counted["agreeing"], labels, self._min_total
        )
        common = head(Version.of(counted), now_ns, start_ns) | {
            "inferences": counted["inferences"],
            "labelled": labels,
        }
        return [
            common
            | {
                "metric": figure.metric,
                "value": finite(figure.value),
                "lower": finite(figure.lower),
                "upper": finite(figure.upper),
                "numerator": figure.numerator,
                "denominator": figure.denominator,
                "status": figure.status,
            }
            for figure in (accuracy, *class_rates(table, self._min_class))
        ]

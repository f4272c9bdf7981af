"""Clinical performance of each version, on labels that arrive late.

A cohort is made by the time of prediction and counts once it is mature; every figure
says how many of its predictions have a label.
"""

from __future__ import annotations

import dataclasses
from functools import partial
from typing import TYPE_CHECKING, Final

import numpy as np

from algovigil.statistics.proportions import wilson
from algovigil_processor.analyse.clinical.cohort import (
    Cohort,
    Size,
    Window,
    cohort,
    sizes,
)
from algovigil_processor.analyse.clinical.figures import (
    METHOD_VERSION,
    Figure,
    Minimum,
    area,
    balanced,
    calibration,
    is_numeric,
    numbers,
    rates,
    restated,
    share,
)
from algovigil_processor.analyse.clinical.subgroups import WARNING, by_subgroup, gaps
from algovigil_processor.analyse.findings import Found, Row, Version, finite, head
from algovigil_processor.analyse.store import rows

if TYPE_CHECKING:
    from collections.abc import Iterator

    from algovigil.config import Clinical as ClinicalConfig
    from algovigil_processor.analyse.store import Store

_VERIFIED_GAP: Final = 0.1


class Clinical:
    """Compare predictions of the mature window with the outcomes known by now."""

    def __init__(self, store: Store, config: ClinicalConfig) -> None:
        self._store = store
        self._config = config
        self._last: tuple[dict[str, int], Found] | None = None

    def __call__(self, now_ns: int) -> Found:
        """Return rows of `clinical_metrics`.

        A tick in which nothing came and nothing left the window says again what the
        last one said, without reading it again.
        """
        window = self.window(now_ns)
        state = rows(
            self._store, "window_state", start_ns=window.start_ns, end_ns=window.end_ns
        )[0]
        if self._last is not None and self._last[0] == state:
            return Found([_moved(row, window) for row in self._last[1].rows])
        by_version = self._labels(window)
        predictions = sizes(self._store, window, self._config)
        pinned = rows(self._store, "prevalences", now_ns=now_ns)
        reference = {Version.of(row): row["prevalence"] for row in pinned}
        found = Found()
        for (model, name), size in sorted(predictions.items()):
            version = Version(model, name)
            labels = by_version.get((model, name), 0)
            share = reference.get(version)
            found.add(partial(self.of, version, window, size, labels, share))
        found.rows += self._unmatched(window)
        # what failed is tried again at the next tick
        self._last = None if found.failed else (state, found)
        return found

    def window(self, now_ns: int) -> Window:
        """Return the newest window whose labels have had time to come."""
        end_ns = now_ns - int(self._config.maturity * 1e9)
        start_ns = end_ns - int(self._config.window * 1e9)
        return Window(max(start_ns, 0), max(end_ns, 0), now_ns)

    def of(
        self,
        version: Version,
        window: Window,
        size: Size,
        labels: int,
        prevalence: float | None = None,
    ) -> list[Row]:
        """Return every figure of one version and window."""
        drawn = cohort(self._store, version, window, self._config, size, labels)
        return figures_of(drawn, version, window, self._config, prevalence)

    def _labels(self, window: Window) -> dict[tuple[str, str], int]:
        found = rows(
            self._store,
            "labelled",
            start_ns=window.start_ns,
            end_ns=window.end_ns,
            as_of_ns=window.as_of_ns,
        )
        return {
            (row["model_name"] or "", row["model_version"] or ""): row["rows"]
            for row in found
        }

    def _unmatched(self, window: Window) -> list[Row]:
        """Return how many outcomes no prediction was found for, by model as told."""
        found = rows(
            self._store,
            "unmatched",
            start_ns=window.start_ns,
            end_ns=window.as_of_ns,
        )
        return [
            row_of(
                Figure(
                    metric="outcomes_unmatched",
                    value=row["unmatched"] / row["outcomes"],
                    lower=None,
                    upper=None,
                    numerator=float(row["unmatched"]),
                    denominator=float(row["outcomes"]),
                    n=row["outcomes"],
                    method="count",
                    status=WARNING,
                ),
                Version(row["model_name"] or "", ""),
                window,
                Size(inferences=np.nan),
            )
            for row in found
        ]


def figures_of(
    drawn: Cohort,
    version: Version,
    window: Window,
    config: ClinicalConfig,
    prevalence: float | None = None,
) -> list[Row]:
    """Return every figure of a cohort as rows of `clinical_metrics`.

    *prevalence* is that of the reference, at which PPV and NPV are restated.
    """
    least = Minimum(config.min_samples, min(config.min_class, config.min_samples))
    found: list[Figure] = [*rates(drawn, least), area(drawn, least)]
    found += _volume(drawn)
    if len(drawn):
        found += calibration(drawn, least)
        found += balanced(drawn, least)
        found += by_subgroup(drawn, least)
        found += gaps(drawn, least, config.alpha, config.gap_floor)
        if prevalence is not None and 0 < prevalence < 1:
            found += restated(drawn, prevalence, least)
        if is_numeric(drawn):
            found += numbers(drawn, least)
    labelled = _labelled(drawn)
    caveat = caveat_of(drawn)
    return [
        row_of(figure, version, window, drawn.size, labelled, caveat, drawn)
        for figure in found
    ]


def caveat_of(drawn: Cohort) -> str:
    """Return the one thing that a reader must know before the figures are believed.

    `acted_on`: predictions were acted on, so that an averted event looks like a false
    alarm; the strata of `acted_on` tell. `verification`: cases called positive are
    verified more often than others. `contradictory`: labels disagree. `sampled`: a
    uniform sample of the labels was read.
    """
    acted = drawn.groups.get("acted_on")
    if acted is not None and (acted == "true").any():
        return "acted_on"
    if drawn.contradictory.any():
        return "contradictory"
    if _is_verified_unevenly(drawn):
        return "verification"
    return "sampled" if drawn.is_sampled else ""


def _is_verified_unevenly(drawn: Cohort) -> bool:
    size = drawn.size
    negative = size.named - size.called
    if not size.called or not negative or drawn.is_sampled:
        return False
    w = drawn.weight
    of_called = float(w[drawn.predicted == "+"].sum()) / size.called
    other = (drawn.predicted != "+") & (drawn.predicted != "")
    return of_called - float(w[other].sum()) / negative > _VERIFIED_GAP


def _volume(drawn: Cohort) -> Iterator[Figure]:
    """Yield what needs no label, and what labels say about themselves."""
    size = drawn.size
    everyone = np.ones(len(drawn), dtype=bool)
    if size.named:
        interval = wilson(size.called, size.named)
        assert interval is not None, "there are predictions"
        yield Figure(
            metric="alert_rate",
            value=size.called / size.named,
            lower=interval.lower,
            upper=interval.upper,
            numerator=size.called,
            denominator=size.named,
            n=size.rows,
            method="wilson",
        )
    if len(drawn):
        sick = drawn.actual == "+"
        if sick.any():
            yield share("prevalence", sick, everyone, drawn.weight, 0)
        bad = share(
            "label_contradictions", drawn.contradictory, everyone, drawn.weight, 0
        )
        yield dataclasses.replace(bad, status=WARNING if bad.numerator else bad.status)


def _labelled(drawn: Cohort) -> float:
    return float(drawn.weight.sum())


def row_of(
    figure: Figure,
    version: Version,
    window: Window,
    size: Size,
    labelled: float = 0.0,
    caveat: str = "",
    drawn: Cohort | None = None,
) -> Row:
    """Return *figure* as a row of `clinical_metrics`."""
    key, value = figure.subgroup
    inferences = size.inferences
    if drawn is not None and key:
        known = drawn.groups.get(key)
        inferences = size.by_group.get((key, value), np.nan)
        if known is not None:
            labelled = float(drawn.weight[known == value].sum())
    sampled = drawn is not None and drawn.is_sampled
    share_known = labelled / inferences if inferences and not sampled else None
    return head(version, window.as_of_ns, window.start_ns, window.end_ns) | {
        "plan_version": "",
        "as_of": window.as_of_ns,
        "metric": figure.metric,
        "subgroup_key": key,
        "subgroup_value": value,
        "value": finite(figure.value),
        "lower": finite(figure.lower),
        "upper": finite(figure.upper),
        "numerator": figure.numerator,
        "denominator": figure.denominator,
        "n": figure.n,
        "inferences": finite(inferences) or 0.0,
        "labelled": labelled,
        "completeness": finite(share_known),
        "p_adjusted": finite(figure.p_adjusted),
        "reference": figure.reference,
        "reference_value": finite(figure.reference_value),
        "method": figure.method,
        "method_version": METHOD_VERSION,
        "caveat": caveat,
        "status": figure.status,
    }


def _moved(row: Row, window: Window) -> Row:
    return row | {
        "timestamp": window.as_of_ns,
        "window_start": window.start_ns,
        "window_end": window.end_ns,
        "as_of": window.as_of_ns,
    }

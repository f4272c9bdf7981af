"""Bins: exact counts, whoever counted them and when, and what is read from them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from algovigil.config import MonitoringConfig
from algovigil.statistics.psi import bin_counts, quantile_edges
from algovigil_processor.analyse import Analysis
from algovigil_processor.analyse.drift.columns import columns_of, draw
from algovigil_processor.analyse.findings import Version
from algovigil_processor.batch import Batch, Origin
from algovigil_processor.bins import Held, Pins, count
from algovigil_processor.derive.bins import binned
from integration.analyse.clinic import NOON, SECOND, seal

if TYPE_CHECKING:
    import pytest

    from integration.analyse.clinic import Clinic

HOUR = 3600 * SECOND


def seconds_ago(first: int, rows: int) -> list[int]:
    return [NOON - first * SECOND + i * SECOND // 100 for i in range(rows)]


def bins_of(clinic: Clinic, feature: str, **where: str) -> dict[str, int]:
    wanted = {"subgroup_key": "", "subgroup_value": "", **where}
    conditions = " AND ".join(f"{k} = '{v}'" for k, v in wanted.items())
    found = clinic.rows(
        "SELECT label, sum(rows) AS n FROM feature_bins "
        f"WHERE feature = '{feature}' AND {conditions} GROUP BY label"
    )
    return {row["label"]: row["n"] for row in found}


def tick(clinic: Clinic, now_ns: int = NOON, **drift: Any) -> Analysis:
    analysis = clinic.analysis(drift_detection={"window": 1800, **drift})
    analysis.tick(now_ns)
    return analysis


class Line:
    """Counts predictions as they arrive, as line 1 does."""

    def __init__(self, clinic: Clinic) -> None:
        self.clinic = clinic
        self.held = Held()
        self.settled = True

    def follow(self, active: Any) -> None:
        self.held.swap(active)

    def is_settled(self) -> bool:
        return self.settled

    def analysis(self, **drift: Any) -> Analysis:
        config = MonitoringConfig.of({"drift_detection": {"window": 1800, **drift}})
        return Analysis(
            self.clinic.store, seal, config, self.clinic.telemetry, pinning=self
        )

    def predict(
        self, times: list[int], features: dict[str, Any], **columns: Any
    ) -> None:
        """Insert predictions counted under what is in force."""
        put = self.clinic.put

        def counted(table: Any, given: Any, rows: int) -> None:
            record = self.clinic.record(table, given, rows)
            with self.held.use() as active:
                record, counts = binned(record, active, 30)
            batches = [seal(Batch(table, record, Origin("test", NOON)))]
            batches += [
                seal(Batch("bin_counts", c, Origin("test", NOON))) for c in counts
            ]
            self.clinic.store.insert(batches, f"line-{times[0]}-{rows}")

        self.clinic.put = counted  # type: ignore[method-assign] # for this call
        try:
            self.clinic.predict("m", times, features, **columns)
        finally:
            self.clinic.put = put  # type: ignore[method-assign] # as it was


def test_counts_are_those_of_the_statistics(
    clinic: Clinic, rng: np.random.Generator
) -> None:
    """Every kind of value lands in the bin that `bin_counts` puts it in."""
    reference = rng.normal(size=1000)
    clinic.predict("m", seconds_ago(7200, 1000), {"x": reference})
    values = rng.normal(size=400)
    values[:40] = np.nan
    values[40:43] = np.inf
    clinic.predict("m", seconds_ago(600, 400), {"x": values})
    tick(clinic)
    edges = quantile_edges(reference)
    expected = bin_counts(values, edges)
    found = bins_of(clinic, "x")
    assert 40 == found["(missing)"]
    assert 3 == found["(infinite)"]
    assert 400 == sum(found.values())
    assert sorted(expected[expected > 0].tolist()) == sorted(found.values())


def test_subgroups_add_up_and_merge_over_sites(
    clinic: Clinic, rng: np.random.Generator
) -> None:
    """Counts of all sites add up to everyone's."""
    sites = ["north", "south"] * 500
    clinic.predict(
        "m", seconds_ago(7200, 1000), {"x": rng.normal(size=1000)}, site=sites
    )
    clinic.predict(
        "m", seconds_ago(600, 300), {"x": rng.normal(size=300)}, site=sites[:300]
    )
    tick(clinic)
    north = bins_of(clinic, "x", subgroup_key="site", subgroup_value="north")
    south = bins_of(clinic, "x", subgroup_key="site", subgroup_value="south")
    both = {k: north.get(k, 0) + south.get(k, 0) for k in {*north, *south}}
    assert both == bins_of(clinic, "x")
    assert {"north": 150, "south": 150} == bins_of(clinic, "case_mix.site")


def test_each_row_is_counted_once_by_line_or_job(
    clinic: Clinic, rng: np.random.Generator
) -> None:
    """Before, while and after a reference comes in force: once each."""
    line = Line(clinic)
    line.predict(seconds_ago(7200, 1000), {"x": rng.normal(size=1000)})
    line.predict(seconds_ago(6000, 70), {"x": rng.normal(size=70)})
    line.settled = False
    analysis = line.analysis()
    analysis.tick(NOON)  # the reference is in force; what came before is on its way
    line.predict(seconds_ago(5000, 60), {"x": rng.normal(size=60)})
    assert 60 == sum(bins_of(clinic, "x").values())
    found = clinic.findings("m")
    assert "insufficient_data" == found["", "model"]["status"]
    line.settled = True
    for second in range(3):
        analysis.tick(NOON + second * SECOND)
        line.predict(seconds_ago(400 - second, 50), {"x": rng.normal(size=50)})
    line.analysis().tick(NOON + 9 * SECOND)  # another process, the same store
    assert 130 + 150 == sum(bins_of(clinic, "x").values())


def test_a_new_reference_gets_the_old_rows_too(
    clinic: Clinic, rng: np.random.Generator
) -> None:
    """Rows counted under one reference are counted again under the next, and back."""
    line = Line(clinic)
    line.predict(seconds_ago(7200, 1000), {"x": rng.normal(size=1000)})
    analysis = line.analysis()
    analysis.tick(NOON)
    first = analysis.references.active[0]
    line.predict(seconds_ago(5000, 300), {"x": rng.normal(5, 1, 300)})
    second = analysis.references.from_window(
        Version("m", "1"), (NOON - 5100 * SECOND, NOON - 4000 * SECOND), NOON
    )
    assert second is not None
    analysis.references.activate(second.reference_id, NOON + SECOND)
    line.predict(seconds_ago(3000, 40), {"x": rng.normal(5, 1, 40)})
    analysis.tick(NOON + 2 * SECOND)
    line.predict(seconds_ago(2000, 30), {"x": rng.normal(5, 1, 30)})

    def counted(reference_id: str) -> int:
        return sum(bins_of(clinic, "x", reference_id=reference_id).values())

    assert 340 == counted(first.reference_id)
    assert 70 == counted(second.reference_id)
    analysis.references.activate(first.reference_id, NOON + 3 * SECOND)
    analysis.tick(NOON + 4 * SECOND)
    assert (370, 70) == (counted(first.reference_id), counted(second.reference_id))


def test_a_kill_in_a_recount_repeats_nothing(
    clinic: Clinic, rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The hour is stored, its note is not: the next process adds nothing twice."""
    clinic.predict("m", seconds_ago(9000, 1000), {"x": rng.normal(size=1000)})
    clinic.predict("m", seconds_ago(600, 300), {"x": rng.normal(size=300)})
    insert = clinic.store.insert

    def dies(batches: Any, token: str) -> None:
        if token.startswith("counted-"):
            insert([b for b in batches if b.table == "bin_counts"], token)
            raise ConnectionError
        insert(batches, token)

    monkeypatch.setattr(clinic.store, "insert", dies)
    tick(clinic)
    monkeypatch.setattr(clinic.store, "insert", insert)
    tick(clinic, NOON + SECOND)
    assert 300 == sum(bins_of(clinic, "x").values())


def test_an_hour_is_read_in_pages(
    clinic: Clinic, rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Memory is bounded by a page, however many rows the hour has."""
    from algovigil_processor.analyse.drift import recount

    monkeypatch.setattr(recount, "PAGE_ROWS", 64)
    clinic.predict("m", seconds_ago(9000, 1000), {"x": rng.normal(size=1000)})
    clinic.predict("m", seconds_ago(600, 300), {"x": rng.normal(size=300)})
    tick(clinic)
    assert 300 == sum(bins_of(clinic, "x").values())


def test_a_draw_is_uniform_bounded_and_row_aligned(
    clinic: Clinic, rng: np.random.Generator
) -> None:
    """Row i of every feature is one prediction; the large window uses its sample."""
    x = rng.normal(size=4000)
    clinic.predict("m", seconds_ago(600, 4000), {"x": x, "twice": 2 * x})
    span = (0, NOON)
    for limit, rows in ((500, 0), (20, 4000)):
        drawn = columns_of(
            draw(clinic.store, Version("m", "1"), span, limit, rows=rows)
        )
        one, two = drawn["x", "numeric"], drawn["twice", "numeric"]
        assert limit == len(one.values)  # type: ignore[union-attr] # numeric
        assert np.allclose(2 * one.values, two.values)  # type: ignore[union-attr] # as above


def test_halves_add_up_to_the_whole(clinic: Clinic) -> None:
    """A batch of many buckets and subgroups is counted in parts, to the same counts."""
    rows = 600
    record = clinic.record(
        "inferences",
        {
            "timestamp": [NOON + i * HOUR for i in range(rows)],
            "features": [[("x", float(i % 7))] for i in range(rows)],
            "site": [f"s{i % 90}" for i in range(rows)],
        },
        rows,
    )
    pins = Pins.of("r", 0, {("x", "numeric"): np.arange(8.0)}, {})
    batch = count(record, "m", "1", pins, 60)
    totals = np.zeros(pins.bins, int)
    for row in batch.to_pylist():
        if row["subgroup_key"] == "":
            for code, n in row["counts"]:
                totals[code] += n
    assert rows == totals.sum()
    assert [0, *np.bincount(np.arange(rows) % 7).tolist()] == totals[:8].tolist()

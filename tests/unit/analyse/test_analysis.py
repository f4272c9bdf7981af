"""Ticks: due parts run, faults are counted and named by type, never raised."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from algovigil.config import MonitoringConfig
from algovigil.statistics.profile import (
    CategoryColumn,
    Column,
    NumericColumn,
    profiles,
)
from algovigil_processor.analyse import Analysis
from algovigil_processor.analyse.drift.reference import (
    Broken,
    Reference,
    from_rows,
    new,
    to_rows,
)
from algovigil_processor.analyse.findings import Found, Version, batch, each
from algovigil_processor.telemetry import Telemetry

if TYPE_CHECKING:
    from collections.abc import Mapping

    from algovigil_processor.batch import Batch

SECOND = 10**9


class Down:
    """A store that is away; it counts how often it was asked."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def query(self, sql: str, parameters: Mapping[str, object] | None = None) -> Any:
        self.asked.append(sql)
        raise ConnectionError("Jane Doe")

    def insert(self, batches: Any, token: str) -> None:
        raise AssertionError("nothing was found, so nothing is stored")


def seal(batch: Batch) -> Batch:
    return batch.sealed(batch.rows, "test")


def test_a_store_that_is_away_stops_nothing(caplog: pytest.LogCaptureFixture) -> None:
    """Each part is counted as failed, and no message of the fault is logged."""
    telemetry = Telemetry()
    Analysis(Down(), seal, MonitoringConfig(), telemetry).tick(SECOND)
    kinds = (
        "service",
        "outcomes",
        "clinical",
        "care",
        "calibration",
        "estimates",
        "reference",
        "recount",
    )
    assert [1] * 8 == [
        telemetry.total("analyse.ticks", kind=kind, result="error") for kind in kinds
    ]
    assert "ConnectionError" in caplog.text
    assert "Jane" not in caplog.text


def test_a_part_that_failed_is_tried_again_at_the_next_tick() -> None:
    """A fault does not cost an interval."""
    store = Down()
    analysis = Analysis(store, seal, MonitoringConfig(), Telemetry())
    analysis.tick(SECOND)
    once = len(store.asked)
    analysis.tick(2 * SECOND)
    assert 2 * once == len(store.asked)


def test_a_version_that_fails_leaves_the_others() -> None:
    """What one raises is counted; the rows of the others are kept."""

    def analyse(given: Mapping[str, Any]) -> list[dict[str, Any]]:
        return [{"share": 1 / given["n"]}]

    found = each([{"n": 1}, {"n": 0}, {"n": 2}], analyse)
    assert ([{"share": 1.0}, {"share": 0.5}], 1) == (found.rows, found.failed)


def test_a_reference_is_named_by_what_it_holds() -> None:
    """Equal content has an equal name; one more row, or another version, has not."""
    rng = np.random.default_rng(1)

    def made(version: str, rows: int) -> Reference:
        columns: dict[tuple[str, str], Column] = {
            ("age", "numeric"): NumericColumn(np.arange(float(rows)), 2),
            ("ward", "categorical"): CategoryColumn(("A", "B"), np.array([3, 4])),
        }
        pinned = profiles(columns, 9, rng)
        return new(Version("m", version), "file", pinned, created_ns=7, since_ns=0)

    reference = made("1", 5)
    assert reference.reference_id == made("1", 5).reference_id
    assert 3 == len({made(*a).reference_id for a in (("1", 5), ("1", 6), ("2", 5))})
    rows = to_rows(reference)
    assert 2 == batch("reference_profiles", Found(rows), 8).rows.num_rows
    read = [row | {"created_ns": 7, "since_ns": 0} for row in rows]
    back = from_rows(read, reference.reference_id, reference.version)
    assert to_rows(back)[0]["counts"].tolist() == rows[0]["counts"].tolist()
    with pytest.raises(Broken):
        from_rows([read[0] | {"counts": [1]}], "", reference.version)

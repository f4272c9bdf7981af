"""Provisional references: the first predictions of a version, pinned once.

A reference is made of rows that lie in the past and is named by the digest of what it
holds; once stored it never changes, and later data is compared with it alone.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from algovigil.statistics.profile import (
    CategoryProfile,
    NumericColumn,
    NumericProfile,
    Profile,
    profiles,
)
from algovigil_processor.analyse.drift.features import CATEGORICAL, NUMERIC, SCORE, draw
from algovigil_processor.analyse.findings import Found, Row, Version, each
from algovigil_processor.analyse.store import rows

if TYPE_CHECKING:
    from collections.abc import Mapping

    from algovigil.config import DriftDetection
    from algovigil_processor.analyse.store import Store


@dataclass(frozen=True, slots=True)
class Reference:
    """The profiles of one version by (feature, kind), and up to when they reach."""

    reference_id: str
    created_ns: int
    profiles: dict[tuple[str, str], Profile]


class References:
    """Make the reference of each version that has predictions enough and none yet."""

    def __init__(self, store: Store, config: DriftDetection) -> None:
        self._store = store
        self._config = config

    def __call__(self, now_ns: int) -> Found:
        """Return the rows of new references: one a feature."""
        versions = rows(
            self._store,
            "drift/versions_without_reference",
            now_ns=now_ns,
            samples=self._config.reference_samples,
        )
        return each(versions, lambda row: self._make(Version.of(row), now_ns))

    def _make(self, version: Version, now_ns: int) -> list[Row]:
        drawn = draw(
            self._store,
            version,
            (0, now_ns),
            self._config.reference_samples,
            earliest=True,
        )
        # seeded, so that the same rows give the same reference
        rng = np.random.default_rng(0)
        columns = sorted(drawn.columns.items())
        kept = {
            key: column
            for key, column in columns
            if not (key[0] == SCORE and _is_empty(column))
        }
        pinned = profiles(kept, self._config.sample_rows, rng)
        return reference_rows(version, pinned, drawn.last_ns)


def reference_rows(
    version: Version, profiles: dict[tuple[str, str], Profile], created_ns: int
) -> list[Row]:
    """Return *profiles* as rows of `reference_profiles`.

    `created` is the time of the last prediction within: what came later is current.
    """
    described = [
        {"feature": feature, **_describe(kind)}
        for (feature, _), kind in profiles.items()
    ]
    common = {
        "reference_id": _digest(version, described),
        "created": created_ns,
        "model_name": version.model,
        "model_version": version.version,
        "provisional": True,
    }
    return [common | row for row in described]


def load(store: Store, version: Version, found: Mapping[str, Any]) -> Reference:
    """Read back the reference that *found*, a row of references.sql, names."""
    features = rows(
        store,
        "drift/reference",
        model=version.model,
        version=version.version,
        reference_id=found["reference_id"],
    )
    return Reference(
        reference_id=found["reference_id"],
        created_ns=found["created_ns"],
        profiles={(row["feature"], row["kind"]): _profile(row) for row in features},
    )


def _is_empty(column: object) -> bool:
    return isinstance(column, NumericColumn) and not column.values.size


def _describe(kind: Profile) -> Row:
    counted = {"rows": kind.rows, "missing": kind.missing, "counts": kind.counts}
    if isinstance(kind, NumericProfile):
        pinned = {"kind": NUMERIC, "edges": kind.edges, "sample": kind.sample}
        return counted | pinned | {"levels": []}
    return counted | {
        "kind": CATEGORICAL,
        "levels": list(kind.levels),
        "edges": [],
        "sample": [],
    }


def _profile(row: Row) -> Profile:
    counts = np.array(row["counts"], dtype=np.int64)
    if row["kind"] == CATEGORICAL:
        return CategoryProfile(tuple(row["levels"]), counts)
    edges = np.array(row["edges"], dtype=np.float64)
    return NumericProfile(edges, counts, np.array(row["sample"], dtype=np.float64))


def _digest(version: Version, described: list[Row]) -> str:
    """Return 32 hex digits of SHA-256 over what the reference holds."""
    digest = hashlib.sha256(repr((version.model, version.version)).encode())
    for row in described:
        digest.update(repr((row["feature"], row["kind"], row["levels"])).encode())
        for numbers in (row["edges"], row["sample"]):
            digest.update(np.asarray(numbers, dtype="<f8").tobytes())
        digest.update(np.asarray(row["counts"], dtype="<i8").tobytes())
    return digest.hexdigest()[:32]

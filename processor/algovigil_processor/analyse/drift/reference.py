"""`Reference`: what one version is compared with, as rows and back.

A reference is named by the digest of what it holds; once stored it never changes, and
later data is compared with it alone.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

import numpy as np

from algovigil.statistics.profile import CategoryProfile, NumericProfile
from algovigil_processor.bins import CATEGORICAL, NUMERIC, Pins, count

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pyarrow as pa
    from numpy.typing import NDArray

    from algovigil.statistics.profile import Profile
    from algovigil_processor.analyse.findings import Row, Version
    from algovigil_processor.bins import Key

Source: TypeAlias = Literal["provisional", "window", "file", "sdk"]
Subgroup: TypeAlias = tuple[str, str]

_FOREVER: Final = 10**9
"""Seconds of one bucket that holds all time: a reference has no buckets."""


class Broken(ValueError):
    """Rows of a reference that do not fit each other."""


@dataclass(frozen=True, slots=True)
class Reference:
    """The profiles of one version, the counts of its subgroups, and its bins."""

    reference_id: str
    version: Version
    source: Source
    created_ns: int
    since_ns: int
    """Rows up to this time are the reference itself."""
    profiles: dict[Key, Profile]
    subgroups: dict[Subgroup, NDArray[np.int64]] = field(default_factory=dict)
    """Counts (bins,) by code."""

    @property
    def rows(self) -> int:
        """Rows that the reference was made of."""
        return max((p.rows for p in self.profiles.values()), default=0)

    @property
    def pins(self) -> Pins:
        """Where its bins are."""
        return pins_of(self.reference_id, self.since_ns, self.profiles)


def pins_of(reference_id: str, since_ns: int, profiles: Mapping[Key, Profile]) -> Pins:
    """Lay out the bins of *profiles*."""
    return Pins.of(
        reference_id,
        since_ns,
        {k: p.edges for k, p in profiles.items() if isinstance(p, NumericProfile)},
        {k: p.levels for k, p in profiles.items() if isinstance(p, CategoryProfile)},
    )


def new(
    version: Version,
    source: Source,
    profiles: dict[Key, Profile],
    *,
    created_ns: int,
    since_ns: int,
    subgroups: dict[Subgroup, NDArray[np.int64]] | None = None,
) -> Reference:
    """Return a reference named by what it holds; *subgroups* are counts by code."""
    profiles = dict(sorted(profiles.items()))
    subgroups = dict(sorted((subgroups or {}).items()))
    unnamed = Reference("", version, source, created_ns, since_ns, profiles, subgroups)
    return Reference(
        _digest(unnamed), version, source, created_ns, since_ns, profiles, subgroups
    )


def to_rows(reference: Reference) -> list[Row]:
    """Return *reference* as rows of `reference_profiles`."""
    first = reference.pins.first
    common = {
        "reference_id": reference.reference_id,
        "created": reference.created_ns,
        "model_name": reference.version.model,
        "model_version": reference.version.version,
        "source": reference.source,
        "provisional": reference.source == "provisional",
        "since": reference.since_ns,
    }
    everyone = [
        common
        | {"subgroup_key": "", "subgroup_value": "", "first_code": first[key]}
        | {"feature": key[0], "kind": key[1]}
        | _describe(profile)
        for key, profile in reference.profiles.items()
    ]
    return everyone + [
        common
        | {"subgroup_key": subgroup[0], "subgroup_value": subgroup[1]}
        | {"first_code": first[key], "feature": key[0], "kind": key[1], "unit": ""}
        | {"rows": int(counts.sum()), "missing": 0, "counts": counts}
        | {"edges": [], "levels": [], "sample": []}
        for subgroup, vector in reference.subgroups.items()
        for key, profile in reference.profiles.items()
        for counts in [vector[first[key] : first[key] + profile.counts.size]]
    ]


def from_rows(found: Sequence[Row], reference_id: str, version: Version) -> Reference:
    """Read back what `to_rows` wrote.

    Raises:
        Broken: there is nothing, or the rows do not fit each other.
    """
    everyone = [row for row in found if not row["subgroup_key"]]
    if not everyone:
        raise Broken("no rows")
    profiles = {(row["feature"], row["kind"]): _profile(row) for row in everyone}
    reference = Reference(
        reference_id=reference_id,
        version=version,
        source=everyone[0]["source"],
        created_ns=everyone[0]["created_ns"],
        since_ns=everyone[0]["since_ns"],
        profiles=dict(sorted(profiles.items())),
    )
    bins = reference.pins.bins
    for row in found:
        if row["subgroup_key"]:
            key = (row["subgroup_key"], row["subgroup_value"])
            counts = reference.subgroups.setdefault(key, np.zeros(bins, np.int64))
            begin = row["first_code"]
            counts[begin : begin + len(row["counts"])] = row["counts"]
    return reference


def split(
    reference: Reference, counts: NDArray[np.int64]
) -> dict[Key, NDArray[np.int64]]:
    """Return *counts* (bins,) by feature."""
    first = reference.pins.first
    return {
        key: counts[first[key] : first[key] + profile.counts.size]
        for key, profile in reference.profiles.items()
    }


def subgroup_counts(
    drawn: pa.RecordBatch, profiles: Mapping[Key, Profile]
) -> dict[Subgroup, NDArray[np.int64]]:
    """Count the predictions that *profiles* were made of again, by subgroup."""
    pins = pins_of("", 0, profiles)
    # a row per subgroup, however many predictions: counting is by columns
    counted = count(drawn, "", "", pins, _FOREVER).to_pylist()
    found: dict[Subgroup, NDArray[np.int64]] = {}
    for row in counted:
        if row["subgroup_key"]:
            key = (row["subgroup_key"], row["subgroup_value"])
            vector = found.setdefault(key, np.zeros(pins.bins, np.int64))
            for code, times in row["counts"]:
                vector[code] += times
    return found


def _describe(profile: Profile) -> Row:
    counted = {
        "rows": profile.rows,
        "missing": profile.missing,
        "counts": profile.counts,
    }
    if isinstance(profile, NumericProfile):
        return counted | {
            "unit": profile.unit,
            "edges": profile.edges,
            "levels": [],
            "sample": profile.sample,
        }
    return counted | {
        "unit": "",
        "edges": [],
        "levels": list(profile.levels),
        "sample": [],
    }


def _profile(row: Row) -> Profile:
    counts = np.array(row["counts"], dtype=np.int64)
    profile: Profile
    if row["kind"] == CATEGORICAL:
        profile = CategoryProfile(tuple(row["levels"]), counts)
        expected = len(profile.levels) + 2
    else:
        assert row["kind"] == NUMERIC
        edges = np.array(row["edges"], dtype=np.float64)
        sample = np.array(row["sample"], dtype=np.float64)
        profile = NumericProfile(edges, counts, sample, row["unit"])
        expected = edges.size + 3
    if counts.size != expected:
        raise Broken(f"{counts.size} counts for {expected} bins")
    return profile


def _digest(reference: Reference) -> str:
    """Return 32 hex digits of SHA-256 over what the reference holds."""
    version = reference.version
    digest = hashlib.sha256(
        repr((version.model, version.version, reference.since_ns)).encode()
    )
    for row in to_rows(reference):
        texts = ("subgroup_key", "subgroup_value", "feature", "kind", "unit", "levels")
        digest.update(repr([row[name] for name in texts]).encode())
        for numbers in (row["edges"], row["sample"]):
            digest.update(np.asarray(numbers, dtype="<f8").tobytes())
        digest.update(np.asarray(row["counts"], dtype="<i8").tobytes())
    return digest.hexdigest()[:32]

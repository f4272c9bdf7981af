"""References and retraining requests over REST.

What is sent of a reference is its profiles, made where the data is: counts, edges,
levels and a sample of single numeric values. Numbers that JSON has no word for are
the texts `nan`, `inf` and `-inf`.
"""

from __future__ import annotations

import time
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal

import numpy as np
from fastapi import APIRouter, HTTPException
from pydantic import BaseModel, ConfigDict, Field

from algovigil.errors import explain
from algovigil.statistics.profile import CategoryProfile, NumericProfile
from algovigil_processor.analyse.drift.columns import MAX_FEATURES
from algovigil_processor.analyse.drift.reference import pins_of
from algovigil_processor.analyse.findings import Version

if TYPE_CHECKING:
    from algovigil.statistics.profile import Profile
    from algovigil_processor.analyse.drift.reference import Reference, Subgroup
    from algovigil_processor.analyse.drift.references import References
    from algovigil_processor.analyse.drift.retraining import Retraining
    from algovigil_processor.bins import Key

_MOST_SAMPLED: Final = 100_000
_Name = Annotated[str, Field(min_length=1, max_length=256)]
_Count = Annotated[int, Field(ge=0)]


class Feature(BaseModel):
    """The profile of one feature."""

    model_config = ConfigDict(extra="forbid")

    feature: _Name
    kind: Literal["numeric", "categorical"]
    unit: Annotated[str, Field(max_length=64)] = ""
    edges: list[float] = []
    levels: Annotated[list[str], Field(max_length=256)] = []
    counts: list[_Count]
    sample: Annotated[list[float], Field(max_length=_MOST_SAMPLED)] = []


class Counts(BaseModel):
    """The counts of one subgroup, of each feature in the order of `features`."""

    model_config = ConfigDict(extra="forbid")

    key: _Name
    value: Annotated[str, Field(max_length=256)]
    counts: list[list[_Count]]


class Made(BaseModel):
    """A reference made where its data is."""

    model_config = ConfigDict(extra="forbid", protected_namespaces=())

    model: _Name
    version: Annotated[str, Field(max_length=256)] = ""
    source: Literal["file", "sdk"] = "sdk"
    features: Annotated[list[Feature], Field(min_length=1, max_length=MAX_FEATURES)]
    subgroups: Annotated[list[Counts], Field(max_length=1000)] = []
    activate: bool = False


class OfWindow(BaseModel):
    """A reference to be made of stored predictions; times are UTC without an offset."""

    model_config = ConfigDict(extra="forbid", protected_namespaces=())

    model: _Name
    version: Annotated[str, Field(max_length=256)] = ""
    start: datetime
    end: datetime
    activate: bool = False


class Known(BaseModel):
    """One stored reference."""

    reference_id: str
    model_name: str
    model_version: str
    source: str
    provisional: bool
    created: str
    since: str
    features: int
    rows: int
    subgroups: int
    active: bool
    complete: bool


class Shown(Known):
    """One stored reference with its profiles, without their samples."""

    profiles: list[dict[str, Any]]


class RetrainingRequest(BaseModel):
    """What was recorded, with its evidence."""

    request_id: str
    model_name: str
    model_version: str
    reference_id: str
    features: list[str]
    statistic: float | None
    p_adjusted: float | None
    cause: str
    cause_value: str


def router(references: References, retraining: Retraining) -> APIRouter:
    """Return the routes of *references* and *retraining*."""
    routes = APIRouter(prefix="/api/v1", tags=["drift"])

    @routes.get("/references")
    def catalogue(model: str = "") -> list[Known]:
        """List stored references, the newest first; of one model if named."""
        return [Known(**row) for row in references.catalogue(model)]

    @routes.post("/references", status_code=201)
    def create(made: Made) -> Known:
        """Store a reference that was made where its data is."""
        version = Version(made.model, made.version)
        reference = references.store(version, made.source, *_pinned(made), _now())
        return _created(references, reference, activate=made.activate)

    @routes.post("/references/window", status_code=201)
    def create_of_window(window: OfWindow) -> Known:
        """Store a reference of the predictions of a window."""
        version = Version(window.model, window.version)
        span = _nanoseconds(window.start), _nanoseconds(window.end)
        reference = references.from_window(version, span, _now())
        if reference is None:
            raise HTTPException(
                409,
                explain(
                    "too few predictions of this model and version in the window",
                    "as many as `drift_detection.min_samples`",
                    "widen it, or see GET /api/v1/models",
                ),
            )
        return _created(references, reference, activate=window.activate)

    @routes.get("/references/{reference_id}")
    def show(reference_id: str) -> Shown:
        """Return one reference."""
        known = _known(references, reference_id)
        reference = references.show(reference_id)
        assert reference is not None, "it is known"
        return Shown(**known.model_dump(), profiles=_profiles(reference))

    @routes.post("/references/{reference_id}/activate")
    def activate(reference_id: str) -> Known:
        """Put one reference in force for its model and version."""
        _known(references, reference_id)
        references.activate(reference_id, _now())
        return _known(references, reference_id)

    @routes.post("/models/{name}/retraining-requests", status_code=201)
    def request_retraining(name: str, version: str = "") -> RetrainingRequest:
        """Record the newest drift verdict as a request, with its evidence."""
        row = retraining.request(Version(name, version), _now())
        if row is None:
            raise HTTPException(
                409,
                explain(
                    "no verdict of drift on this model and version",
                    "one whose newest verdict is `drift`",
                    "see GET /api/v1/models/{name}/drift",
                ),
            )
        return RetrainingRequest(**{k: row[k] for k in RetrainingRequest.model_fields})

    return routes


def _created(references: References, made: Reference, *, activate: bool) -> Known:
    if activate:
        references.activate(made.reference_id, _now())
    return _known(references, made.reference_id)


def _known(references: References, reference_id: str) -> Known:
    found = references.catalogue(reference_id=reference_id)
    if not found or not reference_id:
        raise HTTPException(
            404,
            explain("no such reference", "an id that GET /api/v1/references lists"),
        )
    return Known(**found[0])


def _pinned(made: Made) -> tuple[dict[Key, Profile], dict[Subgroup, Any]]:
    profiles: dict[Key, Profile] = {}
    for given in made.features:
        key = (given.feature, given.kind)
        if key in profiles:
            raise _refused(given.feature, "one profile of each feature and kind")
        profiles[key] = _profile(given)
    order = [(given.feature, given.kind) for given in made.features]
    pins = pins_of("", 0, profiles)
    subgroups: dict[Subgroup, Any] = {}
    for subgroup in made.subgroups:
        vector = np.zeros(pins.bins, np.int64)
        if len(subgroup.counts) != len(order):
            raise _refused(subgroup.key, "counts of every feature, in their order")
        for key, counts in zip(order, subgroup.counts, strict=True):
            if len(counts) != profiles[key].counts.size:
                raise _refused(subgroup.key, "a count for every bin of a feature")
            vector[pins.first[key] : pins.first[key] + len(counts)] = counts
        subgroups[subgroup.key, subgroup.value] = vector
    return profiles, subgroups


def _profile(given: Feature) -> Profile:
    counts = np.array(given.counts, dtype=np.int64)
    if given.kind == "categorical":
        if len(set(given.levels)) != len(given.levels) or "" in given.levels:
            raise _refused(given.feature, "distinct levels, none of them empty")
        if counts.size != len(given.levels) + 2:
            raise _refused(given.feature, "a count a level, of others, of missing ones")
        return CategoryProfile(tuple(given.levels), counts)
    edges = np.array(given.edges, dtype=np.float64)
    if np.isnan(edges).any() or (np.diff(edges) <= 0).any():
        raise _refused(given.feature, "edges that ascend")
    if counts.size != edges.size + 3:
        raise _refused(given.feature, f"{edges.size + 3} counts")
    sample = np.array(given.sample, dtype=np.float64)
    return NumericProfile(edges, counts, sample, given.unit)


def _profiles(reference: Reference) -> list[dict[str, Any]]:
    shown = []
    for (feature, kind), profile in reference.profiles.items():
        row: dict[str, Any] = {
            "feature": feature,
            "kind": kind,
            "rows": profile.rows,
            "missing": profile.missing,
            "counts": profile.counts.tolist(),
        }
        if isinstance(profile, NumericProfile):
            # JSON has no infinity: the outer edges of an open range are null
            edges = [e if np.isfinite(e) else None for e in profile.edges.tolist()]
            row |= {"unit": profile.unit, "edges": edges}
        else:
            row["levels"] = list(profile.levels)
        shown.append(row)
    return shown


def _refused(found: str, expected: str) -> HTTPException:
    return HTTPException(422, explain(f"`{found}`", expected))


def _nanoseconds(moment: datetime) -> int:
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=timezone.utc)
    return int(moment.timestamp() * 1_000_000) * 1000


def _now() -> int:
    return time.time_ns()

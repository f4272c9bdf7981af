"""`References`: those in force, how new ones come, and what line 1 counts by."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, Final, Protocol

import numpy as np

from algovigil.statistics.profile import profiles
from algovigil_processor.analyse.drift.columns import columns_of, draw
from algovigil_processor.analyse.drift.reference import (
    Reference,
    from_rows,
    new,
    subgroup_counts,
    to_rows,
)
from algovigil_processor.analyse.findings import Found, Row, Version, each
from algovigil_processor.analyse.store import rows
from algovigil_processor.bins.pairs import SCORE, VALUE

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from algovigil.config import DriftDetection
    from algovigil.statistics.profile import Profile
    from algovigil_processor.analyse.drift.reference import Source, Subgroup
    from algovigil_processor.analyse.findings import Writer
    from algovigil_processor.analyse.store import Store
    from algovigil_processor.bins import Key, Pins

_LOG: Final = logging.getLogger(__name__)

MAX_ROWS: Final = 100_000
"""Predictions of a window that a reference is made of; more are drawn from."""


class Pinning(Protocol):
    """What counts predictions as they arrive."""

    def follow(self, active: Mapping[tuple[str, str], Pins]) -> None:
        """Count by *active* from now on."""
        ...

    def is_settled(self) -> bool:
        """Whether the store has every row counted by older references."""
        ...


class Nobody:
    """Nothing counts as predictions arrive: all are counted from the store."""

    def follow(self, active: Mapping[tuple[str, str], Pins]) -> None:
        """Do nothing."""

    def is_settled(self) -> bool:
        """Return True: no row is on its way."""
        return True


class References:
    """The references of one store. Those in force are read anew at each refresh."""

    def __init__(
        self, store: Store, writer: Writer, config: DriftDetection, pinning: Pinning
    ) -> None:
        self._store = store
        self._writer = writer
        self._config = config
        self._pinning = pinning
        self._loaded: dict[str, Reference] = {}
        self.active: tuple[Reference, ...] = ()
        """Those in force, as of the last refresh."""

    def __call__(self, now_ns: int) -> Found:
        """Make the provisional reference of each version that has none in force."""
        versions = rows(
            self._store,
            "drift/versions_without_reference",
            now_ns=now_ns,
            samples=self._config.reference_samples,
        )
        return each(versions, lambda row: self._provisional(Version.of(row), now_ns))

    def refresh(self) -> int:
        """Read the references in force; return how many could not be read."""
        found, failed = [], 0
        for row in rows(self._store, "drift/references"):
            try:
                found.append(self._load(row["reference_id"], Version.of(row)))
            except Exception as error:
                failed += 1
                # the type alone: a message may hold values of the data
                _LOG.error("a reference cannot be read: %s", type(error).__name__)
        self._loaded = {one.reference_id: one for one in found}
        self._pinning.follow(
            {(r.version.model, r.version.version): r.pins for r in found}
        )
        self.active = tuple(found)
        return failed

    def is_settled(self) -> bool:
        """Whether what came before those in force can be counted from the store."""
        return self._pinning.is_settled()

    def from_window(
        self, version: Version, span_ns: tuple[int, int], now_ns: int
    ) -> Reference | None:
        """Store a reference of the predictions made in *span_ns*; None if too few."""
        drawn = draw(self._store, version, span_ns, MAX_ROWS)
        if drawn.num_rows < self._config.min_samples:
            return None
        return self._made(version, "window", drawn, span_ns[1], now_ns)

    def store(
        self,
        version: Version,
        source: Source,
        pinned: dict[Key, Profile],
        subgroups: dict[Subgroup, NDArray[np.int64]],
        now_ns: int,
    ) -> Reference:
        """Store a reference of *pinned* profiles that were made elsewhere."""
        reference = new(
            version,
            source,
            pinned,
            created_ns=now_ns,
            since_ns=0,
            subgroups=subgroups,
        )
        return self._keep(reference, now_ns)

    def activate(self, reference_id: str, now_ns: int) -> Version | None:
        """Put a stored reference in force; None when there is no such one."""
        known = rows(
            self._store, "drift/catalogue", model="", reference_id=reference_id
        )
        if not known or not reference_id:
            return None
        version = Version.of(known[0])
        event = self._event(version, reference_id, "activated", now_ns)
        token = f"activate-{reference_id}-{now_ns}"
        self._writer.rows({"reference_events": [event]}, now_ns, token)
        return version

    def catalogue(
        self, model: str = "", reference_id: str = ""
    ) -> list[dict[str, Any]]:
        """Return what is known of each reference, the newest first."""
        return rows(
            self._store, "drift/catalogue", model=model, reference_id=reference_id
        )

    def show(self, reference_id: str) -> Reference | None:
        """Return one stored reference with its profiles; None if there is none."""
        known = self.catalogue(reference_id=reference_id) if reference_id else []
        if not known:
            return None
        return self._read(reference_id, Version.of(known[0]))

    def _provisional(self, version: Version, now_ns: int) -> list[Row]:
        limit = self._config.reference_samples
        drawn = draw(self._store, version, (0, now_ns), limit, earliest=True)
        last_ns = drawn.column("timestamp").cast("int64").to_numpy().max()
        reference = self._made(version, "provisional", drawn, int(last_ns), now_ns)
        event = self._event(version, reference.reference_id, "activated", now_ns)
        token = f"provisional-{reference.reference_id}"
        self._writer.rows({"reference_events": [event]}, now_ns, token)
        return []

    def _made(
        self, version: Version, source: Source, drawn: Any, since_ns: int, now_ns: int
    ) -> Reference:
        # seeded, so that the same rows give the same reference
        pinned = profiles(
            columns_of(drawn), self._config.sample_rows, np.random.default_rng(0)
        )
        for name in (SCORE, VALUE):  # an output that the model never gives
            if (profile := pinned.get((name, "numeric"))) and not profile.counts[
                :-2
            ].any():
                del pinned[name, "numeric"]
        reference = new(
            version,
            source,
            pinned,
            created_ns=now_ns,
            since_ns=since_ns,
            subgroups=subgroup_counts(drawn, pinned),
        )
        return self._keep(reference, now_ns)

    def _keep(self, reference: Reference, now_ns: int) -> Reference:
        self._writer.rows(
            {"reference_profiles": to_rows(reference)},
            now_ns,
            f"reference-{reference.reference_id}",
        )
        return reference

    def _load(self, reference_id: str, version: Version) -> Reference:
        return self._loaded.get(reference_id) or self._read(reference_id, version)

    def _read(self, reference_id: str, version: Version) -> Reference:
        found = rows(self._store, "drift/reference", reference_id=reference_id)
        return from_rows(found, reference_id, version)

    @staticmethod
    def _event(version: Version, reference_id: str, event: str, now_ns: int) -> Row:
        return {
            "timestamp": now_ns,
            "model_name": version.model,
            "model_version": version.version,
            "reference_id": reference_id,
            "event": event,
            "hour": 0,
            "under": "",
        }

"""What estimates rest on: the first labelled predictions of a version, pinned once."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from algovigil.statistics.cbpe import Calibration, calibrate
from algovigil_processor.analyse.clinical.cohort import oriented
from algovigil_processor.analyse.clinical.inputs import Inputs, inputs
from algovigil_processor.analyse.clinical.words import POSITIVE, Words
from algovigil_processor.analyse.findings import Found, Row, Version, each
from algovigil_processor.analyse.store import read, rows

if TYPE_CHECKING:
    from collections.abc import Mapping

    from algovigil.config import Clinical as ClinicalConfig
    from algovigil_processor.analyse.store import Store


@dataclass(frozen=True, slots=True)
class Pinned:
    """One version's calibration and the inputs that it was made from."""

    reference_id: str
    calibration: Calibration | None
    inputs: Inputs

    @property
    def prevalence(self) -> float:
        """Share of positives among the reference's cases."""
        assert self.calibration is not None, "checked by the caller"
        return float(self.calibration.positive.mean())


class CalibrationReferences:
    """Pin the calibration of each version that has labels enough and none yet."""

    def __init__(self, store: Store, config: ClinicalConfig) -> None:
        self._store = store
        self._config = config
        self._words = Words(config.positive_label)

    def __call__(self, now_ns: int) -> Found:
        """Return rows of `calibration_references`."""
        versions = rows(
            self._store,
            "versions_uncalibrated",
            now_ns=now_ns,
            labels=self._config.reference_labels,
        )
        return each(versions, lambda row: self._make(Version.of(row), now_ns))

    def _make(self, version: Version, now_ns: int) -> list[Row]:
        table = read(
            self._store,
            "first_labelled",
            model=version.model,
            version=version.version,
            now_ns=now_ns,
            limit=self._config.reference_labels,
        )
        positive = self._words.classes_of(table.column("actual")) == POSITIVE
        predicted = self._words.classes_of(table.column("predicted"))
        score = table.column("score").cast("float64").to_numpy().astype(np.float64)
        score = oriented(score, predicted)
        kept = np.isfinite(score)
        sick = int(positive[kept].sum())
        least = self._config.min_class
        if min(sick, int(kept.sum()) - sick) < least:
            return []
        made = table.column("made_ns").to_numpy()
        given = inputs(table)
        matrix = given.values[kept]
        common = {
            "created": now_ns,
            "model_name": version.model,
            "model_version": version.version,
            "since": int(made.min()),
            "until": int(made.max()),
            "prevalence": float(positive[kept].mean()),
            "scores": score[kept].tolist(),
            "positive": positive[kept].tolist(),
            "columns": list(given.columns),
            "matrix": matrix.ravel().tolist(),
        }
        return [{"reference_id": _digest(version, common), **common}]


def pinned(row: Mapping[str, Any]) -> Pinned:
    """Return the calibration that *row* of calibrations.sql holds."""
    held = row["pinned"]
    values = list(held.values()) if isinstance(held, dict) else list(held)
    reference_id, _, scores, positive, columns, matrix = values
    shape = (len(scores), len(columns))
    return Pinned(
        reference_id=reference_id,
        # seeded, so that the same reference gives the same curve
        calibration=calibrate(
            np.asarray(scores), np.asarray(positive), np.random.default_rng(42)
        ),
        inputs=Inputs(tuple(columns), np.asarray(matrix, np.float64).reshape(shape)),
    )


def _digest(version: Version, held: Row) -> str:
    digest = hashlib.sha256(repr((version.model, version.version)).encode())
    digest.update(repr(held["columns"]).encode())
    for name in ("scores", "positive", "matrix"):
        digest.update(np.asarray(held[name], dtype="<f8").tobytes())
    return digest.hexdigest()[:32]

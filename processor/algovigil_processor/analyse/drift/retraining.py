"""A drift verdict that somebody acts on, kept with its evidence as it was then."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from algovigil.statistics import DRIFT
from algovigil_processor.analyse.store import rows

if TYPE_CHECKING:
    from algovigil_processor.analyse.findings import Row, Version, Writer
    from algovigil_processor.analyse.store import Store


class Retraining:
    """Records requests; nothing here starts a training."""

    def __init__(self, store: Store, writer: Writer) -> None:
        self._store = store
        self._writer = writer

    def request(self, version: Version, now_ns: int) -> Row | None:
        """Record the newest verdict on *version*; None unless it is `drift`.

        The same verdict gives the same request, however often it is asked for.
        """
        parameters = {"model": version.model, "version": version.version}
        found = rows(self._store, "drift/verdict", **parameters)
        if not found or found[0]["status"] != DRIFT:
            return None
        verdict = found[0]
        dated = rows(
            self._store,
            "drift/dated",
            **parameters,
            reference_id=verdict["reference_id"],
            at_ns=verdict["at_ns"],
        )
        change = dated[0] if dated else {}
        name = repr((version, verdict["reference_id"], verdict["at_ns"]))
        request_id = hashlib.sha256(name.encode()).hexdigest()[:16]
        row: Row = {
            "timestamp": now_ns,
            "request_id": request_id,
            "model_name": version.model,
            "model_version": version.version,
            "reference_id": verdict["reference_id"],
            "finding_time": verdict["at_ns"],
            "features": verdict["features"],
            "statistic": verdict["statistic"],
            "p_adjusted": verdict["p_adjusted"],
            "changed": change.get("changed_ns"),
            "cause": change.get("cause", ""),
            "cause_value": change.get("cause_value", ""),
        }
        self._writer.rows(
            {"retraining_requests": [row]}, now_ns, f"retraining-{request_id}"
        )
        return row

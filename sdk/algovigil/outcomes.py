"""What became of patients: ground truth, treatment results, adverse events.

Invariant: an outcome whose `record_outcome` returned reaches the processor at least
once, in order, whatever dies in between; the patient's identifier is replaced by its
pseudonym before anything is written to disk.
"""

from __future__ import annotations

import logging
import os
import random
import threading
import time
import uuid
import weakref
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Final

from algovigil import reads
from algovigil.config import MonitoringConfig
from algovigil.errors import ConfigError, Unavailable
from algovigil.outcome_types import AdverseEvent, OutcomeType, PatientOutcome, encode
from algovigil.quiet import quiet

if TYPE_CHECKING:
    from types import TracebackType

    from algovigil.api import Api
    from algovigil.delivery import Sender
    from algovigil.outbox import Outbox
    from algovigil.phi import Protector
    from algovigil.reads import Figure, Moment, TimeRange
    from algovigil.sealing import Seal

__all__ = ["AdverseEvent", "ClinicalOutcomeTracker", "OutcomeType", "PatientOutcome"]

_log: Final = logging.getLogger("algovigil")
_BACKOFF_SECONDS: Final = (0.5, 30.0)
_ADOPT_SECONDS: Final = 30.0


class ClinicalOutcomeTracker:
    """Records outcomes durably and delivers them in the background.

    Args:
        config: Where to send, where to keep, and which PHI preset holds.

    What waits on disk is sealed if `ENCRYPTION_KEY` is set.
    `record_outcome` works before `start`; what it kept is sent once `start` ran, in
    this process or in the next that uses the directory.
    """

    def __init__(self, config: MonitoringConfig | None = None) -> None:
        self._config: Final = config or MonitoringConfig.from_environment()
        self._lock = threading.Lock()
        self._box: Outbox | None = None
        self._guard: Protector | None = None
        self._seal: Seal | None = None
        self._thread: threading.Thread | None = None
        self._started = False
        self._wake = threading.Event()
        self._stopping = False
        self._backoff = 0.0
        self._adopted_at = float("-inf")
        self._unread: set[Path] = set()
        weak = weakref.WeakMethod(self._begin_again)
        os.register_at_fork(after_in_child=lambda: (again := weak()) and again())

    def _begin_again(self) -> None:
        """In a forked child: slot and thread are the parent's, take others."""
        box, self._box, self._thread = self._box, None, None
        self._lock, self._wake = threading.Lock(), threading.Event()
        if box is not None:
            box.leave_to_parent()

    def start(self) -> ClinicalOutcomeTracker:
        """Begin to deliver, also what an earlier process left.

        Raises:
            ConfigError: what it left was sealed with another key, or without one.
            OutboxFull: the directory cannot be used.
        """
        self._opened()
        with self._lock:
            self._started = True
            if self._thread is None:
                self._stopping = False
                self._thread = threading.Thread(
                    target=self._run, name="algovigil-outcomes", daemon=True
                )
                self._thread.start()
        return self

    def __enter__(self) -> ClinicalOutcomeTracker:
        """Start."""
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Stop."""
        self.stop()

    def record_outcome(self, outcome: PatientOutcome | AdverseEvent) -> str:
        """Keep *outcome* on stable storage and return its id.

        Raises:
            OutboxFull: it cannot be kept; nothing was recorded.
            ConfigError: it belongs to nothing: no patient, inference or trace; or
                what waits on disk was sealed with another key; nothing was recorded.
        """
        box = self._opened()
        if self._started and self._thread is None:
            self.start()  # a forked child
        identity = outcome.outcome_id or uuid.uuid4().hex
        record = encode(outcome, identity, self._protector(), time.time_ns())
        # delivered at the next round: each alone would cost the processor a request
        box.append(self._sealed().close(record))
        return identity

    def get_diagnostic_accuracy(
        self,
        time_range: TimeRange = None,
        *,
        start_date: Moment | None = None,
        end_date: Moment | None = None,
    ) -> Figure:
        """Return the share of diagnoses that turned out true, with its counts.

        Args:
            time_range: (start, end), or a span back from now such as `30d`.
            start_date, end_date: The bounds by themselves; a date as end is that day.

        Raises:
            Unavailable: no processor answers.
            ConfigError: the range cannot be read.
        """
        bounds = self._bounds(time_range, start_date, end_date)
        return reads.accuracy(self._api(), bounds)

    def get_treatment_effectiveness(
        self,
        treatment_type: str = "",
        time_range: TimeRange = None,
        *,
        start_date: Moment | None = None,
        end_date: Moment | None = None,
    ) -> Figure:
        """Return the mean effectiveness of a treatment; '' is all treatments.

        An outcome without a number counts 1 if its treatment was successful, else 0.
        Range and errors are those of `get_diagnostic_accuracy`.
        """
        bounds = self._bounds(time_range, start_date, end_date)
        return reads.effectiveness(self._api(), treatment_type, bounds)

    def get_adverse_events(
        self,
        time_range: TimeRange = None,
        *,
        start_date: Moment | None = None,
        end_date: Moment | None = None,
    ) -> list[AdverseEvent]:
        """Return the adverse events of a range, oldest first, ids as pseudonyms.

        Range and errors are those of `get_diagnostic_accuracy`.
        """
        bounds = self._bounds(time_range, start_date, end_date)
        return reads.adverse_events(self._api(), bounds)

    def _bounds(
        self, time_range: TimeRange, start: Moment | None, end: Moment | None
    ) -> dict[str, int]:
        return reads.window(time_range, start, end, datetime.now(timezone.utc))

    def _api(self) -> Api:
        from algovigil.api import Api

        return Api(self._config)

    def flush(self, timeout: float = 5.0) -> bool:
        """Deliver what waits; False if some still waits after *timeout* seconds."""
        deadline = time.monotonic() + timeout
        self._backoff = 0.0
        while self._opened().waiting_bytes:
            if time.monotonic() >= deadline or self._thread is None:
                return False
            self._wake.set()
            time.sleep(0.01)
        return True

    def stop(self, timeout: float = 5.0) -> None:
        """Deliver for *timeout* seconds at most; the rest stays on disk."""
        deadline = time.monotonic() + timeout
        self.flush(timeout * 0.8)
        with self._lock:
            self._stopping, self._started = True, False
            self._wake.set()
            thread, self._thread = self._thread, None
        if thread is not None:
            thread.join(max(0.0, deadline - time.monotonic()))
        with self._lock:
            box, self._box = self._box, None
        if box is not None:
            box.close()

    def _opened(self) -> Outbox:
        """Return the slot of this process, taking one the first time."""
        from algovigil.outbox import Outbox

        with self._lock:
            if self._box is None:
                seal = self._sealed()
                most = self._config.outcomes.max_bytes
                box = Outbox.take(directory(self._config), most)
                try:
                    for record in box.peek(1):
                        seal.open(record)
                except ConfigError:
                    box.close()
                    raise
                self._box = box
            return self._box

    def _sealed(self) -> Seal:
        from algovigil.sealing import Seal

        if self._seal is None:
            self._seal = Seal.of()
        return self._seal

    def _protector(self) -> Protector:
        from algovigil.phi import Protector

        if self._guard is None:
            self._guard = Protector.of(self._config.phi)
        return self._guard

    def _run(self) -> None:
        from algovigil.delivery import Sender, endpoint

        box = self._opened()
        sender = Sender(endpoint(self._config.processor))
        self._adopted_at = float("-inf")
        while not self._stopping:
            self._round(box, sender)
            self._wake.wait(self._backoff or self._config.outcomes.interval)
            self._wake.clear()
        sender.close()

    @quiet
    def _round(self, box: Outbox, sender: Sender) -> None:
        try:
            self._drain(box, sender)
            if time.monotonic() - self._adopted_at > _ADOPT_SECONDS:
                for left in box.abandoned():
                    self._adopt(left, sender)
                self._adopted_at = time.monotonic()
            self._backoff = 0.0
        except Unavailable as reason:
            first, most = _BACKOFF_SECONDS
            if not self._backoff:
                _log.warning("algovigil: outcomes wait: %s", reason)
            spread = random.uniform(0.8, 1.2)  # noqa: S311 # so that not all come at once
            self._backoff = min(most, (self._backoff * 2 or first) * spread)

    def _adopt(self, left: Outbox, sender: Sender) -> None:
        """Deliver what another process left, if this one can read it."""
        try:
            self._drain(left, sender)
        except ConfigError as reason:
            if left.slot not in self._unread:
                self._unread.add(left.slot)
                _log.error("algovigil: outcomes wait in %s: %s", left.slot, reason)

    def _drain(self, box: Outbox, sender: Sender) -> None:
        from algovigil.delivery import Refused

        while not self._stopping and (
            records := box.peek(self._config.outcomes.batch_size)
        ):
            opened = list(map(self._sealed().open, records))
            try:
                rejected = sender.send(opened)
            except Refused:
                self._one_by_one(box, sender, records)
                continue
            if rejected:  # which ones, it does not say; a repetition adds nothing
                self._one_by_one(box, sender, records)
            else:
                box.ack(records)

    def _one_by_one(self, box: Outbox, sender: Sender, records: list[bytes]) -> None:
        from algovigil.delivery import Refused

        for record in records:
            try:
                refused = sender.send([self._sealed().open(record)]) > 0
            except Refused:
                refused = True
            if refused:
                _log.warning("algovigil: one outcome was refused and is set aside")
                box.set_aside(record)
            else:
                box.ack([record])


def directory(config: MonitoringConfig) -> Path:
    """Return where the outbox lies: as configured, else with the user's state."""
    given = config.outcomes.directory
    if given:
        return Path(given)
    state = os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state"
    return Path(state) / "algovigil" / "outcomes"

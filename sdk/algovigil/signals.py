"""The OpenTelemetry instruments of model calls, for one set of providers.

Invariant: counts are kept here as integers and read by the SDK when it collects, so
that a call pays for one histogram record and two additions, whatever is exported.
"""

from __future__ import annotations

import os
import threading
import time
import weakref
from collections import deque
from collections.abc import Callable, Iterable
from functools import cached_property
from importlib import metadata
from random import Random
from typing import TYPE_CHECKING, Final, NamedTuple, Protocol

from opentelemetry import _logs, metrics, trace
from opentelemetry.metrics import CallbackOptions, Observation
from opentelemetry.semconv.attributes.error_attributes import ERROR_TYPE

from algovigil import booking, semconv
from algovigil.config import MonitoringConfig
from algovigil.errors import ConfigError
from algovigil.quiet import tell
from algovigil.starts import Starts

if TYPE_CHECKING:
    from opentelemetry._logs import LoggerProvider
    from opentelemetry.metrics import MeterProvider
    from opentelemetry.trace import TracerProvider

    from algovigil.backlog import Backlog
    from algovigil.booking import Facts
    from algovigil.phi import Protector
    from algovigil.privacy import Privacy
    from algovigil.usage import Usage

SCOPE: Final = "algovigil"
# ms: most models answer between 50 us and 30 s; the default buckets start at 5 ms
BUCKETS_MS: Final = (
    *(0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 25.0, 50.0, 100.0),
    *(250.0, 500.0, 1000.0, 2000.0, 2500.0, 5000.0, 10_000.0, 30_000.0),
)
_MOST_SERIES: Final = 1000
_MOST_RECENT: Final = 1024
_RATE_SECONDS: Final = 60.0

SeriesKey = tuple[str, str | None, str | None, str | None]


class Clock(Protocol):
    """Where time comes from."""

    def wall_ns(self) -> int:
        """Return nanoseconds since the Unix epoch."""
        ...

    def ticks_ns(self) -> int:
        """Return nanoseconds that never go back."""
        ...


class SystemClock:
    """The clock of this machine."""

    wall_ns = staticmethod(time.time_ns)
    ticks_ns = staticmethod(time.perf_counter_ns)


class Ended(NamedTuple):
    """When a call ended, and how long it took."""

    ticks_ns: int
    milliseconds: float


class Series:
    """The counts of one model, version, framework and operation."""

    __slots__ = (
        "active",
        "attributes",
        "begun",
        "ended",
        "errors",
        "model",
        "recent",
        "rows",
        "span_name",
    )

    def __init__(self, key: SeriesKey) -> None:
        names = (
            semconv.MODEL_NAME,
            semconv.MODEL_VERSION,
            semconv.MODEL_FRAMEWORK,
            semconv.OPERATION,
        )
        self.span_name: Final = f"predict {key[0]}"
        self.attributes: Final[dict[str, str]] = {
            name: value for name, value in zip(names, key, strict=True) if value
        }
        self.model: Final = key[0]
        self.recent: Final[deque[Ended]] = deque(maxlen=_MOST_RECENT)
        self.begun = 0
        self.active = 0
        self.ended = 0
        self.rows = 0
        self.errors: dict[str, int] = {}


class Totals:
    """Thread-safe counts of model calls, per series; a forked child starts at zero."""

    def __init__(self) -> None:
        # reentrant: a signal handler may call a model while its thread counts a call
        self._lock = threading.RLock()
        self._series: dict[SeriesKey, Series] = {}
        weak = weakref.WeakMethod(self._start_over)
        os.register_at_fork(after_in_child=lambda: (again := weak()) and again())

    def _start_over(self) -> None:
        self._lock = threading.RLock()
        self._series = {}

    def series(self, key: SeriesKey) -> Series:
        """Return the series of *key*; past 1000 of them, without the version."""
        found = self._series.get(key)
        if found is None:
            if len(self._series) >= _MOST_SERIES:
                key = (key[0], None, key[2], key[3])
            with self._lock:
                found = self._series.setdefault(key, Series(key))
        return found

    def begin(self, series: Series) -> None:
        """Count a call that begins."""
        with self._lock:
            series.begun += 1
            series.active += 1

    def end(self, series: Series) -> None:
        """Note that a call which began in *series* has ended."""
        with self._lock:
            series.active -= 1

    def count(self, series: Series, rows: int, error: str | None) -> None:
        """Count a call of *rows* rows that ended, and its error type if it failed."""
        with self._lock:
            series.ended += 1
            series.rows += rows
            if error is not None:
                series.errors[error] = series.errors.get(error, 0) + 1

    def calls(self) -> int:
        """Return how many calls have begun."""
        with self._lock:
            return sum(series.begun for series in self._series.values())

    def note(self, series: Series, ticks_ns: int, milliseconds: float) -> None:
        """Note when a call of *series* was booked and how long it took."""
        series.recent.append(Ended(ticks_ns, milliseconds))

    def all(self) -> list[Series]:
        """Return every series there is."""
        with self._lock:
            return list(self._series.values())

    def observe(
        self, read: Callable[[Series], float | None]
    ) -> Callable[[CallbackOptions], Iterable[Observation]]:
        """Return a callback that reports what *read* finds in each series, if any."""

        def callback(_: CallbackOptions) -> Iterable[Observation]:
            with self._lock:
                found = [(read(s), s.attributes) for s in self._series.values()]
            return [Observation(n, known) for n, known in found if n is not None]

        return callback

    def observe_errors(self, _: CallbackOptions) -> Iterable[Observation]:
        """Report failed calls, by error type."""
        with self._lock:
            return [
                Observation(n, {**s.attributes, ERROR_TYPE: error})
                for s in self._series.values()
                for error, n in s.errors.items()
            ]


_Callback = Callable[[CallbackOptions], Iterable[Observation]]


def _rows(series: Series) -> int | None:
    return series.rows if series.ended else None


def _backlog(provider: TracerProvider | None) -> Backlog | None:
    provider = provider or trace.get_tracer_provider()
    if not hasattr(provider, "add_span_processor"):
        return None  # no SDK: nothing is recorded, and importing it takes time
    from algovigil.backlog import Backlog

    return Backlog.before(provider)


class Signals:
    """Tracer, instruments and settings that model calls are recorded with.

    Args:
        config: What is captured.
        tracer_provider, meter_provider, logger_provider: Absent, the global ones.
        clock, random: Where times and samples of rows come from.
        deferred: Book calls on a thread of their own where the provider allows it.
    """

    def __init__(
        self,
        config: MonitoringConfig,
        *,
        tracer_provider: TracerProvider | None = None,
        meter_provider: MeterProvider | None = None,
        logger_provider: LoggerProvider | None = None,
        clock: Clock | None = None,
        random: Random | None = None,
        deferred: bool = True,
    ) -> None:
        version = metadata.version("algovigil")
        self.backlog: Final = _backlog(tracer_provider) if deferred else None
        self.config: Final = config
        self.clock: Final[Clock] = clock or SystemClock()
        self.random: Final = random or Random()  # noqa: S311 # samples rows, guards nothing
        self.tracer: Final = trace.get_tracer(SCOPE, version, tracer_provider)
        self.starts: Final = Starts(tracer_provider or trace.get_tracer_provider())
        self.logger: Final = _logs.get_logger(
            SCOPE, version, logger_provider=logger_provider
        )
        self.totals: Final = Totals()
        meter = metrics.get_meter(SCOPE, version, meter_provider)
        self.duration: Final = meter.create_histogram(
            semconv.METRIC_INFERENCE_DURATION,
            "ms",
            "Duration of a model call.",
            explicit_bucket_boundaries_advisory=BUCKETS_MS,
        )
        meter.create_observable_counter(
            semconv.METRIC_INFERENCE_COUNT,
            [self._settled(self.totals.observe(lambda s: s.ended or None))],
            "{call}",
            "Model calls ended.",
        )
        meter.create_observable_counter(
            semconv.METRIC_INFERENCE_ERRORS,
            [self._settled(self.totals.observe_errors)],
            "{call}",
            "Model calls that raised.",
        )
        meter.create_observable_counter(
            semconv.METRIC_INFERENCE_ROWS,
            [self._settled(self.totals.observe(_rows))],
            "{row}",
            "Rows passed to model calls.",
        )
        meter.create_observable_up_down_counter(
            semconv.METRIC_INFERENCE_ACTIVE,
            [self.totals.observe(lambda s: s.active if s.begun else None)],
            "{call}",
            "Model calls begun and not ended.",
        )
        meter.create_observable_gauge(
            semconv.METRIC_INFERENCE_RATE,
            [self._settled(self.totals.observe(self._rate))],
            "{call}/s",
            "Model calls ended a second, over the last minute.",
        )
        self.load: Final = meter.create_histogram(
            semconv.METRIC_MODEL_LOAD_DURATION,
            "ms",
            "Time that loading a model took.",
            explicit_bucket_boundaries_advisory=BUCKETS_MS,
        )
        self.loads: Final[dict[str, float]] = {}
        """Milliseconds that the last load of each model took."""

    def loaded(self, model: str, framework: str, milliseconds: float) -> None:
        """Note that loading *model* took so long."""
        if model in self.loads or len(self.loads) < _MOST_SERIES:
            self.loads[model] = milliseconds
        labels = {semconv.MODEL_NAME: model, semconv.MODEL_FRAMEWORK: framework}
        self.load.record(milliseconds, labels)

    def _rate(self, series: Series) -> float | None:
        """Return calls ended a second in the last minute, of the last 1024."""
        if not series.ended:
            return None
        since = self.clock.ticks_ns() - _RATE_SECONDS * 1e9
        return sum(e.ticks_ns >= since for e in list(series.recent)) / _RATE_SECONDS

    @cached_property
    def usage(self) -> Usage | None:
        """Return what measures single calls on GPUs, None if that is not wanted."""
        if not self.config.metrics.usage:
            return None
        import pynvml

        from algovigil.usage import Usage

        return Usage(pynvml)

    def book(self, facts: Facts) -> None:
        """Have a call that has ended booked: later if that can be, or here."""
        if self.backlog is None:
            booking.identify(facts)
            booking.book(facts)
        elif not self.backlog.take(facts):
            booking.book(facts)

    def settle(self, seconds: float = 1.0) -> None:
        """Wait until every call that ended before is booked, *seconds* at most."""
        if self.backlog is not None:
            self.backlog.force_flush(round(seconds * 1000))

    def _settled(self, callback: _Callback) -> _Callback:
        """Return *callback*, which reads counts, told to count what waits first."""

        def read(options: CallbackOptions) -> Iterable[Observation]:
            self.settle()
            return callback(options)

        return read

    @cached_property
    def protector(self) -> Protector:
        """Return what turns identifiers into pseudonyms."""
        from algovigil.phi import Protector

        return Protector.of(self.config.phi)

    @cached_property
    def privacy(self) -> Privacy:
        """Return what takes identifiers out of columns."""
        from algovigil.privacy import Privacy

        return Privacy(self.protector)


_lock: Final = threading.Lock()
_current: Signals | None = None


def current() -> Signals:
    """Return the signals in use; the first time, those of the global providers."""
    return _current or _first()


def _first() -> Signals:
    with _lock:
        found = _current
        if found is None:
            try:
                config = MonitoringConfig.from_environment()
            except ConfigError as error:
                tell("reading the settings of the environment", error)
                config = MonitoringConfig()
            found = Signals(config)
            use(found)
    return found


def unused() -> bool:
    """Return whether no signals are in use yet."""
    return _current is None


def use(signals: Signals | None) -> Signals | None:
    """Make *signals* the ones in use (None: start anew); return those before."""
    global _current
    before, _current = _current, signals
    return before

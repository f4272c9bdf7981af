"""The leak canary: a made-up patient goes through the running system, on a schedule.

It enters where senders' requests do, as a span, a log line and a metric, and is then
searched for in everything that is kept: every text column of every table, the files of
the data directory, what the processor logged. One value found is a leak of every
patient's. Each check has a patient of its own, so that an old leak is not found anew.

Invariant: what is said of a check names the kind of value and the place, no value.
"""

from __future__ import annotations

import hashlib
import logging
import random
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

from opentelemetry.proto.collector.logs.v1 import logs_service_pb2
from opentelemetry.proto.collector.metrics.v1 import metrics_service_pb2
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2

from algovigil_processor.compliance.leaks import (
    Canary,
    Hit,
    LogWatch,
    scan_files,
    scan_store,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping
    from pathlib import Path
    from typing import Any

    import pyarrow as pa

    from algovigil_processor.pipeline import Signal
    from algovigil_processor.telemetry import Telemetry

    Query: TypeAlias = "Callable[[str, Mapping[str, object] | None], pa.Table]"
    Send: TypeAlias = Callable[[Signal, bytes], bool]
    Wait: TypeAlias = Callable[[float], bool]

SERVICE: Final = "algovigil-canary"
Result: TypeAlias = Literal["clean", "leaked", "refused", "lost", "ended"]
"""`refused`: a request of it was not acknowledged; `lost`: acknowledged, and not stored
within the bound; `ended`: the processor stops."""

_LOG: Final = logging.getLogger(__name__)
_SEEN: Final = """
SELECT (SELECT count() FROM otel_traces WHERE ServiceName = {service:String}
        AND TraceId = {trace:String})
    AND (SELECT count() FROM otel_logs WHERE ServiceName = {service:String}
        AND TraceId = {trace:String})
    AND (SELECT count() FROM otel_metrics_gauge WHERE ServiceName = {service:String}
        AND TimeUnix >= fromUnixTimestamp64Nano({since_ns:Int64})) AS seen
"""
_LOOKS: Final = 120
_LOOK_SECONDS: Final = 0.5
_FIRST: Final = ("Oriana", "Thaddeus", "Rosalind", "Ignatius", "Philippa", "Zebulon")
_SYLLABLES: Final = ("thorn", "vel", "quist", "kow", "grav", "lund", "harr", "pemb")


@dataclass(frozen=True, slots=True)
class Patient:
    """A person who does not exist; no value is short enough to be met by chance."""

    name: str
    mrn: str
    ssn: str
    email: str
    phone: str

    @classmethod
    def of(cls, seed: int) -> Patient:
        """Return the patient of *seed*."""
        rng = random.Random(seed)  # noqa: S311 # of people who do not exist
        surname = "".join(rng.choices(_SYLLABLES, k=6)).capitalize()
        return cls(
            name=f"{rng.choice(_FIRST)} {surname}",
            mrn=str(rng.randrange(10**13, 10**14)),
            ssn=f"{rng.randrange(100, 666)}-{rng.randrange(10, 100)}"
            f"-{rng.randrange(1000, 10_000)}",
            email=f"{surname.lower()}@canary.example",
            phone=f"({rng.randrange(201, 990)}) 555-{rng.randrange(1000, 10_000)}",
        )

    def canaries(self) -> list[Canary]:
        """Return what must be found nowhere."""
        return [
            Canary("name", self.name),
            Canary("surname", self.name.split()[-1]),
            Canary("mrn", self.mrn),
            Canary("ssn", self.ssn, digits=False),
            Canary("email", self.email),
            Canary("phone", self.phone, digits=False),
        ]

    def text(self) -> str:
        """Return a sentence as services log them."""
        return (
            f"patient {self.name}, MRN {self.mrn}, SSN {self.ssn}, mail {self.email},"
            f" phone {self.phone}"
        )

    def attributes(self) -> dict[str, str]:
        """Return the values under keys, in text and in a URL."""
        return {
            "patient.name": self.name,
            "patient.mrn": self.mrn,
            "ssn": self.ssn,
            "email": self.email,
            "phone": self.phone,
            "note": self.text(),
            "url.full": f"https://ehr.example/patients?mrn={self.mrn}"
            f"&email={self.email.replace('@', '%40')}",
        }


class LeakCanary:
    """Checks the system that runs; call `tick` from one thread.

    Args:
        send: Takes a request in as a sender's; whether it was acknowledged.
        query: Runs a statement on the store.
        root: The data directory.
        exclude: What in it is compressed, and is read through *query*.
        telemetry: Counts checks, and shows what the last one found.
        wait: Waits that many seconds; whether the processor stops meanwhile.
        seed: Makes the patients; each check adds one to it.
        lag_seconds: How long before a check rows may be dated and be of it.
    """

    def __init__(
        self,
        send: Send,
        query: Query,
        root: Path,
        exclude: Collection[str],
        telemetry: Telemetry,
        wait: Wait,
        *,
        seed: int,
        lag_seconds: int,
    ) -> None:
        self._send: Final = send
        self._query: Final = query
        self._root: Final = root
        self._exclude: Final = exclude
        self._telemetry: Final = telemetry
        self._wait: Final = wait
        self._seed = seed
        self._lag_ns: Final = lag_seconds * 10**9

    def tick(self, now_ns: int) -> Result:
        """Check once, at *now_ns*; return how it ended.

        Raises:
            QueryError: the store could not be searched; nothing is told of leaks.
        """
        patient = Patient.of(self._seed)
        self._seed += 1
        canaries = patient.canaries()
        with LogWatch(canaries) as log:
            trace = hashlib.blake2b(patient.mrn.encode(), digest_size=16).digest()
            result = self._passed(requests(patient, trace, now_ns), trace, now_ns)
            if result == "ended":
                return result
            hits = self._hits(canaries, now_ns)
        hits += log.hits()
        for hit in hits:
            _LOG.error("leak canary: its %s is in %s (%s)", *_words(hit))
        if hits:
            result = "leaked"
        elif result != "clean":
            _LOG.warning("leak canary: %s, so that nothing is known of leaks", result)
        self._telemetry.count("canary.checks", result=result)
        if result in ("clean", "leaked"):
            self._telemetry.gauge("canary.leaks", len(hits))
            self._telemetry.gauge("canary.checked_seconds", now_ns / 1e9)
        return result

    def _passed(
        self, sent: list[tuple[Signal, bytes]], trace: bytes, now_ns: int
    ) -> Result:
        """Send; return once all is stored, or why it is not."""
        if not all(self._send(signal, body) for signal, body in sent):
            return "refused"
        asked = {"service": SERVICE, "trace": trace.hex(), "since_ns": now_ns}
        for _ in range(_LOOKS):
            if self._query(_SEEN, asked).column("seen")[0].as_py():
                return "clean"
            if self._wait(_LOOK_SECONDS):
                return "ended"
        return "lost"

    def _hits(self, canaries: list[Canary], now_ns: int) -> list[Hit]:
        since_ns = now_ns - self._lag_ns
        return [
            *scan_store(
                lambda sql: self._query(sql, None), canaries, since_ns=since_ns
            ),
            *scan_files(self._root, canaries, self._exclude, since_ns=since_ns),
        ]


def _words(hit: Hit) -> tuple[str, str, str]:
    return hit.kind, hit.carrier, hit.form


def requests(patient: Patient, trace: bytes, now_ns: int) -> list[tuple[Signal, bytes]]:
    """Return *patient* in OTLP, protobuf, a request a signal."""
    traces = trace_service_pb2.ExportTraceServiceRequest()
    scope = _resource(traces.resource_spans.add(), patient).scope_spans.add()
    span = scope.spans.add(
        name=f"GET /patients/{patient.mrn}",
        trace_id=trace,
        span_id=trace[:8],
        start_time_unix_nano=now_ns,
        end_time_unix_nano=now_ns,
    )
    _attributes(span.attributes, patient.attributes())
    span.status.message = patient.text()
    event = span.events.add(name="exception", time_unix_nano=now_ns)
    _attributes(event.attributes, {"exception.message": patient.text()})

    logs = logs_service_pb2.ExportLogsServiceRequest()
    lines = _resource(logs.resource_logs.add(), patient).scope_logs.add()
    line = lines.log_records.add(time_unix_nano=now_ns, trace_id=trace)
    line.body.string_value = patient.text()
    _attributes(line.attributes, patient.attributes())

    metrics = metrics_service_pb2.ExportMetricsServiceRequest()
    readings = _resource(metrics.resource_metrics.add(), patient).scope_metrics.add()
    metric = readings.metrics.add(name="canary", description=patient.text())
    point = metric.gauge.data_points.add(time_unix_nano=now_ns, as_int=1)
    _attributes(point.attributes, patient.attributes())
    return [
        ("traces", traces.SerializeToString()),
        ("logs", logs.SerializeToString()),
        ("metrics", metrics.SerializeToString()),
    ]


def _resource(part: Any, patient: Patient) -> Any:
    _attributes(
        part.resource.attributes,
        {
            "service.name": SERVICE,
            "enduser.name": patient.name,
            "host.note": patient.text(),
        },
    )
    return part


def _attributes(pairs: Any, values: Mapping[str, str]) -> None:
    for key, value in values.items():
        pairs.add(key=key).value.string_value = value

"""Sends the facts of facts.py by the Python SDK.

python send.py grpc|http-json|http-protobuf ADDRESS SERVICE [gzip]
"""

from __future__ import annotations

import importlib
import sys
from typing import Any

from opentelemetry import trace
from opentelemetry._logs import LogRecord, SeverityNumber
from opentelemetry.metrics import Observation
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import SimpleLogRecordProcessor
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor

START = 1_700_000_000_000_000_000
PACKAGES = {
    "grpc": "opentelemetry.exporter.otlp.proto.grpc",
    "http-protobuf": "opentelemetry.exporter.otlp.proto.http",
    "http-json": "opentelemetry.exporter.otlp.json.http",
}
EXPORTERS = {
    "trace": ("trace_exporter", "OTLPSpanExporter"),
    "logs": ("_log_exporter", "OTLPLogExporter"),
    "metrics": ("metric_exporter", "OTLPMetricExporter"),
}


def exporter(flavour: str, address: str, compression: str, signal: str) -> Any:
    """Return the exporter of *signal*."""
    name, kind = EXPORTERS[signal]
    module = importlib.import_module(f"{PACKAGES[flavour]}.{name}")
    if flavour == "grpc":
        from grpc import Compression

        url = f"http://{address}"
        zipped: Any = Compression.Gzip if compression == "gzip" else None
    else:
        path = "traces" if signal == "trace" else signal
        url = f"http://{address}/v1/{path}"
        zipped = module.Compression(compression)
    return getattr(module, kind)(endpoint=url, compression=zipped)


def main(flavour: str, address: str, service: str, compression: str = "none") -> None:
    """Send every fact, wait until it is answered."""

    def by(signal: str) -> Any:
        return exporter(flavour, address, compression, signal)

    resource = Resource({"service.name": service})
    spans = TracerProvider(resource=resource)
    spans.add_span_processor(SimpleSpanProcessor(by("trace")))
    tracer = spans.get_tracer("facts", "1.0")
    parent = tracer.start_span(
        "triage",
        kind=trace.SpanKind.SERVER,
        start_time=START,
        attributes={
            "app.stage": "triage",
            "app.size": 12,
            "app.share": 0.75,
            "app.ready": True,
            "app.levels": ["a", "b"],
        },
    )
    inner = tracer.start_span(
        "predict sepsis-risk",
        trace.set_span_in_context(parent),
        start_time=START + 1_000_000,
        attributes={
            "medical_ai.model.name": "sepsis-risk",
            "medical_ai.prediction.label": "high",
            "medical_ai.prediction.score": 0.93,
        },
    )
    inner.add_event("checked", {"app.step": 1}, START + 2_000_000)
    inner.set_status(trace.StatusCode.ERROR, "threshold passed")
    inner.end(START + 5_000_000)
    parent.set_status(trace.StatusCode.OK)
    parent.end(START + 250_000_000)

    logs = LoggerProvider(resource=resource)
    logs.add_log_record_processor(SimpleLogRecordProcessor(by("logs")))
    logs.get_logger("facts", "1.0").emit(
        LogRecord(
            timestamp=START,
            severity_number=SeverityNumber.INFO,
            severity_text="INFO",
            body="triage done",
            attributes={"app.size": 12},
        )
    )

    reader = PeriodicExportingMetricReader(by("metrics"), 3_600_000)
    meters = MeterProvider([reader], resource)
    meter = meters.get_meter("facts", "1.0")
    meter.create_counter("app.calls", unit="{call}").add(3, {"app.stage": "triage"})
    wait = meter.create_histogram(
        "app.wait", unit="ms", explicit_bucket_boundaries_advisory=[10, 100]
    )
    wait.record(5)
    wait.record(15)
    meter.create_observable_gauge("app.load", [lambda _: [Observation(0.5)]])
    for provider in (spans, logs, meters):
        provider.shutdown()


if __name__ == "__main__":
    main(*sys.argv[1:])

"""Debian's Prometheus scrapes the processor and a service, and answers by PromQL."""

from __future__ import annotations

import json
import random
import subprocess
import sys
import time
import urllib.parse
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest
import yaml
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import (
    ExportLogsServiceRequest,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
)

from algovigil_dashboards import NAMES, load
from algovigil_processor.demo.processes import free_port
from integration.processor.served import KEY, Served, export

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = [pytest.mark.debian, pytest.mark.timeout(180)]
ROOT: Final = Path(__file__).resolve().parents[3]
TOKEN: Final = "scrape-token"
SETTINGS: Final = """
alerts: {interval: 1, window: 60, min_samples: 5, rules: [
  {name: busy, condition: request_count > 5, severity: info}]}
clinical: {interval: 1, window: 600, min_samples: 5}
drift_detection: {interval: 1, window: 60, min_samples: 20, reference_samples: 60}
storage: {rollup_seconds: 1}
"""
SERVICE: Final = """
import sys, time
from algovigil import MonitoringConfig, PrometheusExporter, track_inference
config = MonitoringConfig.of({"prometheus": {"port": int(sys.argv[1])}})
PrometheusExporter(config).start()
for number in range(20):
    with track_inference("triage", version="1") as call:
        call.record_outputs(0.5)
print("ready", flush=True)
sys.stdin.read()
"""


def calls(first: int, count: int) -> bytes:
    """Return *count* calls of model `triage` with one feature, now."""
    rng = random.Random(first)
    message = ExportTraceServiceRequest()
    resource = message.resource_spans.add()
    resource.resource.attributes.add(key="service.name").value.string_value = "ward"
    scope = resource.scope_spans.add()
    for number in range(first, first + count):
        span = scope.spans.add(name="predict triage", kind=1)
        span.trace_id = number.to_bytes(16, "big")
        span.span_id = number.to_bytes(8, "big")
        span.start_time_unix_nano = time.time_ns() - 10**9
        span.end_time_unix_nano = span.start_time_unix_nano + 10**6
        for key, value in (("model.name", "triage"), ("model.version", "1")):
            span.attributes.add(key=f"medical_ai.{key}").value.string_value = value
        label = "high" if number % 2 else "low"
        add = span.attributes.add
        add(key="medical_ai.prediction.label").value.string_value = label
        names = add(key="medical_ai.feature.names").value.array_value
        names.values.add().string_value = "lactate"
        values = add(key="medical_ai.feature.values").value.array_value
        values.values.add().double_value = rng.gauss(2, 1)
    return message.SerializeToString()


def outcomes(first: int, count: int) -> bytes:
    """Return what turned out for these calls: one in five was wrong."""
    message = ExportLogsServiceRequest()
    resource = message.resource_logs.add()
    resource.resource.attributes.add(key="service.name").value.string_value = "ward"
    scope = resource.scope_logs.add()
    for number in range(first, first + count):
        record = scope.log_records.add(event_name="medical_ai.outcome")
        record.time_unix_nano = time.time_ns()
        actual = "high" if (number % 2) != (number % 5 == 0) else "low"
        for key, value in (
            ("id", f"o{number}"),
            ("type", "diagnostic"),
            ("trace.id", f"{number:032x}"),
            ("actual", actual),
        ):
            name = f"medical_ai.outcome.{key}"
            record.attributes.add(key=name).value.string_value = value
    return message.SerializeToString()


@pytest.fixture(scope="module")
def scraped(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of a Prometheus over a busy processor and a service of the SDK."""
    folder = tmp_path_factory.mktemp("prometheus")
    (folder / "settings.yaml").write_text(SETTINGS)
    service_port, port = free_port(), free_port()
    environment = {"ALGOVIGIL_TOKEN": TOKEN}
    with Served(
        folder / "data", f"--config={folder / 'settings.yaml'}", **environment
    ) as served:
        service = subprocess.Popen(
            [sys.executable, "-c", SERVICE, str(service_port)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={
                "ALGOVIGIL_PHI_KEY": KEY,
                "PATH": "/usr/bin:/bin",
                "HOME": str(folder),
                "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://{served.addresses['grpc']}",
            },
            text=True,
        )
        assert service.stdout is not None
        assert service.stdin is not None
        assert "ready\n" == service.stdout.readline()
        prometheus = subprocess.Popen(
            [
                "prometheus",
                f"--config.file={configured(folder, served, service_port)}",
                f"--storage.tsdb.path={folder / 'tsdb'}",
                f"--web.listen-address=127.0.0.1:{port}",
            ],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        url = f"http://127.0.0.1:{port}"
        try:
            until_ready(prometheus, url)
            grpc = served.addresses["grpc"]
            for round_ in range(3):
                export(grpc, calls(1 + 100 * round_, 100))
                export(grpc, outcomes(1 + 100 * round_, 100), "logs")
            yield url
        finally:
            prometheus.terminate()
            prometheus.wait(20)
            service.stdin.close()
            service.wait(20)


def until_ready(prometheus: subprocess.Popen[bytes], url: str) -> None:
    """Return once Prometheus answers: while it starts it refuses, then says 503."""
    patience = time.monotonic() + 60
    while True:
        try:
            urllib.request.urlopen(f"{url}/-/ready", timeout=10).close()
            return
        except OSError:
            time.sleep(0.1)
        assert prometheus.poll() is None, "Prometheus ended"
        assert time.monotonic() < patience, "it never became ready"


def configured(folder: Path, served: Served, service_port: int) -> Path:
    """Return collector-config/prometheus.yml with the addresses of this run."""
    file = ROOT / "collector-config" / "prometheus.yml"
    config = yaml.safe_load(file.read_text("utf-8"))
    config["global"] = {"scrape_interval": "1s", "scrape_timeout": "1s"}
    processor = config["scrape_configs"][0]
    assert "algovigil-processor" == processor["job_name"]
    processor["static_configs"][0]["targets"] = [served.addresses["api"]]
    (folder / "token").write_text(TOKEN)
    processor["authorization"]["credentials_file"] = str(folder / "token")
    service = {
        "job_name": "algovigil-services",
        "static_configs": [{"targets": [f"127.0.0.1:{service_port}"]}],
    }
    config["scrape_configs"] = [processor, service]
    made = folder / "prometheus.yml"
    made.write_text(yaml.safe_dump(config))
    return made


def ask(url: str, query: str) -> list[dict[str, Any]]:
    """Return the instant vector of *query*."""
    quoted = urllib.parse.urlencode({"query": query})
    with urllib.request.urlopen(f"{url}/api/v1/query?{quoted}", timeout=10) as answer:
        found = json.load(answer)
    assert "success" == found["status"], found
    return list(found["data"]["result"])


@pytest.mark.parametrize(
    "query",
    [
        'up{job="algovigil-processor"} == 1',
        'up{job="algovigil-services"} == 1',
        'algovigil_receive_requests_total{signal="traces"} > 0',
        'algovigil_store_rows_total{table="inferences"} > 0',
        'algovigil_service_value{model="triage",metric="request_count"} > 0',
        'algovigil_drift_status{model="triage",feature="lactate"} == 1',
        'algovigil_clinical_value{model="triage",metric="diagnostic_accuracy"} > 0.5',
        'algovigil_clinical_lower{model="triage",metric="diagnostic_accuracy"} > 0',
        "algovigil_alert_evaluations_total > 0",
        'medical_ai_inference_count_total{medical_ai_model_name="triage"} == 20',
        "sum(medical_ai_inference_duration_milliseconds_count) == 20",
    ],
)
def test_promql_finds_it(scraped: str, query: str) -> None:
    """Self-metrics, models, drift, outcomes and alerts are series."""
    deadline = time.monotonic() + 60
    while not ask(scraped, query):
        assert time.monotonic() < deadline, f"nothing for {query}"
        time.sleep(0.5)


@pytest.mark.parametrize("name", [n for n in NAMES if n.startswith("prometheus")])
def test_every_panel_of_the_prometheus_dashboards_parses(
    scraped: str, name: str
) -> None:
    """Prometheus takes each expression, its variables filled in."""
    for panel in load(name)["panels"]:
        for target in panel.get("targets", ()):
            query = target["expr"].replace("$__rate_interval", "1m")
            for variable in ("$model", "$instance"):
                query = query.replace(variable, ".*")
            assert "$" not in query, panel["title"]
            ask(scraped, query)

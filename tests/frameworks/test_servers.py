"""Real servers, worker pools and notebooks, without a line of ours in them."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from algovigil import semconv
from integration.sdk.collector import Collector, values, wait_for

if TYPE_CHECKING:
    from collections.abc import Iterator

SERVICE = """
import os
from fastapi import FastAPI
from sklearn.linear_model import LogisticRegression

model = LogisticRegression().fit([[0.0], [1.0]], ["low", "high"])
app = FastAPI()

@app.get("/ready")
def ready():
    return {}

@app.get("/score/{value}")
def score(value: float):
    return {"label": model.predict([[value]])[0], "pid": os.getpid()}
"""
TASKS = """
from celery import Celery
from sklearn.linear_model import LogisticRegression

app = Celery("tasks", broker="filesystem://", backend="file://" + {results!r})
app.conf.update(
    broker_transport_options={{
        "data_folder_in": {queue!r}, "data_folder_out": {queue!r},
    }},
    worker_hijack_root_logger=False,
)
model = LogisticRegression().fit([[0.0], [1.0]], ["low", "high"])

@app.task
def score(value):
    return str(model.predict([[value]])[0])
"""
NOTEBOOK = """
from sklearn.tree import DecisionTreeClassifier
model = DecisionTreeClassifier().fit([[0.0], [1.0]], ["a", "b"])
print(model.predict([[0.4]]))
"""


@pytest.fixture
def collector() -> Iterator[Collector]:
    found = Collector()
    yield found
    found.stop()


def environ(collector: Collector, **extra: str) -> dict[str, str]:
    return {
        **os.environ,
        "OTEL_EXPORTER_OTLP_ENDPOINT": collector.endpoint,
        "OTEL_BSP_SCHEDULE_DELAY": "100",
        "OTEL_METRIC_EXPORT_INTERVAL": "500",
        "ALGOVIGIL_METRICS_HOST": "false",
        **extra,
    }


def instrumented(*words: str) -> list[str]:
    return [sys.executable, "-m", "algovigil.cli", "instrument", "--", *words]


def binary(name: str) -> str:
    return str(Path(sys.executable).with_name(name))


@contextlib.contextmanager
def running(
    command: list[str], directory: Path, env: dict[str, str]
) -> Iterator[subprocess.Popen[bytes]]:
    child = subprocess.Popen(command, cwd=directory, env=env, start_new_session=True)
    try:
        yield child
    finally:
        child.send_signal(signal.SIGTERM)
        try:
            assert child.wait(20) is not None
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(child.pid, signal.SIGKILL)


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
    return port


def get(port: int, path: str) -> Any:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=30) as reply:
        return json.loads(reply.read())


def answers(port: int) -> bool:
    try:
        get(port, "/ready")
    except OSError:
        return False
    return True


def kinds(collector: Collector) -> tuple[list[Any], dict[bytes, Any]]:
    spans = collector.spans()
    calls = [s for s in spans if semconv.MODEL_NAME in values(s.attributes)]
    return calls, {s.span_id: s for s in spans}


@pytest.mark.parametrize(
    "server",
    ["uvicorn", "uvicorn workers", "gunicorn", "gunicorn preload", "python -m"],
)
def test_servers(collector: Collector, tmp_path: Path, server: str) -> None:
    """One span a call, the child of its request's, from each worker, once."""
    (tmp_path / "main.py").write_text(SERVICE)
    port = free_port()
    address = ["--host", "127.0.0.1", "--port", str(port)]
    gunicorn = [binary("gunicorn"), "main:app", "-b", f"127.0.0.1:{port}", "-w", "2"]
    gunicorn += ["-k", "uvicorn.workers.UvicornWorker"]
    command = {
        "uvicorn": [binary("uvicorn"), "main:app", *address],
        "uvicorn workers": [
            binary("uvicorn"),
            "main:app",
            *address,
            "--workers",
            "2",
            "--timeout-worker-healthcheck",
            "60",
        ],
        "gunicorn": gunicorn,
        "gunicorn preload": [*gunicorn, "--preload"],
        "python -m": [sys.executable, "-m", "uvicorn", "main:app", *address],
    }[server]
    many = "workers" in server or "gunicorn" in server
    pids, asked = set(), 0
    with running(instrumented(*command), tmp_path, environ(collector)):
        wait_for(lambda: answers(port), 60)
        while asked < 10 or (many and len(pids) < 2 and asked < 300):
            pids.add(get(port, "/score/1")["pid"])
            asked += 1
        wait_for(lambda: len(kinds(collector)[0]) >= asked, 30)
    calls, by_id = kinds(collector)
    assert asked == len(calls)
    assert all(c.parent_span_id in by_id for c in calls)
    assert {"GET /score/{value}"} == {by_id[c.parent_span_id].name for c in calls}
    assert (2 if many else 1) == len(pids)


def test_celery_prefork(collector: Collector, tmp_path: Path) -> None:
    """A task's inference is the child of the task, which is that of its sender."""
    for name in ("queue", "results"):
        (tmp_path / name).mkdir()
    (tmp_path / "tasks.py").write_text(
        TASKS.format(queue=str(tmp_path / "queue"), results=str(tmp_path / "results"))
    )
    worker = [binary("celery"), "-A", "tasks", "worker", "-c", "2", "-l", "WARNING"]
    sender = (
        "from tasks import score\n"
        "sent = [score.delay(1.0) for _ in range(6)]\n"
        "print([r.get(timeout=60) for r in sent])"
    )
    with running(instrumented(*worker), tmp_path, environ(collector)):
        done = subprocess.run(
            instrumented(sys.executable, "-c", sender),
            cwd=tmp_path,
            env=environ(collector, PYTHONPATH=str(tmp_path)),
            capture_output=True,
            text=True,
            timeout=90,
            check=False,
        )
        assert 0 == done.returncode, done.stderr
    calls, by_id = kinds(collector)
    assert 6 == len(calls)
    tasks = [by_id[call.parent_span_id] for call in calls]
    assert {"run/tasks.score"} == {task.name for task in tasks}
    assert {"apply_async/tasks.score"} == {
        by_id[task.parent_span_id].name for task in tasks
    }


def test_a_fork_after_the_exporter_was_used(
    collector: Collector, tmp_path: Path
) -> None:
    """Parent and child each export their own, once, though the parent did before."""
    program = """
import multiprocessing, os, time
from sklearn.tree import DecisionTreeClassifier
from opentelemetry import trace
model = DecisionTreeClassifier().fit([[0.0], [1.0]], ["a", "b"])
def work():
    model.predict([[0.4]])
model.predict([[0.4]])
trace.get_tracer_provider().force_flush()
children = [multiprocessing.get_context("fork").Process(target=work) for _ in range(2)]
for child in children:
    child.start()
for child in children:
    child.join()
model.predict([[0.4]])
"""
    done = subprocess.run(
        instrumented(sys.executable, "-c", program),
        env=environ(collector),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert 0 == done.returncode, done.stderr
    calls, _ = kinds(collector)
    assert 4 == len(calls)
    assert 4 == len({call.span_id for call in calls})
    counted = [
        point.as_int
        for request in collector.requests["metrics"][-8:]
        for resource in request.resource_metrics
        for scope in resource.scope_metrics
        for metric in scope.metrics
        if metric.name == semconv.METRIC_INFERENCE_COUNT
        for point in metric.sum.data_points
    ]
    assert counted
    assert max(counted) == 2


def test_notebooks(collector: Collector, tmp_path: Path) -> None:
    """A kernel that was started watched records what cells call."""
    # a kernel that has not ended 2.5 s after it was asked to is killed; that is long
    # enough but on a machine that stands still
    program = f"""
import nbformat
from nbclient import NotebookClient
from traitlets.config import Config
notebook = nbformat.v4.new_notebook()
notebook.cells = [nbformat.v4.new_code_cell({NOTEBOOK!r})]
patient = Config(KernelManager={{"shutdown_wait_time": 60}})
client = NotebookClient(notebook, timeout=60, kernel_name="python3", config=patient)
client.execute()
print(notebook.cells[0].outputs)
"""
    done = subprocess.run(
        instrumented(sys.executable, "-c", program),
        cwd=tmp_path,
        env=environ(collector, IPYTHONDIR=str(tmp_path), HOME=str(tmp_path)),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert 0 == done.returncode, done.stderr
    assert "['a']" in done.stdout
    # the kernel has ended, and with it everything that it could send
    assert 1 == len(kinds(collector)[0]), (collector.spans(), done.stderr)


def test_requests_carry_the_call_on(collector: Collector) -> None:
    """What a model asks another service for is the child of the call."""
    program = f"""
import requests
from sklearn.base import BaseEstimator
class Remote(BaseEstimator):
    def fit(self, rows, truth):
        self.fitted_ = True
        return self
    def predict(self, rows):
        try:
            requests.get("http://127.0.0.1:{free_port()}/score", timeout=2)
        except requests.ConnectionError:
            return [0.5 for _ in rows]
Remote().fit([[1.0]], [1]).predict([[1.0]])
"""
    done = subprocess.run(
        instrumented(sys.executable, "-c", program),
        env=environ(collector),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert 0 == done.returncode, done.stderr
    (call,), _ = kinds(collector)
    asked = [s for s in collector.spans() if s.parent_span_id == call.span_id]
    assert ["GET"] == [span.name for span in asked]


@pytest.mark.parametrize("distro", ["distro", "algovigil", ""])
def test_ours_takes_effect_beside_another_distro(
    collector: Collector, distro: str
) -> None:
    """`opentelemetry-distro` is installed here: ours is the one, unless it is named."""
    program = NOTEBOOK + (
        "from opentelemetry import trace\n"
        "chain = trace.get_tracer_provider()._active_span_processor._span_processors\n"
        "print([type(p).__name__ for p in chain])"
    )
    chosen = {"OTEL_PYTHON_DISTRO": distro} if distro else {}
    done = subprocess.run(
        [binary("opentelemetry-instrument"), sys.executable, "-c", program],
        env=environ(collector, **chosen),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert 0 == done.returncode, done.stderr
    assert "OutgoingSpans" in done.stdout
    assert 1 == len(kinds(collector)[0])


@pytest.mark.parametrize(
    ("disabled", "expected"),
    [("", 1), ("algovigil_sklearn", 0), ("algovigil_torch, fastapi", 1), ("*", 0)],
)
def test_instrumentations_can_be_disabled(
    collector: Collector, disabled: str, expected: int
) -> None:
    """OpenTelemetry's own switch, by the names of entry points."""
    done = subprocess.run(
        instrumented(sys.executable, "-c", NOTEBOOK),
        env=environ(collector, OTEL_PYTHON_DISABLED_INSTRUMENTATIONS=disabled),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert 0 == done.returncode, done.stderr
    assert expected == len(kinds(collector)[0])

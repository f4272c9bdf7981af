"""Time that the SDK adds to a call, beside a bare OpenTelemetry span, counter and
histogram around the same call, and beside mca-sdk 0.11.3 in an environment of its own.

The forms run in turn on the same calls, in blocks that alternate with the peer's, so
that a busy machine slows all alike; the figures are medians of paired differences.
`make bench` makes the peer's environment in `.venv/mca`.
"""

from __future__ import annotations

import copy
import gc
import json
import statistics
import subprocess
import sys
import threading
import time
import warnings
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any

from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import (
    MetricExporter,
    MetricExportResult,
    PeriodicExportingMetricReader,
)
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import (
    BatchSpanProcessor,
    SpanExporter,
    SpanExportResult,
)

from algovigil import signals
from algovigil.config import MonitoringConfig
from algovigil.export import OutgoingSpans
from algovigil.instrumentation.estimators import PREDICT
from algovigil.instrumentation.sklearn import SklearnInstrumentor

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


_REPEATS = 5  # of calls without a pause


class _NoSpans(SpanExporter):
    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        return SpanExportResult.SUCCESS


class _NoMetrics(MetricExporter):
    def export(self, *_: Any, **__: Any) -> MetricExportResult:
        return MetricExportResult.SUCCESS

    def force_flush(self, timeout_millis: float = 10_000) -> bool:
        return True

    def shutdown(self, timeout_millis: float = 30_000, **_: Any) -> None:
        pass


def _providers(*, ours: bool = False) -> tuple[TracerProvider, MeterProvider]:
    """Return providers as one makes by hand, or with the queue of our distro."""
    tracers = TracerProvider(shutdown_on_exit=False)
    queue = OutgoingSpans(_NoSpans()) if ours else BatchSpanProcessor(_NoSpans())
    tracers.add_span_processor(queue)
    reader = PeriodicExportingMetricReader(_NoMetrics(), export_interval_millis=5000)
    return tracers, MeterProvider([reader], shutdown_on_exit=False)


def _trio(
    call: Callable[[], Any], tracers: TracerProvider, meters: MeterProvider
) -> Callable[[], Any]:
    """Wrap *call* as one would by hand: a span with ten attributes, two instruments."""
    tracer, meter = tracers.get_tracer("bench"), meters.get_meter("bench")
    count = meter.create_counter("calls")
    duration = meter.create_histogram("duration")
    labels = {"model": "m", "version": "v", "framework": "sklearn"}
    attributes = {f"attribute.{i}": f"value {i}" for i in range(10)}

    def traced() -> Any:
        begin = time.perf_counter_ns()
        with tracer.start_as_current_span("predict m") as span:
            result = call()
            for key, value in attributes.items():
                span.set_attribute(key, value)
        count.add(1, labels)
        duration.record((time.perf_counter_ns() - begin) / 1e6, labels)
        return result

    return traced


def _paired(forms: Sequence[Callable[[], Any]], rounds: int) -> list[list[float]]:
    """Return microseconds of each form, called in turn, *rounds* times."""
    took: list[list[float]] = [[] for _ in forms]
    gc.collect()
    for _ in range(rounds):
        for form, times in zip(forms, took, strict=True):
            begin = time.perf_counter_ns()
            form()
            times.append((time.perf_counter_ns() - begin) / 1e3)
    return took


def _untouched(model: Any) -> Any:
    """Return a copy of *model* with the methods that its classes had before us."""
    same = copy.deepcopy(model)
    for part in (same, *getattr(same, "estimators_", ())):
        kind = type(part)
        part.__class__ = plain = type(kind.__name__, (kind,), {})
        for name in PREDICT:
            method = getattr(kind, name, None)
            setattr(plain, name, getattr(method, "__wrapped__", method))
    return same


class Peer:
    """mca-sdk on the same models in its own process, and a sink for what it sends."""

    PYTHON = Path(sys.executable).parent.parent / "mca" / "bin" / "python"

    def __init__(self) -> None:
        self._sink = ThreadingHTTPServer(("127.0.0.1", 0), _Sink)
        threading.Thread(target=self._sink.serve_forever, daemon=True).start()
        script = Path(__file__).with_name("mca_peer.py")
        self._child = subprocess.Popen(
            [self.PYTHON, script, f"http://127.0.0.1:{self._sink.server_port}"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        assert self._child.stdout is not None
        assert "ready" in self._child.stdout.readline()

    def __call__(self, model: str, rounds: int) -> list[float]:
        """Return microseconds that mca-sdk added to each of *rounds* calls."""
        assert self._child.stdin is not None
        assert self._child.stdout is not None
        self._child.stdin.write(f"{model} {rounds}\n")
        self._child.stdin.flush()
        bare, watched = json.loads(self._child.stdout.readline())
        return [w - b for w, b in zip(watched, bare, strict=True)]

    def close(self) -> None:
        self._child.kill()  # its own end waits half a minute
        self._child.wait()
        self._sink.shutdown()


class _Sink(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        self.rfile.read(int(self.headers.get("content-length", 0)))
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        pass


def _cpu_us(
    form: Callable[[], Any], flush: Callable[[], Any], calls: int
) -> tuple[float, float]:
    """Return CPU microseconds a call: of the caller's thread, and of all others.

    The calls follow each other without a pause: a thread beside a caller that is never
    idle gets little of the interpreter.
    """
    flush()
    whole, own = time.process_time(), time.thread_time()
    for _ in range(calls):
        form()
    own = time.thread_time() - own
    flush()
    whole = time.process_time() - whole
    return own / calls * 1e6, (whole - own) / calls * 1e6


def _resident_kib() -> int:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * 4


def _measure(
    name: str, model: Any, rows: Any, rounds: int, peer: Peer | None
) -> dict[str, Any]:
    tracers, meters = _providers()
    our_tracers, our_meters = _providers(ours=True)
    before = signals.use(
        signals.Signals(
            MonitoringConfig(),
            tracer_provider=our_tracers,
            meter_provider=our_meters,
            logger_provider=LoggerProvider(shutdown_on_exit=False),
        )
    )
    untouched = _untouched(model)

    def bare() -> Any:
        return untouched.predict(rows)

    def ours() -> Any:
        return model.predict(rows)

    forms = (bare, _trio(bare, tracers, meters), ours)
    took: list[list[float]] = [[], [], []]
    theirs: list[float] = []
    try:
        _paired(forms, rounds // 10)
        signals.current().settle(60.0)  # rules are loaded and the version is known
        if peer is not None:
            peer(name, rounds // 10)
        for _ in range(10):
            for times, more in zip(took, _paired(forms, rounds // 10), strict=True):
                times += more
            if peer is not None:
                theirs += peer(name, rounds // 10)
        # more calls than a queue holds, of a model that makes that many soon
        calls = 2 * rounds if rounds > 1000 else rounds // 5
        flushes = [p.force_flush for p in (tracers, tracers, our_tracers)]
        rows_of_cpu = [
            [
                _cpu_us(form, flush, calls)
                for form, flush in zip(forms, flushes, strict=True)
            ]
            for _ in range(_REPEATS)
        ]
        resident = _resident_kib()
        for _ in range(2000 if rounds > 1000 else 20):
            ours()
        resident = _resident_kib() - resident
    finally:
        signals.use(before)
        for provider in (tracers, meters, our_tracers, our_meters):
            provider.shutdown()
    trio, added = (
        statistics.median(t - b for t, b in zip(times, took[0], strict=True))
        for times in took[1:]
    )
    bare_us = statistics.median(took[0])
    kept_busy = [
        statistics.median(sum(row[form]) - sum(row[0]) for row in rows_of_cpu)
        for form in (1, 2)
    ]
    found = {
        "bare_us": round(bare_us, 1),
        "trio_added_us": round(trio, 1),
        "algovigil_added_us": round(added, 1),
        "algovigil_over_trio": round(added / trio, 2),
        "call_over_bare": round((bare_us + added) / bare_us, 3),
        "cpu_added_without_pause_us": {
            "trio": round(kept_busy[0], 1),
            "algovigil": round(kept_busy[1], 1),
            "of it in other threads": round(
                statistics.median(row[2][1] for row in rows_of_cpu), 1
            ),
        },
        "memory_growth_kib": resident,
    }
    if theirs:
        found["mca_added_us"] = round(statistics.median(theirs), 1)
        found["algovigil_over_mca"] = round(added / statistics.median(theirs), 3)
    return found


def _import_ms() -> dict[str, float]:
    """Return milliseconds that `import algovigil` takes beyond the SDK's own."""
    took = []
    for _ in range(7):
        program = (
            "import time, opentelemetry.sdk.trace, opentelemetry.sdk.metrics\n"
            "begin = time.perf_counter()\n"
            "import algovigil, algovigil.inference\n"
            "print(time.perf_counter() - begin)"
        )
        done = subprocess.run(
            [sys.executable, "-c", program], capture_output=True, text=True, check=True
        )
        took.append(float(done.stdout) * 1e3)
    return {"beyond_sdk_ms": round(statistics.median(took), 1)}


def _network(torch: Any, milliseconds: float) -> tuple[Any, Any]:
    """Return a network of many modules whose call takes about *milliseconds*."""
    torch.set_num_threads(1)
    rows, width = torch.rand(64, 512), 512
    depth = 2
    while True:
        layers = [
            part
            for _ in range(depth)
            for part in (torch.nn.Linear(width, width), torch.nn.ReLU())
        ]
        network = torch.nn.Sequential(*layers).eval()
        times = _paired((lambda: network(rows),), 15)[0]  # noqa: B023 # called here
        if statistics.median(times) > milliseconds * 1e3 or depth > 512:
            return network, rows
        depth *= 2


def _large(rounds: int) -> dict[str, Any]:
    """Return what a torch and an ONNX model of 10 ms a call pay, where they are."""
    try:
        import onnx
        import onnxruntime
        import torch
    except ImportError:
        return {}
    from algovigil.instrumentation.onnxruntime import OnnxruntimeInstrumentor
    from algovigil.instrumentation.torch import TorchInstrumentor

    network, rows = _network(torch, 10.0)
    depth = len(network) // 2
    instrumentors = (TorchInstrumentor(), OnnxruntimeInstrumentor())

    def run_torch() -> Any:
        with torch.no_grad():
            return network(rows)

    session = onnxruntime.InferenceSession(
        _onnx(onnx, depth), _options(onnxruntime), providers=["CPUExecutionProvider"]
    )
    feed = {"x": rows.numpy()}

    def run_onnx() -> Any:
        return session.run(None, feed)

    found = {}
    for name, form in (("torch, 10 ms", run_torch), ("ONNX, 10 ms", run_onnx)):
        found[name] = _switched(form, instrumentors, rounds)
    return found


def _onnx(onnx: Any, depth: int) -> bytes:
    import numpy as np

    helper, weight = onnx.helper, np.full((512, 512), 1e-3, dtype=np.float32)
    nodes = [
        helper.make_node("MatMul", [f"h{i}" if i else "x", "w"], [f"h{i + 1}"])
        for i in range(depth)
    ]
    kind = onnx.TensorProto.FLOAT
    graph = helper.make_graph(
        nodes,
        "large",
        [helper.make_tensor_value_info("x", kind, ["n", 512])],
        [helper.make_tensor_value_info(f"h{depth}", kind, ["n", 512])],
        [onnx.numpy_helper.from_array(weight, "w")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
    model.ir_version = 8
    made: bytes = model.SerializeToString()
    return made


def _options(onnxruntime: Any) -> Any:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    return options


def _switched(
    form: Callable[[], Any], instrumentors: Sequence[Any], rounds: int
) -> dict[str, Any]:
    """Return the ratio of calls watched to calls not watched, in blocks that alternate.

    A block begins with a call that is not counted: that of a model never seen before,
    whose weights are hashed beside it.
    """
    tracers, meters = _providers(ours=True)
    before = signals.use(
        signals.Signals(
            MonitoringConfig(),
            tracer_provider=tracers,
            meter_provider=meters,
            logger_provider=LoggerProvider(shutdown_on_exit=False),
        )
    )
    ratios, times = [], []
    try:
        for _ in range(10):
            form()
            (bare,) = _paired((form,), rounds // 10)
            for instrumentor in instrumentors:
                instrumentor.instrument()
            form()
            signals.current().settle(60.0)
            (watched,) = _paired((form,), rounds // 10)
            for instrumentor in instrumentors:
                instrumentor.uninstrument()
            ratios.append(statistics.median(watched) / statistics.median(bare))
            times += bare
    finally:
        signals.use(before)
        tracers.shutdown()
        meters.shutdown()
    return {
        "bare_us": round(statistics.median(times), 1),
        "call_over_bare": round(statistics.median(ratios), 3),
    }


def run(rounds: int = 3000) -> dict[str, Any]:
    """Return the figures of small and large models, one row of 30 features."""
    # scikit-learn's threads lose each other's filters of warnings, watched or not
    warnings.showwarning = lambda *_, **__: None  # type: ignore[assignment]
    peer = Peer() if Peer.PYTHON.exists() else None
    instrumentor = SklearnInstrumentor()
    instrumentor.instrument()
    try:
        from sklearn.datasets import load_breast_cancer
        from sklearn.ensemble import RandomForestClassifier
        from sklearn.linear_model import LogisticRegression

        rows, truth = load_breast_cancer(return_X_y=True)
        small = LogisticRegression(max_iter=5000).fit(rows, truth)
        forest = RandomForestClassifier(100, random_state=0).fit(rows, truth)
        both = RandomForestClassifier(100, random_state=0, n_jobs=2).fit(rows, truth)
        row = rows[:1]
        found = {
            "LogisticRegression, 1 row": _measure("small", small, row, rounds, peer),
            "RandomForest(100), 1 row": _measure(
                "forest", forest, row, rounds // 20, peer
            ),
            "RandomForest(100), n_jobs=2": _measure(
                "forest, n_jobs=2", both, row, rounds // 20, peer
            ),
            "import": _import_ms(),
        }
    finally:
        instrumentor.uninstrument()
        if peer is not None:
            peer.close()
    return {**found, **_large(rounds // 20)}


if __name__ == "__main__":
    for name, figures in run().items():
        print(name, figures)

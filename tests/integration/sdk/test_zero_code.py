"""A program that knows nothing of us, under plain `opentelemetry-instrument`."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from opentelemetry.proto.trace.v1.trace_pb2 import Status

from algovigil import semconv
from integration.sdk.collector import values

if TYPE_CHECKING:
    from integration.sdk.collector import Collector

INSTRUMENT = Path(sys.executable).with_name("opentelemetry-instrument")
KEY = "0123456789abcdef0123456789abcdef"
SECRET = "John Smith"
PROGRAM = f"""
import logging
import numpy as np
from opentelemetry import baggage, context, propagate
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_score

logging.basicConfig(level=logging.INFO)
rows = np.random.default_rng(0).random((60, 3))
truth = np.array(["benign", "malignant"])[(rows[:, 0] > 0.5).astype(int)]
context.attach(propagate.extract({{"baggage": "medical_ai.patient.id=MRN1234567"}}))
cross_val_score(LogisticRegression(), rows, truth, cv=2, n_jobs=2)
model = LogisticRegression().fit(rows, truth)
model.predict_proba(rows[:2])
RandomForestClassifier(10, n_jobs=2).fit(rows, truth).predict(rows[:1])
try:
    model.predict(np.array([["{SECRET}", 1, 2]], dtype=object))
except ValueError as error:
    print("raised", "{SECRET}" in str(error))
sent = {{}}
propagate.inject(sent)
print("sent", sent)
logging.getLogger("scoring").info("scored")
print("answered", model.predict(rows[:3]).tolist())
"""


def run(endpoint: str, program: str = PROGRAM, **extra: str) -> Any:
    environ = {
        **os.environ,
        "OTEL_EXPORTER_OTLP_ENDPOINT": endpoint,
        "OTEL_SERVICE_NAME": "scoring",
        "ALGOVIGIL_PHI_KEY": KEY,
        **extra,
    }
    return subprocess.run(
        [INSTRUMENT, sys.executable, "-c", program],
        env=environ,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_a_program_without_a_line_of_ours_is_watched(collector: Collector) -> None:
    """One span per call, exact rows, pseudonyms, logs, model and host metrics."""
    done = run(collector.endpoint)
    assert 0 == done.returncode, done.stderr
    assert "raised True" in done.stdout
    assert "sent {}" in done.stdout
    spans = collector.spans()
    assert [
        ("predict LogisticRegression", "predict_proba", 2),
        ("predict RandomForestClassifier", "predict", 1),
        ("predict LogisticRegression", "predict", 1),
        ("predict LogisticRegression", "predict", 3),
    ] == [
        (
            s.name,
            values(s.attributes)[semconv.OPERATION],
            values(s.attributes)[semconv.ROWS],
        )
        for s in spans
    ]
    first, _, failed, _ = (values(span.attributes) for span in spans)
    assert ["f0", "f1", "f2"] == first[semconv.FEATURE_NAMES]
    assert 6 == len(first[semconv.FEATURE_VALUES])
    assert 2 == len(first[semconv.PREDICTION_SCORES])
    assert first[semconv.PATIENT_ID].startswith("p_k1_")
    assert "ValueError" == failed["error.type"]
    assert Status.STATUS_CODE_ERROR == spans[2].status.code
    assert ["scored"] == [record.body.string_value for record in collector.logs()]
    assert {
        semconv.METRIC_INFERENCE_DURATION,
        semconv.METRIC_INFERENCE_COUNT,
        semconv.METRIC_INFERENCE_ERRORS,
        "system.memory.usage",
        "process.unix.file_descriptor.count",
    } <= collector.metric_names()
    everything = "".join(map(str, collector.requests.values()))
    assert "scoring" in everything
    assert SECRET not in everything
    assert "MRN1234567" not in everything


SMALL = """
import time
from sklearn.tree import DecisionTreeClassifier
model = DecisionTreeClassifier().fit([[0.0], [1.0]], ["a", "b"])
begin = time.perf_counter()
for _ in range(300):
    model.predict([[0.4]])
print("answered", model.predict([[0.4]]).tolist(), time.perf_counter() - begin)
print("ended", time.time())
"""


def seconds_to_exit(done: Any) -> float:
    assert 0 == done.returncode, done.stderr
    assert "answered ['a']" in done.stdout
    return time.time() - float(done.stdout.split("ended ")[1])


def test_a_dead_processor_changes_nothing() -> None:
    """Nothing listens: same answers, no error, and the exit is not held up.

    The bounds of exits leave a shared machine room; a wait for us would be far longer.
    """
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        endpoint = f"http://127.0.0.1:{free.getsockname()[1]}"
    assert seconds_to_exit(run(endpoint, SMALL)) < 5.0


def test_a_processor_that_hangs_changes_nothing_but_the_exit() -> None:
    """It accepts connections and never answers: at most 5 s more at the end."""
    with socket.socket() as mute:
        mute.bind(("127.0.0.1", 0))
        mute.listen()
        endpoint = f"http://127.0.0.1:{mute.getsockname()[1]}"
        assert seconds_to_exit(run(endpoint, SMALL)) < 8.0  # and the interpreter's end


def test_one_file_of_settings_is_enough(collector: Collector, tmp_path: Path) -> None:
    """Endpoint and environment come from ALGOVIGIL_CONFIG where OTEL_* says nothing."""
    config = tmp_path / "monitoring_config.yaml"
    config.write_text(
        f"environment: icu\nprocessor: {{endpoint: '{collector.endpoint}'}}\n"
    )
    environ = {k: v for k, v in os.environ.items() if not k.startswith("OTEL_")}
    done = subprocess.run(
        [INSTRUMENT, sys.executable, "-c", SMALL],
        env={**environ, "ALGOVIGIL_CONFIG": str(config), "ALGOVIGIL_PHI_KEY": KEY},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert len(collector.spans()) == 301
    resources = [
        values(resource.resource.attributes)
        for request in collector.requests["traces"]
        for resource in request.resource_spans
    ]
    assert {"icu"} == {r["deployment.environment.name"] for r in resources}


@pytest.mark.parametrize(
    ("extra", "absent"),
    [
        ({"ALGOVIGIL_CAPTURE_FEATURES": "false"}, semconv.FEATURE_VALUES),
        ({"ALGOVIGIL_CAPTURE_PREDICTIONS": "false"}, semconv.PREDICTION_LABELS),
    ],
)
def test_the_environment_switches_parts_off(
    collector: Collector, extra: dict[str, str], absent: str
) -> None:
    """What is switched off never leaves the process."""
    program = """
from sklearn.tree import DecisionTreeClassifier
DecisionTreeClassifier().fit([[0.0], [1.0]], ["a", "b"]).predict([[0.4]])
"""
    done = run(collector.endpoint, program, **extra)
    assert 0 == done.returncode, done.stderr
    (span,) = collector.spans()
    assert absent not in values(span.attributes)


def test_our_own_command_does_the_same(collector: Collector) -> None:
    """`algovigil instrument -- PROGRAM` is the program, watched; mistakes are said."""
    command = [sys.executable, "-m", "algovigil.cli", "instrument", "--"]
    environ = {**os.environ, "OTEL_EXPORTER_OTLP_ENDPOINT": collector.endpoint}
    program = SMALL.replace("range(300)", "range(1)") + "raise SystemExit(7)"
    done = subprocess.run([*command, sys.executable, "-c", program], env=environ)
    assert 7 == done.returncode
    assert 2 == len(collector.spans())
    for words in ([], ["no-such-program"]):
        done = subprocess.run([*command, *words], capture_output=True, text=True)
        assert 2 == done.returncode
        assert "hint: algovigil instrument -- python app.py" in done.stderr


def test_a_wrong_setting_is_said_and_the_program_runs() -> None:
    """The service starts unwatched; the reason is in its log."""
    done = run("http://127.0.0.1:9", "print('runs')", ALGOVIGIL_CAPTURE_MAX_ROWS="many")
    assert (0, "runs\n") == (done.returncode, done.stdout)
    assert "ALGOVIGIL_CAPTURE_MAX_ROWS" in done.stderr

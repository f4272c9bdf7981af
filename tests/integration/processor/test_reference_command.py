"""`algovigil reference` against a real processor: from a file to exact counts."""

from __future__ import annotations

import csv
import json
import subprocess
import time
from typing import TYPE_CHECKING

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
)
from sklearn.datasets import load_diabetes

from algovigil.errors import ConfigError, Unavailable
from algovigil.reference import Refused, publish_reference
from integration.processor.served import BINARY, Served, export

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import numpy as np


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """One processor for all tests of this file."""
    folder = tmp_path_factory.mktemp("reference")
    config = folder / "monitoring.yaml"
    config.write_text("alerts: {interval: 0.2}\n")
    with Served(folder / "data", f"--config={config}") as processor:
        yield processor


@pytest.fixture(scope="module")
def table() -> dict[str, np.ndarray]:
    """442 patients with diabetes; sex is coded 1 and 2."""
    data = load_diabetes(scaled=False)
    return dict(zip(data.feature_names, data.data.T, strict=True))


def run(served: Served, *words: str) -> subprocess.CompletedProcess[str]:
    api = f"http://{served.addresses['api']}"
    return subprocess.run(
        [BINARY, "reference", *words, "--api", api],
        capture_output=True,
        text=True,
        timeout=60,
    )


def calls(model: str, values: list[float], site: str = "north") -> bytes:
    message = ExportTraceServiceRequest()
    scope = message.resource_spans.add().scope_spans.add()
    for number, bmi in enumerate(values):
        span = scope.spans.add(name=f"predict {model}", kind=1)
        span.trace_id = (number + 1).to_bytes(16, "big")
        span.span_id = (number + 1).to_bytes(8, "big")
        span.start_time_unix_nano = time.time_ns()
        span.end_time_unix_nano = span.start_time_unix_nano + 1000
        add = span.attributes.add
        add(key="medical_ai.model.name").value.string_value = model
        add(key="medical_ai.model.version").value.string_value = "1"
        add(key="medical_ai.site").value.string_value = site
        names = add(key="medical_ai.feature.names").value.array_value
        names.values.add().string_value = "bmi"
        row = add(key="medical_ai.feature.values").value.array_value
        row.values.add().double_value = bmi
    return message.SerializeToString()


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_from_a_file_to_counts_of_what_arrives(
    served: Served, table: dict[str, np.ndarray], tmp_path: Path, kind: str
) -> None:
    """Made, listed, shown; and predictions before and after it are counted once."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    model, path = f"of-{kind}", tmp_path / f"validation.{kind}"
    columns = {"patient": [f"P{i}" for i in range(442)]} | {
        name: values.tolist() for name, values in table.items()
    }
    columns["sex"] = ["F" if s == 1 else "M" for s in table["sex"]]
    if kind == "csv":
        with path.open("w", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(columns)
            writer.writerows(zip(*columns.values(), strict=True))
    else:
        pq.write_table(pa.table(columns), path)
    export(served.addresses["grpc"], calls(model, [30.0] * 7))
    count = f"SELECT count() FROM inferences WHERE model_name = '{model}'"
    served.wait_for(count, 7)
    done = run(
        served,
        *("create", "--from-file", str(path), "--model", model, "--version", "1"),
        *("--exclude", "patient", "--subgroup", "sex", "--range", "bmi=10:60"),
        *("--unit", "bmi=kg/m2", "--activate", "--wait", "--json"),
    )
    assert 0 == done.returncode, done.stderr
    made = json.loads(done.stdout)
    assert ("file", True, True, 442, 2) == (
        made["source"],
        made["active"],
        made["complete"],
        made["rows"],
        made["subgroups"],
    )
    export(served.addresses["grpc"], calls(model, [130.0] * 5))
    counted = (
        "SELECT sum(rows) FROM feature_bins WHERE feature = 'bmi' AND "
        f"subgroup_key = '' AND model_name = '{model}'"
    )
    served.wait_for(counted, 12)
    assert 5 == served.query(f"{counted} AND label = '(above range)'")
    of_site = counted.replace("subgroup_key = ''", "subgroup_key = 'site'")
    assert 12 == served.query(of_site)
    listed = run(served, "list", "--model", model, "--json")
    assert [made["reference_id"]] == [
        r["reference_id"] for r in json.loads(listed.stdout)
    ]
    shown = run(served, "show", made["reference_id"])
    assert "bmi (numeric): 442 rows, 0 missing kg/m2" in shown.stdout
    assert "patient" not in shown.stdout


def test_the_sdk_publishes_what_the_model_was_validated_on(
    served: Served, table: dict[str, np.ndarray]
) -> None:
    """One call; the same data has the same name."""
    api = f"http://{served.addresses['api']}"
    ids = {
        publish_reference(
            table, model="sdk", version="1", api=api, valid={"bmi": (10, 60)}
        )
        for _ in range(2)
    }
    assert 1 == len(ids)
    assert 0 == run(served, "activate", ids.pop()).returncode


@pytest.mark.parametrize(
    ("words", "code", "text"),
    [
        (["show", "none"], 1, "found: no such reference"),
        (["activate", "none"], 1, "found: no such reference"),
        (["create", "--model", "m"], 2, "--from-file"),
        (["create", "--from-file", "/none.csv", "--model", "m"], 2, "cannot be read"),
        (
            ["create", "--from-window", "2020-01-01", "2020-01-02", "--model", "m"],
            1,
            "too few predictions",
        ),
        (["create", "--from-window", "x", "y", "--model", "m"], 1, "start: "),
        ([], 2, "VERB"),
    ],
)
def test_mistakes_are_said_in_one_line(
    served: Served, words: list[str], code: int, text: str
) -> None:
    """Found, expected, hint; the exit code tells usage from a fault."""
    done = (
        run(served, *words)
        if words
        else subprocess.run(
            [BINARY, "reference"], capture_output=True, text=True, timeout=60
        )
    )
    assert code == done.returncode, done.stderr
    assert text in done.stderr
    assert "Traceback" not in done.stderr


def test_what_cannot_be_published_is_said(served: Served) -> None:
    """Unknown columns, no rows, no processor, a bad address."""
    api = f"http://{served.addresses['api']}"
    with pytest.raises(ConfigError, match="no column `sex`"):
        publish_reference({"x": [1.0]}, model="m", subgroups=["sex"], api=api)
    with pytest.raises(ValueError, match="data without rows"):
        publish_reference({"x": []}, model="m", api=api)
    with pytest.raises(Refused, match="model"):
        publish_reference({"x": [1.0]}, model="", api=api)
    with pytest.raises(Unavailable, match="nothing that answers"):
        publish_reference({"x": [1.0]}, model="m", api="http://127.0.0.1:1")
    with pytest.raises(ConfigError, match="a URL"):
        publish_reference({"x": [1.0]}, model="m", api="ftp://x")

from __future__ import annotations

import queue
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from algovigil import semconv

onnx = pytest.importorskip("onnx", reason="make test-frameworks installs it")
ort = pytest.importorskip("onnxruntime", reason="make test-frameworks installs it")

from onnx import TensorProto, helper  # noqa: E402

if TYPE_CHECKING:
    from pathlib import Path

    from algovigil.testing import Captured

pytestmark = pytest.mark.usefixtures("watched")


def model(*inputs: tuple[str, int], two: bool = False) -> bytes:
    """Return a model that sums its inputs into probabilities of two classes."""
    named = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n", width])
        for name, width in inputs
    ]
    nodes = [
        helper.make_node("Concat", [name for name, _ in inputs], ["all"], axis=1),
        helper.make_node("ReduceSum", ["all", "axis"], ["sum"], keepdims=1),
        helper.make_node("Sigmoid", ["sum"], ["yes"]),
        helper.make_node("Sub", ["one", "yes"], ["no"]),
        helper.make_node("Concat", ["no", "yes"], ["probabilities"], axis=1),
        helper.make_node("ArgMax", ["probabilities"], ["label"], axis=1, keepdims=0),
    ]
    constants = [
        helper.make_tensor("axis", TensorProto.INT64, [1], [1]),
        helper.make_tensor("one", TensorProto.FLOAT, [1], [1.0]),
    ]
    outputs = [
        helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, ["n", 2])
    ]
    if two:
        outputs.insert(
            0, helper.make_tensor_value_info("label", TensorProto.INT64, ["n"])
        )
    graph = helper.make_graph(nodes, "risk", named, outputs, constants)
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
    made.ir_version = 8
    return made.SerializeToString()


def attributes(captured: Captured) -> list[dict[str, Any]]:
    return [dict(span.attributes or {}) for span in captured.spans]


def feed(**columns: list[list[float]]) -> dict[str, Any]:
    return {name: np.array(c, dtype=np.float32) for name, c in columns.items()}


def test_inputs_have_the_names_of_the_model(captured: Captured) -> None:
    """An input of one column is a feature, one of several has numbered ones."""
    session = ort.InferenceSession(model(("age", 1), ("labs", 2), two=True))
    labels, scores = session.run(
        None, feed(age=[[1.0], [2.0]], labs=[[0.5, 0.25], [-9.0, 0.0]])
    )
    (found,) = attributes(captured)
    assert ("risk", "onnxruntime", "run", "cpu", 2) == tuple(
        found[name]
        for name in (
            semconv.MODEL_NAME,
            semconv.MODEL_FRAMEWORK,
            semconv.OPERATION,
            semconv.DEVICE,
            semconv.ROWS,
        )
    )
    assert ("age", "labs.0", "labs.1") == found[semconv.FEATURE_NAMES]
    assert (1.0, 0.5, 0.25, 2.0, -9.0, 0.0) == found[semconv.FEATURE_VALUES]
    assert tuple(map(str, labels)) == found[semconv.PREDICTION_LABELS]
    assert tuple(scores[:, 1].astype(float)) == found[semconv.PREDICTION_SCORES]


def test_the_version_is_the_file(captured: Captured, tmp_path: Path) -> None:
    """Same bytes, same version, from a path or from memory; absent if it changed."""
    content = model(("x", 3))
    path = tmp_path / "chest.onnx"
    path.write_bytes(content)
    rows = feed(x=[[1, 2, 3]])
    changed = ort.InferenceSession(path)
    ort.InferenceSession(path).run(["probabilities"], rows)
    ort.InferenceSession(content).run(None, rows)
    path.write_bytes(model(("x", 4)))
    changed.run(None, rows)
    first, second, third = attributes(captured)
    assert first[semconv.MODEL_VERSION] == second[semconv.MODEL_VERSION]
    assert first[semconv.MODEL_VERSION].startswith("onnx@")
    assert "chest" == first[semconv.MODEL_NAME]
    assert ("x.0", "x.1", "x.2") == first[semconv.FEATURE_NAMES]
    assert semconv.MODEL_VERSION not in third


def test_asynchronous_runs(captured: Captured) -> None:
    """The call ends when its callback is called, with the callback's arguments."""
    session = ort.InferenceSession(model(("x", 2)))
    answered: queue.Queue[Any] = queue.Queue()

    def done(results: Any, data: Any, error: str) -> None:
        answered.put((results, data, error))

    session.run_async(None, feed(x=[[1, 2]]), done, "mine")
    results, data, error = answered.get(timeout=10)
    assert ((1, 2), "mine", "") == (results[0].shape, data, error)
    (found,) = attributes(captured)
    assert "run_async" == found[semconv.OPERATION]
    assert ("x.0", "x.1") == found[semconv.FEATURE_NAMES]
    assert 1 == len(found[semconv.PREDICTION_SCORES])


def test_the_callers_exception(captured: Captured) -> None:
    """A wrong input is the runtime's own error."""
    session = ort.InferenceSession(model(("x", 2)))
    with pytest.raises(Exception, match="INVALID_ARGUMENT"):
        session.run(None, feed(x=[[1, 2, 3]]))
    (found,) = attributes(captured)
    assert "InvalidArgument" in found["error.type"]


def test_pictures_count(captured: Captured) -> None:
    """An input of four dimensions is so many rows."""
    graph = helper.make_graph(
        [helper.make_node("GlobalAveragePool", ["image"], ["mean"])],
        "mean",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, ["n", 1, "h", "w"])],
        [helper.make_tensor_value_info("mean", TensorProto.FLOAT, ["n", 1, 1, 1])],
    )
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
    made.ir_version = 8
    session = ort.InferenceSession(made.SerializeToString())
    session.run(None, {"image": np.zeros((3, 1, 4, 4), dtype=np.float32)})
    (found,) = attributes(captured)
    assert 3 == found[semconv.ROWS]
    assert ("image",) == found[semconv.INPUT_NAMES]
    assert ("float32[1,4,4]",) == found[semconv.INPUT_TYPES]

"""What is kept of real tensors, and how long real models take to load."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from algovigil import capture, hold, semconv
from algovigil.config import Capture
from algovigil.instrumentation.loading import LoadingInstrumentor

torch = pytest.importorskip("torch", reason="make test-frameworks installs it")

if TYPE_CHECKING:
    from pathlib import Path

    from algovigil.testing import Captured

CHANCE = torch.Generator().manual_seed(0)
IMAGES = torch.rand((2, 3, 64, 80), generator=CHANCE)


def columns(tensor: Any, **settings: Any) -> capture.Inputs:
    config = Capture(**settings)
    found = capture.inputs(hold.take(tensor, None, config, named=False), (), config)
    assert found is not None
    return found


@pytest.mark.parametrize(
    "images",
    [
        IMAGES.contiguous(memory_format=torch.channels_last),
        IMAGES.permute(0, 2, 3, 1).contiguous().permute(0, 3, 1, 2),
        IMAGES.clone().requires_grad_(),
        IMAGES[:, :, ::1, ::1],
    ],
    ids=["channels last", "permuted", "with gradient", "view"],
)
def test_the_same_image_gives_the_same_numbers(images: Any) -> None:
    """Whatever its layout in memory, and as numpy has it."""
    found = columns(images, embedding=8)
    assert {"input": "float32[3,64,80]"} == found.tensors
    expected = columns(IMAGES.numpy(), embedding=8)
    assert expected.feature_names == found.feature_names
    assert np.allclose(expected.feature_values, found.feature_values, atol=1e-6)
    assert np.allclose(expected.embedding, found.embedding, atol=1e-5)


@pytest.mark.parametrize(
    "kind", [torch.bfloat16, torch.float16, torch.uint8, torch.bool]
)
def test_every_element_type_is_summed_up(kind: Any) -> None:
    """Half floats, bytes, masks: as numbers."""
    image = (IMAGES * 2).to(kind)
    found = columns(image)
    assert {"input": f"{str(kind).removeprefix('torch.')}[3,64,80]"} == found.tensors
    mean = dict(zip(found.feature_names, found.feature_values, strict=False))[
        "input.mean"
    ]
    assert float(image[0].float().mean()) == pytest.approx(mean, abs=0.05)


def test_what_happens_to_a_tensor_afterwards_does_not_show() -> None:
    """The copy is of the moment, tables and images alike."""
    for tensor in (IMAGES.clone(), torch.ones((2, 3))):
        held = hold.take(tensor, None, Capture(), named=False)
        before = columns(tensor).feature_values
        tensor.zero_()
        found = capture.inputs(held, (), Capture())
        assert found is not None
        assert list(before) == list(found.feature_values)


def test_token_ids_are_no_features() -> None:
    """The text that they spell does not leave; what they are does."""
    found = columns(torch.tensor([[101, 7592, 102]]))
    assert {"input": "int64[3]"} == found.tensors
    assert () == found.feature_names
    assert {"input_ids": "int64[3]"} == columns(
        {"input_ids": torch.tensor([[101, 7592, 102]])}
    ).tensors


def test_loading_is_timed(captured: Captured, tmp_path: Path) -> None:
    """`torch.load` of a module; a table of weights has the name of its type."""
    instrumentor = LoadingInstrumentor()
    instrumentor.instrument()
    try:
        torch.save(torch.nn.Linear(2, 1), tmp_path / "model.pt")
        torch.load(tmp_path / "model.pt", weights_only=False)
        torch.save(torch.nn.Linear(2, 1).state_dict(), tmp_path / "weights.pt")
        torch.load(tmp_path / "weights.pt")
    finally:
        instrumentor.uninstrument()
    assert {("Linear", "torch", 1), ("OrderedDict", "torch", 1)} == {
        (
            point.attributes[semconv.MODEL_NAME],
            point.attributes[semconv.MODEL_FRAMEWORK],
            point.count,
        )
        for point in captured.points(semconv.METRIC_MODEL_LOAD_DURATION)
    }


def test_a_session_is_timed(captured: Captured, tmp_path: Path) -> None:
    """ONNX Runtime loads its model when the session is made."""
    runtime = pytest.importorskip(
        "onnxruntime", reason="make test-frameworks installs it"
    )
    onnx = pytest.importorskip("onnx", reason="make test-frameworks installs it")
    of = onnx.helper
    ends = [of.make_tensor_value_info(name, 1, [None, 2]) for name in ("x", "y")]
    nodes = [of.make_node("Identity", ["x"], ["y"])]
    graph = of.make_graph(nodes, "risk", ends[:1], ends[1:])
    model = of.make_model(graph, opset_imports=[of.make_opsetid("", 17)], ir_version=9)
    onnx.save(model, tmp_path / "risk.onnx")
    instrumentor = LoadingInstrumentor()
    instrumentor.instrument()
    try:
        runtime.InferenceSession(tmp_path / "risk.onnx")
    finally:
        instrumentor.uninstrument()
    (point,) = captured.points(semconv.METRIC_MODEL_LOAD_DURATION)
    assert "onnxruntime" == point.attributes[semconv.MODEL_FRAMEWORK]
    assert "risk" == point.attributes[semconv.MODEL_NAME]

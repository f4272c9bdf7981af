from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from algovigil import semconv, track_inference

torch = pytest.importorskip("torch", reason="make test-frameworks installs it")

if TYPE_CHECKING:
    from algovigil.testing import Captured

pytestmark = pytest.mark.usefixtures("watched")
nn = torch.nn


class Triage(nn.Module):
    """Six features to the probabilities of two classes; three modules deep."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Linear(6, 4), nn.ReLU(), nn.Linear(4, 2))

    def forward(self, rows: Any) -> Any:
        return torch.softmax(self.body(rows), dim=1)


@pytest.fixture
def model() -> Any:
    torch.manual_seed(0)
    return Triage()


def rows(count: int = 3) -> Any:
    return torch.arange(6.0 * count).reshape(count, 6) / 10


def attributes(captured: Captured) -> list[dict[str, Any]]:
    return [dict(span.attributes or {}) for span in captured.spans]


def test_the_outermost_module_is_one_record(captured: Captured, model: Any) -> None:
    """Rows, probabilities, device, and a version; the result as it was."""
    model.eval()
    answer = model(rows())
    assert answer.requires_grad
    (found,) = attributes(captured)
    assert ("Triage", "torch", "forward", "cpu", 3) == tuple(
        found[name]
        for name in (
            semconv.MODEL_NAME,
            semconv.MODEL_FRAMEWORK,
            semconv.OPERATION,
            semconv.DEVICE,
            semconv.ROWS,
        )
    )
    assert tuple(rows().flatten().tolist()) == found[semconv.FEATURE_VALUES]
    assert tuple(answer[:, 1].tolist()) == found[semconv.PREDICTION_SCORES]
    assert found[semconv.MODEL_VERSION].startswith("Triage@")


def test_training_is_no_prediction(captured: Captured, model: Any) -> None:
    """Nothing inside a training step counts, frozen parts neither; losses never do."""
    model.train()
    model.body[0].eval()
    step = torch.optim.SGD(model.parameters(), 0.1)
    loss = nn.CrossEntropyLoss()
    for _ in range(2):
        step.zero_grad()
        loss(model(rows()), torch.tensor([0, 1, 0])).backward()
        step.step()
    with torch.no_grad():
        loss(torch.zeros(2, 2), torch.tensor([0, 1]))
        nn.Softmax(dim=1)(torch.zeros(2, 2))
    assert () == captured.spans


def test_gradients_off_or_eval_make_a_prediction(
    captured: Captured, model: Any
) -> None:
    """In training mode with gradients off too; the version follows each step."""
    model.train()
    with torch.no_grad():
        model(rows())
    with torch.inference_mode():
        model(rows())
    model(rows())[:, 0].sum().backward()
    torch.optim.SGD(model.parameters(), 0.5).step()
    model.eval()
    model(rows())
    other = Triage()
    other.load_state_dict(model.state_dict())
    other.eval()(rows())
    first, second, third, fourth = (
        found[semconv.MODEL_VERSION] for found in attributes(captured)
    )
    assert first == second != third == fourth


def test_compiled_modules(captured: Captured, model: Any) -> None:
    """`torch.compile` sees through us, whole graphs too, and counts once."""
    model.eval()
    compiled = torch.compile(model, backend="eager", fullgraph=True)
    for _ in range(2):
        torch.testing.assert_close(model.body(rows()).softmax(1), compiled(rows()))
    names = [found[semconv.MODEL_NAME] for found in attributes(captured)]
    assert ["Sequential", "Triage"] * 2 == names


def test_exported_and_traced_modules(captured: Captured, model: Any) -> None:
    """Exporting a model runs it and predicts nothing."""
    model.eval()
    torch.export.export(model, (rows(),))
    torch.jit.trace(model, rows())
    assert () == captured.spans


def test_the_callers_exception(captured: Captured, model: Any) -> None:
    """What the module raises reaches the caller; its type is recorded."""
    with pytest.raises(RuntimeError, match="shapes"):
        model.eval()(torch.zeros(1, 5))
    (found,) = attributes(captured)
    assert "RuntimeError" == found["error.type"]


def test_words_are_not_features(captured: Captured) -> None:
    """Whole numbers may be the words of a note: they are counted and not kept."""

    class Reader(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.words = nn.Embedding(10, 2)

        def forward(self, words: Any) -> Any:
            return self.words(words).mean(dim=(1, 2))

    Reader().eval()(torch.tensor([[1, 2], [3, 4]]))
    (found,) = attributes(captured)
    assert 2 == found[semconv.ROWS]
    assert semconv.FEATURE_VALUES not in found
    assert 2 == len(found[semconv.PREDICTION_SCORES])


def test_pictures_count(captured: Captured) -> None:
    """A batch of pictures is so many rows, and no megabytes of pixels."""
    net = nn.Sequential(nn.Conv2d(1, 2, 3), nn.Flatten(), nn.Linear(72, 1)).eval()
    net(torch.zeros(5, 1, 8, 8))
    (found,) = attributes(captured)
    assert 5 == found[semconv.ROWS]
    assert ("float32[1,8,8]",) == found[semconv.INPUT_TYPES]
    assert len(found[semconv.FEATURE_VALUES]) < 5 * 64


def test_threads_count_for_themselves(captured: Captured, model: Any) -> None:
    """Concurrent calls are a record each."""
    model.eval()
    threads = [threading.Thread(target=model, args=(rows(),)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert 4 == len(captured.spans)


def test_a_call_by_hand_takes_the_module_inside(captured: Captured, model: Any) -> None:
    """One record under the name that the caller gave."""
    with track_inference("triage"):
        model.eval()(rows(1))
    (found,) = attributes(captured)
    assert ("triage", "torch") == (
        found[semconv.MODEL_NAME],
        found[semconv.MODEL_FRAMEWORK],
    )
    assert 6 == len(found[semconv.FEATURE_VALUES])
    assert 1 == len(found[semconv.PREDICTION_SCORES])


def test_half_precision(captured: Captured, model: Any) -> None:
    """bfloat16 has no numpy type; its version and values are told all the same."""
    model.eval().to(torch.bfloat16)(rows(1).to(torch.bfloat16))
    (found,) = attributes(captured)
    assert found[semconv.MODEL_VERSION].startswith("Triage@")
    assert np.isclose(0.5, found[semconv.FEATURE_VALUES][5], atol=0.01)

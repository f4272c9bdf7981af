from __future__ import annotations

import importlib
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from algovigil import semconv

if TYPE_CHECKING:
    from collections.abc import Iterator

    from algovigil.testing import Captured

PAGE = Path("docs/adding-a-framework.md").read_text(encoding="utf-8")
TOYML = """
class Net:
    title, columns = "toy", ("age", "lactate")

    def fit(self, table, truth):
        self.weights = [0.5, 0.25]
        self.forward(table)
        return self

    def forward(self, table):
        return [sum(w * x for w, x in zip(self.weights, row)) for row in table]


class Deep(Net):
    def forward(self, table):
        return super().forward(table)
"""


@pytest.fixture
def instrumentor(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """The page's own code, and its framework importable."""
    (tmp_path / "toyml").mkdir()
    (tmp_path / "toyml" / "__init__.py").touch()
    (tmp_path / "toyml" / "nets.py").write_text(TOYML)
    monkeypatch.syspath_prepend(str(tmp_path))
    (code,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    names: dict[str, Any] = {"__name__": "page"}
    exec(compile(code, "adding-a-framework.md", "exec"), names)
    made = names["ToymlInstrumentor"]()
    yield made
    made.uninstrument()
    for name in ("toyml", "toyml.nets"):
        sys.modules.pop(name, None)


@pytest.mark.parametrize("imported", ["before", "after"])
def test_the_page_adds_a_framework(
    captured: Captured, instrumentor: Any, imported: str
) -> None:
    """Its code as it stands records a framework that nobody here has heard of."""
    if imported == "before":
        importlib.import_module("toyml.nets")
    instrumentor.instrument()
    nets = importlib.import_module("toyml.nets")
    net = nets.Deep().fit([[1.0, 2.0]], [1])
    assert () == captured.spans
    assert [1.0, 2.0] == net.forward([[1.0, 2.0], [2.0, 4.0]])
    assert ["toyml.nets.Net.fit", "toyml.nets.Net.forward"] == (
        instrumentor.patches.names()
    )
    (span,) = captured.spans
    found = dict(span.attributes or {})
    assert "predict toy" == span.name
    assert ("age", "lactate") == found[semconv.FEATURE_NAMES]
    assert (1.0, 2.0, 2.0, 4.0) == found[semconv.FEATURE_VALUES]
    assert (1.0, 2.0) == found[semconv.PREDICTION_SCORES]
    assert str(found[semconv.MODEL_VERSION]).startswith("Net@")


def test_taken_back_it_is_as_it_was(captured: Captured, instrumentor: Any) -> None:
    """Uninstrumented, the framework records nothing."""
    nets = importlib.import_module("toyml.nets")
    before = nets.Net.forward
    instrumentor.instrument()
    instrumentor.uninstrument()
    assert before is nets.Net.forward
    nets.Net().fit([[1.0, 2.0]], [1]).forward([[1.0, 2.0]])
    assert () == captured.spans

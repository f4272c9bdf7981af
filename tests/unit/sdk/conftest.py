from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from algovigil.instrumentation.sklearn import SklearnInstrumentor
from algovigil.testing import captured

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["captured", "sklearn_watched"]


@pytest.fixture
def sklearn_watched() -> Iterator[None]:
    instrumentor = SklearnInstrumentor()
    instrumentor.instrument()
    yield
    instrumentor.uninstrument()

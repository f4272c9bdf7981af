"""A store of its own for each test, and seeded numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from algovigil_processor.store import Store
from algovigil_processor.telemetry import Telemetry
from integration.analyse.clinic import Clinic

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def clinic(tmp_path: Path) -> Iterator[Clinic]:
    """A clinic whose store lives as long as the test."""
    store = Store(tmp_path / "clickhouse", Telemetry())
    yield Clinic(store)
    store.close()


@pytest.fixture
def rng() -> np.random.Generator:
    """The same numbers in every run."""
    return np.random.default_rng(20240607)

"""Real frameworks, all of them watched; run by `make test-frameworks`."""

from __future__ import annotations

from importlib.metadata import entry_points
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from algovigil.testing import captured

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["captured", "watched"]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.frameworks)


def pytest_ignore_collect(config: pytest.Config) -> bool | None:
    """Import no framework where none of these tests is to run."""
    return True if "not frameworks" in config.option.markexpr else None


@pytest.fixture(scope="session")
def watched() -> Iterator[None]:
    """Every instrumentor of ours, switched on as a distro does."""
    ours = [
        point.load()()
        for point in entry_points(group="opentelemetry_instrumentor")
        if point.name.startswith("algovigil_")
    ]
    for instrumentor in ours:
        instrumentor.instrument()
    yield
    for instrumentor in ours:
        instrumentor.uninstrument()

"""The shape of everything between the edges of a line."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from algovigil_processor.batch import Batch

Stage: TypeAlias = Callable[[Batch], Batch]

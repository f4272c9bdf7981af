"""What goes along a line, and the shape of everything between its edges."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, TypeAlias

from algovigil_processor.batch import Batch

Signal: TypeAlias = Literal["traces", "metrics", "logs"]
"""What an OTLP request carries."""

Stage: TypeAlias = Callable[[Batch], Batch]

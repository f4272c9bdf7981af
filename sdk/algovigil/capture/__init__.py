"""What of inputs and outputs is kept: typed columns, exact or absent.

Invariant: a column that cannot be told exactly as numbers, as short texts or as named
summaries of a tensor is left out; nothing is formatted, truncated or guessed. numpy,
pandas, torch and their like are used where the caller's own objects bring them, and
never imported.
"""

from __future__ import annotations

from algovigil.capture.answers import (
    Outputs,
    answer,
    are_shares,
    labelled,
    margins,
    predictions,
    probabilities,
    scored,
    text,
)
from algovigil.capture.columns import Inputs, wire_bytes
from algovigil.capture.columns import as_numbers as numbers
from algovigil.capture.rows import device, pick, row_count
from algovigil.capture.table import inputs

__all__ = [
    "Inputs",
    "Outputs",
    "answer",
    "are_shares",
    "device",
    "inputs",
    "labelled",
    "margins",
    "numbers",
    "pick",
    "predictions",
    "probabilities",
    "row_count",
    "scored",
    "text",
    "wire_bytes",
]

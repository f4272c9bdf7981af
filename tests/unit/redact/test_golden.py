"""The table that a privacy officer reads is what the rules do, row by row."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from algovigil.config import Phi
from algovigil.phi import Protector

TABLE = Path(__file__).parents[2] / "golden" / "redaction.md"
KEY = b"golden-key-of-32-bytes-or-more!!"
CELL = re.compile(r"(?<!\\)\|")


def rows() -> list[list[str]]:
    """Return the cells of each row that is no header."""
    found = []
    for line in TABLE.read_text(encoding="utf-8").splitlines():
        cells = [cell.strip() for cell in CELL.split(line)[1:-1]]
        if cells and cells[0] != "field" and not cells[0].startswith("---"):
            found.append(cells)
    return found


def text(cell: str) -> str:
    """Return what a cell stands for."""
    if cell == "(nothing)":
        return ""
    return cell[3:-3].replace("\\|", "|").replace("\\n", "\n")


@pytest.mark.parametrize("cells", rows(), ids=lambda cells: " ".join(cells[:2])[:60])
def test_the_row_is_true(cells: list[str]) -> None:
    """Output, classes and actions are as the table says, and once is enough."""
    key, raw, rules, output, harbor = cells
    found = []
    for preset in ("pseudonymise", "safe_harbor"):
        protector = Protector(Phi(preset=preset), KEY, this_year=2026)
        cleaned = protector.rewrite(key, text(raw))
        marks = ", ".join(f"{cls} {action}" for cls, action in cleaned.marks)
        found.append((cleaned.text, marks))
        assert protector.clean(key, cleaned.text) == cleaned.text
    kept = text(raw) if output == "the same" else text(output)
    assert found[0] == (kept, rules)
    assert found[1][0] == (text(harbor) if harbor else kept)


def test_the_table_is_long_enough_to_mean_something() -> None:
    """Reading the table cannot pass by reading nothing."""
    assert len(rows()) > 50

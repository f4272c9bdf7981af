"""Golden requests decode to the rows that a person checked and wrote beside them.

`tests/golden/decode/*.json` hold an OTLP/JSON request and its rows. To accept new
rows run this file with `ALGOVIGIL_ACCEPT=1` and read the difference.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from algovigil_processor.batch import Origin
from algovigil_processor.decode import decode, from_json
from unit.decode import oracle

FOLDER = Path(__file__).parents[2] / "golden" / "decode"
FILES = sorted(FOLDER.glob("*.json"))


def decoded(case: dict[str, Any]) -> dict[str, Any]:
    body = from_json(case["signal"], json.dumps(case["request"]).encode())
    got = decode(case["signal"], [body], Origin("http", 1_767_225_600_000_000_000))
    tables = {batch.table: oracle.readable(batch.rows) for batch in got.batches}
    rows = json.loads(json.dumps(tables))
    return {"rejected": got.rejected[0], "reason": got.reasons[0], "rows": rows}


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_rows_are_those_on_file(path: Path) -> None:
    """Each column of each row is as the file states it."""
    case = json.loads(path.read_text(encoding="utf-8"))
    found = decoded(case)
    if os.environ.get("ALGOVIGIL_ACCEPT"):
        case |= found
        path.write_text(json.dumps(case, indent=1) + "\n", encoding="utf-8")
    assert {name: case[name] for name in found} == found


def test_there_are_golden_files() -> None:
    """An empty folder proves nothing."""
    assert len(FILES) >= 5

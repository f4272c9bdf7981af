"""docs/wire.md is true: each request on it decodes to the rows that it states."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import pytest
import yaml

from algovigil_processor.batch import Origin
from algovigil_processor.decode import decode, from_json
from algovigil_processor.derive import derive
from algovigil_processor.telemetry import Telemetry

if TYPE_CHECKING:
    from algovigil_processor.pipeline import Signal

PAGE = Path(__file__).parents[2] / "docs" / "wire.md"
EXAMPLE = re.compile(
    r"`POST /v1/(?P<signal>\w+)`\n\n```json\n(?P<request>.*?)\n```\n\n"
    r"Rows:\n\n```yaml\n(?P<rows>.*?)\n```",
    re.DOTALL,
)
EXAMPLES = list(EXAMPLE.finditer(PAGE.read_text(encoding="utf-8")))


def tables(signal: Signal, request: bytes) -> dict[str, list[dict[str, Any]]]:
    """Return all rows that *request* becomes, sealed without a rule set."""
    decoded = decode(signal, [from_json(signal, request)], Origin("http", 1))
    assert decoded.rejected == (0,)
    sealed = [dataclasses.replace(batch, policy="none") for batch in decoded.batches]
    derived = derive(sealed, Telemetry())
    return {b.table: b.rows.to_pylist(maps_as_pydicts="strict") for b in derived}


def test_every_request_states_its_rows() -> None:
    """No JSON block of the page is left untested."""
    page = PAGE.read_text(encoding="utf-8")
    assert len(EXAMPLES) == page.count("```json") == page.count("`POST ")


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda e: str(e.start()))
def test_request_gives_the_stated_rows(example: re.Match[str]) -> None:
    """The stated columns of each stated row are what the request becomes."""
    signal = cast("Signal", example["signal"])
    found = tables(signal, example["request"].encode())
    for table, stated in yaml.safe_load(example["rows"]).items():
        shown = [
            {name: row[name] for name in expected}
            for row, expected in zip(found[table], stated, strict=True)
        ]
        assert stated == shown

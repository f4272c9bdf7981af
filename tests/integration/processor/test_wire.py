"""Each request of docs/wire.md, posted as `curl` would, is in the tables it states."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import clickhouse_connect
import httpx
import pytest
import yaml

from integration.processor.served import Served

if TYPE_CHECKING:
    from collections.abc import Iterator

PAGE = Path(__file__).parents[3] / "docs" / "wire.md"
EXAMPLE = re.compile(
    r"`POST (?P<path>/v1/\w+)`\n\n```json\n(?P<request>.*?)\n```\n\n"
    r"Rows:\n\n```yaml\n(?P<rows>.*?)\n```",
    re.DOTALL,
)
EXAMPLES = list(EXAMPLE.finditer(PAGE.read_text(encoding="utf-8")))


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with Served(tmp_path_factory.mktemp("wire") / "data") as processor:
        yield processor


def stored(served: Served, table: str) -> list[dict[str, Any]]:
    host, _, port = served.addresses["sql"].rpartition(":")
    client = clickhouse_connect.get_client(host=host, port=int(port), database="otel")
    try:
        return list(client.query(f"SELECT * FROM {table}").named_results())
    finally:
        client.close()


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda e: str(e.start()))
def test_a_posted_request_is_stored_as_stated(
    served: Served, example: re.Match[str]
) -> None:
    """200, an empty answer, and the rows: types and missing values included."""
    stated = yaml.safe_load(example["rows"])
    before = {table: len(stored(served, table)) for table in stated}
    reply = httpx.post(
        f"http://{served.addresses['http']}{example['path']}",
        content=example["request"],
        headers={"content-type": "application/json"},
    )
    assert (reply.status_code, reply.json()) == (200, {})
    for table, rows in stated.items():
        wanted = before[table] + len(rows)
        served.wait_for(f"SELECT count() FROM {table}", wanted)
        found = stored(served, table)
        for row in rows:
            assert any(row == {k: have[k] for k in row} for have in found), (table, row)


def test_the_workers_time_is_told_by_stage(served: Served) -> None:
    """What decoding, redacting and keeping cost is on `/metrics`, in CPU-seconds."""
    page = httpx.get(f"http://{served.addresses['api']}/metrics").text
    stages = re.findall(
        r'^algovigil_line_cpu_seconds_total\{stage="(\w+)"\} (\S+)$', page, re.MULTILINE
    )
    assert {stage for stage, _ in stages} == {"decode", "redact", "keep"}
    assert all(float(seconds) > 0 for _, seconds in stages)

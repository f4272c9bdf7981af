"""A real engine of one table, and read-only sessions on it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from chdb.session import Session

from algovigil_processor.errors import ProcessorError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

_TABLE = """
CREATE TABLE otel.t
(a String, n Int32, xs Array(Int32), m Map(LowCardinality(String), Float64))
ENGINE = MergeTree ORDER BY a
"""


class Failed(ProcessorError):
    """What the engine raises, with its code."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        found = re.search(r"Code: (\d+)", text)
        self.code = int(found[1]) if found else 0


class ChdbReader:
    """The smallest reader that is one: a chDB session with `readonly`."""

    def __init__(self, path: str, name: str = "") -> None:
        self.session = Session(path)
        self.session.query(f"SET log_comment = '{name}'")
        for setting in ("max_execution_time = 10", "max_result_rows = 400000"):
            self.session.query(f"SET {setting}")
        self.session.query("USE otel")
        self.session.query("SET readonly = 1")

    def raw(
        self,
        sql: str,
        output_format: str,
        parameters: Mapping[str, object] | None = None,
    ) -> bytes:
        """Run *sql*."""
        try:
            result = self.session.query(sql, output_format, params=parameters)
            return bytes(result.bytes())
        except Exception as error:
            raise Failed(str(error)) from None

    def close(self) -> None:
        """Close the session."""
        self.session.close()


@pytest.fixture(scope="module")
def open_reader(
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Callable[[str], ChdbReader]]:
    """Open read-only sessions; the engine closes with the module, since a process
    has one path open at a time."""
    path = str(tmp_path_factory.mktemp("clickhouse"))
    writer = Session(path)
    writer.query("CREATE DATABASE otel")
    writer.query(_TABLE)
    writer.query("INSERT INTO otel.t VALUES ('x', 1, [2, 1], {'k': 0.5})")
    opened: list[ChdbReader] = []

    def open_one(name: str = "") -> ChdbReader:
        opened.append(ChdbReader(path, name))
        return opened[-1]

    yield open_one
    for reader in opened:
        reader.close()
    writer.close()


@pytest.fixture(scope="module")
def reader(open_reader: Callable[[str], ChdbReader]) -> ChdbReader:
    """One read-only session."""
    return open_reader("")

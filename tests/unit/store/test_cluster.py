"""The schema of a cluster: parsed by ClickHouse, never run on one."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from chdb.session import Session

from algovigil.cli import main
from algovigil_processor.errors import StartError
from algovigil_processor.store.cluster import schema
from algovigil_processor.store.migrate import RECORD, migrations, statements

if TYPE_CHECKING:
    from collections.abc import Iterator

STATEMENTS = schema("ward", database="otel", rollup_seconds=60)


@pytest.fixture(scope="module")
def session(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Session]:
    opened = Session(str(tmp_path_factory.mktemp("cluster")))
    yield opened
    opened.close()


def columns(session: Session, database: str, table: str) -> str:
    sql = (
        "SELECT name, type FROM system.columns "
        f"WHERE database = '{database}' AND table = '{table}' ORDER BY position"
    )
    return session.query(sql, "TSV").data()


def test_clickhouse_parses_every_statement(session: Session) -> None:
    """Its own parser takes each as one statement."""
    for statement in STATEMENTS:
        quoted = statement.replace("\\", "\\\\").replace("'", "\\'")
        assert "ON CLUSTER" in statement or statement.startswith("INSERT INTO")
        assert session.query(f"SELECT formatQuery('{quoted}')", "TSV").data()


def test_the_columns_are_those_of_one_server(session: Session) -> None:
    """Without cluster and replication each local table is the table itself."""
    session.query("CREATE DATABASE one")
    session.query("CREATE DATABASE otel")
    session.query("USE one")
    plain = [RECORD] + [
        s for _, sql in migrations(60).values() for s in statements(sql)
    ]
    tables = []
    for statement in plain:
        bare = re.sub(r"^--.*\n", "", statement, flags=re.MULTILINE).strip()
        if bare.startswith("CREATE TABLE"):
            session.query(bare)
            tables.append(bare.split()[5])
    for statement in STATEMENTS:
        if "Replicated" in statement:
            local = statement.replace("ON CLUSTER `ward`", "")
            local = re.sub(r"Replicated(\w+)\('[^']*', '[^']*'\)", r"\1", local)
            session.query(local.replace("replicated_dedup", "non_replicated_dedup"))
    for table in tables:
        expected = columns(session, "one", table)
        assert expected
        assert expected == columns(session, "otel", f"{table}_local"), table


def test_views_stay_on_their_shard_and_shards_are_chosen_by_rows() -> None:
    """Materialized views read and fill local tables; no block is sharded at random."""
    materialized = [s for s in STATEMENTS if "MATERIALIZED VIEW" in s]
    assert materialized
    for view in materialized:
        assert re.search(r" TO `otel`\.\w+_local AS", view)
        assert re.search(r"FROM `otel`\.\w+_local", view)
    distributed = [s for s in STATEMENTS if "ENGINE = Distributed" in s]
    local = [s for s in STATEMENTS if "ENGINE = Replicated" in s]
    assert len(local) == len(distributed)
    assert all(re.search(r"cityHash64\(\w+\)\)$", s) for s in distributed)
    assert not any("non_replicated" in s for s in STATEMENTS)


def test_a_name_cannot_carry_sql() -> None:
    """A cluster or database that is no name is refused."""
    with pytest.raises(StartError, match="letters, digits"):
        schema("ward`; DROP", database="otel", rollup_seconds=60)


def test_the_command_prints_it(capsys: pytest.CaptureFixture[str]) -> None:
    """As a file for clickhouse-client."""
    assert 0 == main(["schema", "--cluster", "ward"])
    assert capsys.readouterr().out.count(";\n\n") == len(STATEMENTS)

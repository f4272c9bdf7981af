"""The schema for a ClickHouse cluster, made from the one set of migrations.

Each table becomes a replicated local one and a distributed one of its own name, each
view reads and fills the local ones of its shard. Made and parsed here, never run: no
cluster stands where this is tested. A person applies it; the processor then finds every
migration done, and writes through the distributed tables.

Sharding is by a hash of columns, never at random: a segment that is inserted again
falls apart into the same blocks, so that its token is recognised on each shard.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from algovigil.errors import explain
from algovigil_processor.errors import StartError
from algovigil_processor.store.migrate import RECORD, migrations, statements

if TYPE_CHECKING:
    from collections.abc import Iterator

_NAME: Final = re.compile(r"[\w-]{1,64}", re.ASCII)
_TABLE: Final = re.compile(
    r"CREATE TABLE IF NOT EXISTS (?P<name>\w+)\s+(?P<columns>\(.*\))\s+"
    r"ENGINE = (?P<engine>\w*MergeTree)\b(?P<rest>.*)",
    re.DOTALL,
)
_MATERIALIZED: Final = re.compile(
    r"CREATE MATERIALIZED VIEW IF NOT EXISTS (?P<name>\w+) TO (?P<target>\w+)\s+AS"
    r"(?P<select>.*?\bFROM )(?P<source>\w+)(?P<rest>.*)",
    re.DOTALL,
)
_VIEW: Final = re.compile(
    r"CREATE VIEW IF NOT EXISTS (?P<name>\w+)(?P<rest>.*)", re.DOTALL
)
_ORDER: Final = re.compile(r"ORDER BY \(?(\w+)")
_COMMENT: Final = re.compile(r"^\s*--.*\n?", re.MULTILINE)
# What belongs together stays on a shard; other tables go by their first sorting column.
_SHARD_BY: Final = {
    "otel_traces": "TraceId",
    "otel_logs": "TraceId",
    "inferences": "trace_id",
    "outcomes": "outcome_id",
}


def schema(cluster: str, *, database: str, rollup_seconds: int) -> list[str]:
    """Return the statements of the whole schema, in the order to run them.

    Args:
        cluster: its name in `system.clusters`.
        database: where the tables go.
        rollup_seconds: width of a rollup bucket, as the processor's setting.

    Raises:
        StartError: a name is none, or a migration is of a kind that is not known.
    """
    for name in (cluster, database):
        if not _NAME.fullmatch(name):
            raise StartError(explain(f"the name {name!r}", "letters, digits, `-`, `_`"))
    made = [f"CREATE DATABASE IF NOT EXISTS `{database}` ON CLUSTER `{cluster}`"]
    made += _table(RECORD.strip(), cluster, database)
    for version, (file, sql) in sorted(migrations(rollup_seconds).items()):
        for statement in statements(_COMMENT.sub("", sql)):
            made += _clustered(statement, cluster, database)
        made.append(
            f"INSERT INTO `{database}`.schema_migrations (version, name) "  # noqa: S608 # a checked name and file names of ours
            f"VALUES ({version}, '{file}')"
        )
    return made


def _clustered(statement: str, cluster: str, database: str) -> Iterator[str]:
    if statement.startswith("CREATE TABLE"):
        yield from _table(statement, cluster, database)
    elif found := _MATERIALIZED.fullmatch(statement):
        yield (
            f"CREATE MATERIALIZED VIEW IF NOT EXISTS `{database}`.{found['name']} "
            f"ON CLUSTER `{cluster}` TO `{database}`.{found['target']}_local AS"
            f"{found['select']}`{database}`.{found['source']}_local{found['rest']}"
        )
    elif found := _VIEW.fullmatch(statement):
        yield (
            f"CREATE VIEW IF NOT EXISTS `{database}`.{found['name']} "
            f"ON CLUSTER `{cluster}`{found['rest']}"
        )
    else:
        raise StartError(
            explain(f"the statement `{statement[:60]}`", "a table or a view")
        )


def _table(statement: str, cluster: str, database: str) -> Iterator[str]:
    found = _TABLE.fullmatch(statement)
    if found is None:
        raise StartError(explain(f"the table `{statement[:60]}`", "a MergeTree"))
    name, rest = found["name"], found["rest"]
    by = _SHARD_BY.get(name)
    if by is None:
        order = _ORDER.search(rest)
        assert order is not None, "every MergeTree has a sorting key"
        by = order[1]
    local = f"`{database}`.{name}_local"
    # `{shard}` and `{replica}` are macros of each server
    path = f"/clickhouse/tables/{{shard}}/{database}/{name}"
    window = rest.replace(
        "non_replicated_deduplication_window", "replicated_deduplication_window"
    )
    yield (
        f"CREATE TABLE IF NOT EXISTS {local} ON CLUSTER `{cluster}`\n"
        f"{found['columns']}\n"
        f"ENGINE = Replicated{found['engine']}('{path}', '{{replica}}'){window}"
    )
    yield (
        f"CREATE TABLE IF NOT EXISTS `{database}`.{name} ON CLUSTER `{cluster}` "
        f"AS {local}\n"
        f"ENGINE = Distributed('{cluster}', '{database}', '{name}_local', "
        f"cityHash64({by}))"
    )

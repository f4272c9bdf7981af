"""What the gate lets through, and every known way around it."""

from __future__ import annotations

import re
import socket
from typing import TYPE_CHECKING

import pytest

from algovigil_processor.errors import ProcessorError
from algovigil_processor.serve import sqlgate
from algovigil_processor.serve.readers import Session
from algovigil_processor.serve.sqlgate import admit, known
from algovigil_processor.serve.wire import Refused

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from conftest import ChdbReader

CANARY = b"CANARY-OF-THE-FILE"

ADMITTED = """
SELECT 1
SELECT 1;
SELECT /* why */ a FROM t -- not
SELECT * FROM t
FROM t SELECT a
SELECT a, count() FROM otel.t GROUP BY a WITH TOTALS FORMAT JSON
SELECT * EXCEPT (n), t.*, COLUMNS('a'), COLUMNS(a, n), * REPLACE (-n AS n) FROM t
SELECT count(DISTINCT a), countIf(n = 1), argMaxIf(a, n, n > 0) FROM t
SELECT row_number() OVER (PARTITION BY a ORDER BY n) FROM t
SELECT quantilesTDigestIf(0.5)(n, n > 1), uniqStateArrayIf([1], 1) FROM t
SELECT sum(n) OVER w FROM t WINDOW w AS (PARTITION BY a ORDER BY n) QUALIFY 1
SELECT kolmogorovSmirnovTest('two-sided')(number, number % 2) FROM numbers(9)
SELECT sumMap(m) FROM t AS l, numbers(9) AS r
SELECT a::String, CAST(n AS Nullable(Int64)), (1, 2).1, xs[1], m['k'], -n, NOT n FROM t
SELECT INTERVAL 5 minute, date_add(day, 1, now()), extract(year FROM now()), today()
SELECT CASE WHEN a = 'x' THEN 1 ELSE 2 END, n BETWEEN 1 AND 2, a IS NULL FROM t
SELECT trim(BOTH ' ' FROM a), substring(a FROM 1 FOR 1), a LIKE 'x', a || 'b' FROM t
SELECT a IN ('x'), a IN (SELECT a FROM t), n NOT IN (1, 2), exists(SELECT 1) FROM t
SELECT arrayMap(x -> x + 1, xs), arraySort(xs), arrayMap(lower, ['A']) FROM t
SELECT x FROM t ARRAY JOIN xs AS x
SELECT * FROM t AS l LEFT JOIN t AS r USING (a) ORDER BY l.a LIMIT 1 BY l.a LIMIT 1, 2
SELECT DISTINCT ON (a) a FROM t
SELECT n AS `p95 (ms)`, a AS `f(x)` FROM t
SELECT a FROM t GROUP BY GROUPING SETS ((a), (n, a))
SELECT n FROM t ORDER BY n WITH FILL FROM 1 TO 3 INTERPOLATE
WITH 1 AS x, y AS (SELECT 1 AS z) SELECT z FROM y UNION ALL SELECT x EXCEPT SELECT 3
WITH RECURSIVE r AS (SELECT 1 AS i UNION ALL SELECT i + 1 FROM r WHERE i < 3) FROM r
SELECT * FROM numbers(3) AS b, values('v Int', 1) AS c
SELECT * FROM view(SELECT 1)
SELECT name FROM system.tables WHERE database = 'otel'
SELECT name, value, readonly FROM system.settings LIMIT 10000
SELECT table_name FROM information_schema.tables
SELECT displayName(), version(), revision(), timezone()
SELECT 'INTO OUTFILE', 'FORMAT', ' Function file (children 1)', 'it''s'
SHOW TABLES
SHOW TABLES FROM otel LIKE 't' FORMAT JSON
SHOW DATABASES
SHOW COLUMNS FROM t
SHOW CREATE TABLE otel.t FORMAT TSVRaw
DESCRIBE t
DESCRIBE TABLE (SELECT 1)
EXISTS TABLE otel.t
EXPLAIN SELECT a FROM t
EXPLAIN PIPELINE SELECT a FROM t
EXPLAIN AST SELECT 1 FORMAT JSON
""".strip().splitlines()

DENIED = r"""
INSERT INTO t VALUES ('y', 1, [], map())
INSERT INTO FUNCTION file('x') SELECT 1
CREATE TABLE x (a Int) ENGINE = Memory
CREATE TEMPORARY TABLE x (a Int)
CREATE FUNCTION f AS x -> file(x)
DROP TABLE t
ALTER TABLE t DELETE WHERE 1
DELETE FROM t WHERE 1
TRUNCATE TABLE t
OPTIMIZE TABLE t
RENAME TABLE t TO u
KILL QUERY WHERE 1
SYSTEM STOP MERGES
SYSTEM SHUTDOWN
USE system
SET readonly = 0
SET max_execution_time = 0
GRANT ALL ON *.* TO default
BACKUP TABLE t TO File('x')
ATTACH TABLE x
DETACH TABLE t
CHECK TABLE t
EXECUTE AS default SELECT 1
SHOW PROCESSLIST
SHOW GRANTS
SHOW CREATE USER default
SHOW TABLES FROM default
SHOW TABLES WHERE file('CANARY') = ''
SHOW TABLES WHERE name = 't'
SHOW COLUMNS FROM t WHERE name IN (SELECT name FROM system.users)
SHOW TABLES LIMIT length(file('CANARY'))
SELECT 1 INTO OUTFILE 'OUT'
SELECT 1 INTO OUTFILE 'OUT' TRUNCATE FORMAT CSV
SELECT 1 INTO OUTFILE 'OUT' AND STDOUT
SHOW TABLES INTO OUTFILE 'OUT'
DESCRIBE t INTO OUTFILE 'OUT'
EXISTS t INTO OUTFILE 'OUT'
SHOW CREATE TABLE t INTO OUTFILE 'OUT' APPEND
EXPLAIN SELECT 1 INTO OUTFILE 'OUT'
EXPLAIN INSERT INTO t SELECT * FROM t
EXPLAIN CREATE TABLE x (a Int) ENGINE = Memory
EXPLAIN TABLE OVERRIDE mysql('a', 'b', 'c', 'd', 'e') COLUMNS (a Int)
SELECT * FROM (EXPLAIN SELECT 1)
SELECT * FROM url('http://127.0.0.1:9/', CSV, 'a String')
SELECT * FROM s3('http://127.0.0.1:9/a')
SELECT * FROM remote('127.0.0.1:9', system.one)
SELECT * FROM mysql('127.0.0.1:9', 'a', 'b', 'c', 'd')
SELECT * FROM executable('x', CSV, 'a String')
SELECT * FROM python('x')
SELECT * FROM merge('system', 'users')
SELECT * FROM cluster('default', system.one)
SELECT * FROM viewExplain('EXPLAIN', '', (SELECT 1))
SELECT * FROM loop(t)
SELECT * FROM dictionary('d')
SELECT * FROM input('a Int')
SELECT * FROM view(SELECT file('CANARY'))
DESCRIBE file('CANARY')
DESCRIBE TABLE file('CANARY')
DESCRIBE (SELECT file('CANARY'))
SELECT * FROM default.`CANARY`
SELECT a IN default.`CANARY` FROM t
SELECT * FROM (SELECT 1), default.`CANARY`
DESCRIBE default.`CANARY`
EXISTS TABLE default.`CANARY`
SHOW CREATE TABLE default.`CANARY`
SELECT * FROM system.users
SELECT * FROM system /**/ . /**/ `users`
SELECT 1 IN system.processes
SELECT * FROM t JOIN system.query_log ON 1
SELECT * FROM system.processes
SELECT * APPLY(file) FROM (SELECT 'CANARY')
SELECT * APPLY(x -> file(x)) FROM (SELECT 'CANARY')
SELECT COLUMNS('a') APPLY file FROM (SELECT 'CANARY' AS a)
SELECT t.* APPLY(file) FROM (SELECT 'CANARY') AS t
SELECT arrayMap(file, ['CANARY'])
SELECT arrayMap((file), ['CANARY'])
SELECT arrayMap(file AS lower, ['CANARY'])
SELECT y FROM (SELECT arrayMap(`file`, ['CANARY']) AS y)
SELECT arraySort(file, ['CANARY'])
WITH file AS f SELECT arrayMap(f, ['CANARY'])
WITH x -> file(x) AS f SELECT f('CANARY')
WITH x -> file(x) AS lower SELECT lower('CANARY')
SELECT sleep(1)
SELECT logTrace('a secret')
SELECT joinGet('default.x', 'a', 1)
SELECT dictGet('d', 'a', 1)
SELECT hasColumnInTable('default', 'CANARY', 'x')
SELECT aiGenerate('x')
SELECT catboostEvaluate('CANARY', 1)
SELECT `unheard of`(1)
SELECT fileIf('CANARY', 1)
SELECT 1 AS `a\n SelectQuery`
SELECT `x\n   Function plus (children 1)\n    ExpressionList (children 2)` IN t
""".strip().splitlines()

PLACES = """
SELECT {}
SELECT /**/{}--
SELECT 1 WHERE {} = ''
SELECT a FROM t PREWHERE {} = ''
SELECT count() FROM t GROUP BY {}
SELECT count() FROM t HAVING {} = ''
SELECT a FROM t ORDER BY {}
SELECT a FROM t LIMIT 1 BY {}
SELECT a FROM t LIMIT length({})
SELECT a FROM t ORDER BY n WITH FILL FROM length({})
SELECT a, n FROM t ORDER BY n WITH FILL INTERPOLATE (a AS {})
SELECT sum(n) OVER (PARTITION BY {}) FROM t
SELECT sum(n) OVER w FROM t WINDOW w AS (ORDER BY {})
SELECT a FROM t QUALIFY {} = ''
SELECT quantile(length({}))(n) FROM t
SELECT * REPLACE ({} AS a) FROM t
SELECT x FROM t ARRAY JOIN [{}] AS x
SELECT * FROM t AS l JOIN t AS r ON l.a = {}
SELECT a IN ({}) FROM t
SELECT a IN (SELECT {}) FROM t
SELECT a IN {} FROM t
SELECT (SELECT {})
SELECT * FROM (SELECT {})
SELECT exists(SELECT {})
SELECT 1 UNION ALL SELECT {}
SELECT '1' INTERSECT (SELECT {} EXCEPT SELECT '2')
WITH {} AS x SELECT x
WITH x AS (SELECT {}) SELECT * FROM x
SELECT arrayMap(x -> {}, [1])
SELECT CASE WHEN {} = '' THEN 1 END
SELECT [({}, 1)], map('a', {})
SELECT CAST({} AS String), {}::String
SELECT if(0, 1, {})
SELECT * FROM values('x String', {})
SELECT * FROM numbers(length({}))
SELECT DISTINCT ON ({}) 1
EXPLAIN SELECT {}
EXPLAIN AST SELECT {}
DESCRIBE (SELECT {})
""".strip().splitlines()


def engine(reader: ChdbReader, parameters: Mapping[str, object] | None = None):
    session = Session(reader, "")
    return lambda text: session.raw(text, "TSVRaw", parameters).decode()


@pytest.fixture
def canary(tmp_path: Path) -> Path:
    path = tmp_path / "canary.csv"
    path.write_bytes(b"word\n" + CANARY + b"\n")
    return path


@pytest.mark.parametrize("sql", ADMITTED)
def test_reading_statements_pass_and_run(reader: ChdbReader, sql: str) -> None:
    """What dashboards and people write passes, and its text is what runs."""
    statement = admit(sql, engine(reader))
    reader.raw(statement.text, "JSON")


@pytest.mark.parametrize("sql", DENIED)
def test_everything_else_is_denied(
    reader: ChdbReader, sql: str, canary: Path, tmp_path: Path
) -> None:
    """A statement that acts, opens something or hides a part is refused, unrun."""
    out = tmp_path / "out"
    sql = sql.replace("CANARY", str(canary)).replace("OUT'", f"{out}'")
    with pytest.raises(Refused) as refused:
        admit(sql, engine(reader))
    assert refused.value.code == 497
    assert re.fullmatch(
        r"Code: 497\. DB::Exception: .*\. \(ACCESS_DENIED\)", str(refused.value), re.S
    )
    assert not out.exists()


@pytest.mark.parametrize("place", PLACES)
def test_a_function_that_reads_is_found_wherever_it_stands(
    reader: ChdbReader, place: str
) -> None:
    """`file()` is refused in every clause; a pure function there is not."""
    with pytest.raises(Refused, match="function `file`"):
        admit(place.replace("{}", "file('x')"), engine(reader))
    if " IN {}" not in place:
        admit(place.replace("{}", "lower('x')"), engine(reader))


@pytest.mark.parametrize(
    ("sql", "code"),
    [
        ("SELECT 1; SELECT 2", 62),
        ("SELECT 1; DROP TABLE t", 62),
        ("SELEC 1", 62),
        ("SELECT '", 62),
        ("", 62),
        ("-- nothing", 62),
        ("SELECT 1\0", 62),
        ("SELECT 1 SETTINGS readonly = 0", 164),
        ("SELECT 1 SETTINGS max_execution_time = 0", 164),
        ("SELECT * FROM (SELECT 1 SETTINGS max_threads = 9)", 164),
        ("EXPLAIN indexes = 1 SELECT 1", 164),
        ("SHOW TABLES SETTINGS max_threads = 9", 164),
        ("SELECT {x:String}", 456),
        ("SELECT '" + "x" * sqlgate.MAX_BYTES + "'", 229),
    ],
)
def test_errors_carry_clickhouse_codes(reader: ChdbReader, sql: str, code: int) -> None:
    """What is not one statement, or sets something, has ClickHouse's own code."""
    with pytest.raises(Refused) as refused:
        admit(sql, engine(reader))
    assert code == refused.value.code
    assert "formatQuery" not in str(refused.value)


def test_parameters_are_judged_as_what_they_stand_for(reader: ChdbReader) -> None:
    """An identifier given as a parameter passes the same rules as a written one."""
    sql = "SELECT {v:String} FROM {d:Identifier}.{t:Identifier}"
    good = {"v": "x", "d": "otel", "t": "t"}
    assert "SELECT {v:String}\nFROM {d:Identifier}.{t:Identifier}" == (
        admit(sql, engine(reader, good), good).text
    )
    for database, table in [("system", "users"), ("default", "x"), ("otel", "a\\nb")]:
        bad = good | {"d": database, "t": table}
        with pytest.raises(Refused, match="ACCESS_DENIED"):
            admit(sql, engine(reader, bad), bad)
    name = {"f": "file"}
    with pytest.raises(Refused, match="ACCESS_DENIED"):
        admit("SELECT arrayMap({f:Identifier}, ['x'])", engine(reader, name), name)


def names(reader: ChdbReader, sql: str) -> list[str]:
    return reader.raw(sql, "TSVRaw").decode().split("\n")[:-1]


def test_every_function_of_the_engine_that_is_not_reviewed_is_refused(
    reader: ChdbReader,
) -> None:
    """Unknown is closed, and the known dangerous are unknown."""
    everything = names(reader, "SELECT name FROM system.functions")
    closed = [name for name in everything if not known(name)]
    opens = r"^(file|dict(Get|Has)|ai[A-Z]|joinGet|sleep|region(To|In))|Certificate"
    assert [] == [n for n in everything if re.search(opens, n) and n not in closed]
    for name in closed:
        with pytest.raises(Refused, match="ACCESS_DENIED"):
            admit(f"SELECT `{name}`('x')", engine(reader))
    assert len(everything) > 1500
    assert 100 < len(closed) < 200


def test_no_known_function_opens_what_its_arguments_name(
    reader: ChdbReader, canary: Path
) -> None:
    """Called with a path and an address, no known function reads or connects.

    The control shows that the canary is found when a function does read.
    """
    everything = names(reader, "SELECT name FROM system.functions")
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.setblocking(False)
        host = f"127.0.0.1:{server.getsockname()[1]}"
        path, url = f"'{canary}'", f"'http://{host}/x'"
        found = []
        for name in filter(known, everything):
            for call in (path, url, f"{path}, {url}", f"{url}, {path}, 'x'"):
                sql = f"SELECT toString(`{name}`({call}))"
                if CANARY in _result(reader, sql):
                    found.append(name)
        with pytest.raises(BlockingIOError):
            server.accept()
    assert [] == found
    assert CANARY in _result(reader, f"SELECT file({path})")


def test_no_known_function_calls_one_that_it_is_given(
    reader: ChdbReader, canary: Path
) -> None:
    """A function that takes functions is refused `file`; the others ignore it."""
    everything = names(reader, "SELECT name FROM system.functions")
    _, marked = sqlgate._reviewed()
    called = []
    for name in filter(known, everything):
        sql = f"SELECT toString(`{name}`(file, ['{canary}']))"
        if name.lower() in marked:
            with pytest.raises(Refused, match="ACCESS_DENIED"):
                admit(sql, engine(reader))
        elif CANARY in _result(reader, sql):
            called.append(name)
    assert [] == called
    assert CANARY in _result(reader, f"SELECT arrayMap(file, ['{canary}'])")


def _result(reader: ChdbReader, sql: str) -> bytes:
    """Return what *sql* answers, or the text of its error, from behind the gate."""
    try:
        return reader.raw(sql, "TSVRaw")
    except ProcessorError as error:
        return str(error).encode()


def test_only_listed_table_functions_are_open(reader: ChdbReader) -> None:
    """Every other table function of the engine is refused, however it is cased."""
    everything = names(reader, "SELECT name FROM system.table_functions")
    closed = [n for n in everything if n.lower() not in sqlgate.TABLE_FUNCTIONS]
    for name in closed:
        for form in (name, name.upper()):
            with pytest.raises(Refused):
                admit(f"SELECT * FROM `{form}`('x')", engine(reader))
    assert {"file", "url", "s3", "remote", "executable", "python", "mysql"} <= set(
        closed
    )


def test_functions_that_take_functions_are_marked(reader: ChdbReader) -> None:
    """`arrayMap(file, ...)` is only seen where the list says that a name may call."""
    _, marked = sqlgate._reviewed()
    sql = "SELECT name FROM system.functions WHERE higher_order"
    assert set() == {n.lower() for n in names(reader, sql)} - marked


def test_a_denied_name_is_denied_in_every_case() -> None:
    """Names are compared without case, and combinators do not smuggle one in."""
    for name in ("file", "FILE", "File", "fileIf", "sleepState", "dictGetOrNull"):
        assert not known(name)
    for name in ("count", "COUNT", "countIf", "quantilesTDigestOrNullIf", "sumMapIf"):
        assert known(name)

"""The SQL port as its clients use it: plain HTTP, clickhouse-connect, clickhouse-go."""

from __future__ import annotations

import datetime
import gzip
import json
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import clickhouse_connect
import httpx
import pytest
from clickhouse_connect.driver.exceptions import DatabaseError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from clickhouse_connect.driver.client import Client
    from conftest import Served

COUNT = "SELECT count() FROM inferences"


@pytest.fixture
def http(served: Served) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=served.sql, trust_env=False) as client:
        yield client


@pytest.fixture
def client(served: Served) -> Iterator[Client]:
    client = clickhouse_connect.get_client(host="127.0.0.1", port=served.sql_port)
    yield client
    client.close()


def test_ping(http: httpx.Client) -> None:
    """`/ping` answers as ClickHouse does."""
    assert "Ok.\n" == http.get("/ping").text


def test_a_statement_in_the_url_the_body_or_both(http: httpx.Client) -> None:
    """The URL's part and the body's part are joined by a line's end."""
    answers = [
        http.get("/", params={"query": COUNT}),
        http.post("/", content=COUNT),
        http.post("/", params={"query": "SELECT count()"}, content="FROM inferences"),
        http.post("/", params={"query": "SELECT 200 --"}, content="FROM nowhere"),
    ]
    expected = ["200\n", "200\n", "200\n"]
    assert expected == [each.text for each in answers[:3]]
    assert 404 == answers[3].status_code
    assert b"" == http.post("/", content=b"").content


def test_a_result_says_what_it_is(http: httpx.Client) -> None:
    """Format, id, time and type are headers; the id is the caller's if given."""
    response = http.get("/", params={"query": COUNT, "query_id": "dash-1"})
    assert "TabSeparated" == response.headers["x-clickhouse-format"]
    assert "dash-1" == response.headers["x-clickhouse-query-id"]
    assert "text/tab-separated-values" in response.headers["content-type"]
    summary = json.loads(response.headers["x-clickhouse-summary"])
    assert ("4", True) == (summary["result_bytes"], int(summary["elapsed_ns"]) > 0)
    assert http.get("/", params={"query": COUNT}).headers["x-clickhouse-query-id"]


@pytest.mark.parametrize(
    ("sql", "parameters", "expected"),
    [
        ("SELECT 1 AS a", {"default_format": "JSONEachRow"}, b'{"a":1}\n'),
        ("SELECT 1 AS a FORMAT CSVWithNames", {"default_format": "JSON"}, b'"a"\n1\n'),
        ("SELECT 1 AS a FORMAT RowBinary", {}, b"\x01"),
        ("SELECT 1 AS a FORMAT Native", {}, b"\x01\x01\x01a\x05UInt8\x01"),
        ("SELECT 1 AS a FORMAT Null", {}, b""),
    ],
)
def test_any_output_format(
    http: httpx.Client, sql: str, parameters: dict[str, str], expected: bytes
) -> None:
    """The FORMAT clause wins over `default_format`."""
    assert expected == http.post("/", params=parameters, content=sql).content


def test_parameters_are_typed_values(http: httpx.Client) -> None:
    """`param_x` stands for `{x:Type}` and is never SQL."""
    sql = "SELECT {n:UInt8}, {s:String}, {xs:Array(String)}"
    parameters = {"param_n": "7", "param_s": "a' OR 1", "param_xs": "['b','c']"}
    response = http.post("/", params=parameters, content=sql)
    assert "7\ta\\' OR 1\t['b','c']\n" == response.text
    again = http.post("/", content="SELECT {n:UInt8}")
    assert (400, "456") == (
        again.status_code,
        again.headers["x-clickhouse-exception-code"],
    )


def test_settings_of_clients_are_dropped(http: httpx.Client) -> None:
    """Drivers send settings with every request; limits stay the session's."""
    parameters = {
        "max_execution_time": "0",
        "readonly": "0",
        "session_id": "x",
        "database": "otel",
        "query": "SELECT getSetting('max_execution_time'), getSetting('readonly')",
    }
    assert "60\t1\n" == http.get("/", params=parameters).text


def test_gzip_both_ways(http: httpx.Client) -> None:
    """A large answer is compressed when asked for; a request may be."""
    sql = gzip.compress(b"SELECT number FROM numbers(10000)")
    headers = {"Content-Encoding": "gzip", "Accept-Encoding": "gzip"}
    response = http.post("/", content=sql, headers=headers)
    assert "gzip" == response.headers["content-encoding"]
    assert 10000 == response.text.count("\n")
    plain = http.post("/", content=sql, headers=headers | {"Accept-Encoding": ""})
    assert "content-encoding" not in plain.headers
    assert response.text == plain.text
    for broken in (sql[:-8], b"nonsense"):
        answer = http.post("/", content=broken, headers=headers)
        assert 400 == answer.status_code
    bomb = gzip.compress(b" " * 50_000_000)
    assert 413 == http.post("/", content=bomb, headers=headers).status_code


@pytest.mark.parametrize(
    ("parameters", "sql", "status", "code"),
    [
        ({}, "SELECT * FROM nope", 404, 60),
        ({}, "SELEC 1", 400, 62),
        ({}, "SELECT 1; SELECT 2", 400, 62),
        ({}, "SELECT nope()", 403, 497),
        ({}, "SELECT throwIf(1)", 500, 395),
        ({}, "INSERT INTO inferences (row) VALUES (1)", 403, 497),
        ({}, "SELECT file('/etc/passwd')", 403, 497),
        ({}, "SELECT 1 SETTINGS readonly = 0", 403, 164),
        ({}, "SELECT number FROM numbers(2000000)", 500, 396),
        ({"database": "system"}, "SELECT * FROM users", 404, 81),
        ({"default_format": "DataFrame"}, "SELECT 1", 404, 73),
        ({"compress": "1"}, "SELECT 1", 400, 36),
        ({"query_id": "a\nb"}, "SELECT 1", 400, 36),
        ({}, "SELECT '\udcff'", 400, 36),
    ],
)
def test_errors_are_clickhouse_errors(
    http: httpx.Client, parameters: dict[str, str], sql: str, status: int, code: int
) -> None:
    """Status, code header and text are what drivers match on."""
    body = sql.encode(errors="surrogateescape")
    response = http.post("/", params=parameters, content=body)
    assert (status, str(code)) == (
        response.status_code,
        response.headers["x-clickhouse-exception-code"],
    )
    assert response.text.startswith(f"Code: {code}. DB::Exception: ")


def test_head_and_other_methods(http: httpx.Client) -> None:
    """HEAD has no body; what is neither GET nor POST is not served."""
    head = http.head("/", params={"query": COUNT})
    assert (200, b"") == (head.status_code, head.content)
    assert 405 == http.put("/", content=COUNT).status_code
    assert 404 == http.get("/play").status_code


def test_the_hello_of_clickhouse_go(http: httpx.Client) -> None:
    """Framed as revision 54460 reads it, and naming revision 0 for all that follows."""
    sql = "SELECT displayName(), version(), revision(), timezone()"
    parameters = {
        "client_protocol_version": "54460",
        "database": "otel",
        "default_format": "Native",
        "max_execution_time": "65",
    }
    version, zone = (
        http.post("/", content="SELECT version(), timezone()").text.strip().split("\t")
    )
    expected = (
        b"\x01\x00\x02\xff\xff\xff\xff\x00\x04\x01"
        b"\x0ddisplayName()\x06String\x00\x09algovigil"
        b"\x09version()\x06String\x00" + bytes([len(version)]) + version.encode() + b""
        b"\x0arevision()\x06UInt32\x00\x00\x00\x00\x00"
        b"\x0atimezone()\x06String\x00" + bytes([len(zone)]) + zone.encode()
    )
    response = http.post("/", params=parameters, content=sql)
    assert expected == response.content
    assert "Native" == response.headers["x-clickhouse-format"]
    ping = http.post("/", params=parameters, content="SELECT 1")
    assert b"\x01\x01\x011\x05UInt8\x01" == ping.content
    plain = http.post("/", content=sql).text
    assert "54515" in plain


def test_clickhouse_connect_reads_every_type(client: Client) -> None:
    """The real driver connects, binds parameters, and decodes our tables."""
    result = client.query(
        "SELECT timestamp, model_name, label, score, features, missing, categories "
        "FROM inferences WHERE inference_id = {id:String}",
        parameters={"id": "i7"},
    )
    moment, *rest = result.result_rows[0]
    expected = datetime.datetime.fromtimestamp(1_700_000_000, datetime.timezone.utc)
    assert expected == moment.replace(microsecond=0, tzinfo=datetime.timezone.utc)
    features = {"radius": 3.5, "texture": 1.5}
    assert ["wdbc", "malignant", 7 / 200, features, ["area"], {"scanner": "GE"}] == rest
    kinds = [column.name for column in result.column_types]
    assert ["DateTime64(9)", "LowCardinality(String)"] == kinds[:2]
    assert "LowCardinality(Nullable(String))" == kinds[2]
    rows = client.query(
        "SELECT label, score FROM inferences ORDER BY timestamp LIMIT 2"
    )
    assert [(None, None), ("malignant", 0.005)] == rows.result_rows


def test_clickhouse_connect_lists_and_reads_arrow(client: Client) -> None:
    """Commands, metadata and Arrow results work as with a server."""
    assert 200 == client.command(COUNT)
    assert "inferences" in client.command("SHOW TABLES").split("\n")
    table = client.query_arrow("SELECT number AS n FROM numbers(50000)")
    assert (50_000, ["n"]) == (table.num_rows, table.column_names)
    described = client.query("DESCRIBE TABLE inferences").result_rows
    assert ("inference_id", "String") == described[0][:2]


def test_clickhouse_connect_gets_our_errors(client: Client) -> None:
    """The driver shows the words of ClickHouse."""
    with pytest.raises(DatabaseError, match="UNKNOWN_TABLE"):
        client.query("SELECT * FROM nope")
    with pytest.raises(DatabaseError, match="ACCESS_DENIED"):
        client.command("DROP TABLE inferences")
    with pytest.raises(DatabaseError, match="Code: "):
        client.insert("inferences", [[1]], column_names=["row"])
    assert 200 == client.command(COUNT)


def test_a_client_that_hangs_up_ends_its_statement(
    served: Served, http: httpx.Client
) -> None:
    """On either port: a closed dashboard costs nothing more."""
    sql = "SELECT max(sipHash64(number)) FROM numbers(100000000000)"
    for port in (served.sql, f"{served.api}/api/v1/query"):
        before = served.telemetry.total("sql.queries", result="cancelled")
        body = sql if port == served.sql else json.dumps({"sql": sql})
        with pytest.raises(httpx.ReadTimeout):
            headers = {"Content-Type": "application/json"}
            httpx.post(port, content=body, headers=headers, timeout=0.5)
        deadline = time.monotonic() + 20
        while served.telemetry.total("sql.queries", result="cancelled") == before:
            assert time.monotonic() < deadline
    # four sessions; if the two above ran on, these would wait for 60 s
    answers = [http.post("/", content=COUNT, timeout=20).text for _ in range(8)]
    assert ["200\n"] * 8 == answers


@pytest.mark.debian
def test_curl(served: Served, tmp_path: Path) -> None:
    """The lines of the README work, and a statement cannot write a file."""

    def curl(*words: str) -> str:
        command = ["curl", "-s", "--noproxy", "*", *words]
        return subprocess.run(
            command, check=True, capture_output=True, text=True
        ).stdout

    assert "200\n" == curl(f"{served.sql}/", "--data-binary", COUNT)
    assert "200\n" == curl(f"{served.sql}/?query=SELECT+count()+FROM+inferences")
    out = tmp_path / "out"
    sql = f"SELECT 1 INTO OUTFILE '{out}'"
    assert "(ACCESS_DENIED)" in curl(f"{served.sql}/", "-d", sql)
    assert not out.exists()


def test_fifty_connections_at_once(served: Served) -> None:
    """As many as Grafana opens are all answered, each with its own answer."""

    limits = httpx.Limits(max_connections=50, max_keepalive_connections=0)
    client = httpx.Client(trust_env=False, timeout=30, limits=limits)

    def ask(number: int) -> str:
        sql = f"SELECT {number} + count() FROM inferences"
        return client.post(served.sql, content=sql).text

    with client, ThreadPoolExecutor(50) as pool:
        answers = list(pool.map(ask, range(250)))
    assert [f"{200 + number}\n" for number in range(250)] == answers


def test_foreign_pages_and_callers_without_the_token(served: Served) -> None:
    """DNS rebinding is refused, and the token guards the port that has one."""
    with httpx.Client(trust_env=False) as client:
        sql = {"query": COUNT}
        rebound = client.get(served.sql, params=sql, headers={"Host": "evil.example"})
        assert 403 == rebound.status_code
        page = {"Origin": "http://evil.example"}
        assert 403 == client.get(served.sql, params=sql, headers=page).status_code
        guarded = f"http://127.0.0.1:{served.guarded_port}"
        assert 401 == client.get(guarded, params=sql).status_code
        assert "Ok.\n" == client.get(f"{guarded}/ping").text
    for password, works in (("s3cret", True), ("wrong", False)):
        if works:
            connected = clickhouse_connect.get_client(
                host="127.0.0.1", port=served.guarded_port, password=password
            )
            assert 200 == connected.command(COUNT)
            connected.close()
        else:
            with pytest.raises(DatabaseError, match="AUTHENTICATION_FAILED"):
                clickhouse_connect.get_client(
                    host="127.0.0.1", port=served.guarded_port, password=password
                )

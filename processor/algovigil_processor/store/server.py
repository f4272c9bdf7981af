"""A ClickHouse server, reached over HTTP by clickhouse-connect."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import clickhouse_connect

from algovigil.errors import explain
from algovigil_processor.errors import Retryable, StartError
from algovigil_processor.store.engine import INSERT_SETTINGS, query_error

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pyarrow as pa
    from clickhouse_connect.driver.client import Client

    from algovigil_processor.store.location import Server

_CONNECT_SECONDS: Final = 5
_ANSWER_SECONDS: Final = 60
# no such user, wrong password, password missing: waiting mends none of them
_NOT_LET_IN: Final = frozenset({192, 193, 194, 516})


class Session:
    """Statements under *settings* of their own, over a client that others share."""

    def __init__(self, client: Client, settings: Mapping[str, int | str]) -> None:
        self._client = client
        self._settings = dict(settings)

    def arrow(self, sql: str, parameters: Mapping[str, object] | None) -> pa.Table:
        return self._client.query_arrow(
            sql, dict(parameters or {}), self._settings, use_strings=True
        )

    def text(
        self, sql: str, output_format: str, parameters: Mapping[str, object] | None
    ) -> bytes:
        return self._client.raw_query(
            sql, dict(parameters or {}), self._settings, fmt=output_format
        )

    def close(self) -> None:
        """Leave the shared client alone."""


class Remote(Session):
    """The `Engine` of one server. Thread safe: no statement has a server session."""

    def __init__(self, server: Server) -> None:
        try:
            # the database may not exist yet
            first = _client(server, "default")
            first.command(f"CREATE DATABASE IF NOT EXISTS `{server.database}`")
            first.close()
            super().__init__(_client(server, server.database), {})
        except Exception as error:
            raise _closed(server, error) from None

    def insert(self, table: str, rows: pa.Table, token: str) -> None:
        self._client.insert_arrow(
            table,
            rows,
            settings={
                **INSERT_SETTINGS,
                "insert_deduplication_token": token,
                "async_insert": 0,
                # through a distributed table the answer waits for every shard
                "distributed_foreground_insert": 1,
                "wait_end_of_query": 1,
            },
        )

    def flush(self) -> None:
        """Trust the server: its own settings and replicas keep what it took."""

    def reader(self, limits: Mapping[str, int | str]) -> Session:
        return Session(self._client, {**limits, "readonly": 1})

    def close(self) -> None:
        self._client.close()


def _client(server: Server, database: str) -> Client:
    options: dict[str, Any] = {"ca_cert": server.ca_file} if server.ca_file else {}
    return clickhouse_connect.get_client(
        interface="https" if server.secure else "http",
        host=server.host,
        port=server.port,
        username=server.user,
        password=server.password,
        database=database,
        connect_timeout=_CONNECT_SECONDS,
        send_receive_timeout=_ANSWER_SECONDS,
        autogenerate_session_id=False,
        client_name="algovigil",
        **options,
    )


def _closed(server: Server, error: Exception) -> StartError | Retryable:
    code = query_error(error).code
    if code in _NOT_LET_IN:
        return StartError(
            explain(
                f"ClickHouse at {server} does not let `{server.user}` in (code {code})",
                "a user who may create and write tables",
                "check storage.url and ALGOVIGIL_STORAGE_PASSWORD",
            )
        )
    told = f"code {code}" if code else type(error).__name__
    return Retryable(f"ClickHouse at {server} does not answer ({told})")

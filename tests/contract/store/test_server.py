"""A server behind TLS and a password: let in, kept out, away, and what is told."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from algovigil_processor.errors import Permanent, Retryable, StartError
from contract.store.conftest import CERTIFICATE, ClickHouse, opened, serving
from contract.store.test_store import batch, count

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ClickHouse]:
    with serving(tmp_path_factory.mktemp("server"), str(CERTIFICATE)) as running:
        yield running


def test_rows_go_over_tls_with_a_password(server: ClickHouse) -> None:
    """The authority is the file that the URL names."""
    store = opened(server.url("tls"))
    store.insert([batch("otel_traces", 2)], token="t")
    store.insert([batch("otel_traces", 2)], token="t")
    assert 2 == count(store, "SELECT count() FROM otel_traces")
    reader = store.reader({"max_execution_time": 5})
    assert b"2\n" == reader.raw("SELECT count() FROM otel_traces", "CSV")
    store.close()


def test_a_server_of_an_unknown_authority_is_not_talked_to(server: ClickHouse) -> None:
    """No row and no password goes to it; it may be mended, so we wait."""
    url = server.url("tls").partition("?")[0]
    with pytest.raises(Retryable, match="does not answer"):
        opened(url)


def test_a_wrong_password_is_told_and_not_shown(server: ClickHouse) -> None:
    """Waiting would not help: the start is refused, with the user's name."""
    url = server.url("tls").replace(":p%40ss", ":not-it")
    with pytest.raises(StartError, match="`watcher`") as refusal:
        opened(url)
    assert "not-it" not in str(refusal.value)


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        ("refuse", Retryable),
        ("lost", Retryable),
        ("cut", Retryable),
        ("bad", Permanent),
    ],
)
def test_a_failed_insert_may_be_repeated_and_counts_once(
    server: ClickHouse, fault: str, error: type[Exception]
) -> None:
    """Refused, answer lost, connection cut in the body: the same token settles it."""
    store = opened(server.url(f"fault_{fault}"))
    spans = batch("otel_traces", 50, SpanName=["x" * 500] * 50)
    server.fault(fault)
    try:
        with pytest.raises(error):
            store.insert([spans], token="t")
    finally:
        server.fault("none")
    for _ in range(2):
        store.insert([spans], token="t")
    assert 50 == count(store, "SELECT count() FROM otel_traces")
    assert 50 == count(store, "SELECT sum(spans) FROM span_rollup")
    store.close()


def test_a_server_that_went_away_and_came_back_has_its_rows(tmp_path: Path) -> None:
    """Its tokens outlive it, and the same store goes on with it."""
    with serving(tmp_path) as first:
        store = opened(first.url("otel"))
        store.insert([batch("otel_traces", 3)], token="t")
        first.stop()
        started = time.monotonic()
        with pytest.raises(Retryable, match="no answer"):
            store.insert([batch("otel_traces", 3)], token="u")
        assert time.monotonic() - started < 10
        store.close()
    with serving(tmp_path) as second:
        store = opened(second.url("otel"))
        for token in ("t", "u"):
            store.insert([batch("otel_traces", 3)], token=token)
        assert 6 == count(store, "SELECT count() FROM otel_traces")
        store.close()

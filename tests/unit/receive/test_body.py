"""Bodies over HTTP: read and decompressed within bounds."""

from __future__ import annotations

import asyncio
import gzip
import zlib

import pyarrow as pa
import pytest

from algovigil_processor.errors import Permanent, Retryable, TooLarge
from algovigil_processor.receive.body import Reading, decompress, read


def test_gzip_of_several_members_is_one_body() -> None:
    """RFC 1952 allows members to follow each other."""
    body = gzip.compress(b"one ") + gzip.compress(b"two")
    assert b"one two" == decompress(body, "gzip", 100)


@pytest.mark.parametrize(
    ("body", "encoding", "error"),
    [
        (gzip.compress(b"x" * 1000), "gzip", TooLarge),
        (gzip.compress(b"x")[:-3], "gzip", Permanent),
        (b"plain", "gzip", Permanent),
        (zlib.compress(b"x" * 1000), "deflate", TooLarge),
        (pa.compress(b"x" * 1000, "zstd", asbytes=True), "zstd", TooLarge),
        (pa.compress(b"x", "zstd", asbytes=True)[:-3], "zstd", Permanent),
    ],
)
def test_a_bad_body_is_refused(
    body: bytes, encoding: str, error: type[Exception]
) -> None:
    """Bombs, cut bodies and lies about the encoding."""
    with pytest.raises(error):
        decompress(body, encoding, 100)


def test_bodies_on_their_way_in_are_bounded_together() -> None:
    """A flood of slow uploads is refused with advice, and its bytes come back."""
    reading = Reading(1000)

    async def part() -> dict[str, object]:
        return {"type": "http.request", "body": b"x" * 600, "more_body": False}

    with reading.one() as claim:
        assert b"x" * 600 == asyncio.run(read(part, 700, claim))
        with reading.one() as other, pytest.raises(Retryable):
            asyncio.run(read(part, 700, other))
    with reading.one() as again:
        assert b"x" * 600 == asyncio.run(read(part, 700, again))


def test_a_body_over_its_own_limit_is_refused_before_it_is_whole() -> None:
    """Reading stops at the limit, whatever more would come."""

    async def part() -> dict[str, object]:
        return {"type": "http.request", "body": b"x" * 600, "more_body": True}

    with Reading(10_000).one() as claim, pytest.raises(TooLarge):
        asyncio.run(read(part, 1000, claim))


def test_a_client_that_goes_away_is_nobody() -> None:
    """There is no one to answer."""

    async def gone() -> dict[str, object]:
        return {"type": "http.disconnect"}

    with Reading(10).one() as claim:
        assert asyncio.run(read(gone, 10, claim)) is None

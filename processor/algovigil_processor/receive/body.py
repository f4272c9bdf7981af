"""The bytes of an HTTP request: read, and decompressed, within stated bounds.

Invariant: never more than `limit` bytes of one body are held, compressed or not, and
all bodies that are still being read hold at most the bytes that `Reading` allows.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any, Final

import pyarrow as pa

from algovigil_processor.errors import Permanent, Retryable, TooLarge

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator, MutableMapping

# Arrow's gzip reader takes zlib too, which HTTP calls `deflate`; Python's exporter
# can send it. OTLP demands gzip; collectors can send zstd.
ENCODINGS: Final = {"gzip": "gzip", "deflate": "gzip", "zstd": "zstd"}
_PIECE: Final = 1 << 20


class Reading:
    """The bytes that bodies on their way in may hold together."""

    def __init__(self, limit_bytes: int) -> None:
        self._limit: Final = limit_bytes
        self._held = 0

    @contextlib.contextmanager
    def one(self) -> Iterator[Callable[[int], None]]:
        """Give a function that claims bytes for one body, until it is handed on."""
        mine = 0

        def claim(size: int) -> None:
            nonlocal mine
            if self._held + size > self._limit:
                raise Retryable("more bytes are arriving than memory is allowed", 1)
            self._held += size
            mine += size

        try:
            yield claim
        finally:
            self._held -= mine


async def read(
    receive: Callable[[], Awaitable[MutableMapping[str, Any]]],
    limit: int,
    claim: Callable[[int], None],
) -> bytes | None:
    """Return the whole body; None when the client went away.

    Raises:
        TooLarge: it is over *limit* bytes.
        Retryable: *claim* refused.
    """
    parts: list[bytes] = []
    size = 0
    while True:
        event = await receive()
        if event["type"] == "http.disconnect":
            return None
        part = event.get("body", b"")
        size += len(part)
        if size > limit:
            raise TooLarge(f"a body over {limit} bytes")
        claim(len(part))
        parts.append(part)
        if not event.get("more_body"):
            return parts[0] if len(parts) == 1 else b"".join(parts)


def decompress(body: bytes, encoding: str, limit: int) -> bytes:
    """Return *body*, in one of `ENCODINGS`, decompressed.

    Raises:
        TooLarge: it would be over *limit* bytes; no more than that is ever made.
        Permanent: the body is not in that encoding, or is cut short.
    """
    parts: list[bytes] = []
    size = 0
    try:
        with pa.CompressedInputStream(
            pa.BufferReader(body), ENCODINGS[encoding]
        ) as stream:
            while part := stream.read(_PIECE):
                size += len(part)
                if size > limit:
                    raise TooLarge(f"over {limit} bytes after decompression")
                parts.append(part)
    except OSError:
        raise Permanent(f"the body is not whole {encoding}") from None
    return parts[0] if len(parts) == 1 else b"".join(parts)

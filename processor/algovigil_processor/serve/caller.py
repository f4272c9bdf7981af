"""Work for a caller who may go away."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, TypeVar

from algovigil_processor.serve.wire import refused

if TYPE_CHECKING:
    from collections.abc import Coroutine
    from typing import Any

    from starlette.requests import Request

T = TypeVar("T")


async def while_connected(request: Request, work: Coroutine[Any, Any, T]) -> T:
    """Return what *work* returns; cancel it when the caller of *request* hangs up.

    The body of *request* must have been read.

    Raises:
        Refused: the caller is gone, so that nobody reads this.
    """
    task = asyncio.ensure_future(work)
    gone = asyncio.ensure_future(_hang_up(request))
    try:
        await asyncio.wait({task, gone}, return_when=asyncio.FIRST_COMPLETED)
        if not task.done():
            raise refused("QUERY_WAS_CANCELLED", "the client is gone")
        return task.result()
    finally:
        task.cancel()
        gone.cancel()


async def _hang_up(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass

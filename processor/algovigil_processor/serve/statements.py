"""One statement of a user from text to bytes: through the gate, then into a session."""

from __future__ import annotations

import asyncio
import re
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from algovigil_processor.serve.sqlgate import admit
from algovigil_processor.serve.wire import Refused, refused

if TYPE_CHECKING:
    from collections.abc import Mapping

    from algovigil_processor.serve.readers import Readers, Session
    from algovigil_processor.telemetry import Telemetry

_FORMAT: Final = re.compile(r"\w{1,64}", re.ASCII)
# chDB takes these words for results that are Python objects, not bytes
_OBJECTS: Final = frozenset({"arrowtable", "dataframe", "debug"})


@dataclass(frozen=True, slots=True)
class Answer:
    """The result of a statement, in the format that it has."""

    body: bytes
    output_format: str
    elapsed_ns: int


async def answer(
    readers: Readers,
    telemetry: Telemetry,
    sql: str,
    output_format: str,
    parameters: Mapping[str, object] | None = None,
) -> Answer:
    """Return what *sql* answers, in its FORMAT, else in *output_format*.

    Raises:
        Refused: the gate or ClickHouse refused it.
    """
    if not _FORMAT.fullmatch(output_format) or output_format.lower() in _OBJECTS:
        raise refused("UNKNOWN_FORMAT", "Unknown format")

    def work(session: Session) -> Answer:
        started = time.perf_counter_ns()
        statement = admit(
            sql,
            lambda text: session.raw(text, "TSVRaw", parameters).decode(),
            parameters,
        )
        body = session.raw(statement.text, output_format, parameters)
        took = time.perf_counter_ns() - started
        return Answer(body, statement.output_format or output_format, took)

    try:
        result = await readers.run(work)
    except asyncio.CancelledError:
        telemetry.count("sql.queries", result="cancelled")
        raise
    except Refused as error:
        kind = "refused" if error.status == 403 else "failed"
        telemetry.count("sql.queries", result=kind)
        raise
    telemetry.count("sql.queries", result="ok")
    return result

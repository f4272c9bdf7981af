"""Mutated requests: answered, never crashed on, and nobody else's rows are touched."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Final, get_args

import pyarrow as pa
import pyarrow.compute as pc
import pytest
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import (
    ExportLogsServiceRequest,
)
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
)

from algovigil.phi import Protector
from algovigil_processor.batch import Batch, Origin
from algovigil_processor.decode import decode
from algovigil_processor.derive import derive
from algovigil_processor.errors import Permanent
from algovigil_processor.pipeline import Signal
from algovigil_processor.redact import Redact
from algovigil_processor.telemetry import Telemetry
from unit.decode import samples

if TYPE_CHECKING:
    from collections.abc import Sequence

ORIGIN: Final = Origin("http", 1_700_000_000_000_000_000)
GROUP: Final = 32  # bodies decoded together, one of them good
GOOD: Final = "good-neighbour"


def good_traces() -> bytes:
    """Return a request whose rows are known by their scope."""
    request = ExportTraceServiceRequest.FromString(samples.REQUESTS["traces"])
    request.resource_spans[0].scope_spans[0].scope.name = GOOD
    return request.SerializeToString()


def good_logs() -> bytes:
    """Return a request whose rows are known by their scope."""
    request = ExportLogsServiceRequest.FromString(samples.REQUESTS["logs"])
    request.resource_logs[0].scope_logs[0].scope.name = GOOD
    return request.SerializeToString()


def good_metrics() -> bytes:
    """Return a request whose rows are known by their scope."""
    request = ExportMetricsServiceRequest.FromString(samples.REQUESTS["metrics"])
    request.resource_metrics[0].scope_metrics[0].scope.name = GOOD
    return request.SerializeToString()


GOOD_BODIES: Final = {
    "traces": good_traces(),
    "logs": good_logs(),
    "metrics": good_metrics(),
}


def mutated(chance: random.Random, raw: bytes) -> bytes:
    """Return *raw* with a few bytes flipped, replaced, cut, doubled or put in."""
    out = bytearray(raw)
    for _ in range(chance.choice([1, 1, 1, 2, 4, 16])):
        if not out:
            break
        at = chance.randrange(len(out))
        match chance.randrange(6):
            case 0:
                out[at] ^= 1 << chance.randrange(8)
            case 1:
                out[at] = chance.randrange(256)
            case 2:
                del out[at : at + chance.randrange(1, 4)]
            case 3:
                out[at:at] = chance.randbytes(chance.randrange(1, 4))
            case 4:
                out[at:at] = out[at : at + chance.randrange(1, 64)]
            case 5:
                del out[at + 1 :]
    return bytes(out)


class Line:
    """Decode, redact, derive: what a worker does with a group before the journal."""

    def __init__(self) -> None:
        self._telemetry = Telemetry()
        self._redact = Redact(Protector(key=b"k" * 32), self._telemetry)

    def rows(
        self, signal: Signal, bodies: Sequence[bytes]
    ) -> dict[str, pa.RecordBatch]:
        """Return the sealed rows of *bodies* by table."""
        decoded = decode(signal, bodies, ORIGIN)
        assert len(bodies) == len(decoded.rejected) == len(decoded.reasons)
        sealed: list[Batch] = [self._redact(batch) for batch in decoded.batches]
        derived = derive(sealed, self._telemetry)
        assert all(batch.policy for batch in derived)
        return {batch.table: batch.rows for batch in derived}


def neighbours(rows: dict[str, pa.RecordBatch]) -> dict[str, list[object]]:
    """Return the rows of the good request."""
    return {
        table: batch.filter(pc.equal(batch.column("ScopeName"), GOOD)).to_pylist()
        for table, batch in rows.items()
        if "ScopeName" in batch.schema.names
    }


def is_whole(signal: Signal, body: bytes) -> bool:
    """Return whether *body* decodes; what does not is `Permanent`, and nothing else."""
    try:
        decode(signal, [body], ORIGIN)
    except Permanent:
        return False
    return True


@pytest.mark.parametrize("signal", get_args(Signal))
@pytest.mark.parametrize(
    "requests",
    [
        pytest.param(6_700, marks=pytest.mark.timeout(400)),
        pytest.param(333_400, marks=[pytest.mark.soak, pytest.mark.timeout(1800)]),
    ],
)
def test_a_mutated_request_hurts_only_itself(signal: Signal, requests: int) -> None:
    """What still decodes is stored beside a good request whose rows stay as they are.

    20 000 in CI, a million in the soak, over the three signals.
    """
    line, chance = Line(), random.Random(f"{signal} {requests}")
    good = GOOD_BODIES[signal]
    expected = neighbours(line.rows(signal, [good]))
    assert any(expected.values())
    group: list[bytes] = []
    lived = 0
    for number in range(requests):
        body = mutated(chance, samples.REQUESTS[signal])
        if is_whole(signal, body):
            group.append(body)
        if len(group) == GROUP - 1 or number == requests - 1:
            lived += len(group)
            group.insert(chance.randrange(len(group) + 1), good)
            found = neighbours(line.rows(signal, group))
            assert expected == found
            group = []
    assert lived > requests // 20

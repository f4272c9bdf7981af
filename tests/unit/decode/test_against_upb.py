"""Decoded rows equal those of a slow, separate decoder over protobuf messages."""

from __future__ import annotations

import random
import struct
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pyarrow as pa
from hypothesis import HealthCheck, given, settings

from algovigil_processor.batch import Origin
from algovigil_processor.decode import Decoded, decode
from algovigil_processor.decode.values import es6
from unit.decode import oracle, samples
from unit.decode.strategies import BODIES

if TYPE_CHECKING:
    from algovigil_processor.pipeline import Signal

ORIGIN = Origin("http", 1_700_000_000_000_000_000)
SLOW = settings(
    max_examples=120, deadline=None, suppress_health_check=list(HealthCheck)
)


def agree(signal: Signal, bodies: list[bytes]) -> None:
    decoded = decode(signal, bodies, ORIGIN)
    found = {
        batch.table: oracle.readable(batch.rows)
        for batch in decoded.batches
        if batch.table != "calls"
    }
    expected, refused = oracle.expected(signal, bodies, ORIGIN.received_ns)
    # repr: NaN equals NaN, and 1 is not 1.0
    assert {t: sorted(map(stable, r)) for t, r in expected.items()} == {
        t: sorted(map(stable, r)) for t, r in found.items()
    }
    assert refused == decoded.rejected
    assert [bool(n) for n in refused] == [bool(r) for r in decoded.reasons]


def stable(row: oracle.Row) -> str:
    return repr(sorted(row.items()))


@SLOW
@given(BODIES["traces"])
def test_spans_equal_the_reference(bodies: list[bytes]) -> None:
    """Any spans decode to the rows, and refusals, of the reference decoder."""
    agree("traces", bodies)


@SLOW
@given(BODIES["logs"])
def test_logs_equal_the_reference(bodies: list[bytes]) -> None:
    """Any log records decode to the rows of the reference decoder."""
    agree("logs", bodies)


@SLOW
@given(BODIES["metrics"])
def test_points_equal_the_reference(bodies: list[bytes]) -> None:
    """Any metric points decode to the rows of the reference decoder."""
    agree("metrics", bodies)


def test_threads_decode_at_the_same_time() -> None:
    """Workers share the parsers: each thread gets the rows of its own bodies."""
    bodies = [[samples.REQUESTS["traces"]] * n for n in range(1, 9)] * 8

    def rows(group: list[bytes]) -> int:
        return decode("traces", group, ORIGIN).batches[0].rows.num_rows

    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(rows, bodies))
    assert found == [3 * len(group) for group in bodies]


def test_nothing_gives_nothing() -> None:
    """No bodies, and empty ones, give no batch and no refusal."""
    assert decode("logs", [], ORIGIN) == Decoded((), (), ())
    assert decode("metrics", [b"", b""], ORIGIN) == Decoded((), (0, 0), ("", ""))


def test_doubles_are_spelt_as_ecmascript_does() -> None:
    """Each power of ten, and neighbours that are no whole number, to the last digit."""
    chance = random.Random(1)
    near = [m * 10.0**e for e in range(-30, 40) for m in (1, -1, 1.5, 1 / 3)]
    wild = [struct.unpack("d", chance.randbytes(8))[0] for _ in range(5_000)]
    usual = [chance.uniform(-1, 1) * 10 ** chance.randrange(25) for _ in range(5_000)]
    doubles = [*near, *wild, *usual, 2.0**53, 2.0**63, 1e21, 5e-324]
    found = es6(pa.array(doubles, pa.float64())).to_pylist()
    assert [oracle.es6(x) for x in doubles] == found

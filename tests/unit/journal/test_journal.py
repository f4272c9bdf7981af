"""The journal keeps what it acknowledged, and hands each segment over once."""

from __future__ import annotations

import dataclasses
import os
import threading
import time
from typing import TYPE_CHECKING

import pyarrow as pa
import pytest

from algovigil_processor.batch import Batch, Origin
from algovigil_processor.errors import Permanent, Retryable
from algovigil_processor.journal import Journal, segment
from algovigil_processor.schema import SCHEMAS
from algovigil_processor.telemetry import Telemetry

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path


def batch(*digests: str, policy: str | None = "p1") -> Batch:
    rows = pa.RecordBatch.from_arrays(
        [
            pa.array(digests, pa.string()),
            pa.array([1] * len(digests)).cast(pa.timestamp("ns", "UTC")),
            pa.array([0] * len(digests), pa.uint32()),
        ],
        schema=SCHEMAS["ingest_requests"],
    )
    return Batch("ingest_requests", rows, Origin("grpc", 7, "t"), policy)


@dataclasses.dataclass
class Sink:
    """A database of dictionaries: each token counts once."""

    failures: list[Exception] = dataclasses.field(default_factory=list)
    stored: dict[str, list[str]] = dataclasses.field(default_factory=dict)
    disk: list[OSError] = dataclasses.field(default_factory=list)
    calls: int = 0
    flushes: int = 0
    change: threading.Condition = dataclasses.field(default_factory=threading.Condition)

    def insert(self, batches: Sequence[Batch], token: str) -> None:
        with self.change:
            self.calls += 1
            self.change.notify_all()
            if self.failures:
                raise self.failures.pop(0)
            rows = [d for b in batches for d in b.rows.column("digest").to_pylist()]
            self.stored.setdefault(token, rows)

    def flush(self) -> None:
        with self.change:
            if self.disk:
                raise self.disk.pop(0)
            self.flushes += 1

    def rows(self) -> list[str]:
        return [row for rows in self.stored.values() for row in rows]

    def wait_for(self, rows: int) -> list[str]:
        with self.change:
            found = self.change.wait_for(lambda: len(self.rows()) >= rows, 10)
        assert found
        return self.rows()


def journal(folder: Path, sink: Sink, **settings: object) -> Journal:
    return Journal(folder, sink, Telemetry(), **settings)  # type: ignore[arg-type] # keyword settings of a test


def test_a_group_reaches_the_sink_with_its_seal_and_origin(tmp_path: Path) -> None:
    """What was appended is what is stored, and no file is left."""
    sink = Sink()
    log = journal(tmp_path, sink, segment_seconds=0.01)
    log.start()
    log.append([batch("a", "b")])
    assert ["a", "b"] == sink.wait_for(2)
    assert log.stop(10)
    assert [] == list(tmp_path.glob("*.segment"))


def test_a_mark_is_stored_when_all_before_it_is(tmp_path: Path) -> None:
    """What comes later does not hold a mark back; what came before does."""
    sink = Sink(failures=[Retryable("away")])
    log = journal(tmp_path, sink, segment_rows=1)
    log.append([batch("a")])
    mark = log.mark()
    assert not log.is_stored(mark)
    log.start()
    sink.wait_for(1)
    assert log.stop(10)
    assert log.is_stored(mark)


def test_a_segment_reads_back_as_it_was_written(tmp_path: Path) -> None:
    """Table, rows, seal and origin survive the file."""
    path = tmp_path / "1.segment"
    groups = [[batch("a"), batch("b", "c")], [batch("d")]]
    path.write_bytes(b"".join(bytes(x) for g in groups for x in segment.frame(g)))
    assert [
        (b.table, b.policy, b.origin, b.rows.to_pylist()) for g in groups for b in g
    ] == [
        (b.table, b.policy, b.origin, b.rows.to_pylist())
        for b in segment.read(path).batches
    ]


def test_unsealed_rows_never_reach_the_disk(tmp_path: Path) -> None:
    """An unsealed batch is refused and nothing is written."""
    log = journal(tmp_path, Sink())
    with pytest.raises(Permanent, match="unsealed"):
        log.append([batch("a", policy=None)])
    assert [] == list(tmp_path.iterdir())


def test_segments_of_a_killed_run_are_replayed_under_their_own_token(
    tmp_path: Path,
) -> None:
    """A run that died after the insert and before the unlink adds nothing twice."""
    sink = Sink()
    journal(tmp_path, sink).append([batch("a")])
    (left,) = tmp_path.glob("*.segment")
    sink.insert(segment.read(left).batches, left.stem)
    later = journal(tmp_path, sink)
    assert 1 == later.replay()
    assert {left.stem: ["a"]} == sink.stored
    assert [] == list(tmp_path.glob("*.segment"))


def test_a_kill_at_any_byte_of_a_write_costs_that_frame_alone(tmp_path: Path) -> None:
    """What was cut short was never acknowledged; all before it is kept."""
    whole = b"".join(bytes(x) for x in segment.frame([batch("a")]))
    second = b"".join(bytes(x) for x in segment.frame([batch("b")]))
    path = tmp_path / "5.segment"
    for written in (*range(1, 40), *range(40, len(second), 17)):
        path.write_bytes(whole + second[:written])
        found = segment.read(path)
        kept = [b.rows.column(0).to_pylist() for b in found.batches]
        assert ([["a"]], "") == (kept, found.damage)


def test_an_empty_segment_holds_nothing(tmp_path: Path) -> None:
    """A kill between creating the file and writing to it leaves no rows."""
    path = tmp_path / "5.segment"
    path.touch()
    assert segment.Segment(()) == segment.read(path)


@pytest.mark.parametrize(
    ("at", "kept"), [(40, ["b"]), (2, ["b"]), (-100, ["a"]), (9, ["b"])]
)
def test_damage_costs_its_own_frame_and_is_kept_aside(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, at: int, kept: list[str]
) -> None:
    """All other rows are stored; the file stays, apart and whole, with a message."""
    frames = [
        b"".join(bytes(x) for x in segment.frame([batch(name)])) for name in "abc"
    ]
    damaged = bytearray(frames[0] + frames[1])
    damaged[at] ^= 0xFF
    (tmp_path / "5.segment").write_bytes(damaged)
    (tmp_path / "6.segment").write_bytes(frames[2])
    sink = Sink()
    journal(tmp_path, sink).replay()
    assert {"5": kept, "6": ["c"]} == sink.stored
    assert (tmp_path / "set-aside" / "5.segment").read_bytes() == bytes(damaged)
    assert "hint:" in caplog.text
    assert [] == list(tmp_path.glob("*.segment"))


def test_rows_that_the_database_cannot_take_are_kept_aside(tmp_path: Path) -> None:
    """Its own neighbours are stored, and nothing is dropped."""
    sink = Sink(failures=[Permanent("code 53")] * 5)
    log = journal(tmp_path, sink, segment_seconds=0)
    log.append([batch("a")])
    (left,) = tmp_path.glob("*.segment")
    later = journal(tmp_path, sink, retry_seconds=0.01)
    assert 1 == later.replay()
    assert {} == sink.stored
    assert (tmp_path / "set-aside" / left.name).exists()


def test_a_segment_stays_until_the_database_has_it_on_its_disk(tmp_path: Path) -> None:
    """An insert that power loss could undo does not end the journal's promise."""
    sink = Sink(disk=[OSError(5, "Input/output error")])
    log = journal(tmp_path, sink, segment_seconds=0)
    log.start()
    log.append([batch("a")])
    assert ["a"] == sink.wait_for(1)
    assert log.stop(10)
    (left,) = tmp_path.glob("*.segment")
    later = journal(tmp_path, sink)
    assert later.replay() == 1
    assert {left.stem: ["a"]} == sink.stored
    assert [] == list(tmp_path.glob("*.segment"))


def test_many_segments_are_flushed_at_once(tmp_path: Path) -> None:
    """Flushes are few; what is stored is no reason to refuse meanwhile."""
    sink = Sink()
    log = journal(tmp_path, sink, segment_rows=1, flush_seconds=3600)
    log.start()
    for name in "abc":
        log.append([batch(name)])
    assert ["a", "b", "c"] == sink.wait_for(3)
    assert len(list(tmp_path.glob("*.segment"))) == 3
    assert log.stop(10)
    assert sink.flushes == 1
    assert [] == list(tmp_path.glob("*.segment"))


def test_a_journal_half_full_of_what_is_stored_is_flushed(tmp_path: Path) -> None:
    """However long it is until the next flush, senders are not refused for it."""
    size = sum(len(x) for x in segment.frame([batch("a")]))
    sink = Sink()
    log = journal(
        tmp_path,
        sink,
        segment_rows=1,
        flush_seconds=3600,
        retry_seconds=0.01,
        limit_bytes=3 * size,
    )
    log.start()
    until = time.monotonic() + 10
    for name in "abcdefgh":
        log.append([batch(name)])
        while len(list(tmp_path.glob("*.segment"))) > 1:
            assert time.monotonic() < until
            time.sleep(0.001)
    assert log.stop(10)
    assert list("abcdefgh") == sink.rows()


def test_a_sink_that_is_away_costs_nothing_but_time(tmp_path: Path) -> None:
    """Retryable failures are tried again until the rows are there, once."""
    sink = Sink(failures=[Retryable("away")])
    log = journal(tmp_path, sink, segment_seconds=0)
    log.start()
    log.append([batch("a")])
    assert ["a"] == sink.wait_for(1)
    assert log.stop(10)
    assert 2 == sink.calls


def test_the_byte_limit_refuses_with_advice(tmp_path: Path) -> None:
    """A full journal refuses and keeps what it has."""
    size = sum(len(x) for x in segment.frame([batch("a")]))
    sink = Sink()
    log = journal(tmp_path, sink, limit_bytes=size + 10)
    log.append([batch("a")])
    with pytest.raises(Retryable, match="full") as refusal:
        log.append([batch("b")])
    assert 3 == refusal.value.retry_seconds
    log.start()
    assert log.stop(10)
    assert ["a"] == sink.wait_for(1)


def test_a_full_disk_refuses_and_tears_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A write that the disk refuses is not acknowledged; its neighbours are."""
    sink = Sink()
    log = journal(tmp_path, sink)
    log.append([batch("a")])
    real = os.fdatasync

    def refuse(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fdatasync", refuse)
    with pytest.raises(Retryable, match="disk"):
        log.append([batch("b")])
    monkeypatch.setattr(os, "fdatasync", real)
    log.append([batch("c")])
    log.start()
    assert log.stop(10)
    assert ["a", "c"] == sink.wait_for(2)


def test_a_stop_that_cannot_store_leaves_the_segment_for_replay(
    tmp_path: Path,
) -> None:
    """Stopping while the sink is away keeps the rows on disk and ends in time."""
    sink = Sink(failures=[Retryable("away")] * 1000)
    log = journal(tmp_path, sink, segment_seconds=0)
    log.start()
    log.append([batch("a")])
    log.stop(5)
    assert 1 == len(list(tmp_path.glob("*.segment")))

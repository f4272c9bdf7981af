"""A snapshot is swapped as a whole, and known to be out of use."""

from __future__ import annotations

from algovigil_processor.bins import Held, Pins
from algovigil_processor.pinning import Pinning

ONE = {("m", "1"): Pins.of("one", 0, {}, {})}
TWO = {("m", "1"): Pins.of("two", 0, {}, {})}


class Disk:
    """A journal whose segments are stored when a test says so."""

    def __init__(self) -> None:
        self.marks = 0
        self.stored = 0

    def mark(self) -> int:
        self.marks += 1
        return self.marks

    def is_stored(self, mark: int) -> bool:
        return self.stored >= mark


def test_a_group_keeps_the_snapshot_it_began_with() -> None:
    """A swap in the middle changes nothing for whoever counts."""
    held = Held()
    held.swap(ONE)
    with held.use() as active:
        held.swap(TWO)
        assert ONE == dict(active)
        assert not held.is_drained()
        with held.use() as later:
            assert TWO == dict(later)
    assert held.is_drained()


def test_old_rows_are_final_when_counted_written_and_stored() -> None:
    """Not while a worker holds the old snapshot, nor while its segment waits."""
    held, disk = Held(), Disk()
    pinning = Pinning(held, disk)  # type: ignore[arg-type] # what it needs of a journal
    with held.use():
        pinning.follow(ONE)
        assert not pinning.is_settled()
        assert 0 == disk.marks
    assert not pinning.is_settled()
    disk.stored = 1
    assert pinning.is_settled()
    pinning.follow(dict(ONE))  # the same references again: nothing to wait for
    assert pinning.is_settled()
    pinning.follow(TWO)
    assert not pinning.is_settled()

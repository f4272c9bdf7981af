from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from algovigil.errors import OutboxFull
from algovigil.outbox import Outbox

MANY = 1 << 20


def drained(box: Outbox, most: int = 7) -> list[bytes]:
    found: list[bytes] = []
    while records := box.peek(most):
        found += records
        box.ack(records)
    return found


def test_records_come_back_in_order(tmp_path: Path) -> None:
    """First in, first out, over several segments, and nothing is left behind."""
    box = Outbox.take(tmp_path, 64 * MANY)
    records = [bytes([i]) * 300_000 for i in range(9)] + [b""]
    for record in records:
        box.append(record)
    assert records == drained(box)
    assert 0 == box.waiting_bytes
    assert [] == list(tmp_path.glob("*/*.seg"))


def test_what_waits_survives_a_restart(tmp_path: Path) -> None:
    """The next owner reads on where the last one was acknowledged."""
    box = Outbox.take(tmp_path, MANY)
    for i in range(5):
        box.append(b"%d" % i)
    box.ack(box.peek(2))
    box.close()
    again = Outbox.take(tmp_path, MANY)
    again.append(b"5")
    assert [b"2", b"3", b"4", b"5"] == drained(again)


@pytest.mark.parametrize("kept", range(1, 12))
def test_a_torn_tail_is_cut(tmp_path: Path, kept: int) -> None:
    """A write that a power cut tore leaves the records before it, and room after."""
    box = Outbox.take(tmp_path, MANY)
    box.append(b"whole")
    box.append(b"torn")
    box.close()
    (segment,) = tmp_path.glob("*/*.seg")
    os.truncate(segment, 8 + 5 + kept)
    again = Outbox.take(tmp_path, MANY)
    again.append(b"next")
    assert [b"whole", b"next"] == drained(again)


def test_a_full_outbox_refuses(tmp_path: Path) -> None:
    """The bound holds, what was kept stays, and room comes back with an ack."""
    box = Outbox.take(tmp_path, 100)
    box.append(b"x" * 50)
    with pytest.raises(OutboxFull, match=r"outcomes\.max_bytes"):
        box.append(b"y" * 50)
    assert [b"x" * 50] == drained(box)
    box.append(b"y" * 50)
    assert [b"y" * 50] == drained(box)


def test_an_unwritable_directory_is_said(tmp_path: Path) -> None:
    """Found, expected, hint; no stack of the operating system."""
    (tmp_path / "file").write_text("")
    with pytest.raises(OutboxFull, match=r"outcomes\.directory"):
        Outbox.take(tmp_path / "file", MANY)


def test_each_process_has_its_slot_and_the_dead_are_inherited(tmp_path: Path) -> None:
    """Two owners do not mix; what a dead one left is found by the other."""
    code = (
        "import sys; from pathlib import Path; from algovigil.outbox import Outbox\n"
        "box = Outbox.take(Path(sys.argv[1]), 1 << 20); box.append(b'theirs')\n"
        "print(box.slot.name, flush=True); sys.stdin.read()"
    )
    mine = Outbox.take(tmp_path, MANY)
    mine.append(b"mine")
    other = subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert other.stdout is not None
    assert "1" == other.stdout.readline().strip()
    assert [] == list(mine.abandoned())
    other.kill()
    other.wait()
    assert [[b"theirs"]] == [drained(left) for left in mine.abandoned()]
    assert [b"mine"] == drained(mine)


def test_a_refused_record_is_set_aside(tmp_path: Path) -> None:
    """It no longer blocks the others, and is kept for whoever looks."""
    box = Outbox.take(tmp_path, MANY)
    box.append(b"poison")
    box.append(b"good")
    box.set_aside(b"poison")
    assert [b"good"] == drained(box)
    assert b"poison" in (box.slot / "refused").read_bytes()


def test_a_record_is_on_stable_storage_when_append_returns(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The file, and the names of what is new: a power cut takes none of them."""
    synced: list[str] = []
    real = os.fsync

    def fsync(file: int) -> None:
        synced.append(str(Path(f"/proc/self/fd/{file}").readlink()))
        real(file)

    monkeypatch.setattr(os, "fsync", fsync)
    home = tmp_path / "new" / "outcomes"
    box = Outbox.take(home, MANY)
    assert {str(home), str(home.parent), str(tmp_path)} <= set(synced)
    synced.clear()
    box.append(b"first")
    (segment,) = home.glob("0/*.seg")
    assert [str(home / "0"), str(segment)] == synced
    synced.clear()
    box.append(b"second")
    assert [str(segment)] == synced
    synced.clear()
    box.set_aside(b"first")
    assert [str(home / "0" / "refused"), str(home / "0")] == synced

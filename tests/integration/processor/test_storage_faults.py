"""Disks that are full or read-only, servers away, slow or failing: nothing is lost."""

from __future__ import annotations

import contextlib
import itertools
import os
import signal
import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING

import grpc
import pytest
from google.rpc import error_details_pb2

from contract.store.conftest import ClickHouse, serving
from integration.processor.served import KEY, Served, command, export, trace_request

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.timeout(400)  # processes start, on a shared machine

SPANS = 20


class Sender:
    """Sends spans of its own ids, and keeps count of those acknowledged."""

    def __init__(self, served: Served) -> None:
        self._served = served
        self._ids = itertools.count(1)
        self.acknowledged = 0

    def send(self) -> None:
        """Send one request; a refusal is raised and counts for nothing."""
        ids = [next(self._ids) for _ in range(SPANS)]
        export(self._served.addresses["grpc"], trace_request(*ids))
        self.acknowledged += SPANS

    def until_refused(self, seconds: float = 60) -> grpc.RpcError:
        """Send until a refusal, and return it."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            try:
                self.send()
            except grpc.RpcError as refusal:
                return refusal
        raise AssertionError("nothing was refused")

    def until_accepted(self, seconds: float = 30) -> None:
        """Send until an acknowledgement."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            try:
                self.send()
            except grpc.RpcError:
                time.sleep(0.1)
            else:
                return
        raise AssertionError("nothing was accepted any more")


def told_to_come_back(refusal: grpc.RpcError) -> None:
    """Check that *refusal* is retryable and says when."""
    assert grpc.StatusCode.UNAVAILABLE == refusal.code(), refusal
    trailers = dict(refusal.trailing_metadata())
    info = error_details_pb2.RetryInfo.FromString(trailers["google.rpc.retryinfo-bin"])
    assert 1 <= info.retry_delay.seconds <= 3


def all_there_once(served: Served, sender: Sender) -> None:
    """Check that what was acknowledged is stored, once, in rows and rollups."""
    wanted = sender.acknowledged
    served.wait_for("SELECT count() FROM otel_traces", wanted, 60)
    assert wanted == served.query("SELECT uniqExact(SpanId) FROM otel_traces")
    assert wanted == served.query("SELECT sum(spans) FROM span_rollup")


def rss_mb(served: Served) -> float:
    """Return the resident memory of the processor."""
    pages = int(Path(f"/proc/{served.pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


@contextlib.contextmanager
def disk(folder: Path, megabytes: int) -> Iterator[Path]:
    """Mount a disk of its own, of that size."""
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "none", str(folder)]
    if subprocess.run(mount, check=False, capture_output=True).returncode:
        pytest.skip("needs the right to mount a disk")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def test_a_full_disk_refuses_with_advice_and_recovers(tmp_path: Path) -> None:
    """ENOSPC under journal and database: no ack is broken, and room brings it back."""
    data_dir = tmp_path / "data"
    data_dir.symlink_to(tmp_path / "disk")
    with disk(tmp_path / "disk", 96) as small, Served(data_dir) as served:
        sender = Sender(served)
        sender.send()
        all_there_once(served, sender)
        ballast = small / "ballast"
        # unbuffered: what a buffer keeps fails once more when the file is closed
        with contextlib.suppress(OSError), ballast.open("wb", buffering=0) as file:
            while True:
                file.write(bytes(1 << 16))
        for _ in range(3):
            told_to_come_back(sender.until_refused())
        assert "disk refuses" in served.log()
        ballast.unlink()
        sender.until_accepted()
        all_there_once(served, sender)
        assert not (data_dir / "journal" / "set-aside").exists()


def test_a_start_on_a_read_only_disk_is_refused(tmp_path: Path) -> None:
    """Nothing could be kept there, so no port opens."""
    with disk(tmp_path / "disk", 8) as failing:
        remount = ["mount", "-o", "remount,ro", str(failing)]
        subprocess.run(remount, check=True)
        done = subprocess.run(
            command(failing / "data"),
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
    assert 2 == done.returncode
    assert "cannot be written: Read-only file system" in done.stderr


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ClickHouse]:
    with serving(tmp_path_factory.mktemp("server")) as running:
        yield running


@pytest.fixture(scope="module")
def remote(
    server: ClickHouse, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Served]:
    """A processor over the server, with a journal of 100 kB."""
    folder = tmp_path_factory.mktemp("processor")
    config = folder / "c.yaml"
    config.write_text("ingest: {journal_bytes: 100000, segment_seconds: 0.1}\n")
    url = {"ALGOVIGIL_STORAGE_URL": server.url("otel")}
    flags = {"ALGOVIGIL_CONFIG": str(config), **url}
    with Served(folder / "data", **flags) as processor:
        yield processor


@pytest.fixture(scope="module")
def sender(remote: Served) -> Sender:
    """One sender for all faults, whose spans must all be there after each."""
    return Sender(remote)


@pytest.mark.parametrize("fault", ["away", "refuse", "cut", "lost", "slow"])
def test_a_server_in_trouble_costs_nothing_but_time(
    server: ClickHouse, remote: Served, sender: Sender, fault: str
) -> None:
    """Acks go on until the journal is full, then advice; recovery is by itself."""
    sender.until_accepted()
    all_there_once(remote, sender)
    before = rss_mb(remote)
    server.fault(fault)
    try:
        for _ in range(3):
            told_to_come_back(sender.until_refused())
    finally:
        server.fault("none")
    sender.until_accepted()
    all_there_once(remote, sender)
    assert rss_mb(remote) < before + 100


def test_a_start_waits_for_a_server_that_is_away(tmp_path: Path) -> None:
    """It says so, starts when the server does, and a signal ends the wait."""
    folder = tmp_path / "server"
    folder.mkdir()
    with serving(folder) as first:
        url = first.url("otel")
        first.stop()
        environment = {
            **os.environ,
            "ALGOVIGIL_PHI_KEY": KEY,
            "ALGOVIGIL_STORAGE_URL": url,
        }
        child = subprocess.Popen(
            command(tmp_path / "data"),
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert child.stderr is not None
        assert any("does not answer" in line for line in child.stderr)
        child.send_signal(signal.SIGTERM)
        assert 0 == child.wait(15)
        child.communicate()
        waiting = subprocess.Popen(
            command(tmp_path / "data"),
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        try:
            first.start()
            assert waiting.stdout is not None
            assert '"ready": true' in waiting.stdout.readline()
        finally:
            waiting.kill()
            waiting.communicate()

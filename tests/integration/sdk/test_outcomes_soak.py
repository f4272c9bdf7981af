"""Outcomes over days without a processor: many processes, many kills, one store."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import clickhouse_connect
import pytest

from algovigil import ClinicalOutcomeTracker, MonitoringConfig
from integration.processor.served import KEY, Served

if TYPE_CHECKING:
    from pathlib import Path

SECRET = "s" * 32
PROGRAM = """
import sys
from algovigil import ClinicalOutcomeTracker, MonitoringConfig, PatientOutcome
config = MonitoringConfig.of({
    "processor": {"endpoint": "http://127.0.0.1:9"},
    "outcomes": {"directory": sys.argv[1], "interval": 0.01},
})
tracker = ClinicalOutcomeTracker(config).start()
for i in range(1_000_000):
    name = f"{sys.argv[2]}-{i}"
    outcome = PatientOutcome("P1", "a-rare-diagnosis", str(i), outcome_id=name)
    print(tracker.record_outcome(outcome), flush=True)
"""


@pytest.mark.soak
def test_nothing_recorded_is_lost_and_nothing_is_stored_twice(tmp_path: Path) -> None:
    """Workers are killed while they record; a processor comes back, and goes."""
    outbox = tmp_path / "outbox"
    environ = {**os.environ, "ALGOVIGIL_PHI_KEY": KEY, "ENCRYPTION_KEY": SECRET}
    chance = random.Random(0)
    recorded: set[str] = set()
    for number in range(8):
        child = subprocess.Popen(
            [sys.executable, "-c", PROGRAM, str(outbox), str(number)],
            env=environ,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert child.stdout is not None
        told = [child.stdout.readline() for _ in range(chance.randrange(50, 300))]
        child.send_signal(signal.SIGKILL)
        told += child.stdout.readlines()
        child.wait()
        recorded |= {line.strip() for line in told if line.endswith("\n")}
    on_disk = b"".join(p.read_bytes() for p in outbox.rglob("*") if p.is_file())
    assert b"a-rare-diagnosis" not in on_disk
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ALGOVIGIL_PHI_KEY", KEY)
        patch.setenv("ENCRYPTION_KEY", SECRET)
        for turn in range(2):
            with Served(tmp_path / "data") as served:
                config = MonitoringConfig.of(
                    {
                        "processor": {
                            "endpoint": f"http://{served.addresses['grpc']}",
                        },
                        "outcomes": {"directory": str(outbox), "batch_size": 50},
                    }
                )
                tracker = ClinicalOutcomeTracker(config).start()
                tracker.flush(1.0 if turn < 1 else 60.0)
                if turn < 1:
                    served.kill()  # in the middle of it
                tracker.stop(1.0)
                if turn < 1:
                    continue
                stored = _ids(served)
                assert recorded <= set(stored)
                assert len(set(stored)) == served.query(
                    "SELECT uniqExact(outcome_id) FROM outcomes"
                )


def _ids(served: Served) -> list[str]:
    host, _, port = served.addresses["sql"].rpartition(":")
    client = clickhouse_connect.get_client(host=host, port=int(port), database="otel")
    try:
        served.wait_for("SELECT count() > 0 FROM outcomes", 1)
        rows = client.query("SELECT DISTINCT outcome_id FROM outcomes").result_rows
        return [str(row[0]) for row in rows]
    finally:
        client.close()

"""Run every benchmark and print its figures: `make bench`."""

from __future__ import annotations

import datetime
import json
import os
import platform
import sys

from tests.bench import (
    alert_rules,
    decode_speed,
    drift_cost,
    ingest,
    ingest_disk,
    ingest_latency,
    presidio_speed,
    redact_speed,
    sdk_overhead,
)

BENCHES = (
    sdk_overhead,
    decode_speed,
    redact_speed,
    presidio_speed,
    drift_cost,
    ingest,
    ingest_disk,
    ingest_latency,
    alert_rules,
)


def main() -> int:
    """Print one JSON document of all figures, with date and machine."""
    results = {
        "date": datetime.datetime.now(datetime.timezone.utc).date().isoformat(),
        "machine": f"{platform.machine()}, {os.cpu_count()} cores",
        "python": platform.python_version(),
    }
    for module in BENCHES:
        print(f"- {module.__name__} ...", file=sys.stderr)
        results[module.__name__.rpartition(".")[2]] = module.run()
    print(json.dumps(results, indent=2))
    return 0


if __name__ == "__main__":
    sys.exit(main())

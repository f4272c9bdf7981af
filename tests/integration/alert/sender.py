"""A process that delivers what a state directory owes to one web hook.

Run as `python sender.py <data directory> <url> <now_ns>`; tests kill it.
"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from algovigil.config import Channel
from integration.alert.owing import Owing

if __name__ == "__main__":
    owing = Owing(Path(sys.argv[1]), {"hook": Channel("webhook", url=sys.argv[2])})
    owing.now_ns = int(sys.argv[3])
    print("ready", flush=True)
    print(owing.deliver(), flush=True)

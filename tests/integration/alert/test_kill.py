"""A sender killed while a receiver holds its message: nothing lost, one id."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from algovigil.config import Channel
from integration.alert.owing import Owing

if TYPE_CHECKING:
    from integration.alert.receivers import Hook

SENDER = Path(__file__).parent / "sender.py"


def test_killed_between_send_and_commit(tmp_path: Path, hook: Hook) -> None:
    """The documented duplicate: the same webhook-id and bytes, and only those."""
    owing = Owing(tmp_path, {"hook": Channel("webhook", url=hook.url)})
    owing.owe()
    owing.owe(incident_id="f" * 32)
    owing.state.close()
    pids: list[int] = []
    # each post arrives, and its sender dies before it hears the answer
    hook.on_post = lambda: os.kill(pids[-1], signal.SIGKILL)
    hook.script.extend(["hang"] * 8)
    for _ in range(2):
        with subprocess.Popen(
            [sys.executable, SENDER, tmp_path, hook.url, str(owing.now_ns)],
            stdout=subprocess.PIPE,
        ) as process:
            pids.append(process.pid)
            assert process.wait(30) == -signal.SIGKILL
    hook.on_post = lambda: None
    hook.script.clear()
    owing.restart()
    # the second run found the traces of the first
    assert owing.outbox() == [("waiting", 1), ("waiting", 1)]
    assert owing.deliver() == 2
    assert owing.attempts() == [("interrupted", 0)] * 4 + [("sent", 200)] * 2
    owing.state.close()
    sent = {(post.headers["webhook-id"], post.body) for post in hook.posts}
    assert len(sent) == 2
    assert len({delivery_id for delivery_id, _ in sent}) == 2
    assert len(hook.posts) >= 4

"""The demo's story: calm, a scanner that shifts, drift, fewer right answers, an alert.

Nothing is asserted from what was sent: each step waits until the store or a receiver
shows it, within a bound, and the last page counts what they hold.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
import secrets
import time
from typing import TYPE_CHECKING, Final

import yaml

from algovigil import MonitoringConfig
from algovigil.outcomes import ClinicalOutcomeTracker
from algovigil_processor.compliance.leaks import scan_files, scan_store
from algovigil_processor.demo import nights, on_call, processes
from algovigil_processor.demo.facts import Accuracy, Facts, Picture
from algovigil_processor.demo.patients import CARRIERS, SHIFT, SHIFTED, SITES, Ward
from algovigil_processor.demo.receivers import Receivers
from algovigil_processor.demo.result import Result
from algovigil_processor.demo.settings import (
    ALPHA,
    FLOOR,
    RULE,
    WINDOW_SECONDS,
    settings,
)
from algovigil_processor.demo.traffic import Traffic

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from algovigil_processor.demo.view import View

_SHIFTED_PHASE: Final = (
    f"the scanner of site {SITES[0]} shifted: {', '.join(SHIFTED)} x {SHIFT}"
)
_SEED: Final = 20
_PER_SECOND: Final = 30.0
_LABEL_DELAY: Final = 0.8
_STEP_SECONDS: Final = 60.0  # a step that is not seen by then did not happen
_CONTROL_VISITS: Final = 50  # each identity of each carrier, two exceptions
_LIVE_PHASE_SECONDS: Final = 40.0


class Story:
    """One run of the demo in one folder."""

    def __init__(self, folder: Path, view: View) -> None:
        self._folder = folder
        self._view = view
        self._key = secrets.token_hex(32)
        self._result = Result()
        self._picture: Picture | None = None
        self._otlp, self._client = "", folder
        self._volume: Accuracy | None = None
        self._watching: asyncio.Task[None] | None = None

    async def once(self) -> Result:
        """Tell the whole story once, count, and stop everything."""
        started = time.monotonic()
        async with Receivers(self._folder / "received") as receivers:
            await self._tell(receivers)
        self._result.counts["seconds"] = round(time.monotonic() - started, 1)
        return self._result

    async def _tell(self, receivers: Receivers) -> None:
        with contextlib.ExitStack() as stack:
            traffic, facts, api = self._start(stack, receivers)
            self._watching = asyncio.create_task(self._watch(facts, traffic))
            sending = asyncio.create_task(traffic.run())
            control = asyncio.create_task(self._control(receivers))
            batch = nights.Nights(
                self._folder / "main", self._otlp, self._key, self._client
            )
            other = asyncio.create_task(
                nights.tell(batch, facts, self._result, WINDOW_SECONDS)
            )
            try:
                await self._calm()
                await self._shift(traffic, receivers)
                await self._respond(traffic, api, receivers)
                await other
                traffic.stopping = True
                await sending
                await self._settle(traffic)
            finally:
                self._watching.cancel()
                sending.cancel()
                other.cancel()
            found = await control
            self._leaks(facts, traffic.ward, found)
            self._count(facts, api, receivers)

    async def live(self) -> None:
        """Run until cancelled: calm and shifted phases in turn."""
        async with Receivers(self._folder / "received") as receivers:
            await self._go_on(receivers)

    async def _go_on(self, receivers: Receivers) -> None:
        with contextlib.ExitStack() as stack:
            traffic, facts, _ = self._start(stack, receivers)
            tasks = {
                asyncio.create_task(self._watch(facts, traffic)),
                asyncio.create_task(traffic.run()),
                asyncio.create_task(self._phases(traffic)),
            }
            try:
                await asyncio.wait(tasks, return_when="FIRST_COMPLETED")
            finally:
                for task in tasks:
                    task.cancel()

    async def _phases(self, traffic: Traffic) -> None:
        while True:
            traffic.shifted = False
            self._view.phase("the scanner is in order")
            await asyncio.sleep(_LIVE_PHASE_SECONDS)
            traffic.shifted = True
            self._view.phase(_SHIFTED_PHASE)
            await asyncio.sleep(_LIVE_PHASE_SECONDS)

    def _start(
        self, stack: contextlib.ExitStack, receivers: Receivers
    ) -> tuple[Traffic, Facts, str]:
        self._view.phase("starting the processor and the service")
        folder = self._folder / "main"
        addresses, url = self._pair(stack, folder, receivers, "pseudonymise")
        facts = Facts(addresses["sql"])
        stack.callback(facts.close)
        client = {
            "processor": {"endpoint": f"http://{addresses['grpc']}"},
            "outcomes": {"directory": str(folder / "outbox"), "interval": 0.8},
        }
        self._otlp, self._client = addresses["grpc"], folder / "client.yaml"
        self._client.write_text(yaml.safe_dump(client), "utf-8")
        tracker = ClinicalOutcomeTracker(MonitoringConfig.of(client))
        tracker.start()
        stack.callback(tracker.stop)
        self._view.where(
            {
                "SQL": f"curl 'http://{addresses['sql']}/?query=SHOW+TABLES+FROM+otel'",
                "API": f"http://{addresses['api']}/api/v1/models",
                "files": str(self._folder),
            }
        )
        traffic = Traffic(Ward(_SEED), url, _PER_SECOND, tracker, _LABEL_DELAY)
        return traffic, facts, addresses["api"]

    def _pair(
        self,
        stack: contextlib.ExitStack,
        folder: Path,
        receivers: Receivers,
        preset: str,
    ) -> tuple[dict[str, str], str]:
        """Start a processor and its service; return addresses and the service's URL."""
        folder.mkdir(parents=True, exist_ok=True)
        config = folder / "monitoring_config.yaml"
        config.write_text(yaml.safe_dump(settings(receivers, preset)), "utf-8")
        # chosen ahead, so that the two start side by side
        otlp = f"127.0.0.1:{processes.free_port()}"
        processor = stack.enter_context(
            processes.processor(folder, config, otlp=otlp, key=self._key)
        )
        service, url = processes.service(
            folder, otlp=otlp, key=self._key, preset=preset, name="breast-clinic"
        )
        stack.enter_context(service)
        addresses = processor.wait_for_addresses()
        service.wait_for_http(f"{url}/ready")
        return addresses, url

    async def _watch(self, facts: Facts, traffic: Traffic) -> None:
        """Keep the newest picture, for the view and for every step that waits."""
        while True:
            self._picture = await asyncio.to_thread(facts.picture)
            self._view.show(self._picture, traffic)
            await asyncio.sleep(0.5)

    async def _until(self, step: str, seen: Callable[[Picture], bool]) -> bool:
        deadline = time.monotonic() + _STEP_SECONDS
        while time.monotonic() < deadline:
            if self._watching is not None and self._watching.done():
                self._watching.result()
            if self._picture is not None and seen(self._picture):
                return True
            await asyncio.sleep(0.1)
        self._result.expect(step, happened=False)
        return False

    async def _calm(self) -> None:
        self._view.phase("the scanner is in order: learning what is normal")
        await self._until(
            "a calm window of 120 predictions without drift, accuracy known, estimated",
            lambda p: (
                p.drift_rows >= 120
                and not p.drifted
                and p.accuracy is not None
                and p.accuracy.lower > FLOOR
                and p.volume is not None
                and p.estimate is not None
                and p.estimate.status == "ok"
            ),
        )
        picture = self._picture
        if picture is not None and picture.accuracy is not None:
            self._result.counts["accuracy_before"] = round(picture.accuracy.value, 4)
        if picture is not None and picture.estimate is not None:
            expected = picture.estimate.value or 0.0
            self._result.counts["accuracy_estimated"] = round(expected, 4)
        self._volume = picture.volume if picture is not None else None

    async def _shift(self, traffic: Traffic, receivers: Receivers) -> None:
        traffic.shifted = True
        shifted_ns = time.time_ns()
        self._view.phase(_SHIFTED_PHASE)
        if await self._until(
            "the estimate is refused: support",
            lambda p: (
                p.estimate is not None
                and (p.estimate.status, p.estimate.reason) == ("refused", "support")
            ),
        ):
            # by the window that was judged, however long the judging took
            picture = self._picture
            estimate = picture.estimate if picture is not None else None
            took = (estimate.at_ns - shifted_ns) / 1e9 if estimate else math.inf
            self._result.counts["refused_after_seconds"] = round(took, 1)
            self._result.expect(
                "the estimate is refused within one window", took <= WINDOW_SECONDS
            )
        if await self._until(
            f"drift named on {', '.join(SHIFTED)}",
            lambda p: set(SHIFTED) <= set(p.drifted),
        ):
            self._view.phase("drift is named; labels come, accuracy falls")
        await self._until("the volume of alerts moved", self._has_moved)
        await self._until(
            "accuracy fell and its alert fires",
            lambda p: (
                p.accuracy is not None
                and p.accuracy.upper < FLOOR + 0.05
                and (RULE, "critical", "firing") in p.alerts
            ),
        )
        picture = self._picture
        if picture is not None and picture.accuracy is not None:
            self._result.counts["accuracy_after"] = round(picture.accuracy.value, 4)
        await self._until(
            "the alert reached the webhook",
            lambda _: receivers.posts.has(b"alert.firing", b"Accuracy below"),
        )

    def _has_moved(self, picture: Picture) -> bool:
        """Return whether the share of positive calls left its earlier interval."""
        before, now = self._volume, picture.volume
        if before is None or now is None:
            return False
        return now.lower > before.upper or now.upper < before.lower

    async def _respond(self, traffic: Traffic, api: str, receivers: Receivers) -> None:
        """Nobody answers, so it escalates; somebody takes it on and mends the cause."""
        await self._until(
            "the alert, which nobody took on, escalated to the mailbox",
            lambda p: (
                p.counts["alerts_escalated"] > 0
                and receivers.mails.has(b"Accuracy below", b"escalated")
            ),
        )
        taken = await asyncio.to_thread(on_call.acknowledge, api, RULE)
        self._result.expect("the alert could be acknowledged", taken)
        await self._until(
            "the alert is acknowledged",
            lambda p: p.counts["alerts_acknowledged"] > 0,
        )
        traffic.shifted = False
        self._view.phase("acknowledged; the scanner is in order again")
        await self._until(
            "the alert resolved, and the webhook heard of it",
            lambda p: (
                (RULE, "critical", "firing") not in p.alerts
                and p.counts["alerts_resolved"] > 0
                and receivers.posts.has(b"alert.resolved", b"Accuracy below")
            ),
        )

    async def _settle(self, traffic: Traffic) -> None:
        self._view.phase("the clinic closes; counting")
        calls = traffic.sent - traffic.unexpected.total()
        await self._until(
            "every call and every label is stored",
            lambda p: (
                p.counts["inferences"] >= calls + nights.PATIENTS
                and p.counts["outcomes"] >= traffic.labelled + nights.PATIENTS
            ),
        )
        self._result.expect(
            f"each request ended as planned, not by {dict(traffic.unexpected)}",
            not traffic.unexpected,
        )

    async def _control(self, receivers: Receivers) -> list[str]:
        """Take the same first visits in with `observe_only`; return what is found."""
        return await asyncio.to_thread(self._control_run, receivers)

    def _control_run(self, receivers: Receivers) -> list[str]:
        with contextlib.ExitStack() as stack:
            folder = self._folder / "control"
            addresses, url = self._pair(stack, folder, receivers, "observe_only")
            facts = Facts(addresses["sql"])
            stack.callback(facts.close)
            ward = Ward(_SEED)
            traffic = Traffic(ward, url, _PER_SECOND)
            asyncio.run(traffic.run(_CONTROL_VISITS))
            deadline = time.monotonic() + _STEP_SECONDS
            while time.monotonic() < deadline:
                counts = facts.counts()
                answered = traffic.sent - traffic.unexpected.total()
                scored = answered - traffic.failed  # each is a line of the log
                if counts["inferences"] >= answered and counts["log_lines"] >= scored:
                    break
                time.sleep(0.2)
            hits = scan_store(facts.arrow, ward.planted())
            return sorted({hit.kind for hit in hits})

    def _leaks(self, facts: Facts, ward: Ward, control: list[str]) -> None:
        canaries = ward.planted()
        hits = [
            *scan_store(facts.arrow, canaries),
            *scan_files(self._folder / "main", canaries, exclude=("data/clickhouse",)),
            *scan_files(self._folder / "received", canaries),
        ]
        for place in sorted(
            {f"{hit.kind}, {hit.form}, in {hit.carrier}" for hit in hits}
        ):
            self._view.say(f"leaked: {place}")
        self._result.counts["canaries_planted"] = len(canaries)
        self._result.counts["canaries_leaked"] = len({hit.kind for hit in hits})
        self._result.counts["control_found"] = len(control)
        self._result.expect("no canary leaked", not hits)
        for carrier in CARRIERS:
            self._result.expect(
                f"the control found the canaries of the {carrier}",
                any(kind.startswith(f"{carrier}:") for kind in control),
            )

    def _count(self, facts: Facts, api: str, receivers: Receivers) -> None:
        counts = self._result.counts
        counts |= facts.picture().counts
        counts["redactions"] = _redactions(api)
        counts["deliveries"] = len(receivers.posts.messages()) + len(
            receivers.mails.messages()
        )
        named, judged = facts.others(SHIFTED)
        self._result.expect(
            f"of the other features {named} of {judged} verdicts name one, at most"
            f" {ALPHA:.0%} of them",
            judged > 0 and named <= ALPHA * judged,
        )
        for name in ("spans", "inferences", "outcomes", "metric_points", "redactions"):
            self._result.expect(f"{name} above 0", counts[name] > 0)


def _redactions(api: str) -> int:
    """Return how many values the processor rewrote, by its own counter."""
    import urllib.request

    with urllib.request.urlopen(f"http://{api}/metrics", timeout=5) as reply:
        lines = reply.read().decode().splitlines()
    values = [
        float(line.rpartition(" ")[2])
        for line in lines
        if line.startswith("algovigil_redact_values_total")
    ]
    return round(sum(values))

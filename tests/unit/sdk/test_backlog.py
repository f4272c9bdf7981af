from __future__ import annotations

import os
import threading
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from algovigil import backlog, nesting, semconv, signals
from algovigil.call import Call
from algovigil.config import MonitoringConfig
from algovigil.model import Model

if TYPE_CHECKING:
    from collections.abc import Iterator


class Recorded:
    """A tracer provider as a user makes one, and the calls recorded with it."""

    def __init__(self) -> None:
        self.exporter = InMemorySpanExporter()
        self.provider = TracerProvider(shutdown_on_exit=False)
        self.provider.add_span_processor(SimpleSpanProcessor(self.exporter))
        self.signals = signals.Signals(
            MonitoringConfig(), tracer_provider=self.provider
        )

    def attributes(self) -> list[dict[str, Any]]:
        return [dict(s.attributes or {}) for s in self.exporter.get_finished_spans()]


@pytest.fixture
def recorded() -> Iterator[Recorded]:
    found = Recorded()
    before = signals.use(found.signals)
    yield found
    signals.use(before)
    found.provider.shutdown()


def call(model: Model, rows: Any, answer: Any, subject: Any = None) -> None:
    one = Call(model, "predict", subject)
    one.begin(None, rows)
    one.stop()
    one.answer(model, "predict", answer)
    one.end()


def test_what_the_caller_does_afterwards_does_not_show(recorded: Recorded) -> None:
    """Arrays and lists may be used again the moment that the call returned."""
    rows, answer, listed = np.array([[1.0, 2.0]]), np.array([3.0]), [[5.0, 6.0]]
    call(Model("m"), rows, answer)
    call(Model("m"), listed, [7.0])
    rows[:], answer[:], listed[0][0] = -1, -1, -1
    assert recorded.provider.force_flush()
    first, second = recorded.attributes()
    assert (1.0, 2.0) == first[semconv.FEATURE_VALUES]
    assert (3.0,) == first[semconv.PREDICTION_SCORES]
    assert (5.0, 6.0) == second[semconv.FEATURE_VALUES]


def test_the_version_is_worked_out_where_no_caller_waits(recorded: Recorded) -> None:
    """A digest takes long: it runs once, on the thread that books."""
    ran: list[str] = []

    def derive(_: Model, subject: object) -> str:
        ran.append(threading.current_thread().name)
        return f"v{subject}"

    model = Model("m", derive=derive)
    for _ in range(3):
        call(model, [1.0], [1.0], "s")
    recorded.provider.force_flush()
    assert ["algovigil-calls"] == ran
    assert ["vs"] * 3 == [a[semconv.MODEL_VERSION] for a in recorded.attributes()]


def test_a_full_backlog_makes_callers_book(
    recorded: Recorded, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Bounded, and no call is lost; a version that is not known yet is left out."""
    monkeypatch.setattr(backlog, "_MOST_CALLS", 2)
    held = threading.Event()
    small = Recorded()
    signals.use(small.signals)
    model = Model("m", derive=lambda *_: "v" if held.wait(30) else "")
    for i in range(8):
        call(model, [float(i)], [1.0], "s")
    booked_at_once = small.attributes()
    assert len(booked_at_once) >= 8 - 4
    assert all(semconv.MODEL_VERSION not in a for a in booked_at_once)
    held.set()
    small.provider.shutdown()
    values = [a[semconv.FEATURE_VALUES] for a in small.attributes()]
    assert [(float(i),) for i in range(8)] == sorted(values)


def test_after_shutdown_callers_book(recorded: Recorded) -> None:
    """Nothing waits for a thread that has ended."""
    call(Model("m"), [1.0], [1.0])
    recorded.provider.shutdown()
    assert 1 == len(recorded.attributes())
    call(Model("m"), [1.0], [1.0])
    assert nesting.active.get() is None


def test_a_forked_child_books_its_own(recorded: Recorded) -> None:
    """What waited at the fork is the parent's; each call is recorded once."""
    call(Model("parent"), [1.0], [1.0])
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        recorded.exporter.clear()
        call(Model("child"), [1.0], [1.0])
        recorded.provider.force_flush()
        names = [s.name for s in recorded.exporter.get_finished_spans()]
        os.write(write, ",".join(names).encode())
        os._exit(0)
    os.waitpid(child, 0)
    assert b"predict child" == os.read(read, 100)
    recorded.provider.force_flush()
    assert ["predict parent"] == [
        s.name for s in recorded.exporter.get_finished_spans()
    ]

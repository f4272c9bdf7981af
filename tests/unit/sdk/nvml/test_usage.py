"""Energy and peak memory of single calls, by pynvml against the C stand-in.

There is no CUDA on the machines that test this: what torch says of its devices is
said here, in its own words.
"""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import numpy as np
import pynvml
import pytest

from algovigil import semconv, track_inference
from algovigil.config import MonitoringConfig
from algovigil.testing import capture
from algovigil.usage import Usage
from unit.sdk.nvml.standin import StandIn, build, loaded

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(tmp_path_factory.mktemp("usage"))


@pytest.fixture
def gpu(library: Path) -> Iterator[StandIn]:
    with loaded(library) as standin:
        standin.reset(2)
        standin.set(1, energy=5_000)
        yield standin


class Cuda:
    """torch.cuda: device 0 is NVML's second, as a program may have chosen."""

    def __init__(self) -> None:
        self.peak = 900

    def get_device_properties(self, device: str) -> Any:
        return SimpleNamespace(uuid="1")

    def reset_peak_memory_stats(self, device: str) -> None:
        self.peak = 100

    def max_memory_allocated(self, device: str) -> int:
        return self.peak


def test_a_call_has_what_it_used(gpu: StandIn) -> None:
    """Joules of the device by its UUID, bytes at the peak of the call alone."""
    cuda = Cuda()
    usage = Usage(pynvml, SimpleNamespace(cuda=cuda))
    call = usage.begin("cuda:0")
    assert call is not None
    gpu.set(1, energy=7_500)
    cuda.peak = 640
    assert (2.5, 640) == usage.end(call)


def test_what_is_not_the_calls_own_is_absent(gpu: StandIn) -> None:
    """Two at once, a counter that did not move, a device without one, a CPU."""
    usage = Usage(pynvml, SimpleNamespace(cuda=Cuda()))
    first, second = usage.begin("cuda:0"), usage.begin("cuda:0")
    assert first is not None
    assert second is not None
    gpu.set(1, energy=9_000)
    assert (None, None) == usage.end(first)
    assert (None, None) == usage.end(second)
    still = usage.begin("cuda:0")
    assert still is not None
    assert (None, 100) == usage.end(still)
    gpu.set(1, energy=-1)
    without = usage.begin("cuda:0")
    assert without is not None
    assert (None, 100) == usage.end(without)
    assert usage.begin("cpu") is None
    assert Usage(pynvml).begin("cpu") is None


def test_it_stands_on_the_span(gpu: StandIn) -> None:
    """Where it is asked for, and nowhere else."""

    class Tensor(np.ndarray):
        device = "cuda:0"

    rows = np.zeros((1, 2)).view(Tensor)
    with capture(MonitoringConfig.of({"metrics": {"usage": True}})) as captured:
        captured.signals.__dict__["usage"] = Usage(pynvml, SimpleNamespace(cuda=Cuda()))
        with track_inference("m") as call:
            call.record_inputs(rows)
            gpu.set(1, energy=6_000)
        attributes = captured.spans[0].attributes or {}
    assert (1.0, 100) == (attributes[semconv.ENERGY], attributes[semconv.MEMORY_PEAK])
    with capture() as captured:
        with track_inference("m") as call:
            call.record_inputs(rows)
        assert semconv.ENERGY not in (captured.spans[0].attributes or {})

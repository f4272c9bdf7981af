"""Images and other tensors: their type, and numbers that sum each of them up.

A tensor does not leave the process. Kept of it are at most `ELEMENTS` elements a row,
evenly spaced, so that a copy costs the caller the same for a thumbnail and for a CT
volume. Which elements depends on the shape alone: rows of one shape are comparable.

The embedding is a random projection of those elements (Achlioptas, Database-friendly
random projections, JCSS 66, 2003: signs of +1 and -1 keep distances as Gaussians do),
by a matrix that is the same in every process. See docs/decisions.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from functools import lru_cache
from math import gcd, prod
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

ELEMENTS: Final = 4096
_QUANTILES: Final = (1, 5, 25, 50, 75, 95, 99)
_BYTE_EDGES: Final = (16, 32, 64, 96, 128, 160, 192, 224)
_EDGES: Final = (-1000, -300, -100, -1, 0, 0.25, 0.5, 0.75, 1, 100, 300, 1000)
"""Bounds that tell apart what images hold: Hounsfield units of air, lung, fat, water
and bone; intensities scaled to 0..1; values scaled to a standard deviation of 1."""


@dataclass(frozen=True, slots=True)
class Sample:
    """What is kept of a tensor."""

    type: str
    """Element type and shape of one row, such as `float32[1,224,224]`."""
    values: Any = None
    """Rows by elements; None where the elements are not to be summed up."""
    scale: tuple[float, float] = (1.0, 0.0)
    """Slope and intercept that make measured values of stored ones."""

    @property
    def nbytes(self) -> int:
        """Bytes in memory."""
        return int(getattr(self.values, "nbytes", 0))


def sample(array: Any, *, summed: bool = True) -> Sample:
    """Return what is kept of *array*, whose first dimension is its rows."""
    shape = tuple(map(int, array.shape))
    name = str(array.dtype).removeprefix("torch.")
    kind = f"{name}[{','.join(map(str, shape[1:]))}]"
    if not summed or "complex" in name or not prod(shape):
        return Sample(kind)
    at = places(shape[1:])
    if getattr(array, "flags", None) is not None and array.flags.c_contiguous:
        flat = array.reshape(shape[0], -1)
        return Sample(kind, flat[:, : at.stop : at.step].copy())
    index = _coordinates(shape[1:])
    return Sample(kind, array[(slice(None), *index)])


@lru_cache(maxsize=64)
def places(shape: tuple[int, ...]) -> slice:
    """Return which elements of a row of *shape* are kept, as it lies in memory."""
    size = prod(shape)
    step = -(-size // ELEMENTS)
    # a step that divides a line would see the same columns of every line
    while step > 1 and any(gcd(step, side) > 1 for side in shape[1:]):
        step += 1
    return slice(0, size, step)


@lru_cache(maxsize=64)
def _coordinates(shape: tuple[int, ...]) -> tuple[list[int], ...]:
    """Return the kept elements of a row by their coordinates, a list a dimension."""
    at = places(shape)
    flat = list(range(at.start, at.stop, at.step))
    found = []
    for side in reversed(shape):
        found.append([place % side for place in flat])
        flat = [place // side for place in flat]
    return tuple(reversed(found))


def measured(kept: Sample) -> Any:
    """Return the values of *kept* as an array of doubles, or None."""
    numpy = sys.modules.get("numpy")
    if kept.values is None or numpy is None:
        return None
    values = kept.values
    if hasattr(values, "detach"):
        values = values.float().cpu() if values.is_floating_point() else values.cpu()
    slope, intercept = kept.scale
    return numpy.asarray(values).astype(numpy.float64) * slope + intercept


def summaries(values: Any, kind: str) -> dict[str, list[float]]:
    """Return a column for each summary of *values*, rows by elements.

    Mean, standard deviation, quantiles `p01` to `p99`, the share of elements that are
    finite numbers, and the shares below fixed bounds: a histogram that adds up.
    """
    import numpy

    finite = numpy.isfinite(values)
    share = finite.mean(axis=1)
    whole = bool(share.all() and share.min() == 1.0)
    if not whole:
        values = numpy.where(finite, values, numpy.nan)
    known = share > 0
    found = {"finite": share}
    quantile = numpy.quantile if whole else numpy.nanquantile
    rows = values[known]
    parts = {
        "mean": rows.mean(axis=1) if whole else numpy.nanmean(rows, axis=1),
        "std": rows.std(axis=1) if whole else numpy.nanstd(rows, axis=1),
    }
    levels = quantile(rows, numpy.array(_QUANTILES) / 100, axis=1)
    parts |= {f"p{q:02}": row for q, row in zip(_QUANTILES, levels, strict=True)}
    counted = numpy.maximum(finite[known].sum(axis=1), 1)
    for edge in _BYTE_EDGES if kind.startswith("uint8[") else _EDGES:
        parts[f"below_{edge:g}"] = (rows < edge).sum(axis=1) / counted
    for name, part in parts.items():
        column = numpy.full(len(values), numpy.nan)
        column[known] = part
        found[name] = column
    return {name: column.tolist() for name, column in found.items()}


def embedding(values: Any, size: int) -> Sequence[float]:
    """Return a vector of *size* for each row of *values*, row-major; NaN is 0."""
    import numpy

    clean = numpy.nan_to_num(values, nan=0.0, posinf=0.0, neginf=0.0)
    width = clean.shape[1]
    found: list[float] = (clean @ _signs(width, size) / width**0.5).ravel().tolist()
    return found


@lru_cache(maxsize=16)
def _signs(width: int, size: int) -> Any:
    import numpy

    # the legacy generator: its stream is frozen, so that versions agree
    bits = numpy.random.RandomState(0).randint(0, 2, (ELEMENTS, size))
    return (2.0 * bits - 1.0)[:width]

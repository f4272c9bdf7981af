"""Facts of a DICOM header: how an image was made, never whose it is.

Invariant: only keywords listed here are read, and none of them is an identifier (DICOM
PS3.15, Basic Application Level Confidentiality Profile). pydicom is not imported: a
data set is known by its class.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from math import prod
from numbers import Real
from typing import TYPE_CHECKING, Any, Final

from algovigil.capture.tensor import Sample, places
from algovigil.subgroups import age_band

if TYPE_CHECKING:
    from collections.abc import Iterable

_NATIVE: Final = frozenset(
    {
        "1.2.840.10008.1.2",  # implicit, explicit, deflated: all little endian
        "1.2.840.10008.1.2.1",
        "1.2.840.10008.1.2.1.99",
    }
)
"""Transfer syntaxes whose pixels lie in memory as they are."""
_SEXES: Final = frozenset("FMO")


@dataclass(frozen=True, slots=True)
class Header:
    """What is kept of one data set."""

    facts: dict[str, Any]
    """Number or text by keyword; of several values, by keyword and place."""
    pixels: Sample | None
    subgroup: dict[str, str] = field(default_factory=dict)


def is_dataset(value: Any) -> bool:
    """Return whether *value* is a data set of pydicom."""
    if "pydicom" not in sys.modules:
        return False
    return any(
        base.__name__ == "Dataset" and base.__module__.startswith("pydicom.")
        for base in type(value).__mro__
    )


def read(dataset: Any, keywords: Iterable[str]) -> Header:
    """Return what is kept of *dataset*: those of *keywords* that it has."""
    facts: dict[str, Any] = {}
    for keyword in keywords:
        value = dataset.get(keyword)
        several = not isinstance(value, str) and hasattr(value, "__len__")
        for place, one in enumerate(value if several else [value]):
            name = f"{keyword}.{place}" if several else keyword
            if isinstance(one, Real):
                facts[name] = float(one)
            elif isinstance(one, str) and one:
                facts[name] = str(one)
    return Header(facts, _pixels(dataset), _subgroup(dataset))


def _subgroup(dataset: Any) -> dict[str, str]:
    found = {}
    sex = dataset.get("PatientSex")
    if sex in _SEXES:
        found["sex"] = str(sex)
    band = age_band(dataset.get("PatientAge"))
    if band is not None:
        found["age_band"] = band
    return found


def _pixels(dataset: Any) -> Sample | None:
    """Return the type of the image, and a sample of it if it is not compressed."""
    sides = [dataset.get(word) for word in ("NumberOfFrames", "Rows", "Columns")]
    samples = dataset.get("SamplesPerPixel", 1)
    if sides[1] is None or sides[2] is None:
        return None
    shape = [int(side) for side in (*sides, samples) if side not in (None, 1)]
    bits = dataset.get("BitsAllocated")
    sign = "" if dataset.get("PixelRepresentation") else "u"
    kind = f"{sign}int{bits}"
    type_ = f"{kind}[{','.join(map(str, shape))}]"
    numpy = sys.modules.get("numpy")
    meta = getattr(dataset, "file_meta", None)
    syntax = str(getattr(meta, "TransferSyntaxUID", ""))
    if numpy is None or bits not in (8, 16, 32) or syntax not in _NATIVE:
        return Sample(type_)
    data = dataset.get("PixelData")
    size = prod(shape)
    if not isinstance(data, (bytes, bytearray)) or len(data) < size * bits // 8:
        return Sample(type_)
    at = places(tuple(shape))
    flat = numpy.frombuffer(data, numpy.dtype(kind).newbyteorder("<"), size)
    scale = (
        float(dataset.get("RescaleSlope", 1)),
        float(dataset.get("RescaleIntercept", 0)),
    )
    return Sample(type_, flat[None, at].copy(), scale)

"""Every field of OTLP that can hold text is cleaned: found by the descriptors."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import pytest
from tests.phi.planted import PATIENT, paths, planted, request

from algovigil.phi import Protector
from algovigil_processor.batch import Origin
from algovigil_processor.compliance.leaks import forms
from algovigil_processor.decode import decode
from algovigil_processor.redact import Redact
from algovigil_processor.telemetry import Telemetry

if TYPE_CHECKING:
    import pyarrow as pa

KEY = b"test-key-of-32-bytes-or-more-....."
SIGNALS = {"trace": "traces", "logs": "logs", "metrics": "metrics"}
REDACT = Redact(Protector(key=KEY), Telemetry())


def texts(rows: pa.RecordBatch) -> str:
    """Return all of *rows* as one lower-case text."""
    return json.dumps(rows.to_pylist(), default=str, ensure_ascii=False).lower()


def met(text: str) -> set[str]:
    """Return the kinds of canary in *text*, in whatever form."""
    raw = text.encode()
    return {
        canary.kind
        for canary in PATIENT.canaries()
        if any(needle in raw for needle in forms(canary.value))
    }


@pytest.mark.parametrize("signal", SIGNALS)
def test_no_field_keeps_what_was_planted_in_it(signal: str) -> None:
    """Before the stage every column holds the patient, after it none does."""
    batches = decode(SIGNALS[signal], [planted(signal)], Origin("grpc", 1)).batches  # type: ignore[arg-type]
    assert batches
    before = {c.kind for c in PATIENT.canaries()}
    assert before == met("".join(texts(batch.rows) for batch in batches))
    for batch in batches:
        assert set() == met(texts(REDACT(batch).rows)), batch.table


_VALUE = re.compile("(bytes|array|kvlist)_value|_strindex")


def _set(message: Any, path: list[str]) -> bool:
    """Return whether the field at *path* of *message* holds something somewhere."""
    name, *rest = path
    value = getattr(message, name)
    many = not isinstance(value, (str, bytes)) and hasattr(value, "__len__")
    values = list(value) if many else [value]
    if rest:
        return any(_set(child, rest) for child in values)
    return any(values)


@pytest.mark.parametrize("signal", SIGNALS)
def test_a_field_that_otlp_adds_is_planted_too(signal: str) -> None:
    """Each text field of the descriptors is one that the other tests plant in."""
    message = request(signal)
    # a value in a value is the same message again: attributes are planted to any depth
    fields = [p.split(".") for p in paths(signal) if not _VALUE.search(p)]
    assert [] == [".".join(p) for p in fields if not _set(message, p)]

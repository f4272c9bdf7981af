"""Whom a call is about: by arguments, by a block of code, by baggage."""

from __future__ import annotations

import asyncio
import contextvars
import logging
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from opentelemetry import baggage
from opentelemetry import context as otel_context

import algovigil
from algovigil import monitor, semconv, track_inference
from algovigil.subgroups import age_band
from algovigil.testing import capture

if TYPE_CHECKING:
    from collections.abc import Iterator

    from algovigil.testing import Captured

KEY = "0123456789abcdef0123456789abcdef"
SEX = f"{semconv.SUBGROUP}.sex"
BAND = f"{semconv.SUBGROUP}.age_band"


@pytest.fixture
def captured(monkeypatch: pytest.MonkeyPatch) -> Iterator[Captured]:
    monkeypatch.setenv("ALGOVIGIL_PHI_KEY", KEY)
    with capture() as found:
        yield found


def attributes(captured: Captured, number: int = -1) -> dict[str, Any]:
    return dict(captured.spans[number].attributes or {})


@monitor("m")
def predict(row: list[float]) -> list[float]:
    return row


def test_a_block_says_whom_its_calls_are_about(captured: Captured) -> None:
    """Identifiers as pseudonyms, the rest as it is; nothing of it outside the block."""
    with algovigil.context(
        patient_id="MRN-1234567",
        encounter_id="E-99",
        site="north",
        sex="F",
        age_band=64,
        device="ScannerX",
        subgroup={"ward": "ICU"},
    ):
        predict([1.0])
    predict([1.0])
    inside, outside = attributes(captured, 0), attributes(captured, 1)
    assert inside[semconv.PATIENT_ID].startswith("p_k1_")
    assert inside[semconv.ENCOUNTER_ID].startswith("p_k1_")
    assert inside[semconv.PATIENT_ID] != inside[semconv.ENCOUNTER_ID]
    assert {
        semconv.SITE: "north",
        SEX: "F",
        BAND: "60-69",
        f"{semconv.SUBGROUP}.device": "ScannerX",
        f"{semconv.SUBGROUP}.ward": "ICU",
    }.items() <= inside.items()
    assert semconv.PATIENT_ID not in outside
    assert not any(name.startswith(semconv.SUBGROUP) for name in outside)
    assert "1234567" not in captured.spans[0].to_json()


def test_the_nearest_word_counts(captured: Captured) -> None:
    """Arguments before the inner block, that before the outer, that before baggage."""
    brought = baggage.set_baggage(semconv.SITE, "baggage")
    brought = baggage.set_baggage(SEX, "M", brought)
    brought = baggage.set_baggage("some.other", "x", brought)
    token = otel_context.attach(brought)
    with algovigil.context(site="outer", sex="F"), algovigil.context(site="inner"):
        predict([1.0])
        with track_inference("m", site="argument"):
            pass
    predict([1.0])
    otel_context.detach(token)
    found = [(a[semconv.SITE], a[SEX]) for a in map(dict, map(_own, captured.spans))]
    assert [("inner", "F"), ("argument", "F"), ("baggage", "M")] == found
    assert "some.other" not in attributes(captured)


def _own(span: Any) -> Any:
    return span.attributes


def test_an_id_is_that_of_one_call(captured: Captured) -> None:
    """The first call in the block has it; another has its span's, and says so."""
    with algovigil.context(inference_id="visit-1"):
        with track_inference("first") as first:
            pass
        with track_inference("second") as second:
            pass
    assert "visit-1" == first.inference_id
    assert "visit-1" == attributes(captured, 0)[semconv.INFERENCE_ID]
    assert semconv.INFERENCE_ID not in attributes(captured, 1)
    context = captured.spans[1].context
    assert context is not None
    assert f"{context.span_id:016x}" == second.inference_id


def test_a_block_holds_in_tasks_and_copied_contexts(captured: Captured) -> None:
    """asyncio takes it along; a bare thread has it when its work runs in a copy."""

    async def run() -> None:
        with algovigil.context(site="north"):
            await asyncio.gather(
                asyncio.to_thread(predict, [1.0]), asyncio.create_task(call())
            )

    async def call() -> None:
        await asyncio.sleep(0)
        predict([2.0])

    asyncio.run(run())
    with algovigil.context(site="south"), ThreadPoolExecutor(1) as pool:
        pool.submit(contextvars.copy_context().run, predict, [3.0]).result()
        pool.submit(predict, [4.0]).result()
    sites = [dict(s.attributes or {}).get(semconv.SITE) for s in captured.spans]
    assert ["north", "north", "south", None] == sites


def test_concurrent_blocks_do_not_mix(captured: Captured) -> None:
    """Two requests at once: each call has the patient of its own."""

    async def request(site: str) -> None:
        with algovigil.context(site=site):
            await asyncio.sleep(0)
            predict([1.0])
            await asyncio.sleep(0)
            predict([1.0])

    async def both() -> None:
        await asyncio.gather(*(request(str(i)) for i in range(5)))

    asyncio.run(both())
    sites = [dict(s.attributes or {})[semconv.SITE] for s in captured.spans]
    assert sorted(sites) == [str(i) for i in range(5) for _ in range(2)]


def test_bad_words_hurt_nobody(
    captured: Captured, caplog: pytest.LogCaptureFixture
) -> None:
    """Too long is left out, an identifier is cleaned, an exception goes through."""
    with (
        caplog.at_level(logging.DEBUG),
        pytest.raises(KeyError),
        algovigil.context(site="x" * 500, sex="call john.smith@example.org"),
    ):
        predict([1.0])
        raise KeyError
    found = attributes(captured)
    assert semconv.SITE not in found
    assert "john.smith" not in found[SEX]
    assert "john.smith" not in caplog.text


def test_without_a_key_the_rest_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    """No key: no pseudonym, and still the site."""
    monkeypatch.delenv("ALGOVIGIL_PHI_KEY", raising=False)
    with capture() as captured:
        with algovigil.context(patient_id="MRN-1234567", site="north"):
            predict([1.0])
        assert semconv.PATIENT_ID not in attributes(captured)
        assert "north" == attributes(captured)[semconv.SITE]


def test_the_device_is_where_the_inputs_lie(captured: Captured) -> None:
    """As the framework of the inputs says it; unknown, it is absent."""

    class Tensor(np.ndarray):
        device = "cuda:1"

    for rows in (np.zeros((1, 2)).view(Tensor), {"x": np.zeros((1, 2))}, [[1.0]]):
        with track_inference("m") as call:
            call.record_inputs(rows)
    found = [dict(s.attributes or {}).get(semconv.DEVICE) for s in captured.spans]
    assert ["cuda:1", "cpu", None] == found


def test_a_model_may_give_vectors_of_its_own(captured: Captured) -> None:
    """One for each row, of one size; otherwise none."""
    for vectors in (
        [[1.0, 2.0], [3.0, 4.0]],
        np.ones((2, 3)),
        [[1.0], [2.0, 3.0]],
        [1],
    ):
        with track_inference("m") as call:
            call.record_inputs([[1.0], [2.0]])
            call.record_embedding(vectors)
    found = [dict(s.attributes or {}).get(semconv.EMBEDDING) for s in captured.spans]
    assert [(1.0, 2.0, 3.0, 4.0), (1.0,) * 6, None, None] == found


@pytest.mark.parametrize(
    ("age", "band"),
    [
        (64, "60-69"),
        (64.9, "60-69"),
        ("064Y", "60-69"),
        ("011M", "0-9"),
        ("003D", "0-9"),
        (0, "0-9"),
        (89, "80-89"),
        (90, "90+"),
        (111, "90+"),
        ("elderly", None),
        (None, None),
        (-1, None),
    ],
)
def test_ages_are_decades(age: Any, band: str | None) -> None:
    """And from 90 on there is one, as Safe Harbor wants it."""
    assert band == age_band(age)

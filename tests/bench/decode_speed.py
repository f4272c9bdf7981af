"""Microseconds of CPU that `decode` needs a span, beside a Python loop over upb.

    .venv/bin/python -m tests.bench.decode_speed

`repeated` spans draw their strings from few, `fresh` spans never repeat one; `calls`
carry 30 doubles and their names each. A span has 13 attributes, its resource 7.
"""

from __future__ import annotations

import random
import time
from typing import TYPE_CHECKING, Literal, TypeAlias

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
)

from algovigil_processor.batch import Origin
from algovigil_processor.decode import decode
from algovigil_processor.derive.inferences import inferences

if TYPE_CHECKING:
    from collections.abc import Callable

    from opentelemetry.proto.trace.v1.trace_pb2 import Span

Kind: TypeAlias = Literal["repeated", "fresh", "calls"]

SPANS = 2048
REQUESTS = 4
ORIGIN = Origin("bench", time.time_ns())
NAMES = (
    "http.request.method",
    "http.route",
    "url.full",
    "user_agent.original",
    "server.address",
    "thread.name",
    "code.function.name",
    "db.query.text",
    "enduser.id",
)


def request(kind: Kind, spans: int, seed: int) -> bytes:
    """Return one export request of *spans* spans."""
    chance = random.Random(seed)
    message = ExportTraceServiceRequest()
    resource = message.resource_spans.add()
    for i in range(6):
        pair = resource.resource.attributes.add(key=f"host.attribute.{i}")
        pair.value.string_value = f"value {i}"
    service = resource.resource.attributes.add(key="service.name")
    service.value.string_value = "bench"
    scope = resource.scope_spans.add()
    scope.scope.name = "bench"
    for i in range(spans):
        span = scope.spans.add(
            trace_id=chance.randbytes(16),
            span_id=chance.randbytes(8),
            parent_span_id=chance.randbytes(8),
            name=f"GET /patients/{i % 20}",
            kind=1 + i % 5,
            start_time_unix_nano=ORIGIN.received_ns + i,
            end_time_unix_nano=ORIGIN.received_ns + i + 5_000_000,
        )
        if kind == "calls":
            _call(span, chance)
        else:
            _web(span, chance, fresh=kind == "fresh")
    return message.SerializeToString()


def _web(span: Span, chance: random.Random, *, fresh: bool) -> None:
    for name in NAMES:
        tail = chance.getrandbits(60) if fresh else chance.randrange(7)
        span.attributes.add(key=name).value.string_value = f"{name}-{tail:x}"
    size = chance.getrandbits(40) if fresh else 512
    span.attributes.add(key="http.response.status_code").value.int_value = 200
    span.attributes.add(key="http.response.body.size").value.int_value = size
    ratio = chance.random() if fresh else 0.25
    span.attributes.add(key="ratio").value.double_value = ratio
    span.attributes.add(key="ok").value.bool_value = True


def _call(span: Span, chance: random.Random) -> None:
    texts = {
        "medical_ai.model.name": "wdbc",
        "medical_ai.model.version": "2.1.0",
        "medical_ai.model.framework": "sklearn",
        "medical_ai.operation": "predict_proba",
        "medical_ai.site": "north",
        "medical_ai.device": "cpu",
        "medical_ai.prediction.label": chance.choice(["benign", "malignant"]),
        "medical_ai.subgroup.sex": chance.choice("FM"),
        "medical_ai.patient.id": f"p_k1_{chance.getrandbits(60):x}",
    }
    for name, text in texts.items():
        span.attributes.add(key=name).value.string_value = text
    span.attributes.add(key="medical_ai.rows").value.int_value = 1
    score = span.attributes.add(key="medical_ai.prediction.score")
    score.value.double_value = chance.random()
    names = span.attributes.add(key="medical_ai.feature.names").value.array_value
    values = span.attributes.add(key="medical_ai.feature.values").value.array_value
    for i in range(30):
        names.values.add().string_value = f"mean feature {i}"
        values.values.add().double_value = chance.random() * 100


def walk(bodies: list[bytes]) -> int:
    """Return how many attributes a Python loop over upb messages touches."""
    seen = 0
    for body in bodies:
        message = ExportTraceServiceRequest.FromString(body)
        for resource in message.resource_spans:
            for scope in resource.scope_spans:
                for span in scope.spans:
                    row = (span.trace_id.hex(), span.span_id.hex(), span.name)
                    pairs = {}
                    for pair in span.attributes:
                        kind = pair.value.WhichOneof("value")
                        pairs[pair.key] = str(getattr(pair.value, kind or "int_value"))
                    seen += len(pairs) + len(row)
    return seen


def cpu(work: Callable[[], object], repeats: int = 7) -> float:
    """Return the least CPU seconds of *repeats* runs of *work*."""
    best = float("inf")
    for _ in range(repeats):
        begun = time.process_time()
        work()
        best = min(best, time.process_time() - begun)
    return best


def main() -> None:
    """Print the figures."""
    kinds: tuple[Kind, ...] = ("repeated", "fresh", "calls")
    for kind in kinds:
        bodies = [request(kind, SPANS, seed) for seed in range(REQUESTS)]
        spans = SPANS * REQUESTS
        ours = cpu(lambda b=bodies: decode("traces", b, ORIGIN)) / spans * 1e6
        loop = cpu(lambda b=bodies: walk(b), 2) / spans * 1e6
        size = sum(map(len, bodies)) / spans
        print(
            f"decode {kind:9} {ours:6.2f} us CPU/span of {size:4.0f} bytes; "
            f"loop over upb {loop:6.2f} us; ratio {loop / ours:5.1f}"
        )
        for batch in decode("traces", bodies, ORIGIN).batches:
            if batch.table == "calls":
                rows = batch.rows
                each = cpu(lambda r=rows: inferences(r, "p")) / rows.num_rows * 1e6
                print(f"derive {kind:9} {each:6.2f} us CPU/row of 30 features")
    one = [request("fresh", 1, 1)]
    each = cpu(lambda: [decode("traces", one, ORIGIN) for _ in range(50)], 5) / 50
    print(f"decode one span  {each * 1e3:6.2f} ms CPU/request")


if __name__ == "__main__":
    main()

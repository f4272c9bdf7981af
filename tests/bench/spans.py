"""Trace requests for benchmarks.

`repeated` and `fresh` spans have 13 attributes; of a fresh one a raw identifier, a URL
and a note (one in twenty with a patient in it) are never repeated. `calls` carry 30
doubles and their names.
"""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Literal, TypeAlias

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
)

if TYPE_CHECKING:
    from opentelemetry.proto.trace.v1.trace_pb2 import Span

Kind: TypeAlias = Literal["repeated", "fresh", "calls"]
_WORDS = (
    "study",
    "routed",
    "reading",
    "worklist",
    "priority",
    "series",
    "window",
    "level",
    "contrast",
    "reviewed",
    "protocol",
    "queue",
    "retry",
    "cached",
    "slice",
    "position",
    "upstream",
    "archive",
    "gateway",
    "transfer",
)


def request(kind: Kind, spans: int, seed: int) -> bytes:
    """Return one serialized request; *seed* makes ids, and fresh strings, unique."""
    rng = random.Random(seed)
    message = ExportTraceServiceRequest()
    resource = message.resource_spans.add()
    for key, value in (("service.name", "ward"), ("host.name", "node-1")):
        resource.resource.attributes.add(key=key).value.string_value = value
    scope = resource.scope_spans.add()
    scope.scope.name = "bench"
    start = 1_700_000_000_000_000_000 + seed * 1_000_000_000
    for number in range(spans):
        span = scope.spans.add()
        span.trace_id = rng.randbytes(16)
        span.span_id = rng.randbytes(8)
        span.name = f"predict model-{number % 5}"
        span.kind = 1
        span.start_time_unix_nano = start + number * 1000
        span.end_time_unix_nano = span.start_time_unix_nano + rng.randrange(10**7)
        if kind == "calls":
            _call(span, rng)
        else:
            _attributes(span.attributes, kind, number, rng)
    return message.SerializeToString()


def _attributes(attributes, kind: Kind, number: int, rng: random.Random) -> None:  # type: ignore[no-untyped-def] # a protobuf container
    texts = {
        "http.request.method": ("GET", "POST")[number % 2],
        "http.route": f"/v1/models/{number % 7}/predict",
        "url.scheme": "https",
        "network.protocol.version": "1.1",
        "medical_ai.site": ("north", "south", "east")[number % 3],
        "deployment.environment.name": "production",
        "server.address": f"ward-{number % 11}.hospital.example",
        "user_agent.original": "scanner-gateway/2.4",
    }
    if kind == "fresh":
        texts["medical_ai.encounter.id"] = f"p_k1_{rng.randbytes(10).hex()}"
        texts["url.full"] = (
            f"https://pacs.hospital.example/studies/{rng.randrange(10**9)}/series"
        )
        note = " ".join(rng.choices(_WORDS, k=9))[:60]
        if rng.random() < 0.05:
            note = f"patient Ann Lee MRN {rng.randrange(10**7, 10**8)} " + note[:24]
        texts["note"] = note
    else:
        texts["db.system.name"] = "clickhouse"
        texts["url.path"] = f"/studies/{number % 50}"
        texts["note"] = _WORDS[number % len(_WORDS)]
    for key, value in texts.items():
        attributes.add(key=key).value.string_value = value
    attributes.add(key="http.response.status_code").value.int_value = 200
    attributes.add(key="batch.size").value.int_value = number % 17


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

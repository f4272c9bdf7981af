"""Booking a call that has ended: its metrics, its span, its rows.

Invariant: the caller's thread only notes facts and keeps copies; columns, the model's
version, and OpenTelemetry's own work on metrics and ended spans are done here, by the
thread of `backlog` where there is one. What cannot be told exactly is left out.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from opentelemetry._logs import SeverityNumber
from opentelemetry.attributes import BoundedAttributes
from opentelemetry.semconv.attributes.error_attributes import ERROR_TYPE
from opentelemetry.trace import StatusCode

from algovigil import about, capture, hold, semconv
from algovigil.quiet import quiet

if TYPE_CHECKING:
    from collections.abc import Sequence

    from algovigil.model import Model
    from algovigil.signals import Series, Signals

_NOTHING: Final[Mapping[str, Any]] = MappingProxyType({})
SPAN_BYTES: Final = 64 * 1024
"""Rows above this size travel in a log record, not on the span (docs/wire.md)."""
_SCORES: Final = frozenset(("scores", "score_samples"))
_CALL_BYTES: Final = 2048  # a call without its rows, about

Answer = tuple[str, Any, "Model"]
"""What answered (a method, or `labels`, `scores`, `answers`, `logits`), what is held of
it, and the model that did."""


class Facts:
    """What is known of one call: noted while it runs, booked when it has ended."""

    __slots__ = (
        "absorbed",
        "answers",
        "block",
        "carried",
        "context",
        "device",
        "elapsed_ns",
        "error",
        "held",
        "inference_id",
        "model",
        "names",
        "operation",
        "picked",
        "recording",
        "rows",
        "running",
        "series",
        "signals",
        "span",
        "started_ns",
        "subject",
        "told",
        "used",
        "vectors",
    )

    signals: Signals
    series: Series
    span: Any
    context: Any
    started_ns: int
    elapsed_ns: int

    def __init__(self, model: Model, operation: str | None, subject: Any) -> None:
        self.model = model
        self.operation = operation
        self.subject = subject
        """The model object while it is needed to work out the version."""
        self.recording = False
        self.rows: int | None = None
        self.picked: list[int] | None = None
        self.held: Any = None
        self.names: tuple[str, ...] = ()
        self.answers: list[Answer] = []
        self.vectors: Any = None
        self.running: Any = None
        self.used: tuple[float | None, int | None] | None = None
        """Joules and bytes at the peak, of a call on a GPU that was measured."""
        self.device: Any = None
        """Where the inputs lie, as their framework says it."""
        self.inference_id: str | None = None
        self.told: Mapping[str, Any] = _NOTHING
        """What the caller says of this call, uncleaned; so is `carried`."""
        self.block: Mapping[str, str] = _NOTHING
        self.carried: Mapping[str, Any] = _NOTHING
        self.absorbed: Model | None = None
        self.error: str | None = None

    def size(self) -> int:
        """Return about how many bytes wait with this call."""
        kept = _CALL_BYTES if self.held is None else _CALL_BYTES + hold.size(self.held)
        for _, held, _ in self.answers:
            kept += hold.size(held)
        return kept


def identify(facts: Facts) -> None:
    """Work out the versions that are not known yet; may take long."""
    facts.model.identify(facts.subject)
    if facts.absorbed is not None:
        facts.absorbed.identify(facts.subject)


@quiet
def book(facts: Facts) -> None:
    """Count the call, measure it, and end its span."""
    this, model = facts.signals, facts.model
    series = this.totals.series(
        (model.name, model.version, model.framework, facts.operation)
    )
    milliseconds = facts.elapsed_ns / 1e6
    this.totals.count(series, facts.rows or 0, facts.error)
    this.totals.note(series, this.clock.ticks_ns(), milliseconds)
    attributes = series.attributes
    if facts.error is not None:
        attributes = {**attributes, ERROR_TYPE: facts.error}
    this.duration.record(milliseconds, attributes, facts.context)
    if facts.recording:
        _describe(facts, attributes, milliseconds)
        facts.span.end(facts.started_ns + facts.elapsed_ns)


@quiet
def _describe(facts: Facts, known: dict[str, str], milliseconds: float) -> None:
    """Put what is known on the span; rows in a log record if they are large."""
    attributes: dict[str, Any] = {**known, **_about(facts)}
    if facts.absorbed is not None:
        inner = {
            semconv.MODEL_VERSION: facts.absorbed.version,
            semconv.MODEL_FRAMEWORK: facts.absorbed.framework,
            semconv.OPERATION: facts.operation,
        }
        attributes = {n: v for n, v in inner.items() if v} | attributes
    if facts.rows is not None:
        attributes[semconv.ROWS] = facts.rows
        if facts.picked is not None and facts.rows:
            attributes[semconv.ROW_WEIGHT] = facts.rows / len(facts.picked)
    if facts.error is not None:
        facts.span.set_status(StatusCode.ERROR)
    _carry_rows(facts, attributes, milliseconds)
    _put(facts.span, attributes)


def _about(facts: Facts) -> dict[str, Any]:
    """Return whom and what the call is about, and where it ran."""
    found: dict[str, Any] = {}
    if facts.told or facts.block or facts.carried:
        protector = facts.signals.protector
        found |= about.clean(facts.carried, protector)
        found |= facts.block
        found |= about.clean(facts.told, protector)
        found.pop(semconv.INFERENCE_ID, None)
        if facts.inference_id is not None:
            found[semconv.INFERENCE_ID] = facts.inference_id
    inner = facts.model if facts.absorbed is None else facts.absorbed
    device = str(facts.device or inner.device or "")
    if device:
        found[semconv.DEVICE] = device
    joules, peak = facts.used or (None, None)
    if joules is not None:
        found[semconv.ENERGY] = joules
    if peak is not None:
        found[semconv.MEMORY_PEAK] = peak
    return found


@quiet
def _carry_rows(facts: Facts, attributes: dict[str, Any], milliseconds: float) -> None:
    """Add the captured rows to *attributes*, or log them if they are large."""
    found, answers = _inputs(facts), _outputs(facts)
    if facts.vectors is not None:
        embedding = _own_embedding(facts) or ()
        found = replace(found or capture.Inputs(), embedding=embedding)
    arrays = _arrays(found, answers, failed=facts.error is not None)
    arrays = {name: value for name, value in arrays.items() if name not in attributes}
    if capture.wire_bytes(found, answers) <= SPAN_BYTES:
        attributes.update(arrays)
        return
    facts.signals.logger.emit(
        timestamp=facts.started_ns,
        observed_timestamp=facts.started_ns,
        context=facts.context,
        severity_number=SeverityNumber.INFO,
        attributes={**attributes, **arrays, semconv.DURATION_MS: milliseconds},
        event_name=semconv.EVENT_INFERENCE_ROWS,
    )
    attributes[semconv.ROWS_CARRIER] = "log"


@quiet
def _own_embedding(facts: Facts) -> Sequence[float]:
    """Return the vectors that the caller gave, one for each captured row."""
    rows = capture.answer(facts.vectors)
    kept = facts.rows if facts.picked is None else len(facts.picked)
    if not rows or len(rows) != kept or not isinstance(rows[0], list):
        return ()
    if len({len(row) for row in rows}) != 1:
        return ()
    return capture.numbers([value for row in rows for value in row]) or ()


@quiet
def _inputs(facts: Facts) -> capture.Inputs | None:
    if facts.held is None:
        return None
    held = facts.held.rows() if isinstance(facts.held, hold.Later) else facts.held
    found = capture.inputs(held, facts.names, facts.signals.config.capture)
    return None if found is None else facts.signals.privacy.inputs(found)


def _outputs(facts: Facts) -> capture.Outputs:
    """Return all that was answered; of two that say the same, the later counts."""
    answers = capture.Outputs()
    for answer in facts.answers:
        found = _read(answer)
        if found is not None:
            answers = found.over(answers)
    return facts.signals.privacy.outputs(answers)


@quiet
def _read(answer: Answer) -> capture.Outputs | None:
    how, held, model = answer
    rows = capture.answer(held)
    if rows is None:
        return None
    if how == "predict_proba":
        return capture.probabilities(rows, model.classes)
    if how == "predict_log_proba":
        return capture.probabilities(_exponentials(rows), model.classes)
    if how == "decision_function":
        return capture.margins(rows, model.classes)
    if how in _SCORES:
        return capture.scored(rows)
    if how == "labels":
        return capture.predictions(rows, regression=False)
    return _told(rows, model, certain=how != "answers", logits=how == "logits")


def _exponentials(rows: list[Any]) -> list[Any]:
    return [[math.exp(value) for value in row] for row in rows]


def _told(
    rows: list[Any], model: Model, *, certain: bool, logits: bool
) -> capture.Outputs | None:
    """Return *rows* as what they are by their looks: labels, values, probabilities.

    Several numbers a row are the probabilities of classes only if they sum to 1; a
    mapping names the class of each.
    """
    named = capture.labelled(rows)
    if named is not None:
        return named
    classes = model.classes
    if rows and isinstance(rows[0], Mapping):
        classes = tuple(map(capture.text, rows[0]))
        rows = [list(row.values()) for row in rows]
    is_matrix = bool(rows) and isinstance(rows[0], (list, tuple)) and len(rows[0]) > 1
    if (certain and not logits) or not is_matrix:
        return capture.predictions(rows, regression=model.regression)
    if logits:  # they are no probabilities; the greatest is the class
        best = [max(range(len(row)), key=row.__getitem__) for row in rows]
        return capture.Outputs(labels=[classes[at] for at in best])
    rows = list(map(list, rows))
    return capture.probabilities(rows, classes) if capture.are_shares(rows) else None


def _arrays(
    found: capture.Inputs | None, answers: capture.Outputs, *, failed: bool
) -> dict[str, Any]:
    arrays: dict[str, Any] = {}
    if found is not None:
        arrays |= _given(found, failed=failed)
    if answers.class_scores:
        arrays[semconv.PREDICTION_CLASSES] = answers.classes
    for name, values in (
        (semconv.PREDICTION_LABELS, answers.labels),
        (semconv.PREDICTION_SCORES, map(float, answers.scores)),
        (semconv.PREDICTION_VALUES, answers.values),
        (semconv.PREDICTION_CLASS_SCORES, answers.class_scores),
    ):
        if kept := tuple(values):
            arrays[name] = kept
    return arrays


def _given(found: capture.Inputs, *, failed: bool) -> dict[str, Any]:
    """Return the attributes of *found*; of a call that failed, without its texts.

    A text that made the model raise is no category, and may be anything.
    """
    arrays: dict[str, Any] = {}
    if found.feature_values:
        arrays[semconv.FEATURE_NAMES] = found.feature_names
        arrays[semconv.FEATURE_VALUES] = tuple(found.feature_values)
    if found.category_values and not failed:
        arrays[semconv.CATEGORY_NAMES] = found.category_names
        arrays[semconv.CATEGORY_VALUES] = tuple(found.category_values)
    if found.text_values and not failed:
        arrays[semconv.TEXT_NAMES] = found.text_names
        arrays[semconv.TEXT_VALUES] = tuple(found.text_values)
    if found.tensors:
        arrays[semconv.INPUT_NAMES] = tuple(found.tensors)
        arrays[semconv.INPUT_TYPES] = tuple(found.tensors.values())
    if found.embedding:
        arrays[semconv.EMBEDDING] = tuple(found.embedding)
    for dimension, value in found.subgroup.items():
        arrays[f"{semconv.SUBGROUP}.{dimension}"] = value
    return arrays


def _put(span: Any, attributes: dict[str, Any]) -> None:
    """Set *attributes* on *span*, past the SDK's check of every single element.

    That check costs more than the rest of the span for thirty features. Ours are
    checked: tuples of one type, texts and numbers. Where the span is not the SDK's
    or has limits that could cut, it is asked in the ordinary way.
    """
    bounded = getattr(span, "_attributes", None)
    if (
        type(bounded) is not BoundedAttributes
        or bounded.max_value_len is not None
        or bounded.maxlen is None
        or bounded.maxlen < len(bounded) + len(attributes)
    ):
        span.set_attributes(attributes)
        return
    with bounded._lock:
        bounded._dict.update(attributes)

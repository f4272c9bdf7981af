"""One model call while it runs: what it was given, what it answered, how it ended.

Invariant: what is recorded is the call's own: rows and answers that do not belong
together, or that several inner models gave, are left out.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from opentelemetry import baggage, context
from opentelemetry._logs import SeverityNumber
from opentelemetry.attributes import BoundedAttributes
from opentelemetry.semconv.attributes.error_attributes import ERROR_TYPE
from opentelemetry.trace import StatusCode, format_span_id, set_span_in_context

from algovigil import capture, nesting, semconv, signals
from algovigil.quiet import quiet

if TYPE_CHECKING:
    from contextvars import Token

    from algovigil.model import Model

SPAN_BYTES: Final = 64 * 1024
"""Rows above this size travel in a log record, not on the span (docs/wire.md)."""
_WORD: Final = re.compile(r"[A-Za-z_][\w.]{0,127}", re.ASCII)


class Call:
    """One model call while it runs. Made by `track_inference`, not by hand.

    Every method records or does nothing; none raises.
    """

    __slots__ = (
        "_absorbed",
        "_begun_ns",
        "_context",
        "_extra",
        "_inputs",
        "_mark",
        "_model",
        "_operation",
        "_outputs",
        "_own_inputs",
        "_own_outputs",
        "_picked",
        "_recording",
        "_rows",
        "_series",
        "_signals",
        "_span",
        "_started_ns",
        "_token",
        "absorbs",
        "error",
    )

    def __init__(
        self, model: Model, operation: str | None, *, absorbs: bool = False
    ) -> None:
        self._model = model
        self._operation = operation
        self._recording = False
        self._inputs: capture.Inputs | None = None
        self._outputs: capture.Outputs | None = None
        self._picked: list[int] | None = None
        self._rows: int | None = None
        self._extra: dict[str, str] = {}
        self._mark: Token[nesting.Outer | None] | None = None
        self._span: Any = None
        self._absorbed: Model | None = None
        self._own_inputs = False
        self._own_outputs = False
        self.absorbs = absorbs
        self.error: BaseException | type[BaseException] | str | None = None
        """Set it when the call fails without raising: an exception, of which only
        the type is kept, or one word such as `Timeout`."""

    @property
    def inference_id(self) -> str:
        """Return the id of this call; its row r is the inference `<id>-<r>`."""
        given = self._extra.get(semconv.INFERENCE_ID)
        if given or self._span is None:
            return given or ""
        return format_span_id(self._span.get_span_context().span_id)

    @property
    def answered(self) -> bool:
        """Return whether outputs are known, from the caller or a model inside."""
        return self._outputs is not None

    @property
    def open(self) -> bool:
        """Return whether this call has begun, as the outermost one."""
        return self._mark is not None

    @quiet
    def record_inputs(self, rows: Any, *, names: tuple[str, ...] = ()) -> None:
        """Keep what the model is given: array, data frame, rows, or mapping(s).

        Args:
            rows: One row per prediction; a flat sequence or a mapping is one row.
            names: Feature names, where *rows* brings none.
        """
        if not self._recording:
            return
        self._own_inputs = True
        self._take_inputs(rows, tuple(map(str, names)))

    @quiet
    def record_outputs(
        self,
        answers: Any = None,
        *,
        labels: Any = None,
        scores: Any = None,
        classes: tuple[Any, ...] = (),
    ) -> None:
        """Keep what the model answered.

        Args:
            answers: Labels, or scores (floats), or a matrix of probabilities.
            labels: Predicted labels, one a row, where they are known as such.
            scores: Scores, one a row, where they are known as such.
            classes: Class of each column of a matrix of probabilities.
        """
        if not self._recording:
            return
        self._own_outputs = True
        names = tuple(map(capture.text, classes)) or self._model.classes
        found = [
            self._answered(answers, None, names),
            self._answered(labels, False, names),
            self._answered(scores, True, names),
        ]
        kept = [outputs for outputs in found if outputs is not None]
        if kept:
            self._outputs = capture.Outputs(
                next((o.labels for o in reversed(kept) if o.labels), ()),
                next((o.scores for o in reversed(kept) if o.scores), ()),
            )

    def begin(
        self,
        patient_id: str | None = None,
        rows: Any = None,
        names: tuple[str, ...] = (),
    ) -> None:
        """Start the span, keep *rows*, and make the span current."""
        this = self._signals = signals.current()
        model = self._model
        self._series = this.totals.series(
            (model.name, model.version, model.framework, self._operation)
        )
        self._started_ns = this.clock.wall_ns()
        self._span = this.tracer.start_span(
            self._series.span_name,
            attributes=self._series.attributes,
            start_time=self._started_ns,
            record_exception=False,
            set_status_on_exception=False,
        )
        self._recording = self._span.is_recording()
        if self._recording:
            self._identify(patient_id)
            if rows is not None:
                self._take_inputs(rows, names)
        this.totals.begin(self._series)
        self._context = set_span_in_context(self._span)
        self._token = context.attach(self._context)
        self._mark = nesting.active.set(self)
        self._begun_ns = this.clock.ticks_ns()

    def end(self, operation: str = "", result: Any = None) -> None:
        """End the span and count the call; `error` tells whether it failed.

        Args:
            operation, result: Method of the model and what it returned, if known.
        """
        elapsed_ns = self._signals.clock.ticks_ns() - self._begun_ns
        if self._mark is not None:
            nesting.active.reset(self._mark)
            context.detach(self._token)
        if result is not None:
            self.answer(self._model, operation, result)
        error = None if self.error is None else _error_type(self.error)
        self._signals.totals.end(self._series, self._rows or 0, error)
        milliseconds = elapsed_ns / 1e6
        attributes = self._series.attributes
        if error is not None:
            attributes = {**attributes, ERROR_TYPE: error}
        self._signals.duration.record(milliseconds, attributes, self._context)
        if self._recording:
            self._describe(error, milliseconds)
            self._span.end(self._started_ns + elapsed_ns)

    def absorb(self, model: Model, operation: str, rows: Any) -> bool:
        """Take identity and inputs of *model*, which is called inside this call.

        Return whether its answer is wanted too. Two models inside are an ensemble or
        a cascade: neither is the call's own, and what the first gave is dropped.
        """
        if self._absorbed is None:
            self._absorbed = model
            self._operation = self._operation or operation
            if self._recording and not self._own_inputs:
                self._take_inputs(rows, model.feature_names)
        elif self._absorbed is not model:
            self.absorbs = False
            self._absorbed = None
            if not self._own_inputs:
                self._inputs = self._rows = self._picked = None
            if not self._own_outputs:
                self._outputs = None
        return self.absorbs and not self._own_outputs

    @quiet
    def answer(self, model: Model, operation: str, result: Any) -> None:
        """Keep *result*, what *operation* of *model* returned."""
        rows = self._answer_rows(result) if self._recording else None
        if rows is None:
            return
        if operation == "predict_proba":
            found = capture.probabilities(rows, model.classes)
        elif operation == "decision_function":
            found = capture.margins(rows, model.classes)
        else:
            found = capture.predictions(rows, regression=model.regression)
        before = self._outputs
        if before is not None and found is not None:
            found = capture.Outputs(
                found.labels or before.labels, found.scores or before.scores
            )
        self._outputs = found or before

    def attribute(self, name: str, value: str) -> None:
        """Put *name* on the span as it is."""
        self._extra[name] = str(value)

    @quiet
    def _identify(self, patient_id: str | None) -> None:
        found = patient_id if patient_id is not None else _carried_patient()
        if found is not None:
            token = self._signals.protector.pseudonym(found, "patient")
            if token is not None:
                self._extra[semconv.PATIENT_ID] = token

    @quiet
    def _take_inputs(self, rows: Any, names: tuple[str, ...]) -> None:
        settings = self._signals.config.capture
        count = capture.row_count(rows)
        if count is None:
            return
        self._rows = count
        self._picked = capture.pick(count, settings.max_rows, self._signals.random)
        if settings.features:
            most = settings.max_features
            self._inputs = capture.inputs(rows, self._picked, names, most)

    def _answered(
        self, given: Any, regression: bool | None, classes: tuple[str, ...]
    ) -> capture.Outputs | None:
        rows = None if given is None else self._answer_rows(given)
        if rows is None:
            return None
        is_matrix = bool(rows) and isinstance(rows[0], (list, tuple))
        if regression is None and is_matrix and len(rows[0]) > 1:
            return capture.probabilities(list(map(list, rows)), classes)
        return capture.predictions(rows, regression=regression)

    def _answer_rows(self, given: Any) -> list[Any] | None:
        """Return the answer of each captured row, None unless there is one each."""
        settings = self._signals.config.capture
        if not settings.predictions:
            return None
        shape = getattr(given, "shape", None)
        if isinstance(shape, tuple) and shape:
            count = shape[0]
        elif isinstance(given, (list, tuple)):
            count = len(given)
        else:
            count = 1
        if self._rows is None:
            self._rows = count
            self._picked = capture.pick(count, settings.max_rows, self._signals.random)
        elif count != self._rows:
            return None
        return capture.answer(given, self._picked)

    @quiet
    def _describe(self, error: str | None, milliseconds: float) -> None:
        """Put what was captured on the span, or in a log record if it is large."""
        attributes: dict[str, Any] = dict(self._extra)
        if self._absorbed is not None:
            attributes.update(self._adopted(self._absorbed))
        if self._rows is not None:
            attributes[semconv.ROWS] = self._rows
        if self._picked is not None and self._rows:
            attributes[semconv.ROW_WEIGHT] = self._rows / len(self._picked)
        if error is not None:
            attributes[ERROR_TYPE] = error
            self._span.set_status(StatusCode.ERROR)
        self._carry_rows(attributes, milliseconds)
        _put(self._span, attributes)

    @quiet
    def _carry_rows(self, attributes: dict[str, Any], milliseconds: float) -> None:
        """Add the captured rows to *attributes*, or log them if they are large."""
        arrays = self._arrays(failed=ERROR_TYPE in attributes)
        if capture.wire_bytes(self._inputs, self._outputs) > SPAN_BYTES:
            self._log({**self._series.attributes, **attributes, **arrays}, milliseconds)
            attributes[semconv.ROWS_CARRIER] = "log"
        else:
            attributes.update(arrays)

    def _adopted(self, inner: Model) -> dict[str, str]:
        """Return the identity of the model inside, where the caller gave none."""
        found = {
            semconv.MODEL_VERSION: inner.version,
            semconv.MODEL_FRAMEWORK: inner.framework,
            semconv.OPERATION: self._operation,
        }
        own = self._series.attributes
        return {
            name: value for name, value in found.items() if value and name not in own
        }

    def _arrays(self, *, failed: bool) -> dict[str, Any]:
        arrays: dict[str, Any] = {}
        found, answers = self._inputs, self._outputs
        if found is not None and found.feature_values:
            arrays[semconv.FEATURE_NAMES] = found.feature_names
            arrays[semconv.FEATURE_VALUES] = tuple(found.feature_values)
        # a text that made the model raise is no category, and may be anything
        if found is not None and found.category_values and not failed:
            arrays[semconv.CATEGORY_NAMES] = found.category_names
            arrays[semconv.CATEGORY_VALUES] = tuple(found.category_values)
        if answers is not None and answers.labels:
            arrays[semconv.PREDICTION_LABELS] = tuple(answers.labels)
        if answers is not None and answers.scores:
            arrays[semconv.PREDICTION_SCORES] = tuple(map(float, answers.scores))
        return arrays

    def _log(self, attributes: dict[str, Any], milliseconds: float) -> None:
        self._signals.logger.emit(
            timestamp=self._started_ns,
            observed_timestamp=self._started_ns,
            context=self._context,
            severity_number=SeverityNumber.INFO,
            attributes={**attributes, semconv.DURATION_MS: milliseconds},
            event_name=semconv.EVENT_INFERENCE_ROWS,
        )


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


def _carried_patient() -> str | None:
    found = baggage.get_baggage(semconv.PATIENT_ID)
    return found if isinstance(found, str) else None


def _error_type(error: BaseException | type[BaseException] | str) -> str:
    """Return the type of *error* as `error.type` wants it; a text only if a word."""
    if isinstance(error, str):
        return error if _WORD.fullmatch(error) else "error"
    kind = error if isinstance(error, type) else type(error)
    if kind.__module__ in ("builtins", "__main__"):
        return kind.__qualname__
    return f"{kind.__module__}.{kind.__qualname__}"

"""One model call while it runs: what it was given, what it answered, how it ended.

Invariant: what is recorded is the call's own: rows and answers that do not belong
together, or that several inner models gave, are left out.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from opentelemetry import context
from opentelemetry.trace import format_span_id, set_span_in_context

from algovigil import about, capture, hold, nesting, scope, signals
from algovigil.booking import Facts
from algovigil.model import Model
from algovigil.quiet import quiet

if TYPE_CHECKING:
    from collections.abc import Mapping
    from contextvars import Token

    from opentelemetry.context import Context

_WORD: Final = re.compile(r"[A-Za-z_][\w.]{0,127}", re.ASCII)


class Call:
    """One model call while it runs. Made by `track_inference`, not by hand.

    Every method records or does nothing; none raises.
    """

    __slots__ = (
        "_begun_ns",
        "_facts",
        "_mark",
        "_open",
        "_own_inputs",
        "_own_outputs",
        "_stopped",
        "_token",
        "absorbs",
        "error",
    )

    def __init__(
        self,
        model: Model,
        operation: str | None,
        subject: Any = None,
        *,
        absorbs: bool = False,
    ) -> None:
        self._facts = Facts(model, operation, subject)
        self._begun_ns = 0
        self._mark: Token[nesting.Outer | None] | None = None
        self._own_inputs = False
        self._own_outputs = False
        self._open = False
        self._stopped = False
        self.absorbs = absorbs
        self.error: BaseException | type[BaseException] | str | None = None
        """Set it when the call fails without raising: an exception, of which only
        the type is kept, or one word such as `Timeout`."""

    @property
    def inference_id(self) -> str:
        """Return the id of this call; its row r is the inference `<id>-<r>`."""
        given = self._facts.inference_id
        if given or not self._begun_ns:  # it never began: it is inside another one
            return given or ""
        return format_span_id(self._facts.span.get_span_context().span_id)

    @property
    def answered(self) -> bool:
        """Return whether outputs are known, from the caller or a model inside."""
        return bool(self._facts.answers)

    @property
    def open(self) -> bool:
        """Return whether this call has begun, as the outermost one."""
        return self._open

    @property
    def model(self) -> Model:
        """Return the model that is called."""
        return self._facts.model

    @property
    def most_rows(self) -> int:
        """Return how many rows are captured at most."""
        return self._facts.signals.config.capture.max_rows

    @quiet
    def record_inputs(self, rows: Any, *, names: tuple[str, ...] = ()) -> None:
        """Keep what the model is given: array, data frame, rows, or mapping(s).

        Args:
            rows: One row per prediction; a flat sequence or a mapping is one row.
            names: Feature names, where *rows* brings none.
        """
        if self._facts.recording:
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
        facts = self._facts
        if not facts.recording:
            return
        if not self._own_outputs:
            facts.answers.clear()
        self._own_outputs = True
        model = facts.model
        if classes:
            names = tuple(map(capture.text, classes))
            model = Model(model.name, classes=names, regression=model.regression)
        self._take_answer("answers", answers, model)
        self._take_answer("labels", labels, model)
        self._take_answer("scores", scores, model)

    def begin(
        self,
        told: Mapping[str, Any] | None = None,
        rows: Any = None,
        names: tuple[str, ...] = (),
    ) -> None:
        """Start the span, keep *rows*, and make the span current.

        Args:
            told: What the caller says of the call, of `about.named`.
            rows, names: What the model is given, and the names of its features.
        """
        facts = self._facts
        this = facts.signals = signals.current()
        model = facts.model
        facts.series = this.totals.series(
            (model.name, model.version, model.framework, facts.operation)
        )
        facts.started_ns = this.clock.wall_ns()
        here = context.get_current()
        span = facts.span = this.tracer.start_span(
            facts.series.span_name,
            here,
            attributes=facts.series.attributes if this.starts.seen() else None,
            start_time=facts.started_ns,
            record_exception=False,
            set_status_on_exception=False,
        )
        facts.recording = span.is_recording()
        if facts.recording:
            if told or here:
                self._identify(told or {}, here)
            if rows is not None:
                self._take_inputs(rows, names)
        this.totals.begin(facts.series)
        facts.context = set_span_in_context(span, here)
        self._open = True
        self.resume()
        self._begun_ns = this.clock.ticks_ns()

    def resume(self) -> None:
        """Make this the call that surrounds what runs now, and its span current."""
        if self._open and self._mark is None:
            self._token = context.attach(self._facts.context)
            self._mark = nesting.active.set(self)

    def pause(self) -> None:
        """Undo `resume`: what runs from now on is not inside this call."""
        mark, self._mark = self._mark, None
        if mark is not None:
            try:
                nesting.active.reset(mark)
            except ValueError:
                return  # a generator that another context finishes: nothing to undo
            context.detach(self._token)

    def stop(self) -> None:
        """Stop the clock; what runs from now on is not inside this call."""
        facts = self._facts
        facts.elapsed_ns = facts.signals.clock.ticks_ns() - self._begun_ns
        if facts.running is not None and facts.signals.usage is not None:
            facts.used = facts.signals.usage.end(facts.running)
        self.pause()
        self._stopped = True

    def end(self) -> None:
        """Hand the call over, once; `error` tells whether it failed."""
        if not self._open:
            return
        if not self._stopped:
            self.stop()
        self._open = False
        facts = self._facts
        facts.signals.totals.end(facts.series)
        if self.error is not None:
            # by its type, here: an exception holds the frames that it went through
            facts.error, self.error = _error_type(self.error), None
        facts.signals.book(facts)

    def absorb(self, model: Model, operation: str, rows: Any, subject: Any) -> bool:
        """Take identity and inputs of *model*, which is called inside this call.

        Return whether its answer is wanted too. Two models inside are an ensemble or
        a cascade: neither is the call's own, and what the first gave is dropped.
        """
        facts = self._facts
        if facts.absorbed is None:
            facts.absorbed, facts.subject = model, subject
            facts.operation = facts.operation or operation
            if facts.recording and not self._own_inputs:
                self._take_inputs(rows, model.feature_names)
        elif facts.absorbed is not model:
            self.absorbs = False
            facts.absorbed = None
            if not self._own_inputs:
                facts.held = facts.rows = facts.picked = None
            if not self._own_outputs:
                facts.answers.clear()
        return self.absorbs and not self._own_outputs

    @quiet
    def answer(self, model: Model, operation: str, result: Any) -> None:
        """Keep *result*, what *operation* of *model* returned.

        Besides methods there are `labels`, `scores`, and `answers`, which tells by its
        type what it is.
        """
        if self._facts.recording:
            self._take_answer(operation, result, model)

    @quiet
    def _identify(self, told: Mapping[str, Any], here: Context) -> None:
        """Note what is said of the call; it is cleaned when the call is booked."""
        facts, facts.told = self._facts, told
        facts.block, facts.carried = scope.current(here), scope.carried(here)
        if told or facts.block or facts.carried:
            facts.inference_id = about.inference_id(
                told, facts.block, facts.carried, facts.signals.protector
            )

    @quiet
    def record_embedding(self, vectors: Any) -> None:
        """Keep a vector of the model's own for each row, in place of a projection.

        Args:
            vectors: Rows by size, such as the activations of the last hidden layer.
        """
        if self._facts.recording:
            self._facts.vectors = hold.answer(vectors, self._facts.picked)

    @quiet
    def _take_inputs(self, rows: Any, names: tuple[str, ...]) -> None:
        count = capture.row_count(rows)
        if count is None:
            return
        facts = self._facts
        self._count(count)
        facts.device = capture.device(rows)
        usage = facts.signals.usage
        if usage is not None and facts.device is not None and facts.running is None:
            facts.running = usage.begin(str(facts.device))
        settings = facts.signals.config.capture
        if settings.features:
            facts.held = hold.take(rows, facts.picked, settings, named=bool(names))
            facts.names = names

    def _count(self, rows: int) -> None:
        facts = self._facts
        most = facts.signals.config.capture.max_rows
        facts.rows = rows
        facts.picked = capture.pick(rows, most, facts.signals.random)

    def _take_answer(self, how: str, given: Any, model: Model) -> None:
        """Keep the answer of each captured row, none unless there is one each."""
        facts = self._facts
        if given is None or not facts.signals.config.capture.predictions:
            return
        shape = getattr(given, "shape", None)
        if isinstance(shape, tuple) and shape:
            count = shape[0]
        else:
            count = len(given) if isinstance(given, (list, tuple)) else 1
        if facts.rows is None:
            self._count(count)
        if count == facts.rows:
            held = hold.answer(given, facts.picked)
            facts.answers.append((how, held, model))


def _error_type(error: BaseException | type[BaseException] | str) -> str:
    """Return the type of *error* as `error.type` wants it; a text only if a word."""
    if isinstance(error, str):
        return error if _WORD.fullmatch(error) else "error"
    kind = error if isinstance(error, type) else type(error)
    if kind.__module__ in ("builtins", "__main__"):
        return kind.__qualname__
    return f"{kind.__module__}.{kind.__qualname__}"

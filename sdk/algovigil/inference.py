"""One span and its metrics per model call: `track_inference` and `@monitor`.

Invariant: the outermost call is recorded once; the caller sees its own result or its
own exception, and of an exception only the type is kept.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, TypeVar, cast, overload

from opentelemetry import context
from opentelemetry.instrumentation.utils import is_instrumentation_enabled

from algovigil import about, capture, nesting, streams
from algovigil.call import Call
from algovigil.model import Model
from algovigil.quiet import quiet

if TYPE_CHECKING:
    from types import TracebackType

F = TypeVar("F", bound=Callable[..., Any])


def wanted() -> bool:
    """Return whether calls are to be recorded here (OpenTelemetry's suppress key)."""
    return not context.get_current() or is_instrumentation_enabled()


class track_inference:  # noqa: N801 # a context manager is used like a function
    """Record the model call in the `with` block: one span, its metrics, its rows.

    Args:
        model_name: Name under which the model is watched.
        version: Version of the model.
        framework: Library that runs it.
        operation: Method or kind of the call.
        inference_id: Id that outcomes will name; absent, the span id.
        patient_id, encounter_id: Identifiers, replaced by their pseudonyms before they
            are put on the span.
        site: Site or unit that uses the model.
        sex, age_band, device: Subgroups; an age in years becomes its decade.
        subgroup: Further dimension to value, such as `{"ward": "ICU"}`.

    What is not given is that of the `context` block around it, or of the baggage.
    Inside another recorded call it records nothing: the outermost call counts.
    """

    __slots__ = ("_call", "_model", "_operation", "_streams", "_told")

    def __init__(
        self,
        model_name: str,
        *,
        version: str | None = None,
        framework: str | None = None,
        operation: str | None = None,
        inference_id: str | None = None,
        patient_id: str | None = None,
        encounter_id: str | None = None,
        site: str | None = None,
        sex: str | None = None,
        age_band: str | float | None = None,
        device: str | None = None,
        subgroup: Mapping[str, str] | None = None,
    ) -> None:
        self._model = Model(model_name, version, framework)
        self._operation = operation
        self._streams = False
        self._told = about.named(
            inference_id=inference_id,
            patient_id=patient_id,
            encounter_id=encounter_id,
            site=site,
            sex=sex,
            age_band=age_band,
            device=device,
            subgroup=subgroup,
        )

    def __enter__(self) -> Call:
        """Begin the call."""
        self._call = Call(self._model, self._operation, absorbs=True)
        if nesting.active.get() is None:
            self._begin()
        return self._call

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """End the call; the exception, if any, goes on to the caller."""
        if error is not None:
            self._call.error = error
        if self._call.open and not self._streams:
            finish(self._call)

    def until_end_of(self, stream: Any, *, outputs: bool = True) -> Any:
        """Return *stream*, a generator or the like, whose end will end this call."""

        def end(call: Call, answer: Any) -> None:
            if answer is not None and outputs:
                _keep_outputs(call, answer)
            finish(call)

        followed = streams.follow(self._call, stream, end)
        self._streams = True
        return followed

    def __call__(self, function: F) -> F:
        """Return *function*, every call of which is recorded with these words."""
        return _recorded(
            function, lambda: self._again(function.__name__), inputs=True, outputs=True
        )

    def _again(self, operation: str) -> track_inference:
        """Return the same for another call."""
        again = object.__new__(type(self))
        again._model, again._told = self._model, self._told
        again._operation = self._operation or operation
        again._streams = False
        return again

    @quiet
    def _begin(self) -> None:
        if not wanted():
            return
        self._call.begin(self._told)


@quiet
def finish(call: Call) -> None:
    """End *call*, whatever becomes of it."""
    call.end()


@overload
def monitor(model_name: F) -> F: ...
@overload
def monitor(
    model_name: str | None = None,
    *,
    version: str | None = None,
    framework: str | None = None,
    operation: str | None = None,
    site: str | None = None,
    inputs: bool = True,
    outputs: bool = True,
) -> Callable[[F], F]: ...
def monitor(
    model_name: Any = None,
    *,
    version: str | None = None,
    framework: str | None = None,
    operation: str | None = None,
    site: str | None = None,
    inputs: bool = True,
    outputs: bool = True,
) -> Any:
    """Record every call of the decorated function as a model call.

    It may be sync or async, a generator or an async generator: then the call ends with
    the stream.

    Args:
        model_name: Name of the model; absent, that of the function.
        version, framework, operation, site: As of `track_inference`.
        inputs: Keep the first argument (after `self`) if it is a table of rows.
        outputs: Keep the result if it is labels, scores or probabilities.
    """
    if callable(model_name):
        return monitor()(model_name)

    def decorate(function: F) -> F:
        def tracked() -> track_inference:
            return track_inference(
                model_name or function.__qualname__,
                version=version,
                framework=framework,
                operation=operation or function.__name__,
                site=site,
            )

        return _recorded(function, tracked, inputs=inputs, outputs=outputs)

    return decorate


def _recorded(
    function: F,
    tracked: Callable[[], track_inference],
    *,
    inputs: bool,
    outputs: bool,
) -> F:
    """Return *function*, every call of which runs in a *tracked* block of its own."""
    read = _first_argument(function) if inputs else _nothing

    if inspect.iscoroutinefunction(function):

        @functools.wraps(function)
        async def awaited(*args: Any, **kwargs: Any) -> Any:
            with tracked() as call:
                _keep_inputs(call, read(args, kwargs))
                result = await function(*args, **kwargs)
                _keep_outputs(call, result if outputs else None)
            return result

        return cast("F", awaited)

    @functools.wraps(function)
    def called(*args: Any, **kwargs: Any) -> Any:
        tracking = tracked()
        with tracking as call:
            _keep_inputs(call, read(args, kwargs))
            result = function(*args, **kwargs)
            is_own = not any(result is given for given in args)
            if type(result) in streams.KINDS and is_own and call.open:
                return tracking.until_end_of(result, outputs=outputs)
            _keep_outputs(call, result if outputs else None)
        return result

    return cast("F", called)


def _keep_inputs(call: Call, rows: Any) -> None:
    if rows is not None and capture.row_count(rows) is not None:
        call.record_inputs(rows)


def _keep_outputs(call: Call, result: Any) -> None:
    if result is not None and not call.answered:
        call.record_outputs(result)


def _nothing(args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    return None


def _first_argument(
    function: Callable[..., Any],
) -> Callable[[tuple[Any, ...], dict[str, Any]], Any]:
    names = list(inspect.signature(function).parameters)
    at = 1 if names[:1] in (["self"], ["cls"]) else 0
    name = names[at] if len(names) > at else ""

    def read(args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        return args[at] if len(args) > at else kwargs.get(name)

    return read

"""scikit-learn: every estimator's predict, predict_proba and decision_function.

Invariant: one record per call that the user makes. Methods are replaced on the class
that defines them, pipelines, searches and third-party subclasses included; fitting,
cross-validation, transforming and scoring predict only for their own purposes.
"""

from __future__ import annotations

import functools
import sys
from typing import TYPE_CHECKING, Any, Final

import wrapt
from opentelemetry.instrumentation.instrumentor import BaseInstrumentor  # type: ignore[attr-defined] # untyped upstream

from algovigil import capture, nesting
from algovigil.instrumentation import wrapper
from algovigil.instrumentation.identity import Identities, digest
from algovigil.model import Model
from algovigil.quiet import quiet

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

PREDICT: Final = ("predict", "predict_proba", "decision_function")
FIT: Final = ("fit", "partial_fit", "fit_transform", "fit_predict")
OTHER: Final = ("transform", "score")
# what each worker of cross-validation runs; the public functions may have been
# imported by name before us, these are looked up when they are called
VALIDATION: Final = ("_fit_and_score", "_fit_and_predict", "_permutation_test_score")


class SklearnInstrumentor(BaseInstrumentor):  # type: ignore[misc] # untyped upstream
    """Records models of scikit-learn and of whatever follows its conventions."""

    def instrumentation_dependencies(self) -> Collection[str]:
        """Return nothing: without scikit-learn the hooks are never called."""
        return ()

    def _instrument(self, **_: Any) -> None:
        _Switch.on = True
        for module, hook in _HOOKS.items():
            if module in sys.modules:
                hook(sys.modules[module])
            elif module not in _Switch.hooked:
                _Switch.hooked.add(module)
                wrapt.register_post_import_hook(hook, module)

    def _uninstrument(self, **_: Any) -> None:
        _Switch.on = False
        wrapper.restore()


class _Switch:
    """Whether hooks act: an import hook cannot be taken back."""

    on = False
    hooked: Final[set[str]] = set()


def describe(model: Any) -> Model:
    """Return name, version and vocabulary of an estimator."""
    classes = _get(model, "classes_")
    flat = getattr(classes, "ndim", 0) == 1
    names = _get(model, "feature_names_in_")
    return Model(
        name=str(_get(model, "algovigil_model_name") or _name(model)),
        version=_given_version(model),
        derive=_version,
        framework="sklearn",
        device="cpu",
        feature_names=() if names is None else tuple(map(str, names)),
        classes=tuple(map(capture.text, classes.tolist())) if flat else (),
        regression=_regression(model, classes),
    )


def _get(model: Any, name: str) -> Any:
    try:
        return getattr(model, name, None)
    except Exception:
        return None  # a property of an estimator that is not fitted


def _name(model: Any) -> str:
    inner = _inner(model)
    own = type(model).__name__
    return own if inner is None else f"{own}[{_name(inner)}]"


def _inner(model: Any) -> Any:
    """Return the step or estimator that *model*, a pipeline or search, predicts by."""
    steps = _get(model, "steps")
    if isinstance(steps, list) and steps:
        return steps[-1][1]
    return _get(model, "best_estimator_")


def _given_version(model: Any) -> str | None:
    given = _get(model, "algovigil_model_version")
    return None if given is None else str(given)


def _version(model: Any) -> str | None:
    # a search keeps timings of its fits: the model is what it chose
    content = _get(model, "best_estimator_")
    content = model if content is None else content
    fitted = (getattr(step, "__dict__", ()) for _, step in _steps(content))
    if not any(key.endswith("_") for attributes in fitted for key in attributes):
        return None
    return f"{type(model).__name__}@{digest(content)}"


def _steps(model: Any) -> list[tuple[str, Any]]:
    steps = _get(model, "steps")
    return steps if isinstance(steps, list) else [("", model)]


def _regression(model: Any, classes: Any) -> bool | None:
    if classes is not None:
        return False
    is_regressor = getattr(sys.modules.get("sklearn.base"), "is_regressor", None)
    try:
        return bool(is_regressor and is_regressor(model)) or None
    except Exception:
        return None  # an estimator without tags: told by the type of its answers


_identities: Final = Identities(describe)


def _wrap(method: Callable[..., Any], name: str) -> Callable[..., Any]:
    if name in PREDICT:
        return wrapper.recorded(method, name, _identities.of)
    return wrapper.unrecorded(_forgetting(method) if name in FIT else method)


def _forgetting(fit: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(fit)
    def fitted(*args: Any, **kwargs: Any) -> Any:
        _identities.settle()
        try:
            return fit(*args, **kwargs)
        finally:
            _identities.forget()

    return fitted


@quiet
def _watch(kind: type) -> None:
    for ancestor in kind.__mro__[:-1]:
        wrapper.replace(ancestor, (*PREDICT, *FIT, *OTHER), _wrap)


def _base(module: Any) -> None:
    """Watch the estimators there are, and each that is defined from now on."""
    if not _Switch.on:
        return
    root = module.BaseEstimator
    before = root.__init_subclass__.__func__

    def defined(cls: type, /, **kwargs: Any) -> None:
        before(cls, **kwargs)
        if _Switch.on:
            _watch(cls)

    setattr(defined, wrapper.MARK, True)
    if not getattr(before, wrapper.MARK, False):
        root.__init_subclass__ = classmethod(defined)
    waiting = [root]
    while waiting:
        kind = waiting.pop()
        _watch(kind)
        waiting.extend(kind.__subclasses__())


def _validation(module: Any) -> None:
    if _Switch.on:
        for name in VALIDATION:
            wrapper.replace_function(module, name, wrapper.unrecorded)


def _joblib(module: Any) -> None:
    """Let joblib's work items carry the mark into its threads and processes."""
    if not _Switch.on:
        return

    def wrap(method: Callable[..., Any], _: str) -> Callable[..., Any]:
        @functools.wraps(method)
        def call(self: Any, iterable: Any) -> Any:
            alone = getattr(self, "n_jobs", None) == 1  # then it runs right here
            return method(self, iterable if alone else nesting.carried(iterable))

        setattr(call, wrapper.MARK, True)
        return call

    wrapper.replace(module.Parallel, ("__call__",), wrap)


_HOOKS: Final = {
    "sklearn.base": _base,
    "sklearn.model_selection._validation": _validation,
    "joblib.parallel": _joblib,
}

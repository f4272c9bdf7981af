"""Estimators: objects that follow the conventions of scikit-learn.

Invariant: one record per call that the user makes. Methods are replaced on the class
that defines them, so inherited ones count once; fitting, transforming and scoring
predict only for their own purposes.
"""

from __future__ import annotations

import functools
import sys
from typing import TYPE_CHECKING, Any, Final

from algovigil import capture
from algovigil.instrumentation import wrapper
from algovigil.instrumentation.identity import Identities, digest
from algovigil.model import Model
from algovigil.quiet import quiet

if TYPE_CHECKING:
    from collections.abc import Callable

    from algovigil.instrumentation.framework import Patches

PREDICT: Final = (
    *("predict", "predict_proba", "predict_log_proba", "decision_function"),
    "score_samples",
)
FIT: Final = ("fit", "partial_fit", "fit_transform", "fit_predict")
OTHER: Final = ("transform", "inverse_transform", "score")
APART: Final = frozenset(("xgboost", "lightgbm"))
"""Frameworks whose estimators have an instrumentor of their own."""


def describe(model: Any) -> Model:
    """Return name and vocabulary of an estimator; its version is derived later."""
    classes = _get(model, "classes_")
    flat = getattr(classes, "ndim", 0) == 1
    names = _get(model, "feature_names_in_")
    version = _get(model, "algovigil_model_version")
    return Model(
        str(_get(model, "algovigil_model_name") or _name(model)),
        None if version is None else str(version),
        _framework(type(model)),
        device="cpu",
        feature_names=() if names is None else tuple(map(str, names)),
        classes=tuple(map(capture.text, classes.tolist())) if flat else (),
        regression=_regression(model, classes),
        derive=_version,
    )


def _get(model: Any, name: str) -> Any:
    try:
        return getattr(model, name, None)
    except Exception:
        return None  # a property of an estimator that is not fitted


def root(kind: type) -> str:
    """Return the package that *kind* is defined in."""
    return kind.__module__.partition(".")[0]


def _framework(kind: type) -> str:
    return next((root(k) for k in kind.__mro__ if root(k) in APART), "sklearn")


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


def _version(_: Model, model: Any) -> str | None:
    # a search keeps timings of its fits: the model is what it chose
    content = _get(model, "best_estimator_")
    content = model if content is None else content
    if not any(map(_is_fitted, _steps(content))):
        return None
    return f"{type(model).__name__}@{digest(content)}"


def _is_fitted(step: Any) -> bool:
    """Return whether *step* has what a fit leaves: by convention, names with `_`."""
    attributes = getattr(step, "__dict__", ())
    return any(key.endswith("_") or key == "_Booster" for key in attributes)


def _steps(model: Any) -> list[Any]:
    steps = _get(model, "steps")
    return [step for _, step in steps] if isinstance(steps, list) else [model]


def _regression(model: Any, classes: Any) -> bool | None:
    if classes is not None:
        return False
    is_regressor = getattr(sys.modules.get("sklearn.base"), "is_regressor", None)
    try:
        return bool(is_regressor and is_regressor(model)) or None
    except Exception:
        return None  # an estimator without tags: told by the type of its answers


identities: Final = Identities(describe)
READER: Final = wrapper.Reader(identities.of)


def wrap(method: Callable[..., Any], name: str) -> Callable[..., Any]:
    """Return *method* of an estimator, recorded or quiet by its *name*."""
    if name in PREDICT:
        return wrapper.recorded(method, name, READER)
    return wrapper.unrecorded(changing(method, identities) if name in FIT else method)


def changing(method: Callable[..., Any], *affected: Identities) -> Callable[..., Any]:
    """Return *method*, which changes a model, so that versions follow."""

    @functools.wraps(method)
    def changed(*args: Any, **kwargs: Any) -> Any:
        for known in affected:
            known.settle()
        try:
            return method(*args, **kwargs)
        finally:
            for known in affected:
                known.forget()

    return changed


@quiet
def watch(
    kind: type, patches: Patches, *, packages: frozenset[str] | None = None
) -> None:
    """Replace the methods of *kind* and of its ancestors.

    Args:
        kind: A class of estimators.
        patches: Whose replacements they are.
        packages: Packages whose classes are replaced; absent, all but those `APART`.
    """
    for ancestor in kind.__mro__[:-1]:
        package = root(ancestor)
        if package in APART if packages is None else package not in packages:
            continue
        names: tuple[str, ...] = (*PREDICT, *FIT, *OTHER)
        if hasattr(kind, "transform") and not hasattr(kind, "predict"):
            # how well a decomposition fits is no prediction
            names = tuple(name for name in names if name != "score_samples")
        patches.methods(ancestor, names, wrap)


def watch_all(
    base: type, patches: Patches, *, packages: frozenset[str] | None = None
) -> None:
    """Watch *base* and every subclass that there is."""
    waiting = [base]
    while waiting:
        kind = waiting.pop()
        watch(kind, patches, packages=packages)
        waiting.extend(kind.__subclasses__())

"""scikit-learn: every estimator, pipelines, searches, and what third parties derive.

Invariant: subclasses defined later are watched as they are defined; joblib's threads
and processes know that they work inside a call.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any, Final

from algovigil import nesting
from algovigil.instrumentation import wrapper
from algovigil.instrumentation.estimators import watch, watch_all
from algovigil.instrumentation.framework import FrameworkInstrumentor, Patches

if TYPE_CHECKING:
    from collections.abc import Callable

# what each worker of cross-validation runs; the public functions may have been
# imported by name before us, these are looked up when they are called
VALIDATION: Final = ("_fit_and_score", "_fit_and_predict", "_permutation_test_score")

_patches: Final = Patches()


def _base(module: Any) -> None:
    """Watch the estimators there are, and each that is defined from now on."""
    root = module.BaseEstimator
    before = root.__init_subclass__.__func__

    def defined(cls: type, /, **kwargs: Any) -> None:
        before(cls, **kwargs)
        if _patches.on:
            watch(cls, _patches)

    setattr(defined, wrapper.MARK, True)
    if not getattr(before, wrapper.MARK, False):
        root.__init_subclass__ = classmethod(defined)
    watch_all(root, _patches)


def _validation(module: Any) -> None:
    _patches.functions(module.__name__, VALIDATION, wrapper.unrecorded)


def _joblib(module: Any) -> None:
    """Let joblib's work items carry the mark into its threads and processes."""

    def wrap(method: Callable[..., Any], _: str) -> Callable[..., Any]:
        @functools.wraps(method)
        def call(self: Any, iterable: Any) -> Any:
            alone = getattr(self, "n_jobs", None) == 1  # then it runs right here
            return method(self, iterable if alone else nesting.carried(iterable))

        setattr(call, wrapper.MARK, True)
        return call

    _patches.methods(module.Parallel, ("__call__",), wrap)


class SklearnInstrumentor(FrameworkInstrumentor):
    """Records models of scikit-learn and of whatever follows its conventions."""

    package = "sklearn"
    patches = _patches
    hooks = {
        "sklearn.base": _base,
        "sklearn.model_selection._validation": _validation,
        "joblib.parallel": _joblib,
    }

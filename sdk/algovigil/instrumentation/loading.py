"""How long models take to load: joblib, pickle, torch and ONNX Runtime.

Invariant: a load is timed once, the outermost, and only if a model came of it; what is
returned or raised is the caller's. Nothing of the file or of its path is kept but the
name that the model is watched under.
"""

from __future__ import annotations

import functools
import time
from contextvars import ContextVar
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from algovigil import signals
from algovigil.instrumentation.estimators import describe
from algovigil.instrumentation.framework import FrameworkInstrumentor, Patches
from algovigil.instrumentation.wrapper import MARK
from algovigil.quiet import quiet

if TYPE_CHECKING:
    from collections.abc import Callable

_patches: Final = Patches()
_loading: Final[ContextVar[bool]] = ContextVar("algovigil_loading", default=False)


def _timed(load: Callable[..., Any], framework: str) -> Callable[..., Any]:
    """Return *load*, which returns a model, with its time noted."""

    @functools.wraps(load)
    def timed(*args: Any, **kwargs: Any) -> Any:
        if _loading.get():
            return load(*args, **kwargs)
        token = _loading.set(True)
        begun = time.perf_counter_ns()
        try:
            found = load(*args, **kwargs)
        finally:
            _loading.reset(token)
        _note(found, framework, time.perf_counter_ns() - begun)
        return found

    setattr(timed, MARK, True)
    return timed


def _made(init: Callable[..., Any], _: str) -> Callable[..., Any]:
    """Return *init* of an inference session, which loads its model, timed."""

    @functools.wraps(init)
    def timed(self: Any, *args: Any, **kwargs: Any) -> None:
        begun = time.perf_counter_ns()
        init(self, *args, **kwargs)
        _note(self, "onnxruntime", time.perf_counter_ns() - begun)

    return timed


@quiet
def _note(found: Any, framework: str, nanoseconds: int) -> None:
    kind = type(found)
    if framework == "onnxruntime":
        path = getattr(found, "_model_path", None)
        name = Path(path).stem if path else "onnx"
    elif hasattr(kind, "get_params") and hasattr(kind, "fit"):
        model = describe(found)
        name, framework = model.name, model.framework or ""
    elif framework == "torch" or hasattr(kind, "predict"):
        name = kind.__qualname__
        framework = framework or kind.__module__.split(".")[0]
    else:
        return  # something else was pickled
    given = getattr(found, "algovigil_model_name", None)
    signals.current().loaded(str(given or name), framework, nanoseconds / 1e6)


def _pickle(module: Any) -> None:
    for name in ("load", "loads"):
        _replace(getattr(module, name), name, "", [module])


def _joblib(module: Any) -> None:
    _replace(module.load, "load", "", [module, module.numpy_pickle])


def _torch(module: Any) -> None:
    _replace(module.load, "load", "torch", [module, module.serialization])


def _replace(found: Any, name: str, framework: str, modules: list[Any]) -> None:
    if not getattr(found, MARK, False):
        timed: Any = _timed(found, framework)
        # picklers send a function by the name that it is found under; that of
        # `pickle.loads` says `_pickle`, where another one is
        timed.__module__, timed.__qualname__ = modules[-1].__name__, name
        for module in modules:
            _patches._set(module, name, found, timed)


def _onnx(module: Any) -> None:
    _patches.methods(module.InferenceSession, ("__init__",), _made)


class LoadingInstrumentor(FrameworkInstrumentor):
    """Times the loading of models."""

    patches = _patches
    hooks = {  # a constant of the class, as the base has it
        "pickle": _pickle,
        "joblib": _joblib,
        "torch": _torch,
        "onnxruntime.capi.onnxruntime_inference_collection": _onnx,
    }

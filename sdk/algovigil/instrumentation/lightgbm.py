"""LightGBM: `Booster.predict`, and its estimators.

Invariant: a call for leaves or contributions explains and predicts nothing, so it is
none of ours; the version of a booster follows its trees, however it was loaded.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from algovigil.instrumentation import estimators, wrapper
from algovigil.instrumentation.framework import FrameworkInstrumentor, Patches
from algovigil.instrumentation.identity import CONTENT, Identities, digest
from algovigil.model import Model

if TYPE_CHECKING:
    from collections.abc import Callable

    from algovigil.call import Call

CHANGE: Final = (
    *("update", "rollback_one_iter", "model_from_string", "shuffle_models"),
    "set_leaf_output",
)
TRAIN: Final = ("train", "cv")
_EXPLAIN: Final = {"pred_leaf": 4, "pred_contrib": 5}
"""Arguments and their places."""
_OBJECTIVE: Final = re.compile(r"^objective=(\w+)", re.MULTILINE)
_VALUES: Final = frozenset(
    (
        *("regression", "regression_l1", "huber", "fair", "poisson", "quantile"),
        *("mape", "gamma", "tweedie"),
    )
)
_CLASSES: Final = re.compile(r"^num_class=(\d+)", re.MULTILINE)

_patches: Final = Patches()


def describe(booster: Any) -> Model:
    """Return name and features of a booster; what it predicts is derived later."""
    version = getattr(booster, "algovigil_model_version", None)
    return Model(
        str(getattr(booster, "algovigil_model_name", None) or "lightgbm.Booster"),
        None if version is None else str(version),
        "lightgbm",
        feature_names=tuple(booster.feature_name()),
        derive=_derive,
    )


def _derive(model: Model, booster: Any) -> str:
    text = _trees(booster)
    objective, classes = _OBJECTIVE.search(text), _CLASSES.search(text)
    if objective and objective[1].startswith("multiclass") and classes:
        model.classes = tuple(map(str, range(int(classes[1]))))
    if objective and objective[1] in _VALUES:
        model.regression = True
    return f"Booster@{digest(booster)}"


def _trees(booster: Any) -> str:
    """Return the model as text, without the parameters of the machine that fit it."""
    text: str = booster.model_to_string(num_iteration=-1)
    return text.partition("\nend of trees")[0]


CONTENT["lightgbm.basic.Booster"] = lambda booster: _trees(booster).encode()

identities: Final = Identities(describe)


def _answer(call: Call, model: Model, operation: str, result: Any) -> None:
    call.answer(model, "answers", result)


def _counts(_: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> bool:
    return not any(
        kwargs.get(name) or (len(args) > place and args[place])
        for name, place in _EXPLAIN.items()
    )


READER: Final = wrapper.Reader(identities.of, wrapper.first, _answer, _counts)


def _wrap(method: Callable[..., Any], name: str) -> Callable[..., Any]:
    if name == "predict":
        return wrapper.recorded(method, name, READER)
    changing = estimators.changing(method, identities, estimators.identities)
    return wrapper.unrecorded(changing)


def _basic(module: Any) -> None:
    _patches.methods(module.Booster, ("predict", *CHANGE), _wrap)
    _patches.methods(module.Booster, ("refit",), _quiet)


def _quiet(method: Callable[..., Any], _: str) -> Callable[..., Any]:
    return wrapper.unrecorded(method)


def _engine(_: Any) -> None:
    _patches.functions("lightgbm", TRAIN, wrapper.unrecorded)


def _sklearn(module: Any) -> None:
    packages = frozenset(("lightgbm",))
    estimators.watch_all(module.LGBMModel, _patches, packages=packages)


class LightgbmInstrumentor(FrameworkInstrumentor):
    """Records boosters and estimators of LightGBM."""

    package = "lightgbm"
    patches = _patches
    hooks = {
        "lightgbm.basic": _basic,
        "lightgbm.engine": _engine,
        "lightgbm.sklearn": _sklearn,
    }

"""XGBoost: `Booster.predict` and `inplace_predict`, and its estimators.

Invariant: a call for leaves or contributions explains and predicts nothing, so it is
none of ours; the version of a booster follows its trees, however it was loaded.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from algovigil import hold
from algovigil.instrumentation import estimators, wrapper
from algovigil.instrumentation.framework import FrameworkInstrumentor, Patches
from algovigil.instrumentation.identity import CONTENT, Identities, digest
from algovigil.model import Model

if TYPE_CHECKING:
    from collections.abc import Callable

    from algovigil.call import Call

PREDICT: Final = ("predict", "inplace_predict")
CHANGE: Final = ("update", "boost", "load_model", "load_config")
TRAIN: Final = ("train", "cv")
_EXPLAIN: Final = ("pred_leaf", "pred_contribs", "pred_interactions")

_patches: Final = Patches()


def describe(booster: Any) -> Model:
    """Return name and features of a booster; what it predicts is derived later."""
    version = getattr(booster, "algovigil_model_version", None)
    return Model(
        str(getattr(booster, "algovigil_model_name", None) or "xgboost.Booster"),
        None if version is None else str(version),
        "xgboost",
        feature_names=tuple(booster.feature_names or ()),
        derive=_derive,
    )


def _derive(model: Model, booster: Any) -> str:
    learner = json.loads(booster.save_config())["learner"]
    objective = learner["objective"]["name"]
    if objective == "multi:softprob":
        classes = int(learner["learner_model_param"]["num_class"])
        model.classes = tuple(map(str, range(classes)))
    if objective == "multi:softmax":  # it answers the class itself, as a float
        model.regression = False
    elif objective.startswith(("reg:", "count:", "survival:")):
        model.regression = objective != "reg:logistic"
    return f"Booster@{digest(booster)}"


CONTENT["xgboost.core.Booster"] = lambda booster: bytes(booster.save_raw("ubj"))

identities: Final = Identities(describe)


def _rows(args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    data: Any = args[0] if args else kwargs.get("data")
    if not hasattr(data, "num_row"):
        return data
    return hold.Later(data.num_row(), lambda picked: _dense(data, picked))


def _dense(matrix: Any, picked: list[int] | None) -> Any:
    """Return rows of a DMatrix as an array: an entry that is not there is missing."""
    import numpy

    sparse = matrix.get_data()
    if picked is not None:
        sparse = sparse[picked]
    found = numpy.full(sparse.shape, numpy.nan)
    entries = sparse.tocoo()
    found[entries.row, entries.col] = entries.data
    return found


def _answer(call: Call, model: Model, operation: str, result: Any) -> None:
    call.answer(model, "answers" if operation in PREDICT else operation, result)


def _counts(_: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> bool:
    if kwargs.get("predict_type") == "margin" or kwargs.get("output_margin"):
        return True
    return not any(map(kwargs.get, _EXPLAIN))


READER: Final = wrapper.Reader(identities.of, _rows, _answer, _counts)


def _wrap(method: Callable[..., Any], name: str) -> Callable[..., Any]:
    if name in PREDICT:
        return wrapper.recorded(method, name, READER)
    return wrapper.unrecorded(_changing(method))


def _changing(method: Callable[..., Any]) -> Callable[..., Any]:
    return estimators.changing(method, identities, estimators.identities)


def _core(module: Any) -> None:
    _patches.methods(module.Booster, (*PREDICT, *CHANGE), _wrap)


def _training(_: Any) -> None:
    _patches.functions("xgboost", TRAIN, wrapper.unrecorded)


def _sklearn(module: Any) -> None:
    packages = frozenset(("xgboost",))
    estimators.watch_all(module.XGBModel, _patches, packages=packages)


class XgboostInstrumentor(FrameworkInstrumentor):
    """Records boosters and estimators of XGBoost."""

    package = "xgboost"
    patches = _patches
    hooks = {
        "xgboost.core": _core,
        "xgboost.training": _training,
        "xgboost.sklearn": _sklearn,
    }

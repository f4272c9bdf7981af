from __future__ import annotations

import pickle
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import load_breast_cancer, load_diabetes, load_iris
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from algovigil import semconv

lgb = pytest.importorskip("lightgbm", reason="make test-frameworks installs it")
xgb = pytest.importorskip("xgboost", reason="make test-frameworks installs it")

if TYPE_CHECKING:
    from pathlib import Path

    from algovigil.testing import Captured

pytestmark = pytest.mark.usefixtures("watched")

CANCER = load_breast_cancer(as_frame=True)
ROWS, TRUTH = CANCER.data.iloc[::3, :6], CANCER.target.iloc[::3]
PARAMS = {"objective": "binary:logistic", "max_depth": 2}
LGB = {"objective": "binary", "num_leaves": 4, "verbose": -1, "num_threads": 1}


def attributes(captured: Captured) -> list[dict[str, Any]]:
    return [dict(span.attributes or {}) for span in captured.spans]


@pytest.mark.parametrize(
    ("model", "framework"),
    [
        (xgb.XGBClassifier(n_estimators=3), "xgboost"),
        (lgb.LGBMClassifier(n_estimators=3, verbose=-1, n_jobs=2), "lightgbm"),
    ],
)
@pytest.mark.parametrize("operation", ["predict", "predict_proba"])
def test_estimators(
    captured: Captured, model: Any, framework: str, operation: str
) -> None:
    """One record a call, of the framework that it is, with names and exact answers."""
    cross_val_score(model, ROWS, TRUTH, cv=2)
    model.fit(ROWS, TRUTH, eval_set=[(ROWS, TRUTH)])
    assert () == captured.spans
    answer = getattr(model, operation)(ROWS[:4])
    (found,) = attributes(captured)
    assert framework == found[semconv.MODEL_FRAMEWORK]
    assert type(model).__name__ == found[semconv.MODEL_NAME]
    assert found[semconv.MODEL_VERSION].startswith(f"{type(model).__name__}@")
    assert tuple(ROWS.columns) == found[semconv.FEATURE_NAMES]
    assert operation == found[semconv.OPERATION]
    if operation == "predict":
        assert tuple(map(str, answer)) == found[semconv.PREDICTION_LABELS]
    else:
        assert tuple(answer[:, 1].astype(float)) == found[semconv.PREDICTION_SCORES]


def test_in_a_pipeline_the_pipeline_is_the_model(captured: Captured) -> None:
    """The outermost object that the caller called is the model."""
    model = make_pipeline(StandardScaler(), xgb.XGBRegressor(n_estimators=2))
    model.fit(ROWS, TRUTH)
    model.predict(ROWS[:2])
    (found,) = attributes(captured)
    assert "Pipeline[XGBRegressor]" == found[semconv.MODEL_NAME]


def test_native_xgboost(captured: Captured, tmp_path: Path) -> None:
    """DMatrix and arrays alike; missing stays missing; explanations are no calls."""
    rows = ROWS.copy()
    rows.iloc[0, 0] = np.nan
    rows.iloc[0, 1] = 0.0
    matrix = xgb.DMatrix(rows, TRUTH)
    booster = xgb.train(PARAMS, matrix, 3, evals=[(matrix, "fit")], verbose_eval=False)
    xgb.cv(PARAMS, matrix, 2, nfold=2)
    assert () == captured.spans
    expected = booster.predict(xgb.DMatrix(rows[:3]))
    booster.inplace_predict(rows[:3])
    booster.predict(xgb.DMatrix(rows[:3]), pred_contribs=True)
    first, second = attributes(captured)
    for found in (first, second):
        assert "xgboost.Booster" == found[semconv.MODEL_NAME]
        assert 3 == found[semconv.ROWS]
        assert tuple(rows.columns) == found[semconv.FEATURE_NAMES]
        values = np.array(found[semconv.FEATURE_VALUES]).reshape(3, 6)
        np.testing.assert_allclose(rows[:3].to_numpy(), values, rtol=1e-6)
        assert tuple(expected.astype(float)) == found[semconv.PREDICTION_SCORES]
    booster.save_model(tmp_path / "m.ubj")
    again = xgb.Booster(model_file=tmp_path / "m.ubj")
    again.predict(xgb.DMatrix(rows[:1]))
    booster.update(matrix, 4)
    booster.predict(xgb.DMatrix(rows[:1]))
    versions = [found[semconv.MODEL_VERSION] for found in attributes(captured)]
    assert versions[0] == versions[1] == versions[2] != versions[3]


def test_native_lightgbm(captured: Captured, tmp_path: Path) -> None:
    """The same, and the version survives a file."""
    data = lgb.Dataset(ROWS, TRUTH)
    booster = lgb.train(LGB, data, 3)
    assert () == captured.spans
    expected = booster.predict(ROWS[:3])
    booster.predict(ROWS[:3], pred_contrib=True)
    booster.predict(ROWS[:3], 0, None, False, True)
    booster.save_model(tmp_path / "m.txt")
    lgb.Booster(model_file=str(tmp_path / "m.txt")).predict(ROWS[:1].to_numpy())
    pickle.loads(pickle.dumps(booster)).predict(ROWS[:1])
    first, second, third = attributes(captured)
    assert tuple(expected) == first[semconv.PREDICTION_SCORES]
    assert tuple(ROWS.columns) == first[semconv.FEATURE_NAMES]
    assert "lightgbm.Booster" == first[semconv.MODEL_NAME]
    versions = {found[semconv.MODEL_VERSION] for found in (first, second, third)}
    assert 1 == len(versions)


def test_classes_of_native_models(captured: Captured) -> None:
    """Probabilities of several classes have a label; softmax answers labels."""
    rows, truth = load_iris(return_X_y=True)
    matrix = xgb.DMatrix(rows, truth)
    for objective in ("multi:softprob", "multi:softmax"):
        xgb.train({"objective": objective, "num_class": 3}, matrix, 2).predict(
            xgb.DMatrix(rows[:1])
        )
    params = LGB | {"objective": "multiclass", "num_class": 3}
    lgb.train(params, lgb.Dataset(rows, truth), 2).predict(rows[:1])
    found = attributes(captured)
    assert [("0",)] * 3 == [f[semconv.PREDICTION_LABELS] for f in found]
    assert semconv.PREDICTION_SCORES not in found[1]


def test_values_of_regressions(captured: Captured) -> None:
    """What a regression predicts is a value, exactly, and no score."""
    rows, truth = load_diabetes(return_X_y=True, as_frame=True)
    model = lgb.LGBMRegressor(n_estimators=2, verbose=-1).fit(rows, truth)
    expected = model.predict(rows[:2])
    model.booster_.predict(rows[:2])
    matrix = xgb.DMatrix(rows, truth)
    xgb.train({"objective": "reg:squarederror"}, matrix, 2).predict(matrix)
    first, second, third = attributes(captured)
    assert tuple(expected) == first[semconv.PREDICTION_VALUES]
    assert tuple(expected) == second[semconv.PREDICTION_VALUES]
    assert len(third[semconv.PREDICTION_VALUES]) == 256
    assert semconv.PREDICTION_SCORES not in first


@pytest.mark.parametrize("library", ["xgboost", "lightgbm"])
def test_the_version_is_the_same_in_every_process(tmp_path: Path, library: str) -> None:
    """A model from a file has one version, whoever loads it."""
    path = str(tmp_path / "model.txt")
    if library == "xgboost":
        path = str(tmp_path / "model.ubj")
        xgb.train(PARAMS, xgb.DMatrix(ROWS, TRUTH), 2).save_model(path)
        load, call = f"m.Booster(model_file={path!r})", "m.DMatrix(rows)"
    else:
        lgb.train(LGB, lgb.Dataset(ROWS, TRUTH), 2).save_model(path)
        load, call = f"m.Booster(model_file={path!r})", "rows"
    program = f"""
import numpy as np, pandas as pd
from algovigil.testing import capture
from algovigil.instrumentation.{library} import {library.title()}Instrumentor as I
I().instrument()
import {library} as m
rows = pd.DataFrame(np.zeros((1, 6)), columns={list(ROWS.columns)!r})
with capture() as found:
    {load}.predict({call})
print(found.spans[0].attributes["medical_ai.model.version"])
"""
    said = {
        subprocess.run(
            [sys.executable, "-c", program],
            capture_output=True,
            text=True,
            check=True,
            env={"PYTHONHASHSEED": seed},
        ).stdout
        for seed in ("1", "2")
    }
    assert 1 == len(said)
    assert said.pop().startswith("Booster@")


def test_frames_with_categories(captured: Captured) -> None:
    """Categories of a frame are categories of the record."""
    rows = pd.DataFrame(
        {"age": [1.0, 2.0] * 20, "sex": pd.Categorical(["f", "m"] * 20)}
    )
    model = lgb.LGBMClassifier(n_estimators=2, verbose=-1).fit(rows, [0, 1] * 20)
    model.predict(rows[:2])
    (found,) = attributes(captured)
    assert ("sex",) == found[semconv.CATEGORY_NAMES]
    assert ("f", "m") == found[semconv.CATEGORY_VALUES]

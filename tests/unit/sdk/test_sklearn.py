from __future__ import annotations

import pickle
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest
from joblib import Parallel, delayed
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.calibration import CalibratedClassifierCV
from sklearn.cluster import KMeans
from sklearn.datasets import load_breast_cancer
from sklearn.decomposition import PCA
from sklearn.ensemble import (
    HistGradientBoostingClassifier,
    IsolationForest,
    RandomForestClassifier,
    RandomForestRegressor,
    StackingClassifier,
    VotingClassifier,
)
from sklearn.linear_model import Lasso, LogisticRegression
from sklearn.model_selection import GridSearchCV, cross_val_predict, cross_val_score
from sklearn.multioutput import MultiOutputRegressor
from sklearn.neighbors import KernelDensity
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC
from sklearn.tree import DecisionTreeClassifier

from algovigil import semconv, track_inference
from algovigil.instrumentation.identity import digest
from algovigil.instrumentation.loading import LoadingInstrumentor
from algovigil.instrumentation.sklearn import SklearnInstrumentor

if TYPE_CHECKING:
    from algovigil.testing import Captured

pytestmark = pytest.mark.usefixtures("sklearn_watched")

DATA = load_breast_cancer(as_frame=True)
ROWS = DATA.data.iloc[::4, :6]
TRUTH = np.where(DATA.target.iloc[::4] == 0, "malignant", "benign")


def pipeline() -> Any:
    return make_pipeline(StandardScaler(), LogisticRegression())


class Threshold(ClassifierMixin, BaseEstimator):
    """A third party's estimator, defined after the instrumentation began."""

    def fit(self, rows: Any, truth: Any) -> Threshold:
        self.classes_ = np.unique(truth)
        return self

    def predict(self, rows: Any) -> Any:
        return self.classes_[(np.asarray(rows)[:, 0] > 0).astype(int)]


@pytest.mark.parametrize(
    ("model", "operation"),
    [
        (RandomForestClassifier(10, n_jobs=2), "predict"),
        (RandomForestClassifier(10, n_jobs=1), "predict_proba"),
        (HistGradientBoostingClassifier(max_iter=5), "predict_proba"),
        (VotingClassifier([("a", pipeline()), ("b", SVC())], n_jobs=2), "predict"),
        (StackingClassifier([("a", pipeline())], LogisticRegression()), "predict"),
        (IsolationForest(n_estimators=10, n_jobs=2), "decision_function"),
        (SVC(), "decision_function"),
        (pipeline(), "predict_proba"),
        (GridSearchCV(pipeline(), {"logisticregression__C": [1, 2]}, cv=2), "predict"),
        (KMeans(2, n_init=1), "predict"),
        (Threshold(), "predict"),
    ],
    ids=lambda v: v if isinstance(v, str) else type(v).__name__,
)
def test_one_call_is_one_record(captured: Captured, model: Any, operation: str) -> None:
    """However many estimators work inside, in whatever thread, the user called once."""
    model.fit(ROWS, TRUTH)
    assert () == captured.spans
    getattr(model, operation)(ROWS[:5])
    (span,) = captured.spans
    attributes = dict(span.attributes or {})
    assert operation == attributes[semconv.OPERATION]
    assert 5 == attributes[semconv.ROWS]
    assert str(attributes[semconv.MODEL_VERSION]).startswith(f"{type(model).__name__}@")


def test_inherited_methods_are_recorded_once(captured: Captured) -> None:
    """A method defined on an ancestor is one record, with its values."""
    model = Lasso().fit(ROWS, np.arange(len(ROWS)))
    model.predict(ROWS[:2])
    (span,) = captured.spans
    assert 2 == len((span.attributes or {})[semconv.PREDICTION_VALUES])  # type: ignore[arg-type]
    assert semconv.PREDICTION_LABELS not in (span.attributes or {})


@pytest.mark.parametrize("jobs", [1, 2])
def test_fitting_and_validation_are_no_predictions(
    captured: Captured, jobs: int
) -> None:
    """Nothing that predicts for its own purposes is recorded, in processes neither."""
    GridSearchCV(pipeline(), {"logisticregression__C": [1, 2]}, cv=2, n_jobs=jobs).fit(
        ROWS, TRUTH
    )
    cross_val_predict(pipeline(), ROWS, TRUTH, cv=2, n_jobs=jobs)
    cross_val_score(pipeline(), ROWS, TRUTH, cv=2, n_jobs=jobs)
    fitted = pipeline().fit(ROWS, TRUTH)
    fitted.score(ROWS, TRUTH)
    VotingClassifier([("a", pipeline())]).fit(ROWS, TRUTH).transform(ROWS)
    KMeans(2, n_init=1).fit_predict(ROWS)
    assert () == captured.spans


def test_loky_workers_take_bound_methods(captured: Captured) -> None:
    """`model.predict` still pickles, so frameworks can send it to processes."""
    truth = np.column_stack([np.arange(len(ROWS))] * 2)
    model = MultiOutputRegressor(Lasso(), n_jobs=2).fit(ROWS, truth)
    assert (3, 2) == model.predict(ROWS[:3]).shape
    single = pipeline().fit(ROWS, TRUTH)
    assert len(pickle.loads(pickle.dumps(single.predict))(ROWS[:2])) == 2
    assert ["predict MultiOutputRegressor", "predict Pipeline[LogisticRegression]"] == [
        span.name for span in captured.spans
    ]


def test_what_a_pipeline_was_given_and_answered(captured: Captured) -> None:
    """Real feature names; label and score of the positive class, exact."""
    model = pipeline().fit(ROWS, TRUTH)
    expected = model.predict_proba(ROWS[:1])
    model.predict_proba(ROWS[:1].to_numpy())
    for span in captured.spans:
        attributes = dict(span.attributes or {})
        assert "Pipeline[LogisticRegression]" == attributes[semconv.MODEL_NAME]
        assert tuple(ROWS.columns) == attributes[semconv.FEATURE_NAMES]
        assert tuple(ROWS.iloc[0]) == attributes[semconv.FEATURE_VALUES]
        assert (expected[0, 1],) == attributes[semconv.PREDICTION_SCORES]
        assert ("malignant",) == attributes[semconv.PREDICTION_LABELS]


def test_explicit_name_and_version_win(captured: Captured) -> None:
    """A model may carry the name and version that the hospital knows it by."""
    model = pipeline().fit(ROWS, TRUTH)
    model.algovigil_model_name, model.algovigil_model_version = "wdbc", "2.1"
    model.predict(ROWS[:1])
    (span,) = captured.spans
    assert "predict wdbc" == span.name
    assert "2.1" == (span.attributes or {})[semconv.MODEL_VERSION]


def test_missing_methods_stay_missing() -> None:
    """What an instance cannot do it still cannot, and says so as before."""
    assert not hasattr(make_pipeline(StandardScaler()), "predict")
    assert not hasattr(SVC(), "predict_proba") or SVC(probability=True)
    with pytest.raises(AttributeError, match="has no attribute 'predict'"):
        make_pipeline(StandardScaler()).predict(ROWS)


def test_the_models_own_exception(captured: Captured) -> None:
    """What the model raises reaches the caller; its text reaches nobody else."""
    model = pipeline().fit(ROWS, TRUTH)
    bad = ROWS[:1].astype(object)
    bad.iloc[0, 0] = "John Smith"
    with pytest.raises(ValueError, match="John Smith"):
        model.predict(bad)
    (span,) = captured.spans
    assert "ValueError" == (span.attributes or {})["error.type"]
    assert "John Smith" not in span.to_json()


def test_a_call_by_hand_takes_what_the_model_inside_was_given(
    captured: Captured,
) -> None:
    """One record: the caller's name and ids, the model's rows and answers."""
    model = pipeline().fit(ROWS, TRUTH)
    with track_inference("wdbc", inference_id="i1"):
        model.predict(ROWS[:1])
        model.predict_proba(ROWS[:1])
    (span,) = captured.spans
    attributes = dict(span.attributes or {})
    assert "wdbc" == attributes[semconv.MODEL_NAME]
    assert "sklearn" == attributes[semconv.MODEL_FRAMEWORK]
    assert tuple(ROWS.columns) == attributes[semconv.FEATURE_NAMES]
    assert ("malignant",) == attributes[semconv.PREDICTION_LABELS]
    assert 1 == len(attributes[semconv.PREDICTION_SCORES])  # type: ignore[arg-type]


def test_two_models_inside_are_nobodys_answer(captured: Captured) -> None:
    """An ensemble by hand: what one member answered is not the ensemble's answer."""
    one = pipeline().fit(ROWS, TRUTH)
    other = DecisionTreeClassifier().fit(ROWS, TRUTH)
    with track_inference("ensemble"):
        one.predict(ROWS[:1])
        other.predict(ROWS[:1])
    (span,) = captured.spans
    assert {semconv.MODEL_NAME: "ensemble", semconv.OPERATION: "predict"} == dict(
        span.attributes or {}
    ) | {semconv.OPERATION: "predict"}


def test_the_version_follows_the_content() -> None:
    """Equal content is one version, through pickle too; a refit is another."""
    for make in (
        lambda: RandomForestClassifier(5, random_state=0),
        lambda: HistGradientBoostingClassifier(max_iter=3, random_state=0),
        lambda: RandomForestRegressor(5, random_state=0),
        pipeline,
        SVC,
    ):
        truth = (
            TRUTH if make().__class__ is not RandomForestRegressor else ROWS.iloc[:, 0]
        )
        model = make().fit(ROWS, truth)
        assert digest(model) == digest(pickle.loads(pickle.dumps(model)))
        assert digest(model) == digest(make().fit(ROWS, truth))
        assert digest(model) != digest(make().fit(ROWS[:60], truth[:60]))


def test_a_refit_changes_the_version_of_what_holds_it(captured: Captured) -> None:
    """The cached version is dropped when anything is fitted."""
    model = pipeline().fit(ROWS, TRUTH)
    model.predict(ROWS[:1])
    model[-1].fit(np.zeros((len(ROWS), 6)), TRUTH)
    model.predict(ROWS[:1])
    first, second = (
        (s.attributes or {})[semconv.MODEL_VERSION] for s in captured.spans
    )
    assert first != second


def test_unfitted_models_have_no_version(captured: Captured) -> None:
    """The error of an unfitted model is recorded, without a version."""
    with pytest.raises(Exception, match="not fitted"):
        LogisticRegression().predict(ROWS)
    (span,) = captured.spans
    assert semconv.MODEL_VERSION not in (span.attributes or {})
    assert "sklearn.exceptions.NotFittedError" == (span.attributes or {})["error.type"]


def test_uninstrument_puts_methods_back(captured: Captured) -> None:
    """Afterwards scikit-learn is as it was."""
    instrumentor = SklearnInstrumentor()
    instrumentor.uninstrument()
    model = pipeline().set_output(transform="pandas").fit(ROWS, TRUTH)
    model.predict(ROWS[:1])
    assert isinstance(model[0].transform(ROWS), pd.DataFrame)
    assert () == captured.spans
    instrumentor.instrument()
    model.predict(ROWS[:1])
    assert 1 == len(captured.spans)


class Deferred(ClassifierMixin, BaseEstimator):
    """A third party's estimator whose `predict` is a property."""

    looked = 0

    def fit(self, rows: Any, truth: Any) -> Deferred:
        self.classes_ = np.unique(truth)
        return self

    @property
    def predict(self) -> Any:
        type(self).looked += 1
        return lambda rows: np.repeat(self.classes_[:1], len(rows))

    @property
    def predict_proba(self) -> Any:
        return np.ones((1, 2))


def test_a_property_stays_a_property(captured: Captured) -> None:
    """One that returns a function is recorded, evaluated once; one that does not is
    what it was."""
    model = Deferred().fit(ROWS, TRUTH)
    assert ["benign"] * 2 == list(model.predict(ROWS[:2]))
    assert 1 == Deferred.looked
    assert (1, 2) == model.predict_proba.shape
    (span,) = captured.spans
    assert ("benign",) * 2 == (span.attributes or {})[semconv.PREDICTION_LABELS]


def test_logarithms_are_told_as_probabilities(captured: Captured) -> None:
    """`predict_log_proba` says the same as `predict_proba`."""
    model = pipeline().fit(ROWS, TRUTH)
    model.predict_log_proba(ROWS[:2])
    model.predict_proba(ROWS[:2])
    first, second = (dict(span.attributes or {}) for span in captured.spans)
    assert first[semconv.PREDICTION_LABELS] == second[semconv.PREDICTION_LABELS]
    np.testing.assert_allclose(
        first[semconv.PREDICTION_SCORES], second[semconv.PREDICTION_SCORES]
    )


def test_densities_are_predictions_and_decompositions_are_not(
    captured: Captured,
) -> None:
    """`score_samples` counts where it is what the model is for."""
    KernelDensity().fit(ROWS).score_samples(ROWS[:2])
    PCA(2).fit(ROWS).score_samples(ROWS[:2])
    (span,) = captured.spans
    assert "predict KernelDensity" == span.name
    assert 2 == len((span.attributes or {})[semconv.PREDICTION_SCORES])  # type: ignore[arg-type]


def test_calibration_and_stacking_fit_silently(captured: Captured) -> None:
    """Their fits predict on held-out rows, which nobody asked for."""
    CalibratedClassifierCV(pipeline(), cv=2, n_jobs=2).fit(ROWS, TRUTH)
    StackingClassifier([("a", pipeline())], LogisticRegression(), n_jobs=2).fit(
        ROWS, TRUTH
    )
    assert () == captured.spans


def test_processes_of_the_callers_own(captured: Captured) -> None:
    """Calls that the caller itself sends to threads are the caller's own, each one."""
    model = pipeline().fit(ROWS, TRUTH)
    Parallel(2, backend="threading")(
        delayed(model.predict)(ROWS[i : i + 1]) for i in range(3)
    )
    assert 3 == len(captured.spans)
    with track_inference("many"):
        Parallel(2)(delayed(model.predict)(ROWS[i : i + 1]) for i in range(3))
    assert 4 == len(captured.spans)


def test_a_million_rows_cost_a_sample(captured: Captured) -> None:
    """The caller's answer is whole, the record a weighted sample."""
    model = LogisticRegression().fit(ROWS.iloc[:, :2].to_numpy(), TRUTH)
    rows = np.zeros((1_000_000, 2))
    assert 1_000_000 == len(model.predict(rows))
    (record,) = captured.logs or [None]
    attributes = dict(captured.spans[0].attributes or {})
    assert record is None
    assert 1_000_000 == attributes[semconv.ROWS]
    assert 1_000_000 / 256 == attributes[semconv.ROW_WEIGHT]


def test_a_timed_loader_still_goes_to_processes() -> None:
    """joblib sends `pickle.loads` by its name, and finds it again."""
    loading = LoadingInstrumentor()
    loading.instrument()
    try:
        assert pickle.loads is pickle.loads(pickle.dumps(pickle.loads))
        model = pipeline().fit(ROWS, TRUTH)

        def score(at: int) -> str:
            return str(model.predict(ROWS[at : at + 1])[0])

        assert 2 == len(Parallel(2)(delayed(score)(at) for at in range(2)))
    finally:
        loading.uninstrument()

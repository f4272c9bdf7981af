"""`DriftDetector`: has the data of a model moved away from its reference?

All tests of one call are one family (Holm), and an effect must also be large enough
to matter, so that `drift_detected` without any shift is at most as frequent as alpha.
Needs the extra `stats`; importing this module does not import numpy.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Any, Literal

from algovigil.errors import ConfigError, explain, nearest

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.random import Generator

    from algovigil.statistics import Status
    from algovigil.statistics.compare import Finding, Plan
    from algovigil.statistics.profile import Column, Profile


class StatisticalMethod(Enum):
    """How two distributions are compared; the values are those of the config file."""

    KS_TEST = "ks_test"
    PSI = "psi"
    CHI_SQUARE = "chi_square"
    JENSEN_SHANNON = "jensen_shannon"
    WASSERSTEIN = "wasserstein"
    MISSING_RATE = "missing_rate"
    RANGE = "range"
    UNSEEN_CATEGORY = "unseen_category"
    DOMAIN_CLASSIFIER = "domain_classifier"
    """All numeric features together; its feature is named ''."""


_DEFAULT = (
    StatisticalMethod.KS_TEST,
    StatisticalMethod.PSI,
    StatisticalMethod.CHI_SQUARE,
    StatisticalMethod.MISSING_RATE,
    StatisticalMethod.RANGE,
    StatisticalMethod.UNSEEN_CATEGORY,
)


@dataclass(frozen=True, slots=True)
class TestResult:
    """One test of one feature; numbers are None under `insufficient_data`."""

    __test__ = False  # pytest must not collect it

    feature: str
    method: StatisticalMethod
    status: Status
    statistic: float | None
    p_value: float | None
    p_adjusted: float | None
    """The p-value after Holm's adjustment over all tests of the call."""
    threshold: float | None
    """The smallest statistic that counts, whatever the p-value."""
    n_reference: int
    n_current: int
    severity: Literal["", "warning", "critical"] = ""

    @property
    def drift_detected(self) -> bool:
        """Whether this test alone names drift."""
        return self.status == "drift"


@dataclass(frozen=True, slots=True)
class DriftResult:
    """The verdict over all features, and every test behind it."""

    drift_detected: bool
    test_results: tuple[TestResult, ...]

    @property
    def drifted_features(self) -> tuple[str, ...]:
        """The features named by at least one test, in the order of the reference."""
        drifted = (t.feature for t in self.test_results if t.drift_detected)
        return tuple(dict.fromkeys(drifted))

    @property
    def tested_features(self) -> tuple[str, ...]:
        """The features for which at least one test had data enough."""
        tested = (t.feature for t in self.test_results if t.statistic is not None)
        return tuple(dict.fromkeys(tested))


class DriftDetector:
    """Compare current data with a reference, feature by feature.

    On categorical features chi-square stands in for the KS test. Missing values are a
    bin of their own, a feature that is gone is missing in every row, and one that the
    reference does not know is reported as `insufficient_data`.

    Raises:
        ConfigError: an unknown method, an alpha outside (0, 1), or numpy is missing.
    """

    def __init__(
        self,
        methods: Sequence[StatisticalMethod | str] = _DEFAULT,
        alpha: float = 0.05,
        reference_data: Any = None,
        *,
        psi_warning: float = 0.2,
        psi_critical: float = 0.25,
        ks_floor: float = 0.1,
        min_samples: int = 20,
        seed: int = 0,
    ) -> None:
        if not 0 < alpha < 1:
            raise ConfigError(explain(f"alpha {alpha}", "a number between 0 and 1"))
        require_numpy()
        self.methods = tuple(_method(method) for method in methods)
        self.alpha = alpha
        self._seed = seed
        self._plan = _plan(
            self.methods,
            alpha=alpha,
            psi_warning=psi_warning,
            psi_critical=psi_critical,
            ks_floor=ks_floor,
            min_samples=min_samples,
        )
        self._reference = None if reference_data is None else _profiles(reference_data)
        self._result: DriftResult | None = None

    def detect_drift(
        self, current_data: Any, reference_data: Any = None
    ) -> DriftResult:
        """Test *current_data* against *reference_data*, else the detector's own.

        Both are a pandas DataFrame or Series, a mapping of names to sequences, or an
        array (n,) or (n, k).

        Raises:
            ConfigError: there is no reference.
            ValueError: the data is not of such a shape.
        """
        reference = (
            self._reference if reference_data is None else _profiles(reference_data)
        )
        if reference is None:
            raise ConfigError(
                explain(
                    "no reference data",
                    "`reference_data` of the detector or of the call",
                    "pass the data the model was validated on",
                )
            )
        self._result = _compare(reference, current_data, self._plan, self._seed)
        return self._result

    def is_drift_detected(self) -> bool:
        """Return the verdict of the last call; False before the first."""
        return self._result is not None and self._result.drift_detected

    def get_drift_metrics(self) -> dict[str, float]:
        """Return the numbers of the last call; what was not measured is absent.

        `drift_score` is the share of tested features with drift, `psi` the largest
        index, `ks_p_value` the smallest adjusted p-value; `<feature>.<method>` and
        `<feature>.<method>.p_value` (adjusted) are those of one test.
        """
        if self._result is None:
            return {}
        metrics: dict[str, float] = {}
        if self._result.tested_features:
            drifted = len(self._result.drifted_features)
            metrics["drift_score"] = drifted / len(self._result.tested_features)
        for test in self._result.test_results:
            if test.statistic is None or test.p_adjusted is None:
                continue
            # a test of all features together is named by its method alone
            name = f"{test.feature}.{test.method.value}".lstrip(".")
            metrics[name] = test.statistic
            metrics[f"{name}.p_value"] = test.p_adjusted
            if test.method is StatisticalMethod.PSI:
                metrics["psi"] = max(metrics.get("psi", 0.0), test.statistic)
            if test.method is StatisticalMethod.KS_TEST:
                smallest = metrics.get("ks_p_value", 1.0)
                metrics["ks_p_value"] = min(smallest, test.p_adjusted)
        return metrics


def _method(method: StatisticalMethod | str) -> StatisticalMethod:
    if isinstance(method, StatisticalMethod):
        return method
    known = [m.value for m in StatisticalMethod]
    if method not in known:
        raise ConfigError(
            explain(
                f"method {method!r}",
                "one of " + ", ".join(known),
                nearest(str(method), known),
            )
        )
    return StatisticalMethod(method)


def require_numpy() -> None:
    """Say clearly that the extra is missing, if it is.

    Raises:
        ConfigError: numpy or scipy is not installed.
    """
    try:
        import numpy as np  # noqa: F401 # asked for only to say clearly that it is absent
        import scipy  # noqa: F401 # as numpy
    except ImportError as error:
        raise ConfigError(
            explain(
                f"no module {error.name}",
                "numpy and scipy",
                "pip install 'algovigil[stats]'",
            )
        ) from None


def _plan(methods: tuple[StatisticalMethod, ...], **settings: Any) -> Plan:
    from algovigil.statistics.compare import Plan

    return Plan(methods=tuple(method.value for method in methods), **settings)


def _profiles(data: Any) -> dict[str, Profile]:
    import numpy as np

    from algovigil.statistics.columns import columns
    from algovigil.statistics.profile import profiles

    # the whole reference is kept as its sample, so nothing is ever drawn
    return profiles(columns(data), sys.maxsize, np.random.default_rng(0))


def _compare(
    reference: dict[str, Profile], data: Any, plan: Plan, seed: int
) -> DriftResult:
    import numpy as np

    from algovigil.statistics.columns import columns
    from algovigil.statistics.compare import Observed, judge, measure, unknown
    from algovigil.statistics.profile import absent, rows_of

    rng = np.random.default_rng(seed)
    current = columns(data)
    rows = max(map(rows_of, current.values()), default=0)
    findings: list[Finding] = []
    for name, profile in reference.items():
        observed = Observed.of(profile, current.get(name, absent(rows)))
        findings += measure(name, profile, observed, plan, rng)
    for name in current:
        if name not in reference:
            findings += unknown(name, rows, plan)
    findings += _together(reference, current, plan, rng)
    tests = tuple(_result(finding) for finding in judge(findings, plan))
    return DriftResult(any(test.drift_detected for test in tests), tests)


def _together(
    reference: dict[str, Profile],
    current: dict[str, Column],
    plan: Plan,
    rng: Generator,
) -> list[Finding]:
    """Look at all numeric features together, where the plan asks for it."""
    from algovigil.statistics.compare import together
    from algovigil.statistics.profile import NumericColumn, NumericProfile

    both = {
        name: (profile.sample, column.values)
        for name, profile in reference.items()
        if isinstance(profile, NumericProfile)
        and isinstance(column := current.get(name), NumericColumn)
    }
    return together(both, plan, rng)


def _result(finding: Finding) -> TestResult:
    return TestResult(
        feature=finding.feature,
        method=StatisticalMethod(finding.method),
        status=finding.status,
        statistic=finding.statistic,
        p_value=finding.p_value,
        p_adjusted=finding.p_adjusted,
        threshold=finding.threshold,
        n_reference=finding.n_reference,
        n_current=finding.n_current,
        severity=finding.severity,
    )

"""Drift, where something has changed: named shifts of the cohorts of scikit-survival.

Its data files are read, none of its code: `make validate` installs it alone.
"""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from scipy.io import arff
from tests.validation.drift_null import SEED
from tests.validation.drift_power import power

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.validation.checks import Check
    from tests.validation.drift_power import Table

_FEATURES = {
    # Dispenzieri et al., Mayo Clinic Proceedings 87 (2012): 7874 residents
    "flchain": ("age", "kappa", "lambda", "creatinine"),
    # Hosmer, Lemeshow and May, Applied Survival Analysis (2008): 500 infarctions
    "whas500": ("age", "hr", "sysbp", "diasbp", "bmi", "los"),
}


def checks(scale: float = 1.0) -> Iterator[Check]:
    """Yield every check; *scale* 1 is the full number of runs.

    Raises:
        ModuleNotFoundError: scikit-survival is not installed.
    """
    rng = np.random.default_rng(SEED + 20)
    runs = max(int(40 * scale), 6)

    def missing(x: np.ndarray) -> np.ndarray:
        return np.where(rng.random(x.size) < 0.2, np.nan, x)

    cases: list[tuple[str, str, str, Callable[[np.ndarray], np.ndarray], float]] = [
        ("flchain", "assay reads 20 % higher", "creatinine", lambda x: x * 1.2, 0.95),
        ("flchain", "units: mg/dl becomes mg/l", "kappa", lambda x: x * 10, 0.99),
        ("flchain", "a fifth more goes missing", "creatinine", missing, 0.95),
        ("flchain", "residents five years older", "age", lambda x: x + 5, 0.95),
        ("whas500", "monitor reads 15 bpm higher", "hr", lambda x: x + 15, 0.95),
        ("whas500", "cuff reads 10 % lower", "sysbp", lambda x: x * 0.9, 0.95),
    ]
    for source, shift, feature, change, wanted in cases:
        table = cohort(source)
        yield power(
            source, shift, table, feature, change, 500, wanted, runs=runs, rng=rng
        )


def cohort(name: str) -> Table:
    """Return the numeric features of a cohort, missing ones as NaN."""
    found = importlib.util.find_spec("sksurv")
    if found is None or found.origin is None:
        raise ModuleNotFoundError(
            "scikit-survival; expected: make validate installs it"
        )
    path = Path(found.origin).parent / f"datasets/data/{name}.arff"
    data, _ = arff.loadarff(str(path))
    return {f: np.asarray(data[f], np.float64) for f in _FEATURES[name]}

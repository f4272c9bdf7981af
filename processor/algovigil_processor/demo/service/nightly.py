"""A nightly batch as a hospital would write it: who of the diabetics will get worse?

    python nightly.py CONFIG usual|older

Scores patients of scikit-learn's diabetes data (Efron et al. 2004) whom the model never
saw, `usual` all of them, `older` a draw in which the old are more likely: the same
patients, another case-mix. What became of them is reported a little later.
"""

import sys
import time

import numpy as np
from sklearn.datasets import load_diabetes
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from algovigil import MonitoringConfig, track_inference
from algovigil.outcomes import ClinicalOutcomeTracker, OutcomeType, PatientOutcome

NAME = "progression-risk"
VERSION = "1"
ROWS = {"usual": 331, "older": 150}
LABEL_SECONDS = 4.0
_BATCH = 50

data = load_diabetes(as_frame=True, scaled=False)
worse = (data.target > 140).to_numpy()
seen = np.arange(len(worse)) % 4 == 0
held = np.flatnonzero(~seen)
model = make_pipeline(StandardScaler(), LogisticRegression())
model.fit(data.data[seen], worse[seen])


def patients(mix: str) -> np.ndarray:
    """Draw patients without replacement; the old ones first under `older`."""
    rng = np.random.default_rng(7)
    if mix == "usual":
        return rng.permutation(held)
    odds = np.exp((data.data["age"].to_numpy()[held] - 48) / 15)
    return rng.choice(held, ROWS[mix], replace=False, p=odds / odds.sum())


def main(config: str, mix: str) -> None:
    """Score one night's patients, wait, report."""
    tracker = ClinicalOutcomeTracker(MonitoringConfig.load(config)).start()
    outcomes = []
    for rows in np.array_split(patients(mix), -(-ROWS[mix] // _BATCH)):
        table = data.data.iloc[rows]
        with track_inference(NAME, version=VERSION) as call:
            call.record_inputs(table)
            risks = model.predict_proba(table)[:, 1]
            labels = np.where(risks > 0.5, "1", "0").tolist()
            call.record_outputs(labels=labels, scores=risks.tolist())
        outcomes += [
            PatientOutcome(
                outcome_type=OutcomeType.DIAGNOSTIC,
                inference_id=f"{call.inference_id}-{number}",
                actual_value="1" if worse[row] else "0",
            )
            for number, row in enumerate(rows)
        ]
    time.sleep(LABEL_SECONDS)
    for outcome in outcomes:
        tracker.record_outcome(outcome)
    tracker.stop()


if __name__ == "__main__":
    main(*sys.argv[1:])

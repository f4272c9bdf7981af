"""A scoring service as a hospital would write it: FastAPI, scikit-learn, a log line.

It knows nothing of who watches it. `opentelemetry-instrument uvicorn main:app` does
the rest.
"""

import logging

import numpy as np
import pandas as pd
from fastapi import FastAPI
from pydantic import BaseModel
from sklearn.datasets import load_breast_cancer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

logging.basicConfig(level=logging.INFO)
log = logging.getLogger("scoring")
app = FastAPI()


class Referral(BaseModel):
    """What the ward sends."""

    name: str
    mrn: str
    phone: str
    birth_date: str
    features: dict[str, float | str]


def train() -> Pipeline:
    """Fit on the even rows of the Wisconsin data; the odd ones are held back."""
    data = load_breast_cancer(as_frame=True)
    diagnosis = np.where(data.target == 0, "malignant", "benign")
    model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000))
    return model.fit(data.data.iloc[::2], diagnosis[::2])


model = train()


@app.post("/score")
def score(referral: Referral) -> dict[str, float]:
    """Return the probability of malignancy."""
    (probabilities,) = model.predict_proba(pd.DataFrame([referral.features]))
    risk = float(dict(zip(model.classes_, probabilities, strict=True))["malignant"])
    log.info(
        "scored patient %s, MRN %s, born %s, phone %s: risk %.2f",
        referral.name,
        referral.mrn,
        referral.birth_date,
        referral.phone,
        risk,
    )
    return {"malignancy": risk}


@app.get("/ready")
def ready() -> dict[str, bool]:
    """Tell that the model is loaded."""
    return {"ready": True}

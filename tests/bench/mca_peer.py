"""The peer's side of `sdk_overhead`: mca-sdk in an environment of its own.

It is run by that environment's Python and imports nothing of ours. For each line
`<model> <rounds>` on its input it prints the microseconds of bare calls and of calls
that mca-sdk records, made in turn.
"""

from __future__ import annotations

import copy
import json
import sys
import time
import warnings


def main(endpoint: str) -> None:
    """Answer requests until the input ends."""
    warnings.showwarning = lambda *_, **__: None
    import logging

    import mca_sdk
    from mca_sdk.autolog import autolog
    from sklearn.datasets import load_breast_cancer
    from sklearn.ensemble import RandomForestClassifier
    from sklearn.linear_model import LogisticRegression

    logging.disable(logging.CRITICAL)
    rows, truth = load_breast_cancer(return_X_y=True)
    watched = {
        "small": LogisticRegression(max_iter=5000).fit(rows, truth),
        "forest": RandomForestClassifier(100, random_state=0).fit(rows, truth),
        "forest, n_jobs=2": RandomForestClassifier(100, random_state=0, n_jobs=2).fit(
            rows, truth
        ),
    }
    bare = {name: plain(model) for name, model in watched.items()}
    mca_sdk.init(
        model_id="bench",
        model_type="classification",
        model_category="internal",
        team_name="bench",
        collector_endpoint=endpoint,
    )
    autolog(frameworks=["sklearn"])
    print("ready", flush=True)
    for line in sys.stdin:
        name, _, rounds = line.rpartition(" ")
        took = [[], []]
        for _ in range(int(rounds)):
            for model, times in zip((bare[name], watched[name]), took, strict=True):
                begin = time.perf_counter_ns()
                model.predict(rows[:1])
                times.append((time.perf_counter_ns() - begin) / 1e3)
        print(json.dumps(took), flush=True)


def plain(model):
    """Return a copy of *model* that keeps the methods there are now."""
    same = copy.deepcopy(model)
    for part in (same, *getattr(same, "estimators_", ())):
        kind = type(part)
        names = ("predict", "predict_proba", "decision_function", "score")
        kept = {name: getattr(kind, name) for name in names if hasattr(kind, name)}
        part.__class__ = type(kind.__name__, (kind,), kept)
    return same


if __name__ == "__main__":
    main(sys.argv[1])

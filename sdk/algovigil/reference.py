"""`publish_reference`: what a model was validated on, as what it is compared with.

Profiles are made here, where the data is: counts in bins, levels and their counts, and
a sample of the numeric values for exact tests, row by row and without any identifier
column. Needs the extra `stats`; importing this module does not import numpy.
"""

from __future__ import annotations

import json
import math
import os
import urllib.error
import urllib.request
from typing import TYPE_CHECKING, Any

from algovigil.errors import AlgovigilError, ConfigError, Unavailable, explain

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from algovigil.statistics.profile import Profile

SAMPLE_ROWS = 10_000
"""Rows that are kept for exact tests; more are drawn from uniformly."""
_TIMEOUT_SECONDS = 120.0


class Refused(AlgovigilError):
    """The processor understood the request and does not obey it."""


def publish_reference(
    data: Any,
    *,
    model: str,
    version: str = "",
    units: Mapping[str, str] | None = None,
    valid: Mapping[str, tuple[float, float]] | None = None,
    subgroups: Sequence[str] = (),
    activate: bool = True,
    source: str = "sdk",
    api: str = "http://127.0.0.1:8080",
    seed: int = 0,
) -> str:
    """Store *data* as the reference of a version; return its id.

    Args:
        data: a pandas DataFrame, or a mapping of names to sequences, whose columns
            are features as the model is given them; a column `prediction.score` or
            `prediction.label` is what it answered.
        model: as calls name it.
        version: as calls name it.
        units: by feature.
        valid: lower and upper bound of what is possible, both included, by feature.
        subgroups: columns that divide the rows, such as `sex` or `site`; they are the
            case mix, and each of their values gets counts of its own.
        activate: put it in force at once.
        source: `sdk`, or `file` for data that was read from one.
        api: where the processor's API is; a token is taken from ALGOVIGIL_TOKEN.
        seed: of the draw of the sample.

    Raises:
        ConfigError: a name is not a column, or numpy is missing.
        ValueError: *data* has no rows, or columns of different lengths.
        Unavailable: no processor answers.
        Refused: it does, and says no.
    """
    body = _payload(data, units or {}, valid or {}, tuple(subgroups), seed)
    body |= {
        "model": model,
        "version": version,
        "source": source,
        "activate": activate,
    }
    return str(call(api, "POST", "/api/v1/references", body)["reference_id"])


def call(api: str, method: str, path: str, body: Any = None) -> Any:
    """Return the answer of the processor's API, JSON in and JSON out.

    Raises:
        ConfigError: *api* is not a URL.
        Unavailable: nothing answers, or not a processor.
        Refused: the processor says no, and why.
    """
    if not api.startswith(("http://", "https://")):
        raise ConfigError(explain(f"--api {api}", "a URL like http://127.0.0.1:8080"))
    token = os.environ.get("ALGOVIGIL_TOKEN", "")
    request = urllib.request.Request(  # noqa: S310 # the scheme was just looked at
        api.rstrip("/") + path,
        data=None if body is None else json.dumps(body, allow_nan=False).encode(),
        headers={
            "Content-Type": "application/json",
            **({"Authorization": f"Bearer {token}"} if token else {}),
        },
        method=method,
    )
    # a proxy is not asked for a processor of our own
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(request, timeout=_TIMEOUT_SECONDS) as answer:
            return json.loads(answer.read())
    except urllib.error.HTTPError as error:
        raise _refusal(error, api) from None
    except (OSError, ValueError) as error:
        raise Unavailable(
            explain(
                f"nothing that answers at {api} ({type(error).__name__})",
                "a processor that runs",
                "start it with `algovigil serve`, or say where it is",
            )
        ) from None


def _refusal(error: urllib.error.HTTPError, api: str) -> AlgovigilError:
    try:
        said = json.loads(error.read())
        reason = said.get("message") or said["detail"]
        if not isinstance(reason, str):  # which field of the body, and why
            reason = "; ".join(f"{d['loc'][-1]}: {d['msg']}" for d in reason)
    except (ValueError, KeyError, TypeError, AttributeError):
        return Unavailable(
            explain(
                f"status {error.code} from {api}",
                "the API of a processor",
                "say where it is",
            )
        )
    return Refused(reason)


def _payload(
    data: Any,
    units: Mapping[str, str],
    valid: Mapping[str, tuple[float, float]],
    subgroups: tuple[str, ...],
    seed: int,
) -> dict[str, Any]:
    from algovigil.drift import require_numpy

    require_numpy()
    import numpy as np

    from algovigil.statistics.columns import columns, taken
    from algovigil.statistics.profile import Declared, profiles, rows_of

    found = columns(data)
    for name in (*units, *valid, *subgroups):
        if name not in found:
            raise ConfigError(
                explain(f"no column `{name}`", "one of " + ", ".join(sorted(found)))
            )
    if not any(map(rows_of, found.values())):
        raise ValueError(explain("data without rows", "the data of the validation"))
    declared = {
        name: Declared(units.get(name, ""), valid.get(name))
        for name in {*units, *valid}
    }
    plain = {n: c for n, c in found.items() if n not in subgroups}
    pinned = profiles(plain, SAMPLE_ROWS, np.random.default_rng(seed), declared)
    divisions = {name: _texts(data, name) for name in subgroups}
    mixed = columns(divisions) if divisions else {}
    case_mix = profiles(mixed, SAMPLE_ROWS, np.random.default_rng(seed))
    pinned |= {f"case_mix.{name}": p for name, p in case_mix.items()}
    counts = []
    for name, values in divisions.items():
        for value in sorted(set(values) - {""}):
            rows = np.array([v == value for v in values])
            within = columns(taken(data, rows))
            within |= {f"case_mix.{n}": within[n] for n in subgroups}
            inner = [p.count(within[n]).tolist() for n, p in pinned.items()]
            counts.append({"key": name, "value": value, "counts": inner})
    features = [_feature(name, profile) for name, profile in pinned.items()]
    return {"features": features, "subgroups": counts}


def _texts(data: Any, name: str) -> list[str]:
    """Return a column that divides the rows as texts, '' where it is missing."""
    values = data[name].tolist() if hasattr(data[name], "tolist") else list(data[name])
    return ["" if v is None or v != v else str(v) for v in values]  # NaN


def _feature(name: str, profile: Profile) -> dict[str, Any]:
    from algovigil.statistics.profile import NumericProfile

    common = {"feature": name, "counts": profile.counts.tolist()}
    if isinstance(profile, NumericProfile):
        return common | {
            "kind": "numeric",
            "unit": profile.unit,
            "edges": _numbers(profile.edges.tolist()),
            "sample": _numbers(profile.sample.tolist()),
        }
    return common | {"kind": "categorical", "levels": list(profile.levels)}


def _numbers(values: list[float]) -> list[float | str]:
    """Return *values*, with `nan`, `inf` and `-inf` as texts: JSON has none."""
    return [v if math.isfinite(v) else str(v) for v in values]

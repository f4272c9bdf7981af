"""A cohort: the labelled predictions of one version and window, as columns.

It is made by the time of prediction, and knows how many predictions it has no label of.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pyarrow as pa

from algovigil_processor.analyse.clinical.words import POSITIVE, Words, distinct
from algovigil_processor.analyse.store import read, rows

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from numpy.typing import NDArray

    from algovigil.config import Clinical as ClinicalConfig
    from algovigil_processor.analyse.findings import Version
    from algovigil_processor.analyse.store import Store

_GROUPS: Final = 10_000
MAX_LEVELS: Final = 20
"""Values of a subgroup that are looked at, the most frequent ones."""
AGE: Final = "age"
AGE_BAND: Final = "age_band"


@dataclass(frozen=True, slots=True)
class Window:
    """A span of time (excluded, included), and when it is looked at."""

    start_ns: int
    end_ns: int
    as_of_ns: int


@dataclass(slots=True)
class Size:
    """Predictions of one version and window, weighted by what each row stands for."""

    inferences: float = 0.0
    rows: int = 0
    called: float = 0.0
    """Of them, those that the model called positive; nan without a known class."""
    named: float = 0.0
    """Of them, those with a label of a known class."""
    by_group: dict[tuple[str, str], float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Cohort:
    """Labelled predictions (n,) in order of time, and all predictions beside them."""

    size: Size
    made_ns: NDArray[np.int64]
    predicted: NDArray[np.object_]
    """Class words, `+` and `-` where they are known, '' without a label."""
    actual: NDArray[np.object_]
    score: NDArray[np.float64]
    number: NDArray[np.float64]
    truth: NDArray[np.float64]
    """What was predicted and what came, as numbers; nan where they are none."""
    weight: NDArray[np.float64]
    groups: dict[str, NDArray[np.object_]]
    """Per subgroup key the value of each prediction; '' is unknown."""
    contradictory: NDArray[np.bool_]
    is_sampled: bool
    is_told: bool
    """The positive class has a name, so that every other word is negative."""

    def __len__(self) -> int:
        return int(self.weight.size)

    def where(self, kept: NDArray[np.bool_], size: Size | None = None) -> Cohort:
        """Return the cohort of the rows *kept*."""
        return Cohort(
            size=size or self.size,
            made_ns=self.made_ns[kept],
            predicted=self.predicted[kept],
            actual=self.actual[kept],
            score=self.score[kept],
            number=self.number[kept],
            truth=self.truth[kept],
            weight=self.weight[kept],
            groups={key: values[kept] for key, values in self.groups.items()},
            contradictory=self.contradictory[kept],
            is_sampled=self.is_sampled,
            is_told=self.is_told,
        )


def sizes(
    store: Store, window: Window, config: ClinicalConfig
) -> dict[tuple[str, str], Size]:
    """Return how many predictions each (model, version) made in *window*."""
    words = Words(config.positive_label)
    found: dict[tuple[str, str], Size] = {}
    counted = rows(
        store,
        "cohort_size",
        start_ns=window.start_ns,
        end_ns=window.end_ns,
        age_edges=list(config.age_bands),
        limit=_GROUPS,
    )
    # one turn a combination of subgroups, at most _GROUPS, not one a prediction
    for row in counted:
        key = row["model_name"] or "", row["model_version"] or ""
        size = found.setdefault(key, Size())
        size.inferences += row["inferences"]
        size.rows += row["rows"]
        if row["predicted"]:
            of_class = words.class_of(row["predicted"])
            if words.is_told or of_class in "+-":
                size.named += row["inferences"]
                size.called += row["inferences"] * (of_class == POSITIVE)
        for group in _memberships(row, config.age_bands):
            before = size.by_group.get(group, 0.0)
            size.by_group[group] = before + row["inferences"]
    return found


def cohort(
    store: Store,
    version: Version,
    window: Window,
    config: ClinicalConfig,
    size: Size,
    labels: int,
) -> Cohort:
    """Draw the labelled predictions of *version*, at most about `sample_rows`.

    *labels* is an upper bound of how many there are.
    """
    every = max(-(-labels // config.sample_rows), 1)
    table = read(
        store,
        "cohort",
        model=version.model,
        version=version.version,
        start_ns=window.start_ns,
        end_ns=window.end_ns,
        as_of_ns=window.as_of_ns,
        every=every,
    )
    return of_table(table, config, size, is_sampled=every > 1)


def of_table(
    table: pa.Table, config: ClinicalConfig, size: Size, *, is_sampled: bool
) -> Cohort:
    """Return the rows of cohort.sql as a cohort."""
    words = Words(config.positive_label)
    predicted, actual = table.column("predicted"), table.column("actual")
    number = _floats(table, "predicted_number")
    named = _numbers(predicted)
    number = np.where(np.isnan(number), named, number)
    weight = _floats(table, "row_weight")
    weight = np.where(np.isfinite(weight) & (weight > 0), weight, 1.0)
    classes = words.classes_of(predicted)
    score = _floats(table, "score")
    score[~np.isfinite(score)] = np.nan
    contradictory = table.column("contradictory").to_numpy().astype(bool)
    return Cohort(
        size=size,
        made_ns=table.column("made_ns").to_numpy().astype(np.int64),
        predicted=classes,
        actual=words.classes_of(actual),
        score=oriented(score, classes),
        # a model that gives one number a row and no label predicts that number
        number=np.where(np.isnan(number) & (classes == ""), score, number),
        truth=_numbers(actual),
        weight=weight,
        groups=_groups(table, config.age_bands),
        contradictory=contradictory,
        is_sampled=is_sampled,
        is_told=words.is_told,
    )


def oriented(
    score: NDArray[np.float64], predicted: NDArray[np.object_]
) -> NDArray[np.float64]:
    """Return *score* (n,) such that higher means the positive class.

    A probability belongs to one class by the framework's own order, which need not be
    the one that counts as disease: then predictions of disease have the lower scores.
    """
    called = predicted == POSITIVE
    other = (predicted != "") & ~called
    known = np.isfinite(score)
    high, low = score[called & known], score[other & known]
    turned = high.size and low.size and high.mean() < low.mean()
    return 1 - score if turned else score


def age_band(index: int, edges: tuple[float, ...]) -> str:
    """Return the name of the band that has *index* of *edges* below it."""
    if not index:
        return f"under {edges[0]:g}"
    if index == len(edges):
        return f"{edges[-1]:g} and over"
    return f"{edges[index - 1]:g} to {edges[index] - 1:g}"


def _memberships(
    row: Mapping[str, Any], edges: tuple[float, ...]
) -> Iterable[tuple[str, str]]:
    for key in ("site", "device"):
        if row[key]:
            yield key, row[key]
    for key, value in dict(row["subgroup"]).items():
        if key != AGE and value:
            yield key, value
    if row["age_band"] is not None and edges:
        yield AGE_BAND, age_band(row["age_band"], edges)


def _groups(
    table: pa.Table, edges: tuple[float, ...]
) -> dict[str, NDArray[np.object_]]:
    found = {key: _texts(table.column(key)) for key in ("site", "device")}
    for key, values in sorted(_by_key(table.column("subgroup")).items()):
        if key != AGE:
            found.setdefault(key, values)
    age = _floats(table, AGE)
    if edges and np.isfinite(age).any():
        index = np.searchsorted(np.asarray(edges), age, side="right")
        names = np.array([age_band(i, edges) for i in range(len(edges) + 1)], object)
        found.setdefault(AGE_BAND, np.where(np.isfinite(age), names[index], ""))
    for key in ("alert_shown", "acted_on"):
        found[key] = _texts(table.column(key))
    return {k: v for k, v in found.items() if v.size and (v != "").any()}


def _by_key(maps: pa.ChunkedArray) -> dict[str, NDArray[np.object_]]:
    """Return what each key of *maps* (n,) leads to in each row (n,), '' for nothing."""
    if not len(maps):
        return {}
    whole = pa.concat_arrays(maps.chunks)
    offsets = whole.offsets.to_numpy()
    inside = slice(int(offsets[0]), int(offsets[-1]))
    row = np.repeat(np.arange(len(whole)), np.diff(offsets))
    keys, at = distinct(pa.chunked_array([whole.keys[inside]]))
    values = _texts(pa.chunked_array([whole.items[inside]]))
    found = {key: np.full(len(whole), "", dtype=object) for key in keys}
    for number, key in enumerate(keys):
        mine = at == number
        found[key][row[mine]] = values[mine]
    return found


def _texts(column: pa.ChunkedArray) -> NDArray[np.object_]:
    found, place = distinct(column)
    return np.array(found, dtype=object)[place]


def _floats(table: pa.Table, name: str) -> NDArray[np.float64]:
    column = table.column(name).cast("float64")
    found: NDArray[np.float64] = column.to_numpy().astype(np.float64)
    return found.copy()


def _numbers(words: pa.ChunkedArray) -> NDArray[np.float64]:
    """Return words as numbers, nan where they are none; each distinct word once."""
    found, place = distinct(words)
    return np.array([_number(word) for word in found], dtype=np.float64)[place]


def _number(word: str) -> float:
    try:
        value = float(word)
    except ValueError:
        return float("nan")
    return value if np.isfinite(value) else float("nan")

"""The features of a version's predictions as columns, drawn by the database.

Memory is bounded by the rows and features that one call may draw, however many
predictions the window holds.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from algovigil.statistics.profile import CategoryColumn, Column, NumericColumn
from algovigil_processor.analyse.store import read

if TYPE_CHECKING:
    import pyarrow as pa

    from algovigil_processor.analyse.findings import Version
    from algovigil_processor.analyse.store import Store

SCORE: Final = "prediction.score"
"""The name under which the score of a prediction is a feature."""
MAX_FEATURES: Final = 1024
"""Features that are analysed: 10 000 rows of so many are 80 MB."""

NUMERIC: Final = "numeric"
CATEGORICAL: Final = "categorical"


@dataclass(frozen=True, slots=True)
class Drawn:
    """Columns by (name, kind), of how many predictions, the last of which when."""

    columns: dict[tuple[str, str], Column]
    predictions: int
    last_ns: int


def draw(
    store: Store,
    version: Version,
    span_ns: tuple[int, int],
    limit: int,
    *,
    earliest: bool,
) -> Drawn:
    """Draw at most *limit* predictions made in *span_ns* (excluded, included).

    They are the earliest ones, or else a uniform sample.
    """
    parameters = {
        "model": version.model,
        "version": version.version,
        "after_ns": span_ns[0],
        "until_ns": span_ns[1],
        "limit": limit,
        "earliest": int(earliest),
        "features": MAX_FEATURES,
    }
    values = read(store, "drift/feature_values", **parameters)
    if not values.num_rows:
        return Drawn({}, 0, span_ns[0])
    categories = _categories(read(store, "drift/feature_levels", **parameters))
    columns: dict[tuple[str, str], Column] = {
        (name, CATEGORICAL): column for name, column in categories.items()
    }
    for name, column in _numbers(values).items():
        # a category without a level is listed as missing by name alone
        if column.values.size or name not in categories:
            columns[name, NUMERIC] = column
    return Drawn(
        columns,
        predictions=values.column("predictions")[0].as_py(),
        last_ns=values.column("last_ns")[0].as_py(),
    )


def _numbers(table: pa.Table) -> dict[str, NumericColumn]:
    columns = {}
    for i, name in enumerate(table.column("feature").to_pylist()):
        values = np.asarray(table.column("found")[i].values, dtype=np.float64)
        predictions = table.column("predictions")[i].as_py()
        columns[name] = NumericColumn(values, max(predictions - values.size, 0))
    return columns


def _categories(table: pa.Table) -> dict[str, CategoryColumn]:
    columns = {}
    for row in table.to_pylist():
        counts = np.array(row["counts"], dtype=np.int64)
        missing = max(row["predictions"] - int(counts.sum()), 0)
        columns[row["feature"]] = CategoryColumn(tuple(row["levels"]), counts, missing)
    return columns

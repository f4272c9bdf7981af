"""What a call was given and answered, kept as it was at that moment.

Invariant: what the caller does afterwards with its own arrays, frames and lists does
not show in what is held; a copy is bounded by the capture settings, whatever the size
of what it is taken of.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import islice
from numbers import Real
from typing import TYPE_CHECKING, Any, Final

from algovigil.capture import dicom, tensor

if TYPE_CHECKING:
    from collections.abc import Callable

    from algovigil.config import Capture

_OBJECT_BYTES: Final = 64  # a Python number or short text and its place in a list
_IMMUTABLE: Final = (str, int, float, type(None))
_MOST_CLASSES: Final = 4096
_UNKNOWN: Final = object()
"""In place of what is neither number nor text: it makes its column untold."""


class Later:
    """Rows of an object that nobody changes: read when the call is booked.

    Args:
        rows: How many there are.
        read: Returns the rows of the given indices (None: all) as `take` would keep
            them. Absent, the rows are counted and not kept.
    """

    __slots__ = ("_picked", "_read", "shape")

    def __init__(
        self, rows: int, read: Callable[[list[int] | None], Any] | None = None
    ) -> None:
        self.shape = (rows, 0)
        self._read = read
        self._picked: list[int] | None = None

    def of(self, picked: list[int] | None) -> Later | None:
        """Return this for the rows *picked*, None if rows are not kept."""
        if self._read is None:
            return None
        later = Later(self.shape[0], self._read)
        later._picked = picked
        return later

    def rows(self) -> Any:
        """Return the rows."""
        return None if self._read is None else self._read(self._picked)


def take(
    table: Any, picked: list[int] | None, settings: Capture, *, named: bool = True
) -> Any:
    """Return the rows *picked* (None: all) of *table* as they are now.

    This is all that happens while the caller waits: a copy, so that what the caller
    does with its own object afterwards does not show. `capture` turns it into columns
    later, on the thread that books the call.

    Args:
        table: What the model is given, or what it answered.
        picked: Rows to keep, in order; None keeps all.
        settings: What is captured.
        named: Whether the columns of a matrix have names: if not, one that is wider
            than `max_features` is a signal or an image.
    """
    if type(table).__module__ == "numpy":  # the usual case costs no look at others
        return _array(table, picked, settings, named=named)
    if isinstance(table, Later):
        return table.of(picked)
    if isinstance(table, Mapping):
        alone = len(table) == 1
        return {
            key: _column(value, picked, settings, alone=alone and not named)
            for key, value in table.items()
        }
    if isinstance(table, (list, tuple)):
        rows = table if picked is None else [table[i] for i in picked]
        return [_row(row, settings) for row in rows]
    if isinstance(table, _IMMUTABLE):
        return table
    if dicom.is_dataset(table):
        return dicom.read(table, settings.dicom_fields)
    if hasattr(table, "columns"):
        return _frame(table, picked, settings.max_features)
    return _array(table, picked, settings, named=named)


def _frame(frame: Any, picked: list[int] | None, most: int) -> Any:
    if frame.shape[1] > most:
        frame = frame.iloc[:, :most] if hasattr(frame, "iloc") else frame[:, :most]
    if picked is not None:
        return frame.take(picked) if hasattr(frame, "take") else frame[picked]
    return frame.copy() if hasattr(frame, "copy") else frame  # or immutable


def _array(
    array: Any, picked: list[int] | None, settings: Capture, *, named: bool
) -> Any:
    shape: Any = getattr(array, "shape", ())
    if hasattr(array, "detach"):
        array = array.detach()
        if len(shape) == 2 and not named and not array.is_floating_point():
            array = array if picked is None else array[picked]
            return _tokens(array, settings)
    elif hasattr(array, "to_numpy"):
        if picked is not None:
            array = array.iloc[picked] if hasattr(array, "iloc") else array[picked]
            picked = None
        array = array.to_numpy()
    if len(shape) > 2 or _is_signal(array, shape, settings.max_features, named=named):
        wide = array if len(shape) > 1 else array.reshape(1, -1)
        wide = wide if picked is None else wide[picked]
        return tensor.sample(wide) if settings.tensors else None
    if picked is not None:
        array = array[picked]
    if len(shape) == 2 and shape[1] > settings.max_features:
        array = array[:, : settings.max_features]
    if hasattr(array, "clone"):
        return array.clone()
    return array.copy() if hasattr(array, "copy") else array


def _is_signal(array: Any, shape: tuple[int, ...], most: int, *, named: bool) -> bool:
    if named or not shape or shape[-1] <= most or len(shape) > 2:
        return False
    if hasattr(array, "clone"):
        return True
    return getattr(getattr(array, "dtype", None), "kind", "") in "fiub" and not hasattr(
        array, "toarray"
    )


def _column(
    values: Any, picked: list[int] | None, settings: Capture, *, alone: bool
) -> Any:
    """Return what is kept of one column, matrix or tensor of a mapping."""
    if isinstance(values, (list, tuple)):
        rows = values if picked is None else [values[i] for i in picked]
        return [_row(row, settings) for row in rows]
    shape: Any = getattr(values, "shape", ())
    if not shape:
        return _row(values, settings)
    if len(shape) == 2 and _are_whole(values):
        return _tokens(values if picked is None else values[picked], settings)
    if len(shape) == 1 and picked is None:
        return values.clone() if hasattr(values, "clone") else values.copy()
    return _array(values, picked, settings, named=not alone)


def _tokens(array: Any, settings: Capture) -> Any:
    """Return the type of token ids; the text that they spell is not for us."""
    return tensor.sample(array, summed=False) if settings.tensors else None


def _are_whole(array: Any) -> bool:
    if hasattr(array, "is_floating_point"):
        return not array.is_floating_point()
    return getattr(getattr(array, "dtype", None), "kind", "") in "iu"


def _row(row: Any, settings: Capture) -> Any:
    """Return what is kept of one element of a list: a row, a value, a tensor."""
    if isinstance(row, _IMMUTABLE):
        return row
    most = settings.max_features
    if isinstance(row, (list, tuple)):
        return list(row[:most])
    if isinstance(row, Mapping):
        return {key: _row(row[key], settings) for key in islice(row, most)}
    if dicom.is_dataset(row):
        return dicom.read(row, settings.dicom_fields)
    shape = getattr(row, "shape", None)
    if isinstance(shape, tuple) and len(shape) > 1:
        row = row.detach() if hasattr(row, "detach") else row
        return tensor.sample(row[None]) if settings.tensors else _UNKNOWN
    if isinstance(shape, tuple):
        row = row.detach() if hasattr(row, "detach") else row
        row = row[:most] if shape else row
        return row.clone() if hasattr(row, "clone") else row.copy()
    told = isinstance(row, Real) or type(row).__name__ in ("NAType", "bool_")
    return row if told else _UNKNOWN


def answer(given: Any, picked: list[int] | None) -> Any:
    """Return the rows *picked* of what a model answered, as they are now.

    None where there is more to a row than labels, values or the scores of classes.
    """
    if isinstance(given, (list, tuple)):
        rows = given if picked is None else [given[i] for i in picked]
        return [_answer(row) for row in rows]
    shape: Any = getattr(given, "shape", ())
    if len(shape) > 2 or (len(shape) == 2 and shape[1] > _MOST_CLASSES):
        return None
    if hasattr(given, "detach"):
        given = given.detach()
    if picked is not None:
        given = given.iloc[picked] if hasattr(given, "iloc") else given[picked]
    if hasattr(given, "clone"):
        return given.clone()
    return given.copy() if hasattr(given, "copy") else given


def _answer(row: Any) -> Any:
    if isinstance(row, (list, tuple)):
        return list(row[: _MOST_CLASSES + 1])
    if isinstance(row, Mapping):
        # a label and its score, or the score of each class
        keys = ("label", "score") if "label" in row else islice(row, _MOST_CLASSES)
        return {key: row.get(key) for key in keys}
    return row.copy() if hasattr(row, "copy") and hasattr(row, "shape") else row


def size(held: Any) -> int:
    """Return about how many bytes *held*, of `take`, takes in memory."""
    nbytes = getattr(held, "nbytes", None)
    if isinstance(nbytes, int):
        return nbytes
    if isinstance(held, list):
        return len(held) * (size(held[0]) + _OBJECT_BYTES) if held else 0
    if isinstance(held, Mapping):
        return sum(map(size, held.values()))
    if isinstance(held, dicom.Header):
        return _OBJECT_BYTES * len(held.facts) + size(held.pixels)
    if isinstance(held, str):
        return _OBJECT_BYTES + len(held)
    found = getattr(held, "size", 1)
    return _OBJECT_BYTES * (found if isinstance(found, int) else 1)

"""`AnyValue` columns to text, byte for byte as the Go exporter's `AsString`.

Invariant: one text per value, '' for an empty one. A value for which two members of
the oneof are on the wire is reported as ambiguous, because the parser cannot tell
which came last. Deliberate difference from Go, which loses the whole array: NaN and
infinities inside an array are the JSON strings "NaN", "Infinity", "-Infinity".
"""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from google.protobuf.message import DecodeError
from opentelemetry.proto.common.v1 import common_pb2

from algovigil_processor.decode import wire
from algovigil_processor.decode.columns import (
    listed,
    mask,
    numbers,
    owners,
    plain,
    starts,
    wrap,
)
from algovigil_processor.errors import Permanent
from algovigil_processor.schema import TEXT

if TYPE_CHECKING:
    from numpy.typing import NDArray

_BOOLS: Final = pa.array(["false", "true"], TEXT)
_NULL: Final = pa.array(["null"], TEXT)
_ESCAPED: Final = r'["\\\x00-\x1f\x{2028}\x{2029}]'


@dataclass(frozen=True, slots=True)
class Texts:
    """Text of n values: value i is `pool[where[i]]`, so that a sort costs one take."""

    pool: pa.StringArray
    where: NDArray[np.int64] | None
    """None when value i is `pool[i]`."""
    ambiguous: NDArray[np.bool_] | None
    """Where two members are on the wire; None when nowhere."""
    arrays: Arrays | None

    def take(self, order: NDArray[np.int64] | None = None) -> pa.StringArray:
        """Return the texts in *order*, or as they are."""
        if self.where is None:
            at = order
        else:
            at = self.where if order is None else self.where[order]
        if at is None:
            return self.pool
        return self.pool.take(wrap(at, pa.int64()))


def texts(values: pa.StructArray) -> Texts:
    """Return *values*, structs of `AnyValue`, as text."""
    strings = values.field("string_value")
    others = [n for n in _KINDS if values.field(n).null_count < len(values)]
    if not others:
        return Texts(plain(strings), None, None, None)
    return _assembled(values, others, plain(strings), as_json=False)


def json_texts(values: pa.StructArray) -> pa.StringArray:
    """Return *values*, of which none is an array or map, as JSON."""
    kinds = {"string_value", *_KINDS} - {"array_value", "kvlist_value"}
    there = [n for n in kinds if values.field(n).null_count < len(values)]
    return _assembled(values, there, None, as_json=True).take()


def _assembled(
    values: pa.StructArray, kinds: list[str], strings: Any, *, as_json: bool
) -> Texts:
    """Put the texts of *kinds* over *strings*, or over JSON's null."""
    if strings is None:
        pool, where = [_NULL], np.zeros(len(values), np.int64)
        count = np.zeros(len(values), np.uint8)
    else:
        pool, where = [strings], np.arange(len(values))
        count = mask(values.field("string_value")).astype(np.uint8)
    arrays: Arrays | None = None
    size = len(pool[0])
    for name in kinds:
        column = values.field(name)
        here = np.flatnonzero(mask(column))
        count[here] += 1
        if name == "array_value":
            arrays = Arrays.of(column.take(wrap(here, pa.int64())), here, len(values))
            block, index = arrays.json(), arrays.distinct[here]
        elif name == "string_value":
            block, index = _quoted(column.drop_null()), np.arange(len(here))
        else:
            block, index = _KINDS[name](column.drop_null(), as_json)
        where[here] = size + index
        pool.append(block)
        size += len(block)
    ambiguous = count > 1
    if arrays is not None and arrays.ambiguous is not None:
        ambiguous |= arrays.ambiguous
    some = ambiguous if ambiguous.any() else None
    return Texts(pa.concat_arrays(pool), where, some, arrays)


def _bool_texts(column: Any, as_json: bool) -> tuple[Any, NDArray[np.int64]]:
    return _BOOLS, numbers(column).astype(np.int64)


def _int_texts(column: Any, as_json: bool) -> tuple[Any, NDArray[np.int64]]:
    return column.cast(TEXT), np.arange(len(column))


def _double_texts(column: Any, as_json: bool) -> tuple[Any, NDArray[np.int64]]:
    return es6(column, '"' if as_json else ""), np.arange(len(column))


def _bytes_texts(column: Any, as_json: bool) -> tuple[Any, NDArray[np.int64]]:
    coded = column.dictionary_encode()
    quote = '"' if as_json else ""
    blobs = [base64.b64encode(b).decode() for b in coded.dictionary.to_pylist()]
    distinct = pa.array([f"{quote}{b}{quote}" for b in blobs], TEXT)
    return distinct, numbers(coded.indices).astype(np.int64)


def _map_texts(column: Any, as_json: bool) -> tuple[Any, NDArray[np.int64]]:
    coded = column.dictionary_encode()
    distinct = [
        _nested(common_pb2.KeyValueList, blob) for blob in coded.dictionary.to_pylist()
    ]
    return pa.array(distinct, TEXT), numbers(coded.indices).astype(np.int64)


_KINDS: Final[dict[str, Any]] = {
    "bool_value": _bool_texts,
    "int_value": _int_texts,
    "double_value": _double_texts,
    "bytes_value": _bytes_texts,
    "kvlist_value": _map_texts,
    "array_value": None,  # `texts` sees to it: distinct arrays are kept for `calls`
}


def es6(values: pa.DoubleArray, quote: str = "") -> pa.StringArray:
    """Return doubles as ECMAScript prints them: shortest, exponent from 1e21 on.

    *quote* goes around NaN, Infinity and -Infinity, which JSON has no number for.
    """
    out = values.cast(TEXT)
    x = numbers(values)
    for odd, name in (
        (np.isnan(x), "NaN"),
        (x == np.inf, "Infinity"),
        (x == -np.inf, "-Infinity"),
    ):
        if odd.any():
            out = pc.if_else(pa.array(odd), f"{quote}{name}{quote}", out)
    size = np.abs(x)
    # Arrow turns to an exponent at 1e10 already
    large = (size >= 1e9) & (size < 1e21)
    if large.any():
        out = pc.replace_with_mask(out, pa.array(large), _positional(x[large]))
    return out


def _positional(x: NDArray[np.float64]) -> pa.StringArray:
    """Return numbers of 1e9 to 1e21 without exponent."""
    whole = (x == np.floor(x)) & (np.abs(x) < 2**53)
    out = pa.array(np.where(whole, x, 0).astype(np.int64)).cast(TEXT)
    if whole.all():
        return out
    coded = pa.array(x[~whole]).dictionary_encode()
    spelt = pa.array([_spelt_out(v) for v in coded.dictionary.to_pylist()], TEXT)
    return pc.replace_with_mask(out, pa.array(~whole), spelt.take(coded.indices))


def _spelt_out(value: float) -> str:
    """Return the shortest digits of *value*, padded with zeros up to its point."""
    mantissa, exponent, power = repr(value).partition("e")
    if not exponent:
        return mantissa.removesuffix(".0")
    head, _, tail = mantissa.partition(".")
    sign, first = head[:-1], head[-1]
    return sign + (first + tail).ljust(1 + int(power), "0")


def _quoted(strings: pa.StringArray) -> pa.StringArray:
    """Return *strings* as JSON strings, escaped as Go does without HTML escaping."""
    escaped = pc.match_substring_regex(strings, _ESCAPED)
    body = pc.binary_join_element_wise('"', strings, '"', "")
    if not pc.any(escaped).as_py():
        return body
    coded = strings.filter(escaped).dictionary_encode()
    spelt = pa.array([_json(s) for s in coded.dictionary.to_pylist()], TEXT)
    return pc.replace_with_mask(body, escaped, spelt.take(coded.indices))


def _json(text: str) -> str:
    spelt = json.dumps(text, ensure_ascii=False)
    return spelt.replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")


@dataclass(frozen=True, slots=True)
class Arrays:
    """The distinct `ArrayValue`s of a column, parsed once; a sender repeats them."""

    distinct: NDArray[np.int64]
    """Per value of the column: its row below, -1 when it is no array."""
    serialized: pa.BinaryArray
    offsets: NDArray[np.int32]
    elements: pa.StructArray
    ambiguous: NDArray[np.bool_] | None
    """Per value of the column."""

    @classmethod
    def of(cls, column: pa.BinaryArray, at: NDArray[np.int64], n: int) -> Arrays:
        """Parse *column*, the arrays at the places *at* of a column of *n* values."""
        coded = column.dictionary_encode()
        distinct = np.full(n, -1, np.int64)
        distinct[at] = numbers(coded.indices)
        lists = wire.parse_arrays(coded.dictionary)
        offsets, elements = starts(lists), lists.flatten()
        members = np.zeros(len(elements), np.uint8)
        for i in range(elements.type.num_fields):
            members += mask(elements.field(i))
        twice = members > 1
        ambiguous = None
        if twice.any():
            bad = np.zeros(len(lists) + 1, np.bool_)
            bad[owners(offsets)[twice]] = True
            ambiguous = bad[distinct]
        return cls(distinct, coded.dictionary, offsets, elements, ambiguous)

    def json(self) -> pa.StringArray:
        """Return each distinct array as JSON."""
        deep = mask(self.elements.field("array_value"))
        deep |= mask(self.elements.field("kvlist_value"))
        if not deep.any():
            return _joined(self.offsets, json_texts(self.elements))
        # rare: an array in an array; upb checks the nesting and decodes one value
        nested = np.zeros(len(self.serialized), np.bool_)
        nested[owners(self.offsets)[deep]] = True
        lengths = np.diff(self.offsets)
        flat = self.elements.filter(pa.array(np.repeat(~nested, lengths)))
        cut = np.concatenate(([0], np.cumsum(lengths[~nested]))).astype(np.int32)
        spelt = pa.array(
            [
                _nested(common_pb2.ArrayValue, blob)
                for blob in self.serialized.filter(pa.array(nested)).to_pylist()
            ],
            TEXT,
        )
        pool = pa.concat_arrays([_joined(cut, json_texts(flat)), spelt])
        order = np.empty(len(nested), np.int64)
        order[~nested] = np.arange(len(cut) - 1)
        order[nested] = len(cut) - 1 + np.arange(len(spelt))
        return pool.take(wrap(order, pa.int64()))

    def doubles(self, which: NDArray[np.int64]) -> pa.ListArray:
        """Return the arrays *which* as doubles, null where an element is no number.

        An array -1 is empty.
        """
        lists = listed(self.offsets, as_doubles(self.elements))
        return _filled(lists, which)

    def strings(self, which: NDArray[np.int64]) -> pa.ListArray:
        """Return the arrays *which* as texts; an array -1 is empty."""
        used, position = np.unique(which, return_inverse=True)
        absent = int(len(used) > 0 and used[0] < 0)
        few = listed(self.offsets, self.elements).take(wrap(used[absent:], pa.int64()))
        return _filled(
            listed(starts(few), texts(few.flatten()).take()), position - absent
        )


def _filled(lists: pa.ListArray, which: NDArray[np.int64]) -> pa.ListArray:
    if not len(lists):
        return listed(np.zeros(len(which) + 1, np.int32), lists.flatten())
    taken = lists.take(pa.array(which, mask=which < 0))
    return listed(starts(taken), taken.flatten())


def as_doubles(values: pa.StructArray) -> pa.DoubleArray:
    """Return numbers and booleans as doubles, null for what is neither."""
    kind = pa.float64()
    return pc.coalesce(
        values.field("double_value"),
        values.field("int_value").cast(kind, safe=False),
        values.field("bool_value").cast(pa.uint8()).cast(kind),
    )


def _joined(offsets: NDArray[np.int32], parts: pa.StringArray) -> pa.StringArray:
    inside = pc.binary_join(listed(offsets, parts), ",")
    return pc.binary_join_element_wise("[", inside, "]", "")


def _nested(kind: Any, serialized: bytes) -> str:
    try:
        return _spell(kind.FromString(serialized))
    except DecodeError:
        raise Permanent("found: an attribute value that is malformed") from None


def _spell(value: Any) -> str:
    """Return one nested message as JSON; its depth is bounded by the parser, 100."""
    if isinstance(value, common_pb2.ArrayValue):
        return f"[{','.join(_spell(v) for v in value.values)}]"
    if isinstance(value, common_pb2.KeyValueList):
        last = {pair.key: pair.value for pair in value.values}
        pairs = (f"{_json(k)}:{_spell(last[k])}" for k in sorted(last))
        return f"{{{','.join(pairs)}}}"
    kind = value.WhichOneof("value")
    if kind == "string_value":
        return _json(value.string_value)
    if kind == "bool_value":
        return "true" if value.bool_value else "false"
    if kind == "int_value":
        return str(value.int_value)
    if kind == "double_value":
        return str(es6(pa.array([value.double_value]), '"')[0].as_py())
    if kind == "bytes_value":
        return f'"{base64.b64encode(value.bytes_value).decode()}"'
    if kind in ("array_value", "kvlist_value"):
        return _spell(getattr(value, kind))
    return "null"

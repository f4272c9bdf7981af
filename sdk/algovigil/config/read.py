"""Plain data into frozen settings: unknown keys and wrong types are refused."""

from __future__ import annotations

import dataclasses
import types
import typing
from collections.abc import Mapping
from typing import Any, TypeVar, Union

from algovigil.errors import ConfigError, explain, nearest

if typing.TYPE_CHECKING:
    from collections.abc import Iterable


def one_of(what: str, found: str, known: Iterable[str]) -> None:
    """Refuse *found* unless it is *known*.

    Raises:
        ConfigError: it is not.
    """
    known = tuple(known)
    if found not in known:
        expected = "one of " + ", ".join(known) if known else "a declared name"
        raise ConfigError(
            explain(f"{what}: {found!r}", expected, nearest(found, known))
        )


def at_least(what: str, found: float, least: float) -> None:
    """Refuse *found* below *least*, and what is no finite number.

    Raises:
        ConfigError: it is.
    """
    if not least <= found < float("inf"):
        raise ConfigError(explain(f"{what}: {found}", f"at least {least:g}"))


def within(what: str, found: object, expected: str, *, holds: bool) -> None:
    """Refuse *found* unless it *holds*.

    Raises:
        ConfigError: it does not.
    """
    if not holds:
        raise ConfigError(explain(f"{what}: {found!r}", expected))


T = TypeVar("T")


def build(kind: type[T], content: object, path: str) -> T:
    """Return *content*, plain data, as the dataclass *kind*."""
    where = path or "the file"
    if not isinstance(content, Mapping):
        raise ConfigError(
            explain(f"{where}: {type(content).__name__}", "a mapping of settings")
        )
    hints = typing.get_type_hints(kind)
    fields = {f.name: f for f in dataclasses.fields(kind)}  # type: ignore[arg-type] # every kind here is a dataclass
    values: dict[str, Any] = {}
    for key, value in content.items():
        full = f"{path}.{key}" if path else str(key)
        if key not in fields:
            raise ConfigError(
                explain(
                    f"unknown key `{full}`",
                    "one of " + ", ".join(sorted(fields)),
                    nearest(str(key), fields),
                )
            )
        values[str(key)] = _value(hints[str(key)], value, full)
    for name, declared in fields.items():
        required = (
            declared.default is dataclasses.MISSING
            and declared.default_factory is dataclasses.MISSING
        )
        if required and name not in values:
            raise ConfigError(explain(f"{where}: no key `{name}`", f"`{name}` is set"))
    return kind(**values)


def _value(kind: Any, value: object, path: str) -> Any:
    origin = typing.get_origin(kind)
    if origin in (Union, types.UnionType):
        if value is None:
            return None
        inner = next(a for a in typing.get_args(kind) if a is not type(None))
        return _value(inner, value, path)
    if dataclasses.is_dataclass(kind):
        return build(typing.cast("type[Any]", kind), value, path)
    if origin is tuple:
        if not isinstance(value, (list, tuple)):
            raise ConfigError(explain(f"{path}: {value!r}", "a list"))
        inner = typing.get_args(kind)[0]
        return tuple(_value(inner, v, f"{path}[{i}]") for i, v in enumerate(value))
    if origin is Mapping:
        if not isinstance(value, Mapping):
            raise ConfigError(explain(f"{path}: {value!r}", "a mapping"))
        inner = typing.get_args(kind)[1]
        return {str(k): _value(inner, v, f"{path}.{k}") for k, v in value.items()}
    return scalar(kind, value, path)


def scalar(kind: type, value: object, path: str) -> Any:
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if kind is float and is_number:
        return float(typing.cast("float", value))
    if kind is int and is_number and float(typing.cast("float", value)).is_integer():
        return int(typing.cast("float", value))
    if kind in (str, bool) and isinstance(value, kind):
        return value
    raise ConfigError(explain(f"{path}: {value!r}", f"a value of type {kind.__name__}"))

"""Which model an object is: described once per object, its content made a version.

Invariant: the version follows the content. The same fitted arrays give the same
version in every process; refitting gives another. Nothing is pickled to find out.
"""

from __future__ import annotations

import hashlib
import sys
import threading
import weakref
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, Final

from algovigil.quiet import quiet

if TYPE_CHECKING:
    from algovigil.model import Model

_DEPTH: Final = 32
CONTENT: Final[dict[str, Callable[[Any], bytes | Iterable[bytes]]]] = {}
"""What objects of a class, by its full name, are made of, where attributes do not
tell: a framework's file adds its own."""
_SCALARS: Final = (str, bytes, bool, int, float, complex, type(None))


class Identities:
    """A thread-safe cache of what *describe* says of model objects, by weak reference.

    An object that takes no weak reference is described anew at each call.
    """

    def __init__(self, describe: Callable[[Any], Model | None]) -> None:
        self._describe: Final = describe
        self._known: dict[int, tuple[weakref.ref[Any], Model | None]] = {}
        self._lock: Final = threading.Lock()

    def of(self, model: Any) -> Model | None:
        """Return the description of *model*, None if its calls are none of ours."""
        known = self._known.get(id(model))
        if known is not None and known[0]() is model:
            return known[1]
        described = self._describe(model)
        key = id(model)
        try:
            reference = weakref.ref(model, lambda _: self._known.pop(key, None))
        except TypeError:
            return described
        with self._lock:
            self._known[key] = (reference, described)
        return described

    @quiet
    def settle(self) -> None:
        """Work out the versions still owed, before a fit changes what they are of."""
        for reference, described in list(self._known.values()):
            if described is not None:
                described.identify(reference())

    def forget(self) -> None:
        """Forget all: a fit may have changed any model and those that hold it."""
        if self._known:
            with self._lock:
                self._known = {}


def digest(content: Any) -> str:
    """Return twelve hex digits of what *content*, a fitted model, is made of.

    Read are arrays (dtype, shape, bytes), numbers, texts, containers, and the
    attributes of objects; what is none of these counts by its type alone.
    """
    state = hashlib.blake2b(digest_size=6)
    _feed(state.update, content, set(), _DEPTH)
    return state.hexdigest()


def _feed(
    update: Callable[[bytes], None], value: Any, seen: set[int], depth: int
) -> None:
    kind = type(value)
    update(f"<{kind.__module__}.{kind.__qualname__}>".encode())
    if isinstance(value, _SCALARS):
        update(value if isinstance(value, bytes) else repr(value).encode())
        return
    if depth == 0 or id(value) in seen:
        return
    seen.add(id(value))
    content = _content(kind)
    if content is not None:
        found = content(value)
        for part in (found,) if isinstance(found, bytes) else found:
            update(part)
    elif hasattr(value, "dtype") and hasattr(value, "tobytes"):
        _feed_array(update, value, seen, depth)
    elif isinstance(value, Mapping):
        for key in value:
            _feed(update, key, seen, depth - 1)
            _feed(update, value[key], seen, depth - 1)
    elif isinstance(value, (list, tuple)):
        for item in value:
            _feed(update, item, seen, depth - 1)
    else:
        _feed_object(update, value, seen, depth)
    # an id may be used again once its object is gone: only objects in progress count
    seen.discard(id(value))


def _feed_object(
    update: Callable[[bytes], None], value: Any, seen: set[int], depth: int
) -> None:
    if isinstance(value, (set, frozenset)):
        update("".join(sorted(map(repr, value))).encode())
    elif callable(value) and hasattr(value, "__qualname__"):
        update(value.__qualname__.encode())
    else:
        for name, item in _attributes(value):
            update(name.encode())
            _feed(update, item, seen, depth - 1)


def _content(kind: type) -> Callable[[Any], bytes | Iterable[bytes]] | None:
    names = (f"{k.__module__}.{k.__qualname__}" for k in kind.__mro__)
    return next((CONTENT[name] for name in names if name in CONTENT), None)


def _feed_array(
    update: Callable[[bytes], None], array: Any, seen: set[int], depth: int
) -> None:
    update(f"{array.dtype}{array.shape}".encode())
    if array.dtype.hasobject:
        _feed(update, array.tolist(), seen, depth - 1)
    elif array.dtype.names:  # fields apart: padding between them is not content
        for name in array.dtype.names:
            update(array[name].tobytes())
    else:
        update(array.tobytes())


def _attributes(value: Any) -> Iterable[tuple[str, Any]]:
    """Return the attributes that make *value*, in a stable order."""
    if type(value).__module__.startswith(("numpy.random", "threading", "_thread")):
        return []
    attributes = getattr(value, "__dict__", None)
    if attributes is not None:
        return sorted(attributes.items())
    numpy = sys.modules.get("numpy")
    if numpy is None:
        return []
    # a compiled object, such as scikit-learn's Tree: the arrays that it shows
    shown = ((name, _shown(value, name)) for name in sorted(dir(type(value))))
    return [(name, item) for name, item in shown if isinstance(item, numpy.ndarray)]


def _shown(value: Any, name: str) -> Any:
    found = getattr(type(value), name, None)
    if name.startswith("_") or callable(found):
        return None
    try:
        return getattr(value, name)
    except Exception:
        return None  # a property that this object does not have

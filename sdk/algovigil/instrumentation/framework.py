"""What every framework's instrumentor does: hook imports, replace, put back.

Invariant: no framework is imported by us; it is met when the program imports it, or
where it is if the program did so before. One that is absent costs a registered hook.
"""

from __future__ import annotations

import functools
import inspect
import sys
from types import FunctionType
from typing import TYPE_CHECKING, Any, Final

import wrapt
from opentelemetry.instrumentation.instrumentor import BaseInstrumentor  # type: ignore[attr-defined] # untyped upstream

from algovigil.instrumentation.wrapper import MARK, Conditional
from algovigil.quiet import quiet

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping

    Wrap = Callable[[Callable[..., Any], str], Callable[..., Any]]
    Hook = Callable[[Any], object]


class Patches:
    """What one instrumentor replaced, so that it can be listed and put back."""

    def __init__(self) -> None:
        self.on = False
        """Whether hooks act: an import hook cannot be taken back."""
        self.hooked: Final[set[str]] = set()
        self._replaced: Final[list[tuple[Any, str, Any, Any]]] = []

    def names(self) -> list[str]:
        """Return the full names of what is replaced now, sorted."""
        return sorted(
            f"{_name(owner)}.{name}"
            for owner, name, _, new in self._replaced
            if vars(owner).get(name) is new
        )

    def methods(self, kind: type, names: Iterable[str], wrap: Wrap) -> None:
        """Replace the methods *names* that *kind* itself defines, once."""
        for name in names:
            found = kind.__dict__.get(name)
            if found is None or getattr(found, MARK, False):
                continue
            if isinstance(found, FunctionType):
                self._set(kind, name, found, wrap(found, name))
            elif hasattr(type(found), "__get__") and not isinstance(
                found, (staticmethod, classmethod)
            ):
                named = functools.partial(_named, wrap, name)
                self._set(kind, name, found, Conditional(found, named))

    def functions(
        self,
        package: str,
        names: Iterable[str],
        wrap: Callable[[Callable[..., Any]], Callable[..., Any]],
    ) -> None:
        """Replace the functions *names* of *package* in each module that has them.

        Modules import them from one another by name, so one place is not enough.
        """
        wrapped: dict[Any, Any] = {}
        for module in _modules(package):
            for name in names:
                found = vars(module).get(name)
                if inspect.isfunction(found) and not getattr(found, MARK, False):
                    if found not in wrapped:
                        wrapped[found] = wrap(found)
                    self._set(module, name, found, wrapped[found])

    def _set(self, owner: Any, name: str, found: Any, new: Any) -> None:
        self._replaced.append((owner, name, found, new))
        setattr(owner, name, new)

    def restore(self) -> None:
        """Put back what was replaced, except where others wrapped it again since."""
        self.on = False
        while self._replaced:
            owner, name, found, new = self._replaced.pop()
            if vars(owner).get(name) is new:
                setattr(owner, name, found)


def _named(wrap: Wrap, name: str, method: Callable[..., Any]) -> Callable[..., Any]:
    return wrap(method, name)


def _name(owner: Any) -> str:
    if inspect.ismodule(owner):
        return owner.__name__
    return f"{owner.__module__}.{owner.__qualname__}"


def _modules(package: str) -> list[Any]:
    return [
        module
        for name, module in list(sys.modules.items())
        if module is not None and f"{name}.".startswith(f"{package}.")
    ]


class FrameworkInstrumentor(BaseInstrumentor):  # type: ignore[misc] # untyped upstream
    """An instrumentor that replaces methods when modules of a framework are imported.

    A subclass sets `package`, the framework's name; `hooks`, what to do with a module
    once it is imported, by its name; and `patches`, of its own, through which the hooks
    replace methods.
    """

    package = ""
    hooks: Mapping[str, Hook] = {}
    patches: Patches

    def instrumentation_dependencies(self) -> Collection[str]:
        """Return nothing: without the framework the hooks are never called."""
        return ()

    def _instrument(self, **_: Any) -> None:
        self.patches.on = True
        for module, hook in self.hooks.items():
            if module in sys.modules:
                quiet(hook)(sys.modules[module])
            elif module not in self.patches.hooked:
                self.patches.hooked.add(module)
                wrapt.register_post_import_hook(self._when_on(hook), module)

    def _when_on(self, hook: Hook) -> Hook:
        def imported(module: Any) -> None:
            if self.patches.on:
                quiet(hook)(module)

        return imported

    def _uninstrument(self, **_: Any) -> None:
        self.patches.restore()

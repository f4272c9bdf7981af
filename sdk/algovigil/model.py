"""What is known of a model besides its calls.

Invariant: what is not known is absent; no name, class or version is made up.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

from algovigil.quiet import quiet

if TYPE_CHECKING:
    from collections.abc import Callable

_lock = threading.Lock()


class Model:
    """Name, version and vocabulary of one model object.

    Args:
        name: Name under which the model is watched.
        version: Its version, if somebody gave one.
        framework: Library that runs it.
        feature_names: Names of its features, in order.
        classes: Class of each column of its probabilities.
        device: Where it runs, such as `cpu` or `cuda:0`, if that is always the same.
        regression: Whether predictions are values, not classes; None tells by their
            type.
        derive: Works the version, and what else takes long, out of the model object.
            It is called once, by `identify`, where no caller waits.
    """

    __slots__ = (
        "_derive",
        "classes",
        "device",
        "feature_names",
        "framework",
        "name",
        "regression",
        "version",
    )

    def __init__(
        self,
        name: str,
        version: str | None = None,
        framework: str | None = None,
        *,
        feature_names: tuple[str, ...] = (),
        classes: tuple[str, ...] = (),
        device: str | None = None,
        regression: bool | None = None,
        derive: Callable[[Model, Any], str | None] | None = None,
    ) -> None:
        self.name = name
        self.version = version
        self.framework = framework
        self.feature_names = feature_names
        self.classes = classes
        self.device = device
        self.regression = regression
        self._derive = None if version else derive

    def identify(self, subject: Any) -> None:
        """Work out the version of *subject*, the model object, unless it is known."""
        if self._derive is None or subject is None:
            return
        with _lock:
            derive, self._derive = self._derive, None
            if derive is not None:
                self.version = quiet(derive)(self, subject)

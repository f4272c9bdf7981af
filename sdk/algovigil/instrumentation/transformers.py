"""Transformers: pipelines, and `generate` of models.

Invariant: one record per call of a pipeline, with the labels and scores of classifiers.
Texts, tokens and pictures are counted and not kept; what a model writes is free text.
"""

from __future__ import annotations

import functools
import weakref
from collections.abc import Mapping, Sized
from types import GeneratorType
from typing import TYPE_CHECKING, Any, Final

from algovigil import hold, streams
from algovigil.instrumentation import torch, wrapper
from algovigil.instrumentation.framework import FrameworkInstrumentor, Patches
from algovigil.instrumentation.identity import Identities, digest
from algovigil.model import Model
from algovigil.quiet import quiet

if TYPE_CHECKING:
    from collections.abc import Callable

    from algovigil.call import Call

_CALL: Final = "algovigil_call"
"""Attribute of an iterator that a pipeline returned: the call that its end ends."""

_patches: Final = Patches()


def describe(pipeline: Any) -> Model:
    """Return the name of a pipeline with that of its model."""
    model = pipeline.model
    name = getattr(model, "algovigil_model_name", None)
    version = getattr(model, "algovigil_model_version", None)
    return Model(
        str(name or f"{type(pipeline).__name__}[{type(model).__name__}]"),
        None if version is None else str(version),
        "transformers",
        device=str(pipeline.device),
        derive=_derive,
    )


def _derive(_: Model, pipeline: Any) -> str:
    model = pipeline.model
    return f"{type(model).__name__}@{digest(model)}"


identities: Final = Identities(describe)


def _rows(args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Return texts, or how many inputs there are if that needs no reading."""
    given = args[0] if args else kwargs.get("inputs")
    if isinstance(given, GeneratorType):
        return None
    if isinstance(given, str) or (isinstance(given, list) and _are_texts(given)):
        return given  # kept only where texts are switched on
    if isinstance(given, (bytes, Mapping)) or not isinstance(given, Sized):
        return hold.Later(1)
    return hold.Later(len(given))


def _are_texts(given: list[Any]) -> bool:
    return bool(given) and isinstance(given[0], str)


def _answer(call: Call, model: Model, operation: str, result: Any) -> None:
    """Keep the best class of each input, and its score."""
    if isinstance(result, Mapping):
        result = [result]
    best = [_best(item) for item in result]
    if best and all(found is not None for found in best):
        call.answer(model, "labels", [found[0] for found in best if found])
        call.answer(model, "scores", [found[1] for found in best if found])


def _best(answer: Any) -> tuple[str, float] | None:
    """Return label and score of a classifier's answer; they come best first."""
    if isinstance(answer, list) and answer:
        answer = answer[0]
    if not isinstance(answer, Mapping):
        return None
    if {"label", "score"} == set(answer):
        return str(answer["label"]), float(answer["score"])
    if {"sequence", "labels", "scores"} == set(answer):  # zero-shot
        return str(answer["labels"][0]), float(answer["scores"][0])
    return None


class _Followed:
    """A call whose answers an iterator of the pipeline gives."""

    def __init__(self, call: Call, finish: streams.Finish) -> None:
        self.call: Final = call
        self._finish: Final = finish
        self._answers: list[Any] = []
        self._known = True

    def keep(self, item: Any) -> None:
        """Keep one answer more; one too many drops them all."""
        self._known = self._known and len(self._answers) < self.call.most_rows
        if self._known:
            self._answers.append(item)

    def end(self, error: BaseException | None = None) -> None:
        """End the call."""
        self.call.error = error
        self._finish(self.call, self._answers if self._known else None)


def _follow(call: Call, result: Any, finish: streams.Finish) -> Any:
    if not hasattr(result, "loader_batch_size"):
        return None
    call.pause()
    followed = _Followed(call, finish)
    setattr(result, _CALL, followed)
    weakref.finalize(result, followed.end).atexit = False
    return result


def _next(method: Callable[..., Any], _: str) -> Callable[..., Any]:
    @functools.wraps(method)
    def following(self: Any) -> Any:
        followed = vars(self).get(_CALL)
        if followed is None:
            return method(self)
        followed.call.resume()
        try:
            item = method(self)
        except StopIteration:
            quiet(followed.end)()
            raise
        except BaseException as error:
            quiet(followed.end)(error)
            raise
        finally:
            followed.call.pause()
        quiet(followed.keep)(item)
        return item

    setattr(following, wrapper.MARK, True)
    return following


READER: Final = wrapper.Reader(identities.of, _rows, _answer, follow=_follow)


def _nothing(call: Call, model: Model, operation: str, result: Any) -> None:
    """Keep nothing of what a model wrote."""


GENERATE: Final = wrapper.Reader(torch.identities.of, torch.rows, _nothing)


def _wrap(method: Callable[..., Any], name: str) -> Callable[..., Any]:
    reader = GENERATE if name == "generate" else READER
    return wrapper.recorded(
        method, "generate" if reader is GENERATE else "call", reader
    )


def _pipelines(module: Any) -> None:
    _patches.methods(module.Pipeline, ("__call__",), _wrap)


def _iterators(module: Any) -> None:
    for name, kind in vars(module).items():
        if name.endswith("Iterator") and isinstance(kind, type):
            _patches.methods(kind, ("__next__",), _next)


def _generation(module: Any) -> None:
    _patches.methods(module.GenerationMixin, ("generate",), _wrap)


def _trainer(module: Any) -> None:
    _patches.methods(module.Trainer, ("train", "evaluate"), _unrecorded)


def _unrecorded(method: Callable[..., Any], _: str) -> Callable[..., Any]:
    return wrapper.unrecorded(method)


class TransformersInstrumentor(FrameworkInstrumentor):
    """Records pipelines and generation of Transformers."""

    package = "transformers"
    patches = _patches
    hooks = {
        "transformers.pipelines.base": _pipelines,
        "transformers.pipelines.pt_utils": _iterators,
        "transformers.generation.utils": _generation,
        "transformers.trainer": _trainer,
    }

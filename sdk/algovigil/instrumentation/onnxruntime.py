"""ONNX Runtime: `InferenceSession.run` and `run_async`.

Invariant: features have the names of the model's inputs; the version is a digest of
the model's bytes, and absent when the file changed since the session was made.
"""

from __future__ import annotations

import functools
import hashlib
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from algovigil import inference, nesting
from algovigil.instrumentation import wrapper
from algovigil.instrumentation.framework import FrameworkInstrumentor, Patches
from algovigil.instrumentation.identity import Identities
from algovigil.model import Model
from algovigil.quiet import quiet

if TYPE_CHECKING:
    from collections.abc import Callable

    from algovigil.call import Call

_FILE: Final = "algovigil_file"
"""Attribute of a session: path, size and time of the file it was made from."""

_patches: Final = Patches()


def describe(session: Any) -> Model:
    """Return the name that a session's file or graph has, its inputs and its device."""
    meta = session.get_modelmeta()
    given = getattr(session, "algovigil_model_name", None)
    path = getattr(session, "_model_path", None)
    version = getattr(session, "algovigil_model_version", None)
    providers = session.get_providers()
    return Model(
        str(given or (Path(path).stem if path else meta.graph_name) or "onnx"),
        None if version is None else str(version),
        "onnxruntime",
        device=providers[0].removesuffix("ExecutionProvider").lower(),
        derive=_derive,
    )


def _derive(_: Model, session: Any) -> str | None:
    content = getattr(session, "_model_bytes", None)
    if content is None:
        known = getattr(session, _FILE, None)
        if known is None or known != _file(known[0]):
            return None
        with Path(known[0]).open("rb") as file:
            state = hashlib.blake2b(digest_size=6)
            while block := file.read(1 << 20):
                state.update(block)
    else:
        state = hashlib.blake2b(content, digest_size=6)
    return f"onnx@{state.hexdigest()}"


def _file(path: Any) -> tuple[str, int, int]:
    found = Path(path).stat()
    return str(path), found.st_size, found.st_mtime_ns


identities: Final = Identities(describe)


def _rows(args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Return the arrays by the names of the model's inputs."""
    return args[1] if len(args) > 1 else kwargs.get("input_feed")


def _answer(call: Call, model: Model, operation: str, result: Any) -> None:
    """Keep one output, or the two of a classifier: labels, and their probabilities."""
    if len(result) > 2:
        return  # boxes, masks and the like: no one of them is the prediction
    for output in result:
        kind = getattr(getattr(output, "dtype", None), "kind", "")
        is_labels = kind in "iubOU" and len(getattr(output, "shape", ())) == 1
        call.answer(model, "labels" if kind and is_labels else "answers", output)


READER: Final = wrapper.Reader(identities.of, _rows, _answer)


def _wrap(method: Callable[..., Any], name: str) -> Callable[..., Any]:
    if name == "run":
        return wrapper.recorded(method, name, READER)
    return _recorded_async(method, name)


def _recorded_async(method: Callable[..., Any], name: str) -> Callable[..., Any]:
    """Return `run_async` so that the call ends when its callback is called."""

    @functools.wraps(method)
    def run_async(
        self: Any,
        output_names: Any,
        input_feed: Any,
        callback: Any,
        *rest: Any,
        **kw: Any,
    ) -> Any:
        args = (output_names, input_feed, callback, *rest)
        if nesting.active.get() is not None:
            return method(self, *args, **kw)
        begun = wrapper.begin(READER, name, self, args, kw)
        if begun is None:
            return method(self, *args, **kw)
        begun.pause()

        def done(results: Any, data: Any, error: Any) -> Any:
            if error:
                begun.error = "OrtError"
                inference.finish(begun)
            else:
                wrapper.finish(begun, READER, name, results)
            return callback(results, data, error)

        try:
            return method(self, output_names, input_feed, done, *rest, **kw)
        except BaseException as error:
            begun.error = error
            inference.finish(begun)
            raise

    setattr(run_async, wrapper.MARK, True)
    return run_async


def _noting_file(init: Callable[..., Any], _: str) -> Callable[..., Any]:
    @functools.wraps(init)
    def made(self: Any, *args: Any, **kwargs: Any) -> None:
        init(self, *args, **kwargs)
        _note_file(self)

    return made


@quiet
def _note_file(session: Any) -> None:
    path = getattr(session, "_model_path", None)
    if path:
        setattr(session, _FILE, _file(path))


def _sessions(module: Any) -> None:
    _patches.methods(module.Session, ("run", "run_async"), _wrap)
    _patches.methods(module.InferenceSession, ("__init__",), _noting_file)


class OnnxruntimeInstrumentor(FrameworkInstrumentor):
    """Records sessions of ONNX Runtime."""

    package = "onnxruntime"
    patches = _patches
    hooks = {"onnxruntime.capi.onnxruntime_inference_collection": _sessions}

"""PyTorch: a call of a module, where it is a prediction.

Invariant: the outermost module is recorded, and only when gradients are off or it is in
eval; inside a training step nothing is. An inner module costs one look at a context
variable. What `torch.compile`, `torch.export` and `torch.jit` trace is the module's own
code: while they do, ours steps aside.
"""

from __future__ import annotations

import functools
import sys
from typing import TYPE_CHECKING, Any, Final

from algovigil import nesting
from algovigil.instrumentation import wrapper
from algovigil.instrumentation.estimators import changing
from algovigil.instrumentation.framework import FrameworkInstrumentor, Patches
from algovigil.instrumentation.identity import CONTENT, Identities, digest
from algovigil.model import Model

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_EXPORT: Final = {"torch.jit": ("trace", "trace_module"), "torch.onnx": ("export",)}

_patches: Final = Patches()


def describe(module: Any) -> Model | None:
    """Return what a module is, None if it has nothing learnt: a loss, a transform."""
    module = getattr(module, "_orig_mod", module)  # of torch.compile
    first = next(module.parameters(), None)
    if first is None:
        return None
    version = getattr(module, "algovigil_model_version", None)
    labels = getattr(getattr(module, "config", None), "id2label", None)
    return Model(
        str(getattr(module, "algovigil_model_name", None) or type(module).__name__),
        None if version is None else str(version),
        "torch",
        classes=tuple(map(str, labels.values())) if isinstance(labels, dict) else (),
        device=str(first.device),
        derive=_derive,
    )


def _derive(_: Model, module: Any) -> str:
    module = getattr(module, "_orig_mod", module)
    return f"{type(module).__name__}@{digest(module)}"


def _content(module: Any) -> Iterator[bytes]:
    """Yield names and bytes of all that a module learnt, tensor by tensor."""
    for name, tensor in module.state_dict().items():
        if hasattr(tensor, "detach"):
            plain = tensor.detach().cpu().contiguous()
            yield f"{name}{plain.dtype}{tuple(plain.shape)}".encode()
            if plain.numel():
                whole = plain.flatten().view(_torch_module().uint8)
                yield whole.numpy().tobytes()


def _torch_module() -> Any:
    return sys.modules["torch"]


CONTENT["torch.nn.modules.module.Module"] = _content

identities: Final = Identities(describe)


def rows(args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Return the first tensor, or all that have names.

    Whole numbers may be the words of a note: under a name they are kept by type alone.
    """
    named = {name: value for name, value in kwargs.items() if _is_tensor(value)}
    first = next(filter(_is_tensor, args), None)
    if first is not None and (named or not first.is_floating_point()):
        named = {"input": first, **named}
    return named or first


def _is_tensor(value: Any) -> bool:
    return hasattr(value, "is_floating_point") and bool(getattr(value, "shape", ()))


def _answer(call: Any, model: Model, operation: str, result: Any) -> None:
    """Keep a tensor, the logits of a classifier, or the first of a tuple."""
    logits = getattr(result, "logits", None)
    if logits is not None:
        if model.classes and logits.ndim == 2:
            call.answer(model, "logits", logits)
        return
    if isinstance(result, (tuple, list)) and result:
        result = result[0]
    if hasattr(result, "detach") and result.ndim <= 2:
        call.answer(model, "answers", result)


READER: Final = wrapper.Reader(identities.of, rows, _answer)


def _forward(torch: Any) -> Callable[[Callable[..., Any], str], Callable[..., Any]]:
    surrounding = nesting.active.get
    is_grad_enabled = torch.is_grad_enabled
    is_tracing = torch.jit.is_tracing
    is_compiling = torch.compiler.is_compiling

    def wrap(method: Callable[..., Any], _: str) -> Callable[..., Any]:
        recorded = wrapper.recorded(method, "forward", READER)

        @functools.wraps(method)
        def call(self: Any, *args: Any, **kwargs: Any) -> Any:
            if is_compiling():  # the compiler takes this for a constant
                return method(self, *args, **kwargs)
            outer = surrounding()
            if outer is not None and not outer.absorbs:
                return method(self, *args, **kwargs)
            if is_tracing():
                return method(self, *args, **kwargs)
            if self.training and is_grad_enabled():
                return nesting.within(method, self, *args, **kwargs)
            if identities.of(self) is None:
                return method(self, *args, **kwargs)
            return recorded(self, *args, **kwargs)

        setattr(call, wrapper.MARK, True)
        return call

    return wrap


def _changing(method: Callable[..., Any], _: str) -> Callable[..., Any]:
    changed = changing(method, identities)
    setattr(changed, wrapper.MARK, True)
    return changed


def _torch(torch: Any) -> None:
    _patches.methods(torch.nn.Module, ("__call__",), _forward(torch))
    _patches.methods(torch.nn.Module, ("load_state_dict",), _changing)
    # the check of a trace runs the module outside of tracing
    for package, names in _EXPORT.items():
        _patches.functions(package, names, wrapper.unrecorded)


def _optimizer(module: Any) -> None:
    """Follow steps of training: they change what a version is a digest of."""
    for register, act in (
        ("register_optimizer_step_pre_hook", identities.settle),
        ("register_optimizer_step_post_hook", identities.forget),
    ):
        found = getattr(module, register, None)
        if found is not None and register not in _patches.hooked:
            _patches.hooked.add(register)
            found(_stepping(act))


def _stepping(act: Callable[[], None]) -> Callable[..., None]:
    def step(*_: Any) -> None:
        act()

    return step


class TorchInstrumentor(FrameworkInstrumentor):
    """Records modules of PyTorch."""

    package = "torch"
    patches = _patches
    # once all of it is there: while it is imported its parts are not
    hooks = {"torch": _torch, "torch.optim.optimizer": _optimizer}

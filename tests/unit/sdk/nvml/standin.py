"""A stand-in for NVIDIA's driver library, compiled here, called by the real pynvml."""

from __future__ import annotations

import _ctypes
import ctypes
import subprocess
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pynvml

if TYPE_CHECKING:
    from collections.abc import Iterator

SONAME: Final = "libnvidia-ml.so.1"
SOURCE: Final = Path(__file__).with_name("standin.c")


def build(directory: Path) -> Path:
    """Compile the library into *directory*, as the loader looks for it."""
    library = directory / SONAME
    flags = ["-shared", "-fPIC", "-O1", "-Wall", "-Werror", f"-Wl,-soname,{SONAME}"]
    subprocess.run(["gcc", *flags, "-o", library, SOURCE], check=True)
    return library


class StandIn:
    """The library, loaded in this process; its state is set through it."""

    def __init__(self, library: ctypes.CDLL) -> None:
        self._library: Final = library

    def reset(self, devices: int) -> None:
        """Begin with that many devices, which support nothing."""
        self._library.standin_reset(devices)

    def set(self, device: int, **values: int) -> None:
        """Set what *device* reports."""
        for what, value in values.items():
            number = ctypes.c_longlong(value)
            self._library.standin_set(device, what.encode(), number)

    def xid(self, device: int, code: int) -> None:
        """Raise a critical error on *device*."""
        self._library.standin_xid(device, ctypes.c_ulonglong(code))

    def fail(self, code: int) -> None:
        """Let the library as a whole answer *code*; 0 mends it."""
        self._library.standin_break(code)

    @property
    def passes(self) -> int:
        """How often the devices were listed."""
        return int(self._library.standin_passes())

    @property
    def inits(self) -> int:
        """How often the library was initialised."""
        return int(self._library.standin_inits())


@contextmanager
def loaded(library: Path) -> Iterator[StandIn]:
    """Let pynvml of this process find *library*, by the name that it loads."""
    first: Any = ctypes.CDLL(str(library), mode=ctypes.RTLD_GLOBAL)
    _forget()
    try:
        yield StandIn(first)
    finally:
        if pynvml.nvmlLib is not None:
            _ctypes.dlclose(pynvml.nvmlLib._handle)
        _ctypes.dlclose(first._handle)
        _forget()


def _forget() -> None:
    pynvml.nvmlLib = None
    pynvml._nvmlGetFunctionPointer_cache.clear()

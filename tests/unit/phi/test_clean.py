"""Real messages of real libraries stay: what they raise and log holds no patient."""

from __future__ import annotations

import ast
import sysconfig
from pathlib import Path
from typing import TYPE_CHECKING

from algovigil.phi import Protector

if TYPE_CHECKING:
    from collections.abc import Iterator

PROTECTOR = Protector(key=b"test-key-of-32-bytes-or-more-.....", this_year=2026)
LOGGED = ("debug", "info", "warning", "error", "exception")
LIBRARIES = ("sklearn", "grpc", "opentelemetry", "pyarrow", "httpx", "scipy/stats")


def messages() -> set[str]:
    """Return what the libraries of this environment, and Python's own, may say."""
    folders = [Path(sysconfig.get_path("purelib")) / name for name in LIBRARIES]
    stdlib = Path(sysconfig.get_path("stdlib"))
    files = [f for folder in folders for f in folder.rglob("*.py")]
    files += [*stdlib.glob("*.py"), *stdlib.glob("[a-k]*/*.py")]
    texts = (text for f in files if "tests" not in f.parts for text in _said(f))
    return {text for text in texts if 12 < len(text) < 300}


def _said(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_bytes())):
        if isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call):
            call = node.exc
        elif (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Attribute)
            and node.func.attr in LOGGED
        ):
            call = node
        else:
            continue
        for argument in call.args[:1]:
            if isinstance(argument, ast.Constant) and isinstance(argument.value, str):
                yield argument.value


def test_messages_of_libraries_stay() -> None:
    """One in two hundred at most is taken for an identifier."""
    texts = sorted(messages())
    taken = [text for text in texts if PROTECTOR.redactions("", text)]
    assert len(texts) > 2_000
    assert len(taken) < len(texts) / 200, taken

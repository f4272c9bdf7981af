"""Base64 inside a text: decoded, searched, and masked as a whole when it tells.

Invariant: what is decoded is bounded in size and depth.
"""

from __future__ import annotations

import base64
import binascii
import re
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from algovigil.phi.rules import RuleSet

_CHUNK: Final = re.compile(
    r"(?<![A-Za-z0-9+/_-])[A-Za-z0-9+/_-]{20,65536}={0,2}", re.ASCII
)
_HEX: Final = re.compile(r"[0-9a-fA-F-]+", re.ASCII)
_PATH: Final = re.compile(r"[a-z/_-]+|[A-Za-z]+", re.ASCII)
_SURE: Final = frozenset(
    ("SSN", "EMAIL", "PHONE", "MRN", "NAME", "BIRTH", "PATIENT", "HEALTH_PLAN", "ACCOUNT", "GEO")
)  # fmt: skip


def encoded(
    rules: RuleSet, text: str, find: Callable[..., Any]
) -> Iterator[tuple[int, int]]:
    """Yield the base64 in *text* in which *find* finds an identifier."""
    for match in _CHUNK.finditer(text):
        chunk = match.group()
        if _HEX.fullmatch(chunk) or _PATH.fullmatch(chunk):
            continue
        plain = _decoded(chunk)
        if plain is None:
            continue
        # of what is decoded base64 is not decoded again
        only = [i for i, rule in enumerate(rules.rules) if rule.finder != "base64"]
        if any(f.cls in _SURE for f in find(rules, plain, trust="text", only=only)):
            yield match.span()


def _decoded(chunk: str) -> str | None:
    """Return *chunk* decoded, if it is text."""
    body = chunk.rstrip("=").translate(str.maketrans("-_", "+/"))
    try:
        raw = base64.b64decode(
            body[: len(body) // 4 * 4 + len(body) % 4 * (len(body) % 4 > 1)]
            + "=" * (-len(body) % 4)
        )
        plain = raw.decode("utf-8")
    except (binascii.Error, UnicodeDecodeError):
        return None
    return plain if all(c.isprintable() or c in "\r\n\t" for c in plain) else None

"""Readings of a text in plain ASCII, and the way back to the text as it came.

Invariant: rules only ever see a view, so that hyperscan and `re` cannot disagree about
what a letter, a digit or a space is.
"""

from __future__ import annotations

import html
import re
import unicodedata
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

_ESCAPED: Final = re.compile(r"(?:%[0-9A-Fa-f]{2})+")
_BACKSLASH: Final = re.compile(r"\\(?:u[0-9A-Fa-f]{4}|[\"'\\/nrt])")
_ENTITY: Final = re.compile(r"&(?:#[0-9]{1,7}|#[xX][0-9A-Fa-f]{1,6}|[A-Za-z]{2,8});")
ESCAPE: Final = "|".join(p.pattern for p in (_ESCAPED, _BACKSLASH, _ENTITY))
"""An expression that finds something in every ASCII text with more views than itself."""

_PLAIN: Final = {"\\n": "\n", "\\r": "\r", "\\t": "\t"}
_DEPTH: Final = 3
# Cyrillic and Greek letters that look like Latin ones
_ALIKE: Final = dict(
    zip(
        "\u0410\u0412\u0415\u041a\u041c\u041d\u041e\u0420\u0421\u0422\u0425\u0405\u0406\u0408"
        "\u0430\u0435\u043e\u0440\u0441\u0443\u0445\u0455\u0456\u0458\u0391\u0392\u0395\u0396"
        "\u0397\u0399\u039a\u039c\u039d\u039f\u03a1\u03a4\u03a5\u03a7\u03bf",
        "ABEKMHOPCTXSIJaeopcyxsijABEZHIKMNOPTYXo",
        strict=True,
    )
)


@dataclass(frozen=True, slots=True)
class View:
    """A plain ASCII reading of a text; `at[i]` is where its character i came from."""

    text: str
    at: Sequence[int] | None = None
    """One more element than `text`; None when positions are those of the original."""

    def origin(self, start: int, end: int) -> tuple[int, int]:
        """Return [start, end) of this view as positions of the original."""
        if self.at is None:
            return start, end
        return self.at[start], max(self.at[end], self.at[end - 1] + 1)


def views(text: str) -> tuple[View, ...]:
    """Return every reading of *text* that rules must see.

    The text itself, and while there are escapes of URLs, of strings in code or of HTML,
    the text with those decoded, up to three deep.
    """
    found = [View(text) if text.isascii() else _plain(text, None)]
    if "%" not in text and "\\" not in text and "&" not in text:
        return tuple(found)
    for escape, decode in _ESCAPES:
        inside, at = text, None
        for _ in range(_DEPTH):
            if not escape.search(inside):
                break
            inside, at = _decoded(inside, at, escape, decode)
            found.append(_plain(inside, at))
    return tuple(found)


def _decoded(
    text: str,
    origin: Sequence[int] | None,
    escape: re.Pattern[str],
    decode: Callable[[str], str],
) -> tuple[str, Sequence[int]]:
    parts: list[str] = []
    at: list[int] = []
    done = 0
    for match in escape.finditer(text):
        parts.append(text[done : match.start()])
        at.extend(range(done, match.start()))
        plain = decode(match.group())
        parts.append(plain)
        # the first character stands at the first escape, the rest spread evenly
        step = (match.end() - match.start()) / max(len(plain), 1)
        at.extend(match.start() + int(i * step) for i in range(len(plain)))
        done = match.end()
    parts.append(text[done:])
    at.extend(range(done, len(text) + 1))
    if origin is not None:
        at = [origin[i] for i in at]
    return "".join(parts), at


def _unescape(escape: str) -> str:
    if escape.startswith("\\u"):
        return chr(int(escape[2:], 16))
    return _PLAIN.get(escape, escape[1:])


_ESCAPES: Final = (
    (_ESCAPED, unquote),
    (_BACKSLASH, _unescape),
    (_ENTITY, html.unescape),
)


def _plain(text: str, at: Sequence[int] | None) -> View:
    if text.isascii():
        return View(text, at)
    chars: list[str] = []
    places: list[int] = []
    for i, char in enumerate(text):
        plain = char if char < "\x80" else _ascii(char)
        chars.append(plain)
        places.extend([i if at is None else at[i]] * len(plain))
    places.append(len(text) if at is None else at[len(text)])
    return View("".join(chars), places)


@lru_cache(maxsize=4096)
def _ascii(char: str) -> str:
    """Return *char* as ASCII: one letter, digit, space or mark, or '' if invisible."""
    if char in _ALIKE:
        return _ALIKE[char]
    plain = []
    for part in unicodedata.normalize("NFKD", char):
        kind = unicodedata.category(part)
        if part < "\x80":
            plain.append(part)
        elif kind in ("Mn", "Cf", "Me"):
            continue
        elif kind == "Nd":
            plain.append(str(unicodedata.digit(part)))
        elif kind[0] == "L":
            # a letter of a script without cases may begin a name, and be all of it
            plain.append({"Ll": "x", "Lo": "Xx"}.get(kind, "X"))
        elif kind[0] == "Z":
            plain.append(" ")
        elif kind == "Pd":
            plain.append("-")
        elif kind in ("Pi", "Pf"):
            plain.append("'" if part in "\u2018\u2019\u201a\u201b" else '"')
        else:
            plain.append("~")
    return "".join(plain)

"""Caller's data in the words of an error: what an exception's message quotes.

Invariant: a quoted literal goes wholly unless the message says that it names a part of
the program; frames and source lines of a trace stay.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from algovigil.phi.lexicon import GIVEN, SURNAME, WORD, kind

if TYPE_CHECKING:
    from collections.abc import Iterator

    from algovigil.phi.rules import RuleSet


def errors(rules: RuleSet, text: str, trust: str) -> Iterator[tuple[int, int]]:
    """Yield what a caller passed, as the messages of errors in *text* quote it."""
    for start, end in _messages(text, trust):
        message = text[start:end]
        exempt = [m.span() for m in rules.error_contexts.finditer(message)]
        for first, last in _literals(message):
            inner = message[first + 1 : last].rstrip("'\"`").lstrip("`")
            said = inner in rules.error_words or any(
                a <= first and last <= b for a, b in exempt
            )
            ticked = message[first] == "`"
            if not said and not _is_code(inner, _TICKED if ticked else _CODE):
                yield start + first, start + last


_CODE: Final = re.compile(
    r"[A-Za-z_][\w.]{0,80}\(\)|[a-z]+[A-Z][A-Za-z0-9]{0,60}|[a-z_]+=(?:True|False|None)|[^\w\s]{1,4}|[a-z_$%<{/.*\-][a-z0-9_.\-/:$%<>{}*\[\]@+=]*|[A-Z_]{2,}[A-Z0-9_.]*|[A-Z][a-z]+(?:[A-Z][a-z]+)+[A-Za-z0-9.]*"
    r"|[0-9.:-]{0,4}|(?:%[A-Za-z][-/:. ,T]{0,2}){1,12}|[A-Za-z0-9_.-]+(?:[./:_][A-Za-z0-9_.-]+)+",
    re.ASCII,
)


# what stands between backticks is code, but for two words that begin like a name
_TICKED: Final = re.compile(r"(?!.*[A-Z][A-Za-z'-]*,? [A-Z]).*", re.ASCII | re.DOTALL)


# a word as it stands, and each of camel case: `McKay`, `janeRoe`
_LETTERS: Final = re.compile("[A-Za-z]+", re.ASCII)
_PIECE: Final = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+", re.ASCII)


def _is_code(inner: str, shape: re.Pattern[str]) -> bool:
    """Return whether a literal is the name of a key, a file, a host: the program's."""
    if not shape.fullmatch(inner):
        return False
    return sum(c.isdigit() for c in inner) < 5 and not any(
        kind(part) & (GIVEN | SURNAME) and not kind(part) & WORD
        for part in (*_LETTERS.findall(inner), *_PIECE.findall(inner))
        if len(part) > 3
    )


_FRAME: Final = re.compile(
    r'\s*(?:\|\s*)*File ".*?", line \d+|\s+at \S|\s*\.\.\. \d+ more|Traceback \(most'
    r"|During handling of|The above exception",
    re.ASCII,
)
_SAID: Final = re.compile(
    r"\b[A-Za-z_][\w.]*(?:Error|Exception|Warning|Failure|Fault|Interrupt|Exit)[:(]",
    re.ASCII,
)


def _messages(text: str, trust: str) -> Iterator[tuple[int, int]]:
    """Yield where error messages stand: all of a text but headers, frames and source.

    A text that is no error by its key has messages only after the name of an error.
    """
    in_frames = "Traceback (most recent" in text or "\n\tat " in text
    if not in_frames:
        said = _SAID.search(text) if trust != "error" else None
        if trust == "error" or said:
            yield (said.end() if said else 0), len(text)
        return
    if trust != "error":
        head = text.find("Traceback (most recent")
        if (said := _SAID.search(text, 0, max(head, 0))) is not None:
            yield said.end(), head
    at = 0
    source = False
    for line in text.splitlines(keepends=True):
        frame = _FRAME.match(line) is not None
        if not frame and not (source and line[:1] in (" ", "\t")):
            yield at, at + len(line)
            source = False
        elif frame:
            source = True
        at += len(line)


def _literals(message: str) -> Iterator[tuple[int, int]]:
    """Yield each quoted literal with its quotes; an open one goes to the end."""
    at = 0
    while at < len(message):
        quote = message[at]
        # an apostrophe inside a word opens nothing
        opens = quote in "'\"`" and (at == 0 or not message[at - 1].isalnum())
        if not opens:
            at += 1
            continue
        if message.startswith("``", at):  # as documentation writes code
            quote = "``"
        size = len(quote)
        end = at + size
        while (end := message.find(quote, end)) >= 0:
            after = message[end + size : end + size + 1]
            if message[end - 1] != "\\" and not after.isalnum():
                break
            end += 1
        stop = len(message) if end < 0 else end + size
        yield at, stop
        at = stop

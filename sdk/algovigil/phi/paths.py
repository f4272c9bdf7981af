"""Names of files and folders: persons and their numbers among the steps of a path.

A step is split at `_`, `-`, `.`, `^` and spaces. Two words of it that are names beside
each other are a person; so are words before a date of birth.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from algovigil.phi.lexicon import GIVEN, SURNAME, WORD, kind

if TYPE_CHECKING:
    from collections.abc import Iterator

    from algovigil.phi.rules import RuleSet

Span = tuple[int, int, str]

_OF: Final = r"[^/\\\s\"'<>|?*:,;()=&]"
# a step beside a slash, or a word that may be the name of a file; words of prose are
# most of a text, and none of these
_STEP: Final = re.compile(
    rf"(?<!{_OF})(?:(?<=[/\\]){_OF}+|{_OF}+(?=[/\\])|{_OF}*?[_^.]{_OF}*)",
    re.ASCII,
)
_PIECE: Final = re.compile(r"[A-Za-z]+|[0-9]+", re.ASCII)
_GLUED: Final = re.compile(
    r"(?<![A-Za-z])(?:[A-Z][a-z]{2,15}){2}(?![A-Za-z])", re.ASCII
)
_CAMEL: Final = re.compile(r"[A-Z][a-z]+(?=[A-Z][a-z])|[A-Z][a-z]+", re.ASCII)
_DATE8: Final = re.compile(
    r"(?:19|20)\d\d(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])", re.ASCII
)
_AFTER: Final = frozenset(
    ("patient", "patients", "pt", "mrn", "subject", "subj", "subjects", "patid", "pid", "participant",
     "acc", "accession", "encounter", "visit", "member", "case", "chart", "record", "ssn", "person")
)  # fmt: skip
EXTENSIONS: Final = (
    "dcm|pdf|jpe?g|png|txt|csv|json|xml|docx?|xlsx?|zip|gz|tiff?|wav|mp[34]|hl7|nii|rtf|html?|bmp|gif|"
    "heic|webp|avi|mov|log|ndjson|parquet|eml|msg|odt|pptx?"
)
_EXTENSION: Final = re.compile(
    rf"\.(?:{EXTENSIONS})(?:\.gz)?$", re.ASCII | re.IGNORECASE
)
# what a record of a patient is kept in, and the steps of its path that are numbers
_RECORD: Final = re.compile(r"\.(?:dcm|nii|hl7|edf|nrrd|mha)\b", re.ASCII | re.I)
_PATH: Final = re.compile(r"[^\s\"'<>|?*,;()=&]{1,400}", re.ASCII)
_NUMBER: Final = re.compile(
    r"(?<=[/\\])(?!000)[A-Z]{0,2}[0-9]{6,10}(?=[/\\.])", re.ASCII
)
# files of programs, which stack traces are full of
_CODE: Final = (".py", ".go", ".js", ".ts", ".java", ".rs", ".cc", ".cpp", ".so", ".rb")
_JOINS: Final = r"/\._^+-"
_MOST: Final = 200  # characters of a step
_IMAGE: Final = re.compile(r"\.(?:jpe?g|png|heic|tiff?|gif|bmp|webp)$", re.ASCII | re.I)


def paths(rules: RuleSet, text: str) -> Iterator[Span]:
    """Yield the persons, their numbers and dates in paths of *text*."""
    named = False
    for match in _STEP.finditer(text):
        start, end = match.span()
        if not 4 <= end - start <= _MOST:
            continue
        step = match.group()
        if "@" in step or step.endswith(_CODE) or (step.isalpha() and step.islower()):
            continue
        if text[start - 3 : start] == "://":
            continue  # the host of a URL
        before = text[start - 1 : start] in ("/", "\\") and start > 0
        in_path = before or text[end : end + 1] in ("/", "\\")
        extension = _EXTENSION.search(step) if "." in step else None
        if in_path or extension or "_" in step or "^" in step:
            follows = text[end : end + 1] or " "
            for span in _step(
                rules, start, step, extension, in_path=in_path, follows=follows
            ):
                named = named or (in_path and span[2] == "NAME")
                yield span
    # where the path names a person, the folder with a number is that person's
    if named or ("." in text and _RECORD.search(text)):
        for match in _PATH.finditer(text):
            if named or _RECORD.search(match.group()):
                for number in _NUMBER.finditer(text, *match.span()):
                    dated = _DATE8.fullmatch(number.group()) is not None
                    yield *number.span(), "DATE" if dated else "OTHER_ID"


def _step(
    rules: RuleSet,
    at: int,
    step: str,
    extension: re.Match[str] | None,
    *,
    in_path: bool,
    follows: str,
) -> Iterator[Span]:
    body = step[: extension.start()] if extension else step
    if in_path or extension:
        for start, end in _glued(rules, body):
            # `scans.JaneRoe/`, and not `x.exceptions.TimeoutError`
            if step[start - 1 : start] != "." or (step + follows)[end] in _JOINS:
                yield at + start, at + end, "NAME"
    pieces = [(m.start(), m.end(), m.group()) for m in _PIECE.finditer(body)]
    if len(pieces) < 2:
        return
    words = sum(not p[2].isdigit() for p in pieces) > 1
    taken = [words and _may_be_name(rules, p[2]) for p in pieces]
    found = False
    i = 0
    while i < len(pieces):
        j = i
        while (
            j < len(pieces)
            and taken[j]
            and (j == i or _close(body, pieces[j - 1], pieces[j]))
        ):
            j += 1
        if j - i > 1 and _is_person(
            pieces[i:j],
            dated=any(_DATE8.fullmatch(p[2]) for p in pieces),
            in_path=in_path or bool(extension),
            text=body,
            eponyms=rules.words.eponyms,
        ):
            found = True
            stop = min(j, i + 4)
            image = extension and _IMAGE.search(step) and i == 0 and stop == len(pieces)
            end = len(step) if image else pieces[stop - 1][1]
            yield at + pieces[i][0], at + end, "PHOTO" if image else "NAME"
            i = stop
            continue
        i = max(j, i + 1)
    for i, (start, end, piece) in enumerate(pieces):
        if not piece.isdigit():
            continue
        after = i > 0 and pieces[i - 1][2].lower() in _AFTER
        if _DATE8.fullmatch(piece) and found:
            yield at + start, at + end, "DATE"
        elif (found or after) and len(piece) > 4 - after:
            yield at + start, at + end, "OTHER_ID"


def _close(
    body: str, before: tuple[int, int, str], after: tuple[int, int, str]
) -> bool:
    return body[before[1] : after[0]] in (
        "_",
        "-",
        ".",
        "^",
        " ",
        "^^",
        ", ",
        "+",
        "__",
    )


def _may_be_name(rules: RuleSet, piece: str) -> bool:
    if piece.isdigit() or piece.lower() in rules.words.hard:
        return False
    return (
        len(piece) == 1
        or bool(kind(piece.lower()) & (GIVEN | SURNAME))
        or (piece[0].isupper() and len(piece) > 3 and not kind(piece.lower()))
    )


def _is_person(
    pieces: list[tuple[int, int, str]],
    *,
    dated: bool,
    in_path: bool,
    text: str,
    eponyms: frozenset[str],
) -> bool:
    words = [piece for _, _, piece in pieces if len(piece) > 1]
    if len(words) < 2 or all(word.lower() in eponyms for word in words):
        return False
    kinds = [kind(word.lower()) for word in words]
    given = any(k & GIVEN for k in kinds)
    strong = sum(bool(k & (GIVEN | SURNAME)) and not k & WORD for k in kinds)
    capitals = all(word[0].isupper() for word in words)
    unknown = not all(kinds)
    if "^" in text or dated:
        return given or capitals
    lower = all(word.islower() for word in words)
    # snake_case is code: both words must be names and nothing else
    if lower:
        return in_path and given and strong == len(words) == 2
    if text.isupper() and "_" in text and not in_path:
        return False  # a constant
    return capitals and given and (strong > 0 or (in_path and unknown))


def _glued(rules: RuleSet, body: str) -> Iterator[tuple[int, int]]:
    """Yield `JohnSmith`: two names in camel case and nothing else."""
    for match in _GLUED.finditer(body):
        parts = _CAMEL.findall(match.group())
        kinds = [kind(part.lower()) for part in parts]
        stop = any(part.lower() in rules.words.stops for part in parts)
        strong = all(k & (GIVEN | SURNAME) and not k & WORD for k in kinds)
        if len(parts) == 2 and strong and kinds[0] & GIVEN and not stop:
            yield match.span()

"""Structure inside a text: `key=value`, URL parameters, JSON and what looks like it.

Invariant: a value is judged by its key as an attribute would be, and all of it goes or
none; a text that is cut off or malformed is read as far as it goes.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote

from algovigil.phi.lexicon import GIVEN, SURNAME, WORD, kind

if TYPE_CHECKING:
    from collections.abc import Iterator

    from algovigil.phi.rules import RuleSet

Span = tuple[int, int, str]

# not from within a word: all of its ends would be tried where no `=` follows
_PAIR: Final = re.compile(
    r"(?<![A-Za-z_])([A-Za-z_](?:[\w.%-]|\[\w{0,32}\]){0,80})[\\\"')\]#]{0,4} {0,2}(=>|[=:]) {0,2}"
    r"(?![=:/])",
    re.ASCII,
)
_SEPARATOR: Final = re.compile("[=:]")
_REACH: Final = 88  # characters from where a key without brackets begins to its `=`
_BEFORE: Final = re.compile(r"((?:[A-Za-z']{1,16} ){1,3})$", re.ASCII)
# classes of what has a digit, in prose: `insurance card scanned: member ID`
_NUMBERED: Final = frozenset(
    ("HEALTH_PLAN", "MRN", "ACCOUNT", "LICENSE", "SSN", "PHONE", "OTHER_ID", "UID")
)
_PROSE: Final = frozenset(("NAME", "GEO"))
_DIGIT: Final = re.compile("[0-9]")
_DATES: Final = frozenset(("DATE", "BIRTH"))
_WORDS: Final = re.compile(
    r"[^\s,;&|<>\"')}\]=]+(?:,? (?:[a-z]{2,3} ){0,2}[A-Z][\w'.-]*(?![\w.'-]|\s{0,2}[=:])){0,4}",
    re.ASCII,
)
_PLACE: Final = re.compile(
    r"[^\s;&|<>\"')}\]=,]+(?:,? [A-Z0-9#][\w'.#-]*(?![\w.'#-]|\s{0,2}[=:])){0,10}",
    re.ASCII,
)
_LOWER: Final = re.compile(r"(?: [a-z][a-z'-]*(?![\w.'-]|\s{0,2}[=:])){0,3}", re.ASCII)
_DATE: Final = re.compile(
    r"(?:[A-Z][a-z]{2,8}\.? \d{1,2}(?:st|nd|rd|th)?,? \d{4}|\d{1,2}(?:st|nd|rd|th)? [A-Z][a-z]{2,8}\.?,? \d{4}"
    r"|[^\s,;&|<>\"')}\]]+(?: \d\d:\d\d(?::\d\d)?)?)",
    re.ASCII,
)
_PARAMETER: Final = re.compile(r"[^&\s\"<>#,;|\\]*", re.ASCII)
_QUERY: Final = ("?", "&")
_ONE: Final = re.compile(r"[^\s,;&|<>\"')}\]]+(?:[ -]\d{2,6}(?![\w.:/]))*", re.ASCII)
_CLOSES: Final = {"(": ")", "[": "]", "{": "}"}
_EMPTY: Final = frozenset(
    ("", "?", "null", "none", "nan", "true", "false", "undefined", "unknown", "n/a", "na", "nil",
     "missing", "empty", "-", "--", "yes", "no", "required", "invalid", "not", "is", "string", "redacted")
)  # fmt: skip
_VOCABULARY: Final = ("http://hl7.org", "http://terminology", "http://loinc", "http://snomed",
                      "http://unitsofmeasure", "urn:oid", "http://www.w3", "https://hl7.org")  # fmt: skip
_REFERENCE: Final = re.compile(
    r"(?:https?://[^\s/]+/(?:[\w.-]+/)*)?[A-Z][A-Za-z]{3,30}/(?=[\w.-])", re.ASCII
)
_REFERRED: Final = frozenset(
    ("PATIENT", "ENCOUNTER", "OTHER_ID", "LICENSE", "HEALTH_PLAN", "MRN", "NAME", "DEVICE")
)  # fmt: skip
_NUMBERED_LOGIN: Final = re.compile("[a-z]{4,20}[0-9]{1,3}", re.ASCII)
_LONE: Final = frozenset(
    ("name", "user", "subject", "operator", "author", "address", "contact", "provider", "nurse",
     "physician", "doctor", "first", "last", "given", "family", "performer", "city", "street", "county",
     "location", "client", "ip", "login", "date", "started", "signer", "parent", "mac", "plate", "serial")
)  # fmt: skip


def pairs(rules: RuleSet, text: str) -> Iterator[Span]:
    """Yield the values in *text* whose keys are those of identifiers."""
    yield from _flat(rules, text)
    if "{" in text and ":" in text:
        yield from _nested(rules, text)


def _flat(rules: RuleSet, text: str) -> Iterator[Span]:
    at = 0
    brace = text.find("{") if ":" in text else -1
    reach = len(text) if "[" in text else _REACH
    # from separator to separator: a long hash has a hundred places to begin a key
    while separator := _SEPARATOR.search(text, at):
        match = _PAIR.search(text, max(at, separator.start() - reach))
        if match is None:
            return
        at = match.end(2)
        key = match.group(1)
        quoted = text[match.start() - 1 : match.start()] in ('"', "'")
        if quoted and (
            0 <= brace < at or text[match.end() : match.end() + 1].isalpha()
        ):
            continue  # in an object, where `_nested` knows its path, or no key at all
        cls = rules.keys.note(unquote(key) if "%" in key else key).cls
        spaced = cls is None and match.group(2) == ":"
        if spaced:
            before = _BEFORE.search(text, max(0, match.start() - 52), match.start())
            cls = _spaced(rules, before[1], key) if before else None
        if cls is None:
            continue
        if text[match.start() - 1 : match.start()] in _QUERY or "&" in text:
            asked = _PARAMETER.match(text, match.end())
        else:
            asked = None
        if match.group(2) == "=" and asked:
            start, end = asked.span()
        else:
            start, end = _value(text, match.end(), cls, match.group(2))
        if spaced and cls in _NUMBERED and not _DIGIT.search(text, start, end):
            continue
        if says_something(text[start:end], key, cls):
            start = referred(text, start, end, cls)
            yield start, end, cls
            at = max(at, end)


def _spaced(rules: RuleSet, before: str, key: str) -> str | None:
    """Return the class of a key of up to four words: `Date of Birth:`."""
    words = before.split()
    for count in range(1, len(words) + 1):
        cls = rules.keys.note(" ".join((*words[-count:], key))).cls
        if cls is not None:
            return cls
    return None


def referred(text: str, start: int, end: int, cls: str) -> int:
    """Return where the id in a FHIR reference begins: `Patient/123`."""
    if cls in _REFERRED and "/" in text[start:end]:
        match = _REFERENCE.match(text, start, end)
        return match.end() if match else start
    return start


def _value(text: str, start: int, cls: str, separator: str) -> tuple[int, int]:
    """Return where the value that begins at *start* stands, without its quotes."""
    while text[start : start + 1] == "(":
        start += 1
    opener = re.match(r"\\{0,3}[\"'`]", text[start : start + 4])
    if opener:
        quote = opener.group()
        start += len(quote)
        end = text.find(quote, start)
        while end > 0 and len(quote) == 1 and text[end - 1] == "\\":
            end = text.find(quote, end + 1)
        return start, len(text) if end < 0 else end
    if text[start : start + 1] == "[" and cls != "PATIENT":
        return start, _closing(text, start)
    if text[start : start + 1] in ("{", "["):
        return start, start
    form = _ONE
    if cls in _DATES:
        form = _DATE
    elif cls in _PROSE:
        form = _WORDS if cls == "NAME" else _PLACE
    match = form.match(text, start)
    if match is None:
        return start, start
    end = match.end()
    if separator == "=" and cls in _PROSE and (more := _LOWER.match(text, end)):
        end = more.end()
    while end > start and text[end - 1] in ".:":
        end -= 1
    return start, end


def says_something(value: str, key: str, cls: str) -> bool:
    """Refuse what stands for a value: placeholders of templates and of SQL."""
    bare = value.strip(" .")
    if bare.lower() in _EMPTY or value.startswith(_VOCABULARY):
        return False
    if bare[0] in "{$<:?%" and not bare[1:2].isdigit():
        return False
    if bare[0] == "*" and not bare.strip("*"):
        return False
    # a bare `name:` or `date:` in prose is anything's: a person's holds no digit, and
    # no word of code
    if key.lower() not in _LONE:
        return True
    if cls == "NAME" and _is_title(bare):
        return False
    if cls == "NAME" and bare.islower() and not _is_called(bare):
        return False
    if cls == "USER" and _NUMBERED_LOGIN.fullmatch(bare):
        return not kind(bare.rstrip("0123456789")) & WORD
    if cls in ("NAME", "USER"):
        return not any(c in "0123456789_/:" for c in bare)
    if cls == "IP" and not any(c in ".:" for c in bare):
        return False
    if cls in ("DATE", "IP", "DEVICE", "VEHICLE"):
        return any(c.isdigit() for c in bare)
    return True


def _is_called(value: str) -> bool:
    """Return whether *value*, in lower case, holds a name that is no other word, or is a
    given name and a surname."""
    first, *rest = value.split(" ")
    if rest and kind(first) & GIVEN and kind(rest[-1]) & SURNAME:
        return True
    kinds = [kind(word) for word in re.findall("[a-z]{2,}", value)]
    return any(k & (GIVEN | SURNAME) and not k & WORD for k in kinds)


def _is_title(value: str) -> bool:
    """Return whether *value* is words, none of which is somebody's given name."""
    kinds = [kind(word) for word in re.findall("(?<![A-Za-z-])[A-Za-z]{2,}", value)]
    words = all(k & WORD for k in kinds) and not any(k & GIVEN for k in kinds)
    return len(kinds) > 1 and words


def _closing(text: str, start: int) -> int:
    """Return the end of the bracket that opens at *start*, or of the text."""
    depth = 0
    for match in re.finditer(r"[\[\]{}()]", text[start:]):
        depth += 1 if match.group() in _CLOSES else -1
        if depth == 0:
            return start + match.end()
    return len(text)


_JSON: Final = re.compile(
    r'"((?:[^"\\]|\\.)*)"|\'((?:[^\'\\]|\\.)*)\'|([{}\[\],:])|([^\s{}\[\],:"\'\\]+)',
    re.ASCII,
)
_DEPTH: Final = 16  # objects above a value that say what it is
_KEY: Final = re.compile(r"[\w .\[\]%-]{1,80}", re.ASCII)
_KIND: Final = re.compile(r"[\"']resourceType[\"']\s{0,2}:\s{0,2}[\"']([A-Za-z]{1,40})")


def _nested(rules: RuleSet, text: str) -> Iterator[Span]:
    """Yield scalars of JSON-like objects by the path of keys that leads to them."""
    resource = _KIND.search(text)
    root = f"fhir.{resource.group(1)}" if resource else ""
    stack: list[tuple[str, str]] = []  # each open bracket and the key that led to it
    above: list[str] | None = None  # keys of the objects around, while they stay so
    key = ""
    last = ""
    for match in _JSON.finditer(text, text.find("{")):
        mark = match.group(3)
        if mark is None:
            group = match.lastindex or 4
            last = match.group(group)
            if key:
                if above is None:
                    inner = (k for bracket, k in stack[-_DEPTH:] if bracket == "{")
                    above = [root, *inner]
                    path = ".".join(filter(None, above))
                cls = rules.keys.note(f"{path}.{key}" if path else key).cls
                if cls is not None and says_something(last, "" if path else key, cls):
                    start, end = match.span(group)
                    yield referred(text, start, end, cls), end, cls
        elif mark == ":":
            key = last if _KEY.fullmatch(last) else ""
            last = ""
        elif mark in "{[":
            last, above = "", None
            stack.append((mark, key))
            key = key if mark == "[" else ""
        else:
            last = ""
            if mark in "}]" and stack:
                stack.pop()
                above = None
            key = stack[-1][1] if stack and stack[-1][0] == "[" else ""

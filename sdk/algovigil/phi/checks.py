"""What a match of a rule must also be: checksums, ranges, neighbours.

A check takes (rules, text, start, end) and returns the span to keep; an empty span
refuses the match. Invariant: no check reads more of the text than a few neighbours.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Final, TypeAlias

from algovigil.phi.lexicon import GIVEN, SURNAME, WORD, kind
from algovigil.phi.places import city, place, town, zip_after_state

if TYPE_CHECKING:
    from algovigil.phi.rules import RuleSet

Check: TypeAlias = Callable[["RuleSet", str, int, int], tuple[int, int]]


_DISEASE: Final = re.compile(r"[A-Z][0-9][0-9AB]\.[0-9A-Z]{1,4}\b", re.ASCII)


def _digits(text: str) -> str:
    return "".join(c for c in text if c.isdigit())


def _edges(_: RuleSet, text: str, start: int, end: int) -> tuple[int, int]:
    """Refuse a piece of a longer number, and the end of a word."""
    before, after = text[start - 1 : start], text[end : end + 1]
    if before.isalnum() or (after.isdigit() and text[end - 1 : end].isalnum()):
        return start, start
    if before in (".", "-") and text[start - 2 : start - 1].isdigit():
        return start, start
    if after in (".", "-") and text[end + 1 : end + 2].isdigit():
        return start, start
    return start, end


def _ssn(_: RuleSet, text: str, start: int, end: int) -> tuple[int, int]:
    area, group, serial = re.split("[- ]", text[start:end])
    never = area in ("000", "666") or group == "00" or serial == "0000"
    return (start, start) if never else (start, end)


def _luhn(_: RuleSet, text: str, start: int, end: int) -> tuple[int, int]:
    digits = [int(c) for c in _digits(text[start:end])]
    doubled = [d * 2 - 9 * (d > 4) for d in digits[-2::-2]]
    fits = (sum(doubled) + sum(digits[::-2])) % 10 == 0
    return (start, end) if fits and len(digits) >= 13 else (start, start)


def _phone(_: RuleSet, text: str, start: int, end: int) -> tuple[int, int]:
    digits = _digits(text[start:end])
    return (start, end) if 8 <= len(digits) <= 15 else (start, start)


def is_loopback(value: str) -> bool:
    """Return whether *value* is an address of the machine itself: it tells nothing."""
    try:
        address = ipaddress.ip_address(value)
    except ValueError:
        return value in ("localhost", "testclient")
    return address.is_loopback or address.is_unspecified


# an address after one of these is a machine of the system's own
_MACHINE: Final = re.compile(
    r"(?:upstream|listen(?:ing)?(?: on| at)?|bind(?:ing)?(?: to)?|bound to|host|node|pod|server|endpoint|"
    r"dial tcp|connect(?:ing|ed|ion)? to|peer|replica|broker|proxy|target|gateway|resolver|nameserver|"
    r"subnet|version|v|driver|firmware|release|build|leader|cluster|scrape|instance)[\s:=@/\"'\[(]{1,3}$",
    re.ASCII | re.IGNORECASE,
)


# private networks (RFC 1918); 172.16/12 is left out: its beginnings are many
_INSIDE: Final = ("10.", "192.168.")
# a port that somebody chose: those that a client is given begin at 32768 (RFC 6056)
_SERVED: Final = re.compile(r":(?:[1-9][0-9]{0,3}|[12][0-9]{4})\b", re.ASCII)


def _ip(_: RuleSet, text: str, start: int, end: int) -> tuple[int, int]:
    if text[start - 1 : start] == "/" and text[start - 2 : start] != "//":
        return start, start  # a version, as in `Chrome/120.0.0.0`
    found = text[start:end]
    if ":" in found and not any(c.isdigit() for c in found):
        return start, start  # `dead::beef` is C++
    try:
        address = ipaddress.ip_address(found)
    except ValueError:
        return start, start
    if ":" in found and "::" not in found and found.count(":") < 7:
        return start, start  # a time of day
    served = text[start - 3 : start] == "://" or _SERVED.match(text, end)
    if served and found.startswith(_INSIDE):
        return start, start  # a server within the network
    own = _MACHINE.search(text[max(0, start - 24) : start]) is not None
    if own and (
        address.is_private or address.is_loopback or text[end : end + 1] == ":"
    ):
        return start, start
    return (start, start) if is_loopback(found) else (start, end)


# dates that tell nothing of a person
_MADE: Final = re.compile(
    r"(?:version|ver|v|release[ds]?|build|built|(?:running|up|available|deprecated|unchanged|supported) since|snapshot|copyright|\(c\)|driver|firmware|"
    r"updated|rev|revision|models?|trained|training|epoch|dataset|checkpoint|schema|migration|tag|api|deploy(?:ed|ment)?|"
    r"image|commit|branch|cutoff|expires|certificate|cert|log|logs|backup|partition|index|"
    r"valid until|not after|rotated?|started|restarted|boot(?:ed)?|compiled|published|edition|"
    r"window|baseline|guideline|protocol|policy|terminology|loinc|snomed|icd|rxnorm)"
    r"(?: (?:on|at|of|from|date|as of|to))?[\s:=@/_\"'(v-]{1,3}$",
    re.ASCII | re.IGNORECASE,
)
_CLINICAL: Final = re.compile(
    r"(?:dob|born|birth|admi|discharg|visit|appoint|appt|schedul|surg|seen|encounter|patient|exam|"
    r"study|scan|collect|death|died|deceased|onset|procedure|follow|specimen|consult|enrol|arriv|"
    r"vaccin|deliver|injur|diagnos|dose|prescri|refill|transfer|period|effective|service|mrn)"
    r"[^\n]{0,40}$",
    re.ASCII | re.IGNORECASE,
)
_STAMPED: Final = re.compile(r"[T ]\d\d:\d\d", re.ASCII)


def _date(_: RuleSet, text: str, start: int, end: int) -> tuple[int, int]:
    """Refuse versions, dates of software, and a log line's own timestamp."""
    before = text[max(0, start - 48) : start]
    if _MADE.search(before) or not _is_day(text[start:end]):
        return start, start
    stamped = _STAMPED.search(text, start, end + 6) is not None
    if stamped and not _CLINICAL.search(before):
        return start, start
    return start, end


def _is_day(found: str) -> bool:
    """Refuse numbers that no calendar has; words are not looked at."""
    parts = [
        int(part) for part in re.findall(r"\d+", found.split("T")[0].split(" ")[0])
    ]
    if len(parts) != 3 or any(c.isalpha() for c in found.split("T")[0]):
        return True
    year_first = parts[0] > 99
    rest = parts[1:] if year_first else parts[:2]
    return min(rest) <= 12 and min(rest) > 0 and max(rest) <= 31


def _date8(_: RuleSet, text: str, start: int, end: int) -> tuple[int, int]:
    """Keep eight digits as a date only where something says that they are one."""
    month, day = int(text[start + 4 : start + 6]), int(text[start + 6 : end])
    fits = 1 <= month <= 12 and 1 <= day <= 31
    said = _CLINICAL.search(text[max(0, start - 24) : start])
    return (start, end) if fits and said else (start, start)


# technetium 99m: `Tc^99m^`, `Tc-99m`
_NUCLIDE: Final = re.compile(r"(?:\^|\bTc[- ]?|ium[- ]?)$", re.ASCII)


def _age(_: RuleSet, text: str, start: int, end: int) -> tuple[int, int]:
    if text[end : end + 1] in ("+", "%"):
        return start, start
    element = _NUCLIDE.search(text[max(0, start - 4) : start])
    return (start, start) if element else (start, end)


def _digits3(_: RuleSet, text: str, start: int, end: int) -> tuple[int, int]:
    return (start, end) if len(_digits(text[start:end])) >= 3 else (start, start)


def _digits4(_: RuleSet, text: str, start: int, end: int) -> tuple[int, int]:
    return (start, end) if len(_digits(text[start:end])) >= 4 else (start, start)


def _not_year(_: RuleSet, text: str, start: int, end: int) -> tuple[int, int]:
    """Refuse what a date leaves behind: a year is no identifier."""
    is_year = re.fullmatch(r"(?:19|20)\d\d", text[start:end]) is not None
    return (start, start) if is_year else (start, end)


def _not_disease(_: RuleSet, text: str, start: int, end: int) -> tuple[int, int]:
    """Refuse a code of ICD-10: `implantable device (Z95.810)`."""
    return (start, start) if _DISEASE.match(text, start) else (start, end)


def _says(rules: RuleSet, text: str, start: int, end: int) -> tuple[int, int]:
    """Refuse what stands for no value: `'N/A'`."""
    bare = text[start:end].strip(" '\"`")
    return (start, start) if bare in rules.error_words else (start, end)


def _digits1(_: RuleSet, text: str, start: int, end: int) -> tuple[int, int]:
    return (start, end) if _digits(text[start:end]) else (start, start)


def _not_count(_: RuleSet, text: str, start: int, end: int) -> tuple[int, int]:
    """Refuse a number of patients: `patients: 1200 loaded`."""
    counted = re.match(
        r" (?:rows|records|patients|loaded|found|total|ms|of)\b", text[end : end + 10]
    )
    return (start, start) if counted else (start, end)


def _uid(_: RuleSet, text: str, start: int, end: int) -> tuple[int, int]:
    """Refuse the UIDs of the standard itself, and object ids of organisations."""
    found = text[start:end]
    own = found.startswith(("1.2.840.10008.", "2.16.840.1.113883.", "1.3.6.1."))
    return (start, start) if own or len(found) < 18 else (start, end)


def _segment(_: RuleSet, text: str, start: int, end: int) -> tuple[int, int]:
    """Refuse a template's parameter, and what of a path is a name of code."""
    found = text[start:end]
    code = re.fullmatch(r"v?[0-9]{1,2}|[a-z][a-z_-]{2,30}[0-9]{0,2}", found) is not None
    file = "." in found and re.search(r"\.[a-z]{2,4}$", found) is not None
    return (start, start) if (code and not found.isdigit()) or file else (start, end)


def _user(rules: RuleSet, text: str, start: int, end: int) -> tuple[int, int]:
    """Refuse accounts of machines."""
    found = text[start:end].lower()
    parts = re.split(r"[._-]", found)
    own = any(part in rules.words.machines for part in (found, *parts))
    plain = all(kind(part) & WORD for part in parts if part)
    dotted = re.search(r"\.[a-z]{1,4}$", found) and text[end : end + 1] != "/"
    return (
        (start, start)
        if own or plain or (dotted and "@" not in found)
        else (start, end)
    )


def _login(rules: RuleSet, text: str, start: int, end: int) -> tuple[int, int]:
    """Keep an initial with a surname, `jroe` or `jroe7`, that is no word."""
    word = text[start:end].rstrip("0123456789")
    numbered = word != text[start:end]
    if word in rules.words.machines or word in rules.words.stops or kind(word) & WORD:
        return start, start
    surname = kind(word[1:])
    clear = not surname & WORD or numbered or len(word) > 5
    named = surname & SURNAME and clear and (len(word) > 4 or numbered)
    return (start, end) if named else (start, start)


def _searched(rules: RuleSet, text: str, start: int, end: int) -> tuple[int, int]:
    """Refuse a word of the trade: `query=up` is no person that somebody looks for."""
    word = text[start:end].lower()
    common = word in rules.words.stops or (
        kind(word) & WORD and not kind(word) & (GIVEN | SURNAME)
    )
    return (start, start) if common else (start, end)


def _own_host(_: RuleSet, text: str, start: int, end: int) -> tuple[int, int]:
    """Keep an address whose host is a person: `janeroe.example.net`, `roe-family`."""
    host = text[start:end].partition("://")[2].partition("/")[0].lower()
    label = host.removeprefix("www.").split(".")[0]
    if "-" in label:
        parts = label.split("-")
        named = any(kind(p) & (GIVEN | SURNAME) and not kind(p) & WORD for p in parts)
        return (start, end) if named else (start, start)
    split = any(
        kind(label[:i]) & GIVEN and kind(label[i:]) & SURNAME
        for i in range(2, len(label) - 1)
    )
    return (start, end) if split and not kind(label) & WORD else (start, start)


def _iban(_: RuleSet, text: str, start: int, end: int) -> tuple[int, int]:
    """ISO 7064, modulus 97."""
    plain = text[start:end].replace(" ", "")
    if not 15 <= len(plain) <= 34:
        return start, start
    number = "".join(str(int(c, 36)) for c in plain[4:] + plain[:4])
    return (start, end) if int(number) % 97 == 1 else (start, start)


def _vin(_: RuleSet, text: str, start: int, end: int) -> tuple[int, int]:
    """The check digit of 49 CFR 565.15."""
    values = dict(
        zip("ABCDEFGHJKLMNPRSTUVWXYZ", "12345678123457923456789", strict=True)
    )
    weights = (8, 7, 6, 5, 4, 3, 2, 10, 0, 9, 8, 7, 6, 5, 4, 3, 2)
    found = text[start:end]
    if found.isdigit() or found.isalpha():
        return start, start
    total = sum(int(values.get(c, c)) * w for c, w in zip(found, weights, strict=True))
    return (start, end) if found[8] == "0123456789X"[total % 11] else (start, start)


def _dea(_: RuleSet, text: str, start: int, end: int) -> tuple[int, int]:
    """The check digit of a registration with the DEA (21 CFR 1301)."""
    digits = [int(c) for c in text[start + 2 : end]]
    total = digits[0] + digits[2] + digits[4] + 2 * (digits[1] + digits[3] + digits[5])
    return (start, end) if total % 10 == digits[6] else (start, start)


CHECKS: Final[dict[str, Check]] = {
    "edges": _edges,
    "ssn": _ssn,
    "luhn": _luhn,
    "phone": _phone,
    "ip": _ip,
    "date": _date,
    "age": _age,
    "not_year": _not_year,
    "digits3": _digits3,
    "digits4": _digits4,
    "digits1": _digits1,
    "not_disease": _not_disease,
    "says": _says,
    "date8": _date8,
    "not_count": _not_count,
    "uid": _uid,
    "login": _login,
    "searched": _searched,
    "segment": _segment,
    "user": _user,
    "own_host": _own_host,
    "iban": _iban,
    "vin": _vin,
    "dea": _dea,
    "place": place,
    "city": city,
    "town": town,
    "zip_after_state": zip_after_state,
}

"""What becomes of an identifier: each action of the rule file, as a function of text.

Invariant: what an action leaves tells no more than the class of what was there, or what
the preset says may stay.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote

from algovigil.phi.checks import is_loopback
from algovigil.phi.token import bare

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from algovigil.phi.rules import RuleSet

_YEAR: Final = re.compile(r"(?:19|20)\d\d", re.ASCII)
_NUMBER: Final = re.compile(r"\s*0*(\d{1,3})(?:\.\d*)?\s*(?:[Yy].*)?", re.ASCII)
_UNIT: Final = re.compile(r"\s*0*(?:9\d|1[0-4]\d)(\s?[-a-zA-Z/. ]{0,20})", re.ASCII)
_UID: Final = re.compile(r"[0-9.]{5,64}", re.ASCII)


class Actions:
    """The actions of one preset.

    Args:
        rules: The rule set.
        table: Class to action; `*` is every other class.
        pseudonym: (text, kind) to a token, or None.
        uid: A UID to another, or None.
        oldest: The last year of birth that may not be told.
    """

    def __init__(
        self,
        rules: RuleSet,
        table: Mapping[str, str],
        pseudonym: Callable[[object, str], str | None],
        uid: Callable[[str], str | None],
        oldest: int,
    ) -> None:
        self._rules: Final = rules
        self._table: Final = dict(table)
        self._other: Final = table["*"]
        self._pseudonym: Final = pseudonym
        self._make_uid: Final = uid
        self._oldest: Final = oldest

    def of(self, cls: str) -> str:
        """Return the action for identifiers of *cls*."""
        return self._table.get(cls) or self._other

    def replaced(self, cls: str, action: str, old: str, *, whole: bool) -> str:
        """Return what stands for *old*; *whole* when it is all of a value."""
        if action == "redact":
            return old if cls == "IP" and is_loopback(old) else f"[{cls}]"
        if action == "pseudonym":
            kind = self._rules.kinds.get(cls, cls.lower())
            new = self._pseudonym(unquote(old) if "%" in old else old, kind)
            return new or ("" if whole else f"[{cls}]")
        if action == "keep":
            return old
        if action in ("drop", "empty"):
            return "" if whole or action == "empty" else f"[{cls}]"
        return _BY_NAME[action](self, cls, old)

    def _year(self, cls: str, old: str) -> str:
        year = _YEAR.search(old)
        if year is None or (cls == "BIRTH" and int(year[0]) <= self._oldest):
            return f"[{cls}]"
        return year[0]

    def _cap(self, cls: str, old: str) -> str:
        age = _NUMBER.fullmatch(bare(old))
        if age is None:
            unit = _UNIT.fullmatch(old)
            if unit is not None:
                return f"90+{unit[1]}"
            return f"[{cls}]" if re.search(r"\d{2}", old) else old
        return "90+" if int(age[1]) > 89 else old

    def _mask(self, _: str, old: str) -> str:
        shown = old[-4:] if len(old) > 8 else ""
        return "*" * min(len(old) - len(shown), 8) + shown

    def _uid(self, cls: str, old: str) -> str:
        plain = bare(old)
        if plain.startswith("1.2.840.10008."):
            return old  # of the standard: a class or a transfer syntax
        new = self._make_uid(plain) if _UID.fullmatch(plain) else None
        return new or f"[{cls}]"

    def _zip(self, cls: str, old: str) -> str:
        digits = "".join(c for c in old if c.isdigit())[:3]
        if len(digits) < 3:
            return f"[{cls}]"
        return "000" if digits in self._rules.sparse_zips else digits

    def _network(self, cls: str, old: str) -> str:
        parts = bare(old).split(".")
        return ".".join((*parts[:2], "0", "0")) if len(parts) == 4 else f"[{cls}]"


_BY_NAME: Final = {
    "year": Actions._year,
    "cap": Actions._cap,
    "mask": Actions._mask,
    "uid": Actions._uid,
    "zip": Actions._zip,
    "network": Actions._network,
}

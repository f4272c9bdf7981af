"""The PHI rule set: `phi_rules.yaml` read, checked and compiled once.

Invariant: what cannot be understood is refused when it is loaded, never skipped; the
digest names exactly the rules that ran.
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from dataclasses import dataclass
from functools import lru_cache
from importlib import resources
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from algovigil._phi_checks import CHECKS
from algovigil.errors import ConfigError, explain, nearest

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

ACTIONS: Final = ("pseudonym", "drop", "redact", "year", "cap", "keep")
FINDERS: Final = ("match", "rest", "parameter", "pairs", "error")
_CLASS: Final = re.compile(r"\[[A-Z][A-Z_]{1,15}\]")
_WORD: Final = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+")


@dataclass(frozen=True, slots=True)
class Rule:
    """One value rule; `pattern` is the text that every engine compiles."""

    id: str
    cls: str
    pattern: str
    ignore_case: bool
    finder: str
    check: tuple[str, ...]
    strong: bool
    needs: tuple[str, ...]
    compiled: re.Pattern[str]


class Note(NamedTuple):
    """What a key says of its value: an identifier class, and how far to trust it."""

    cls: str | None
    trust: str
    """`safe`, `text` or `error`."""


@dataclass(frozen=True, slots=True)
class KeyClass:
    """The keys of one identifier class."""

    name: str
    exact: frozenset[tuple[str, ...]]
    any: frozenset[str]
    all: tuple[frozenset[str], ...]

    def fits(self, words: frozenset[str]) -> bool:
        """Return whether a key of *words* holds an identifier of this class."""
        return not words.isdisjoint(self.any) or any(a <= words for a in self.all)


@dataclass(frozen=True, slots=True)
class RuleSet:
    """Everything of `phi_rules.yaml`, compiled."""

    digest: str
    """Twelve hex digits of the SHA-256 of the file."""
    actions: Mapping[str, Mapping[str, str]]
    kinds: Mapping[str, str]
    gate: str
    """One expression of all gates, to be matched against a whole value."""
    keys: tuple[KeyClass, ...]
    safe: frozenset[tuple[str, ...]]
    safe_prefixes: tuple[tuple[str, ...], ...]
    error: frozenset[tuple[str, ...]]
    benign: frozenset[str]
    not_names: frozenset[str]
    titles: frozenset[str]
    states: frozenset[str]
    error_words: frozenset[str]
    error_contexts: re.Pattern[str]
    rules: tuple[Rule, ...]

    def note(self, key: str) -> Note:
        """Return what *key* says of its value."""
        words = key_words(key)
        for kind in self.keys:
            if words in kind.exact:
                return Note(kind.name, "text")
        if words in self.error:
            return Note(None, "error")
        if words in self.safe or any(
            words[: len(prefix)] == prefix for prefix in self.safe_prefixes
        ):
            return Note(None, "safe")
        if not words or words[-1] in self.benign:
            return Note(None, "text")
        found = frozenset(words)
        for kind in self.keys:
            if kind.fits(found):
                return Note(kind.name, "text")
        return Note(None, "text")


def key_words(key: str) -> tuple[str, ...]:
    """Split *key* at separators and camelCase into lower-case words.

    A number at the end counts an element and is dropped: `patient.name.0` is
    `patient name`.
    """
    if "[" in key:
        key = _CLASS.sub("", key)  # a key that was cleaned tells nothing of its value
    words = [word.lower() for word in _WORD.findall(key)]
    while len(words) > 1 and words[-1].isdigit():
        words.pop()
    return tuple(words)


@lru_cache(maxsize=1)
def load() -> RuleSet:
    """Read and compile the rule set that ships with this package.

    Raises:
        ConfigError: the file names an action, finder, check or class that is unknown,
            or a pattern that does not compile.
    """
    import yaml

    raw = resources.files("algovigil").joinpath("phi_rules.yaml").read_bytes()
    # BaseLoader: every scalar is text, so that `No` stays a word and is not False
    loader = getattr(yaml, "CBaseLoader", yaml.BaseLoader)
    return of(yaml.load(raw, Loader=loader), hashlib.sha256(raw).hexdigest()[:12])  # noqa: S506 # a base loader builds nothing but text, lists and mappings


def of(data: Mapping[str, Any], digest: str) -> RuleSet:
    """Compile *data*, the content of a rule file.

    Raises:
        ConfigError: as `load`.
    """
    keys = tuple(_key_class(n, c) for n, c in data["keys"]["classes"].items())
    safe = [str(k) for k in data["keys"]["safe"]]
    for preset in data["actions"].values():
        for action in preset.values():
            _known("action", action, ACTIONS)
    quoted = r"['\"`][A-Za-z_][\w.]{0,60}['\"`]"
    contexts = "|".join(c.replace("{q}", quoted) for c in data["error_contexts"])
    words = pair_words(keys, frozenset(data["keys"]["everyday"]))
    return RuleSet(
        digest=digest,
        actions=data["actions"],
        kinds=data["kinds"],
        gate="|".join(f"(?:{gate})" for gate in data["gates"]),
        keys=keys,
        safe=frozenset(key_words(k) for k in safe if not k.endswith("*")),
        safe_prefixes=tuple(key_words(k) for k in safe if k.endswith("*")),
        error=frozenset(key_words(k) for k in data["keys"]["error"]),
        benign=frozenset(data["keys"]["benign"]),
        not_names=frozenset(data["not_names"]),
        titles=frozenset(data["titles"]),
        states=frozenset(data["states"]),
        error_words=frozenset(data["error_words"]),
        error_contexts=_compile("error_contexts", contexts, ignore_case=False),
        rules=tuple(_rule(r, words) for r in data["rules"]),
    )


def pair_words(keys: Iterable[KeyClass], everyday: frozenset[str]) -> str:
    """Return an expression that finds something in every key that *keys* classify.

    `key_words` only splits a key, so each of its words is a substring of the key. Short
    words and *everyday* ones are avoided: they would hit far too often.
    """
    exact = [words for kind in keys for words in kind.exact]
    whole = "|".join(sorted(words[0] for words in exact if len(words) == 1))
    found = {word for kind in keys for word in kind.any}
    groups = [frozenset(words) for words in exact if len(words) > 1]
    groups += [words for kind in keys for words in kind.all]

    def worth(word: str) -> tuple[int, int, str]:
        rarity = 0 if word in everyday else 1 if len(word) < 4 else 2
        return rarity, times[word], word

    while groups := [words for words in groups if words.isdisjoint(found)]:
        times = Counter(word for words in groups for word in words)
        found.add(max(times, key=worth))
    return "|".join([rf"\b_{{0,2}}(?:{whole})", *sorted(found)])


def _key_class(name: str, data: Mapping[str, Any]) -> KeyClass:
    for part in data:
        _known(f"part of the keys of {name}", part, ("exact", "any", "all"))
    return KeyClass(
        name=name,
        exact=frozenset(key_words(k) for k in data.get("exact", ())),
        any=frozenset(data.get("any", ())),
        all=tuple(frozenset(words) for words in data.get("all", ())),
    )


def _rule(data: Mapping[str, Any], words: str) -> Rule:
    finder = data.get("finder", "match")
    _known(f"finder of rule {data['id']}", finder, FINDERS)
    for check in data.get("check", ()):
        _known(f"check of rule {data['id']}", check, CHECKS)
    pattern = data["pattern"].replace("{words}", words)
    ignore_case = data.get("ignore_case", "") == "true"
    return Rule(
        id=data["id"],
        cls=data.get("class", ""),
        pattern=pattern,
        ignore_case=ignore_case,
        finder=finder,
        check=tuple(data.get("check", ())),
        strong=data.get("strong", "") == "true",
        needs=tuple(data.get("needs", ())),
        compiled=_compile(data["id"], pattern, ignore_case=ignore_case),
    )


def _compile(what: str, pattern: str, *, ignore_case: bool) -> re.Pattern[str]:
    try:
        return re.compile(pattern, re.ASCII | (re.IGNORECASE if ignore_case else 0))
    except re.error as error:
        raise ConfigError(
            explain(f"pattern of {what}: {error}", "a regular expression")
        ) from None


def _known(what: str, found: str, known: Iterable[str]) -> None:
    known = tuple(known)
    if found not in known:
        raise ConfigError(
            explain(
                f"{what}: {found!r}",
                "one of " + ", ".join(known),
                nearest(found, known),
            )
        )

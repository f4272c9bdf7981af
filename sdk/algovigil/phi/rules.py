"""The PHI rule set: the files of `data/`, read, checked and compiled once.

Invariant: what cannot be understood is refused when it is loaded, never skipped; the
digest names exactly the rules that ran.
"""

from __future__ import annotations

import hashlib
import itertools
import re
from dataclasses import dataclass
from functools import lru_cache
from importlib import resources
from typing import TYPE_CHECKING, Any, Final

from algovigil.errors import ConfigError, explain, nearest
from algovigil.phi.checks import CHECKS
from algovigil.phi.keys import KeyClass, KeyPolicy, key_words, pair_words
from algovigil.phi.logins import HINT
from algovigil.phi.paths import EXTENSIONS
from algovigil.phi.words import Words

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

ACTIONS: Final = (
    *("pseudonym", "drop", "redact", "mask", "empty", "uid", "year", "cap", "zip"),
    *("network", "keep"),
)
PARSERS: Final = (
    *("pairs", "error", "hl7", "dicom", "xml", "sql", "table", "path", "base64"),
    *("names", "logins"),
)
FINDERS: Final = ("match", "rest", "parameter", *PARSERS)
_FILES: Final = ("rules.yaml", "standards.yaml", "names.yaml", "lexicon.bin")


@dataclass(frozen=True, slots=True)
class Rule:
    """One value rule; `pattern` is the text that every engine compiles."""

    id: str
    cls: str
    pattern: str
    hint: str
    """What a prefilter looks for: it fits in every text that `pattern` fits in."""
    ignore_case: bool
    finder: str
    check: tuple[str, ...]
    strong: bool
    needs: tuple[str, ...]
    compiled: re.Pattern[str]


@dataclass(frozen=True, slots=True)
class RuleSet:
    """Everything of the rule files, compiled."""

    digest: str
    """Twelve hex digits of the SHA-256 of the files."""
    actions: Mapping[str, Mapping[str, str]]
    kinds: Mapping[str, str]
    gate: str
    """One expression of all gates, to be matched against a whole value."""
    keys: KeyPolicy
    sparse_zips: frozenset[str]
    words: Words
    error_words: frozenset[str]
    error_contexts: re.Pattern[str]
    rules: tuple[Rule, ...]


@lru_cache(maxsize=1)
def load() -> RuleSet:
    """Read and compile the rule set that ships with this package.

    Raises:
        ConfigError: a file names an action, finder, check or class that is unknown, or
            a pattern that does not compile.
    """
    folder = resources.files("algovigil.phi").joinpath("data")
    raw = {name: folder.joinpath(name).read_bytes() for name in _FILES}
    digest = hashlib.sha256(b"\0".join(raw.values())).hexdigest()[:12]
    data, standards, names = (_yaml(raw[name]) for name in _FILES[:3])
    return of(data, standards, names, digest)


def _yaml(raw: bytes) -> Any:
    import yaml

    # BaseLoader: every scalar is text, so that `No` stays a word and is not False
    loader = getattr(yaml, "CBaseLoader", yaml.BaseLoader)
    return yaml.load(raw, Loader=loader)  # noqa: S506 # a base loader builds nothing but text, lists and mappings


def of(
    data: Mapping[str, Any],
    standards: Mapping[str, Any],
    names: Mapping[str, Any],
    digest: str,
) -> RuleSet:
    """Compile the content of the rule files.

    Raises:
        ConfigError: as `load`.
    """
    for preset in data["actions"].values():
        for action in preset.values():
            _known("action", action, ACTIONS)
    keys = _key_policy(data["keys"], standards)
    words = Words.of(names)
    any_case, camel_case, whole = pair_words(
        keys.classes, frozenset(data["keys"]["everyday"])
    )
    segments = "|".join(segment.lower() for segment in standards["hl7"])
    filled = {
        # and the keys that `KeyPolicy` knows by a standard: elements and fields
        "{words}": rf"{any_case}|\b[0-9a-f]{{8}}\b|\b(?:{segments})[-._][0-9]",
        "{camel}": camel_case,
        "{whole}": whole,
        "{names}": words.prefilter,
        "{logins}": HINT,
        "{extensions}": EXTENSIONS,
    }
    quoted = r"['\"`][A-Za-z_][\w.]{0,60}['\"`]"
    contexts = "|".join(c.replace("{q}", quoted) for c in data["error_contexts"])
    return RuleSet(
        digest=digest,
        actions=data["actions"],
        kinds=data["kinds"],
        gate="|".join(f"(?:{gate})" for gate in data["gates"]),
        keys=keys,
        sparse_zips=frozenset(data["sparse_zips"]),
        words=words,
        error_words=frozenset(data["error_words"]),
        error_contexts=_compile("error_contexts", contexts, ignore_case=False),
        rules=tuple(_rule(r, filled) for r in data["rules"]),
    )


def _key_policy(data: Mapping[str, Any], standards: Mapping[str, Any]) -> KeyPolicy:
    safe = [str(k) for k in data["safe"]]
    return KeyPolicy(
        classes=tuple(
            _key_class(n, c, data["persons"]) for n, c in data["classes"].items()
        ),
        safe=frozenset(key_words(k) for k in safe if "*" not in k),
        safe_prefixes=tuple(key_words(k) for k in safe if k.endswith("*")),
        safe_last=frozenset(key_words(k)[-1] for k in safe if k.startswith("*")),
        error=frozenset(key_words(k) for k in data["error"]),
        benign=frozenset(data["benign"]),
        neutral=frozenset(data["neutral"]),
        elements={
            element.replace(",", ""): cls
            for cls, elements in standards["dicom"].items()
            for element in elements.split()
        },
        fields={
            segment: {
                int(number): tuple(what.split()) for number, what in fields.items()
            }
            for segment, fields in standards["hl7"].items()
        },
    )


def _key_class(name: str, data: Mapping[str, Any], persons: Sequence[str]) -> KeyClass:
    for part in data:
        _known(f"part of the keys of {name}", part, ("exact", "any", "all", "of"))
    pairs = itertools.product(data.get("of", ()), persons)
    return KeyClass(
        name=name,
        exact=frozenset(key_words(k) for k in data.get("exact", ())),
        any=frozenset(data.get("any", ())),
        all=tuple(frozenset(words) for words in (*data.get("all", ()), *pairs)),
    )


def _rule(data: Mapping[str, Any], filled: Mapping[str, str]) -> Rule:
    finder = data.get("finder", "match")
    _known(f"finder of rule {data['id']}", finder, FINDERS)
    for check in data.get("check", ()):
        _known(f"check of rule {data['id']}", check, CHECKS)
    pattern = data["pattern"]
    for place, expression in filled.items():
        pattern = pattern.replace(place, expression)
    ignore_case = data.get("ignore_case", "") == "true"
    return Rule(
        id=data["id"],
        cls=data.get("class", ""),
        pattern=pattern,
        hint=data.get("hint", pattern),
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

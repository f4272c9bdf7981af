"""Names of persons in prose: by the lexicon, by what stands around them, by shape.

A word is looked up in lists of given names, surnames and English words. A word that is
a name and nothing else is strong; one that also means something needs support: a
trigger before it, a credential after it, or a strong word beside it.

Invariant: an eponym, an organisation or a name of code is no person unless a title
stands before it.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, NamedTuple

from algovigil.phi.lexicon import GIVEN, SURNAME, WORD, kind
from algovigil.phi.words import DEED, PERSON, SELF, STRONG, THING, TITLE, WEAK

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from algovigil.phi.words import Words

Span = tuple[int, int, str]

_TOKEN: Final = re.compile(
    r"(?<![A-Za-z0-9_./\\@-])[A-Z][A-Za-z]*(?:['-][A-Za-z]+)*", re.ASCII
)
_LETTERS: Final = re.compile(r"[A-Za-z'_]+\Z", re.ASCII)
_LOOKBACK: Final = 40  # characters before a word that may say what it is
_GAP: Final = re.compile(
    r"(?:[.]? {1,2}(?:(?:[a-z]{1,3}\.? ){1,2})?|, {0,2}|\. ?)", re.ASCII
)
_NOT_AFTER: Final = re.compile(r"[0-9_(\[=/\\@:]|-[0-9A-Z]|\.[A-Za-z_]", re.ASCII)
_NEXT: Final = re.compile(r"(?:'s?|s)?[ -]([A-Za-z']+)", re.ASCII)
_MODALITY: Final = re.compile(r"(?<![A-Za-z])(?:MRS?|MS|DR) \Z", re.ASCII)
_MOST: Final = 5  # words of a name


class Word(NamedTuple):
    """A capitalised word."""

    start: int
    end: int
    text: str
    lower: str
    kind: int
    stop: bool
    """Never part of a name."""
    soft: bool
    """Mostly no part of a name: a month, a vendor, a word of the trade."""

    @property
    def strong(self) -> bool:
        """A name, and nothing else."""
        named = bool(self.kind & (GIVEN | SURNAME)) and not self.kind & WORD
        return named and not self.stop and not self.soft

    @property
    def unknown(self) -> bool:
        """In no list, and in the shape of a name."""
        return not self.kind and not (self.stop or self.soft) and len(self.text) > 2

    @property
    def initial(self) -> bool:
        """One letter."""
        return len(self.text) == 1


class Reading:
    """The words of a *text*, a view: each is looked up once, however often it is read.

    Args:
        words: The word lists of the rule set.
        text: A view.
    """

    def __init__(self, words: Words, text: str) -> None:
        self.words: Final = words
        self.text: Final = text
        self._runs: list[list[Word]] | None = None
        self._before: Final[dict[int, int]] = {}
        self.whole: Final[dict[int, int]] = {}
        """Words of a name by where it begins, when it is as long as it could be."""

    def runs(self) -> list[list[Word]]:
        """Return capitalised words that follow each other."""
        if self._runs is None:
            self._runs = list(_runs(self.words, self.text))
        return self._runs

    def before(self, start: int) -> int:
        """Return what the words before *start* say, bits of `Words.before`."""
        found = self._before.get(start)
        if found is None:
            found = self._before[start] = _before(self.words, self.text, start)
        return found


def names(reading: Reading, *, bold: bool = False) -> Iterator[Span]:
    """Yield the names of persons in a text.

    Args:
        reading: The text.
        bold: Other identifiers stand beside: a pair of names needs no more support, nor
            does a word that is a name and nothing else.
    """
    for run in reading.runs():
        at = 0
        while at < len(run):
            count = reading.whole.get(run[at].start) or _taken(
                reading, run[at : at + _MOST], bold=bold
            )
            if count:
                yield run[at].start, run[at + count - 1].end, "NAME"
            pair = not count and _is_pair(reading.words, run[at : at + 2])
            at += count or 1 + pair


def _runs(words: Words, text: str) -> Iterator[list[Word]]:
    """Yield capitalised words that follow each other."""
    run: list[Word] = []
    for match in _TOKEN.finditer(text):
        word = _word(words, match.start(), match.end(), match.group())
        if run and not _joins(words, text[run[-1].end : word.start]):
            yield run
            run = []
        run.append(word)
    if run:
        yield run


def _word(words: Words, start: int, end: int, text: str) -> Word:
    lower = text.lower()
    if lower in words.hard:
        return Word(start, end, text, lower, 0, len(lower) > 1, False)
    found = kind(lower if lower.isalpha() else lower.replace("'", "").replace("-", ""))
    if "-" in lower:
        parts = [kind(part.replace("'", "")) for part in lower.split("-")]
        if all(part & (GIVEN | SURNAME) for part in parts):
            found |= SURNAME | (parts[0] & GIVEN)
            found |= WORD if all(part & WORD for part in parts) else 0
    elif lower.endswith("'s") and len(lower) > 3:
        found = kind(lower[:-2])
    listed = len(lower) > 1 and lower in words.stops  # `A.` is an initial
    soft = listed and bool(found & (GIVEN | SURNAME))
    return Word(start, end, text, lower, found, listed and not soft, soft)


def _joins(words: Words, gap: str) -> bool:
    if gap in (" ", ", "):
        return True
    if len(gap) > 12 or not _GAP.fullmatch(gap):
        return False
    inside = gap.strip(" .,").split()
    return all(word.strip(".") in words.particles for word in inside)


def _support(reading: Reading, start: int) -> int:
    """Return 2 if what stands before says that a person follows, 1 if one may."""
    said = reading.before(start)
    if said & THING:
        return 0
    if said & TITLE and _is_modality(reading, start):
        return 1
    # `I, Jane Roe`, and not `NYHA class I, ECOG 1`
    if said & (TITLE | STRONG) or (said & SELF and reading.text[start + 1].islower()):
        return 2
    return 1 if said & WEAK else 0


def _is_modality(reading: Reading, start: int) -> bool:
    """Return whether the title before *start* is how an image was made: `MR Brain`."""
    text = reading.text
    if not _MODALITY.search(text, max(0, start - 4), start):
        return False
    match = _TOKEN.match(text, start)
    word = match.group().lower() if match else ""
    found = kind(word)
    plain = found & WORD and not found & (GIVEN | SURNAME)
    return bool(plain) or word in reading.words.imaged


def _deed_before(reading: Reading, start: int) -> bool:
    """Return whether what only a person does, or a word for one, stands before."""
    return bool(reading.before(start) & DEED)


def _person_before(reading: Reading, start: int) -> bool:
    """Return whether a word for a person, not a preposition, stands before."""
    return bool(reading.before(start) & PERSON)


def _before(words: Words, text: str, start: int) -> int:
    before = text[max(0, start - _LOOKBACK) : start]
    tail = before.rstrip(" \"'([>")
    if len(before) - len(tail) > 4:
        return 0
    ended = tail.endswith(".") and tail != before
    said_of_me = tail.endswith(",")  # `I, Jane Roe`
    tail = tail.rstrip(":=,#-.").removesuffix("'s")
    said = words.before
    found = 0
    phrase = ""
    for part in reversed(tail.rsplit(" ", 3)[-3:]):
        whole = part.isalpha()
        if not whole:
            letters = _LETTERS.search(part)
            if letters is None:
                break
            whole = not letters.start()
            part = letters[0].replace("_", " ")
        if not part.islower():
            if part not in (part.upper(), part.capitalize()):
                break  # neither `by`, `By` nor `BY`
            part = part.lower()
        phrase = f"{part} {phrase}" if phrase else part
        found |= said.get(phrase, 0)
        if not whole:
            break
    if not said_of_me:
        found &= ~SELF
    # a word in full and a full stop: a sentence begins, as in `has no name. Renamed`
    return found & ~STRONG if ended and found & STRONG and len(phrase) > 4 else found


def _taken(reading: Reading, run: Sequence[Word], *, bold: bool) -> int:
    """Return how many words at the head of *run* are a name."""
    first, words = run[0], reading.words
    if first.lower in words.titles or (first.stop and not first.kind & SURNAME):
        return 0
    if len(run) == 1 and first.initial:
        return 0
    support = _support(reading, first.start)
    part = most = _part(words, reading.text, run, support)
    while part:
        if _is_name(reading, part, support, bold=bold) and (
            support == 2 or not _is_eponym(reading, part)
        ):
            if part is most:
                reading.whole[first.start] = len(part)
            return len(part)
        part = part[:-1] if len(part) > 2 else []
    return 0


def _part(words: Words, text: str, run: Sequence[Word], support: int) -> list[Word]:
    """Return the words at the head of *run* that could be a name."""
    part: list[Word] = []
    commas = 0
    for word in run:
        if part:
            suffix = word.lower in words.suffixes
            gap = text[part[-1].end : word.start]
            commas += "," in gap
            ends = ". " in gap and not part[-1].initial and not suffix
            if commas > 1 or ends or ("," in gap and len(part) > 2):
                break
            if suffix and len(part) > 1:
                part.append(word)
                break
        if word.stop and not (support == 2 and not part and word.kind & SURNAME):
            break
        if (
            word.soft
            and not support
            and not (part and "," in text[part[-1].end : word.start])
        ):
            break
        if word.initial and not part and not support:
            break
        common = word.kind & WORD and not word.kind & (GIVEN | SURNAME)
        if common and (part or support < 2):
            break
        part.append(word)
    while part and part[-1].initial and len(part) < 2:
        part.pop()
    return part


def _is_name(
    reading: Reading, part: Sequence[Word], support: int, *, bold: bool
) -> bool:
    words, text = reading.words, reading.text
    first, last = part[0], part[-1]
    if _NOT_AFTER.match(text, last.end) and not text.startswith((" (", ":"), last.end):
        return False
    full = [word for word in part if not word.initial]
    if not full or support == 2:
        return bool(full)
    comma = len(part) > 1 and "," in text[first.end : part[1].start]
    if (
        comma
        and len(first.text) < 4
        and first.text.isupper()
        and part[1].text[1:].islower()
    ):
        return False  # `by GA, Hadlock 1984`
    head, tail = (full[1:2] or full, full[0]) if comma else (full[:1], full[-1])
    told = words.credentials.match(text, last.end) is not None
    if told or (len(full) > 1 and words.acts.match(text, last.end)):
        support = max(support, 1)
    strong = sum(word.strong for word in full)
    named = all(word.kind & (GIVEN | SURNAME) or word.unknown for word in full)
    if len(full) < 2:
        alone = (
            (
                first.strong
                or (first.unknown and support and _person_before(reading, first.start))
            )
            and len(first.text) > 2
            and (first.text[1:].islower() or set(first.text) == {"X", "x"})
        )
        initialled = len(part) > 1 and alone
        return bool((alone and (support or bold)) or (initialled and bold))
    given = bool(head and head[0].kind & GIVEN)
    surname = bool(tail.kind & SURNAME) or tail.unknown
    if not named:
        return False
    if (
        support
        and not comma
        and first.text.isupper()
        and strong < len(full)
        and min(len(word.text) for word in full) < 4
    ):
        return False  # `by AO MHA`
    if support or bold:
        beside = support and (told or _deed_before(reading, first.start))
        return (given and surname) or strong > 0 or bool(beside)
    return (
        given
        and surname
        and (strong > 0)
        and not (first.text.isupper() and not comma and strong < 2)
    )


def _is_pair(words: Words, part: Sequence[Word]) -> bool:
    """Return whether *part* begins with what two persons gave their names to."""
    if "-" not in part[0].lower and len(part) < 2:
        return False
    pieces = [
        piece for word in part for piece in word.lower.removesuffix("'s").split("-")
    ]
    return " ".join(pieces[:2]) in words.eponym_pairs


def _is_eponym(reading: Reading, part: Sequence[Word]) -> bool:
    """Return whether what follows makes a thing, not a person, of *part*."""
    words, text, last = reading.words, reading.text, part[-1]
    told = words.eponyms.issuperset(
        piece for word in part for piece in word.lower.removesuffix("'s").split("-")
    )
    person = _person_before(reading, part[0].start)
    if not told and len(part) > 1 and person:
        return False  # `patient Jane Roe score=0.5`
    if not person and _is_pair(words, part):
        return True
    after = _NEXT.match(text, last.end)
    if after and after[1].lower() in words.eponym_after:
        return True
    if any(word.lower in words.eponym_after for word in part[1:]):
        return True
    return told and len(part) < 2 and not person

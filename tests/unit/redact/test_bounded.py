"""No text makes the rules hang: soups, bombs, other scripts, the longest that is read.

Each takes seconds at most; the bound is for what would take hours, not for a slow
machine.
"""

from __future__ import annotations

import time

import pyarrow as pa
import pytest

from algovigil.phi import Protector, applied
from algovigil.phi.find import MAX_CHARS
from algovigil_processor.batch import Origin
from algovigil_processor.decode import decode
from algovigil_processor.errors import Permanent
from algovigil_processor.redact.prefilter import Prefilter
from integration.processor.served import trace_request

PROTECTOR = Protector(key=b"test-key-of-32-bytes-or-more-.....")
PREFILTER = Prefilter(PROTECTOR.rules, PROTECTOR.active)
SECONDS = 20.0
SOUPS = {
    "digits": "0123456789",
    "social security numbers": "219-09-9999 ",
    "colons": "0:",
    "dots": "1.2.",
    "objects in objects": '{"a":',
    "lists in objects": '[{"name":"J","b":',
    "quotes": '"',
    "backslashes": "\\",
    "escapes of escapes": "%2525",
    "entities": "&amp;",
    "segments": "PID|1||",
    "elements": "<a b='",
    "assignments": "a=",
    "titles": "Dr. ",
    "names": "Jane Roe ",
    "names and numbers": "Jane Roe, MRN 4711081 ",
    "steps of a path": "/John_",
    "errors": "Error: '",
    "right to left": "\u202ennA\u202c ",
    "homoglyphs": "\u0410nn L\u0435\u0435 ",
    "marks without end": "e\u0301",
    "digits of another script": "\u0661\uff12",
}


def judged(text: str) -> str:
    """Return *text* as columns would keep it."""
    hits = PREFILTER.hits(pa.array(["before", text], pa.string()))
    return applied(text, PROTECTOR.redactions("note", text, hits.get(1, ())))


@pytest.mark.parametrize("soup", SOUPS.values(), ids=SOUPS)
def test_the_longest_text_that_is_read_ends_soon(soup: str) -> None:
    """Seconds, whatever it is made of."""
    text = (soup * (MAX_CHARS // len(soup) + 1))[:MAX_CHARS]
    begun = time.process_time()
    judged(text)
    assert time.process_time() - begun < SECONDS


def test_a_longer_one_goes_unread() -> None:
    """Ten megabytes in which a rule may find something are [LONG], and quickly."""
    text = "MRN 4711081 " * 870_000
    begun = time.process_time()
    assert judged(text) == "[LONG]"
    assert time.process_time() - begun < SECONDS


@pytest.mark.parametrize(
    ("text", "gone"),
    [
        ("\u202epatient \u202cAnn Lee MRN 4711081", "4711081"),
        ("p\u0430tient \u0410nn L\u0435\u0435, MRN 4711081", "4711081"),
        ("MRN \u0664\u0667\u0661\u0661\u0660\u0668\u0661", "\u0664\u0667"),
        ("ssn 219\u201109\u20119999", "9999"),
        ("j\u200bane@example.com", "example"),
        ("\uff2d\uff32\uff2e: 4711081", "4711081"),
    ],
)
def test_what_looks_like_an_identifier_is_one(text: str, gone: str) -> None:
    """Invisible, foreign and look-alike characters hide nothing."""
    assert gone not in judged(text)


def test_bytes_that_are_no_text_are_refused() -> None:
    """A value that is not UTF-8 reaches no rule, and the message quotes none of it."""
    body = trace_request(1).replace(b"benign", b"ben\xff\xfen")
    with pytest.raises(Permanent, match="UTF-8 strings") as refused:
        decode("traces", [body], Origin("test", 1))
    assert "ben" not in str(refused.value)

"""The prefilter never misses what the rules find, whatever the alphabet."""

from __future__ import annotations

from itertools import chain

import pyarrow as pa
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from tests.phi.corpus import SETS, corpus, templates
from tests.phi.score import dev_corpus

from algovigil.phi import Protector
from algovigil.phi import find as finder
from algovigil.phi.views import views
from algovigil_processor.redact.prefilter import Prefilter

PROTECTOR = Protector(key=b"test-key-of-32-bytes-or-more-.....")
RULES = PROTECTOR.rules
PREFILTER = Prefilter(RULES, range(len(RULES.rules)))

# words that rules wait for, identifiers, and what stands between them
WORDS = ["Patient", "MRN", "MRN:", "mrn=", "ssn", "dob", "DOB:", "Dr.", "name=", "at"]
WORDS += ["Error:", "KeyError:", "Jane", "Roe"]
FOREIGN = [
    "M\u00f6ller",
    "O\u2019Neil",
    "\u0418\u0432\u0430\u043d",
    "219\u201109\u20119999",
    "\u0661\u0669\u0665\u0668",
    "\uff1d",
    "e\u0301",
    "\u00df",
    "\u00a0",
    "\u200b",
]
IDENTIFIERS = [
    "4711081",
    "219-09-9999",
    "(201) 555-0143",
    "jane@example.com",
    "1958-02-07",
    "02/07/1958",
    "192.0.2.17",
    "91-year-old",
    "p_k1_mfrggzdfmztwq2lk",
    '"patient": {"name": "Jane"}',
    "PID|1||471108",
    "SUBJ-5744",
    "name,dob\nJane Roe,1958-02-07",
]
BETWEEN = [*" \n\t{}\"':&=?/.", "%20", "%40", "\\n", '\\"', "&#64;", "&nbsp;", "&#x3A;"]
PIECES = st.sampled_from([*WORDS, *FOREIGN, *IDENTIFIERS, *BETWEEN])
TEXTS = st.lists(PIECES | st.text(max_size=4), max_size=12).map("".join) | st.lists(
    PIECES, max_size=12
).map(" ".join)


@settings(max_examples=250, deadline=None)
@given(st.lists(TEXTS, min_size=1, max_size=20))
@example(["JaneMRN:Patient", "91-year-oldMRN:Jane%20KeyError:"])
@example(['Dr."\\"Patient'])
@example(["MRN \n 1958-02-07", "MRN\t4711081", "chart no.\n4711081"])
@example(["discharged on\n 02/07", "seen\tFeb 3", "iris scan\n ab4711081"])
@example(["MRN&#58; 4711081", "jane&#64;example.com", "219&#x2d;09&#x2D;9999"])
@example(["Patient 219\u201109\u20119999 name,dob\nJane Roe,1958-02-07"])
@example(["a text before it!", "SUBJ-5744", "SUBJ-5744 image: 013.7.2.7^"])
@example(["tO\u2019Neil", "I[Xx", "219-09-9999Uname=Patient"])
def test_prefilter_and_rules_agree(texts: list[str]) -> None:
    """What all rules find in a text, the rules that the prefilter left find too."""
    texts = [t for t in texts if t.isprintable() or "\n" in t]
    texts = [t.encode("utf-8", "ignore").decode() for t in texts]
    hits = PREFILTER.hits(pa.array(texts, pa.string()))
    for i, text in enumerate(texts):
        if not PROTECTOR.is_plain(text):
            every = finder.find(RULES, text, trust="text")
            left = finder.find(RULES, text, trust="text", only=hits.get(i, ()))
            assert left == every


@settings(max_examples=250, deadline=None)
@given(st.text(max_size=40) | TEXTS)
def test_views_are_ascii_and_map_back(text: str) -> None:
    """Every character of a view stands for a piece of the text, in order."""
    for view in views(text):
        assert view.text.isascii()
        spans = [view.origin(i, i + 1) for i in range(len(view.text))]
        assert all(0 <= start < end <= len(text) for start, end in spans)
        assert spans == sorted(spans)


@pytest.mark.parametrize("count", [2, 300])
def test_few_and_many_texts_are_gated_alike(count: int) -> None:
    """`re` and RE2 say the same of numbers, ids and names of code."""
    samples = [
        "predict",
        "0.25",
        "4bf92f35",
        "a b",
        "",
        "Jane Roe",
        "p_k1_x",
        "2.24.26",
    ]
    texts = (samples * count)[: max(count, len(samples))]
    gated = PREFILTER._is_plain(pa.array(texts)).tolist()
    assert gated == [PROTECTOR.is_plain(text) for text in texts]


def test_a_match_does_not_reach_over_the_border_of_two_texts() -> None:
    """Texts are scanned together and judged apart."""
    hits = PREFILTER.hits(pa.array(["a 219-09-", "9999 b", "x 219-09-9999"]))
    strong = [i for i, rule in enumerate(RULES.rules) if rule.id == "ssn"]
    assert [i for i, rules in hits.items() if strong[0] in rules] == [2]


def test_on_the_labelled_corpora_they_agree_too() -> None:
    """Columns find in each labelled text what the scalar rules find in it."""
    own = (corpus(templates(name), 1, 9) for name in SETS)
    items = [*dev_corpus()[::3], *chain.from_iterable(own)]
    texts = [item.text for item in items if not PROTECTOR.is_plain(item.text)]
    hits = PREFILTER.hits(pa.array(texts, pa.string()))
    different = [
        text
        for i, text in enumerate(texts)
        if finder.find(RULES, text, trust="text")
        != finder.find(RULES, text, trust="text", only=hits.get(i, ()))
    ]
    assert different == []

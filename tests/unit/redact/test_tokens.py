"""Tokens by columns are those of the scalar protector."""

from __future__ import annotations

import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from algovigil.phi import Protector
from algovigil_processor.redact import tokens

PROTECTOR = Protector(key=b"test-key-of-32-bytes-or-more-.....")
IDS = st.text("aAzZ019_-. #[]\"'%/p\u00e9", max_size=12) | st.sampled_from(
    ["0047 11", "p_k1_mfrggzdfmztwq2lk", "P_7", "Patient/7", "[MRN]", "null", "90+"]
)


@settings(max_examples=200, deadline=None)
@given(st.lists(IDS, min_size=1, max_size=20))
def test_a_value_has_one_token_whoever_makes_it(values: list[str]) -> None:
    """What the columns take, they make as `pseudonym` does; the rest they leave."""
    maker = PROTECTOR.tokens("MRN")
    assert maker is not None
    texts = pa.array(values, pa.string())
    plain = tokens.is_plain(texts)
    taken = texts.filter(pa.array(plain))
    expected = [PROTECTOR.clean("mrn", text) for text in taken.to_pylist()]
    assert expected == tokens.made(*maker, taken).to_pylist()

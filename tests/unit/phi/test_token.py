"""Tokens are HMAC-SHA256 of the kind and the identifier, in base32."""

from __future__ import annotations

import base64
import hmac

import pytest

from algovigil.phi.token import TOKEN, Tokens


@pytest.mark.parametrize("size", [32, 64, 65, 200])
def test_a_token_is_what_anyone_with_the_key_can_compute(size: int) -> None:
    """The documented formula, for keys below, at and above a block of the hash."""
    key = bytes(range(size % 256)) or bytes(size)
    digest = hmac.digest(key, b"v1||PATIENT|jane12", "sha256")[:16]
    expected = "p_k1_" + base64.b32encode(digest).decode().rstrip("=").lower()
    assert expected == Tokens(key, "k1").token("patient", "jane12")
    assert TOKEN.fullmatch(expected)

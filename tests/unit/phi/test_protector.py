"""The scalar protector: pseudonyms, keys, presets, and the seed's `PHIProtector`."""

from __future__ import annotations

import base64
import hashlib
import hmac
import logging
import subprocess
import sys
import time
from importlib import resources

import pytest
import yaml

from algovigil.config import Phi
from algovigil.errors import ConfigError
from algovigil.phi import PHIProtector, Preset, Protector
from algovigil.phi.rules import of

KEY = b"test-key-of-32-bytes-or-more-....."
PROTECTOR = Protector(key=KEY, this_year=2026)


def test_a_pseudonym_is_the_keyed_hash_that_the_docs_say() -> None:
    """Other senders can make the same token from the same key."""
    digest = hmac.new(KEY, b"v1||PATIENT|mrn00471108", hashlib.sha256).digest()[:16]
    token = base64.b32encode(digest).decode().rstrip("=").lower()
    assert PROTECTOR.pseudonym("MRN-0047 1108") == f"p_k1_{token}"


@pytest.mark.parametrize(
    "spelled", ["mrn 0047", "MRN-0047", "\uff2dRN\u00a00047", '["mrn0047"]']
)
def test_spellings_of_one_identifier_agree(spelled: str) -> None:
    """Case, width, spaces and separators do not make another patient."""
    assert PROTECTOR.pseudonym(spelled) == PROTECTOR.pseudonym("MRN0047")


def test_leading_zeros_and_kinds_make_other_identifiers() -> None:
    """`007` is not `7`, and a patient's id is not an encounter's."""
    tokens = {
        PROTECTOR.pseudonym("007"),
        PROTECTOR.pseudonym("7"),
        PROTECTOR.pseudonym("7", "encounter"),
        Protector(key=KEY[::-1]).pseudonym("7"),
    }
    assert len(tokens) == 4


def test_a_patient_has_one_token_in_key_path_text_and_number() -> None:
    """Wherever the same identifier turns up it can be joined."""
    token = PROTECTOR.pseudonym("4711081") or ""
    found = [
        PROTECTOR.clean("mrn", "4711081"),
        PROTECTOR.clean("patient.id", "4711081"),
        PROTECTOR.clean("", "GET /patients/4711081/studies").split("/")[2],
        PROTECTOR.clean("", "MRN 4711081 loaded").split()[1],
        PROTECTOR.clean("url.query", "mrn=4711081").removeprefix("mrn="),
    ]
    assert found == [token] * 5


def test_a_token_passes_untouched() -> None:
    """What the SDK made, the processor leaves."""
    token = PROTECTOR.pseudonym("4711081")
    assert (PROTECTOR.pseudonym(token), PROTECTOR.clean("patient.id", token or "")) == (
        token,
        token,
    )


@pytest.mark.parametrize("value", [None, "", "  ", "---"])
def test_nothing_has_no_pseudonym(value: object) -> None:
    """A missing id does not become a patient."""
    assert PROTECTOR.pseudonym(value) is None


def test_without_a_key_identifiers_are_dropped_with_one_warning(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Never sent, and said once."""
    protector = Protector.of(Phi(), {})
    with caplog.at_level(logging.WARNING, "algovigil.phi"):
        got = [protector.pseudonym("4711"), protector.clean("patient.id", "4711")]
    assert (got, len(caplog.records)) == ([None, ""], 1)
    assert "4711" not in caplog.text


def test_a_short_key_is_refused_and_not_repeated() -> None:
    """Found, expected, hint; the key itself is not said."""
    with pytest.raises(ConfigError, match="at least 32 bytes") as error:
        Protector.of(Phi(), {"ALGOVIGIL_PHI_KEY": "hunter2"})
    assert "hunter2" not in str(error.value)


def test_a_key_id_that_no_token_can_carry_is_refused() -> None:
    """The key id is part of every token."""
    with pytest.raises(ConfigError, match="key_id"):
        Protector(Phi(key_id="K_1"), KEY)


def test_safe_harbor_keeps_nothing_derived() -> None:
    """No pseudonym is made, and one that comes in goes."""
    protector = Protector(Phi(preset="safe_harbor"), KEY)
    token = PROTECTOR.pseudonym("4711")
    got = (protector.pseudonym("4711"), protector.clean("", f"patient {token} seen"))
    assert got == (None, "patient [TOKEN] seen")


def test_observe_only_changes_nothing() -> None:
    """The preset of a control says so in its version."""
    protector = Protector(Phi(preset=Preset.OBSERVE_ONLY.value), KEY)
    text = "Patient Jane Roe MRN 4711081"
    assert protector.rewrite("", text).text == text
    assert [action for _, action in protector.rewrite("", text).marks] == [
        "observe"
    ] * 2
    assert protector.version.startswith("observe_only")


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("Patient M\u00f6ller\u00a0MRN\u00a04711081", "Patient [NAME]\u00a0MRN\u00a0"),
        ("ssn 219\u201109\u20119999", "ssn [SSN]"),
        ("mail jane%40example.com now", "mail [EMAIL] now"),
        (
            r"{\"patient\": {\"name\": \"Jane\"}}",
            r"{\"patient\": {\"name\": \"[NAME]\"}}",
        ),
        ("call \u0662\u0660\u0661-555-0143", "call [PHONE]"),
        ("jane@ex\u0430mple.com", "[EMAIL]"),
        ("219-09-\u200b9999", "[SSN]"),
    ],
)
def test_spellings_that_hide_an_identifier(text: str, kept: str) -> None:
    """Other spaces, hyphens, digits, escapes and look-alikes do not help."""
    assert PROTECTOR.clean("", text).startswith(kept)


@pytest.mark.parametrize("key", ["", "exception.message", "patient.name", "mrn"])
@pytest.mark.parametrize(
    "text",
    [
        "Patient Jane Roe MRN 4711081 DOB 1931-02-07, 94 y/o, ssn 219-09-9999",
        "/patients/4711081?q=1931-02-07&name=Jane+Roe",
        "ValueError: could not convert string to float: 'Jane'",
        "PID|1||4711081^^^H^MR||ROE^JANE||19580207|F",
        "call (201) 555-0143 or jane@example.com",
    ],
)
def test_cleaning_twice_is_cleaning_once(key: str, text: str) -> None:
    """SDK and processor may both clean a text; the second finds nothing."""
    once = PROTECTOR.clean(key, text)
    assert PROTECTOR.clean(key, once) == once


def test_a_text_of_any_size_is_judged_in_bounded_time() -> None:
    """Digit soup, brackets and quotes without end do not stop the caller."""
    begun = time.process_time()
    for piece in (
        "1",
        "1-",
        "{",
        "'",
        "name",
        '"a":',
        '{"a":',
        "[",
        "%41",
        "\\u0041",
        "A^",
    ):
        PROTECTOR.clean("exception.message", piece * (200_000 // len(piece)))
    assert time.process_time() - begun < 20


def test_the_seed_protector_anonymises_nested_data() -> None:
    """Identifiers of any depth go, the rest and the input stay."""
    record = {
        "patient_id": "4711081",
        "name": "Jane Roe",
        "age": 94,
        "lactate": 2.1,
        "ward": "north",
        "contacts": [{"phone": "(201) 555-0143", "note": "call Mrs. Poe"}],
        "badge": 12345,
    }
    protector = PHIProtector("salt", "hashing", ["badge"], key=KEY)
    kept = protector.anonymize(record)
    assert {k: kept[k] for k in ("age", "lactate", "ward")} == {
        "age": "90+",
        "lactate": 2.1,
        "ward": "north",
    }
    (contact,) = kept["contacts"]
    tokens = [kept["patient_id"], kept["name"], kept["badge"], contact["phone"]]
    assert [token[:5] for token in tokens] == ["p_k1_"] * 4
    assert contact["note"] == "call Mrs. [NAME]"
    assert record["name"] == "Jane Roe"
    other = PHIProtector("pepper", key=KEY).anonymize(record)
    assert other["patient_id"] != kept["patient_id"]


def test_the_seed_protector_without_a_key_names_the_class() -> None:
    """No key, no hash: the identifier is dropped."""
    kept = PHIProtector("salt", key=b"").anonymize({"patient_id": "4711", "n": 1})
    assert kept == {"patient_id": "[PATIENT]", "n": 1}


def test_an_unknown_method_is_refused_with_a_hint() -> None:
    """Found, expected, hint."""
    with pytest.raises(ConfigError, match="did you mean `hashing`"):
        PHIProtector(anonymization_method="hashed")


def test_an_unknown_action_or_check_in_the_rules_is_refused() -> None:
    """A rule file that is not understood does not load."""
    folder = resources.files("algovigil.phi").joinpath("data")
    data, standards, names = (
        yaml.load(
            folder.joinpath(name).read_bytes(), yaml.BaseLoader
        )  # it builds nothing but text
        for name in ("rules.yaml", "standards.yaml", "names.yaml")
    )
    data["rules"][0]["check"] = ["magic"]
    with pytest.raises(ConfigError, match="magic"):
        of(data, standards, names, "digest")
    data["actions"]["pseudonymise"]["MRN"] = "publish"
    with pytest.raises(ConfigError, match="publish"):
        of(data, standards, names, "digest")


def test_the_module_is_light() -> None:
    """A model server that imports it loads no numpy, pyarrow or hyperscan."""
    code = (
        "import sys, algovigil.phi as p; p.Protector();"
        "print([m for m in ('numpy', 'pyarrow', 'hyperscan') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout.strip() == "[]"

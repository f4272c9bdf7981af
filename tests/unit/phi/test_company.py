"""What is told by what stands around it: lists of numbers, towns, logins, deeds."""

from __future__ import annotations

import pytest

from algovigil.phi import Protector

PROTECTOR = Protector(key=b"test-key-of-32-bytes-or-more-.....", this_year=2026)


def found(text: str, key: str = "") -> list[str]:
    return [text[f.start : f.end] for f in PROTECTOR.redactions(key, text)]


@pytest.mark.parametrize(
    ("text", "gone"),
    [
        ("MRNs 4711081, 4711093 and 4711101", ["4711081", "4711093", "4711101"]),
        ("chart merge 4711081 -> 4711093 done", ["4711081", "4711093"]),
        ("merging 4711081 into 4711093", ["4711081", "4711093"]),
        ("score_patient 4711081", ["4711081"]),
        ("No patient with id 4711081", ["4711081"]),
        ("approved by jolstad", ["jolstad"]),
        ("token issued to jolstad7 at noon", ["jolstad7"]),
        ("failed password for jolstad from a host", ["jolstad"]),
        ("jolstad viewed a chart", ["jolstad"]),
        ("Jane Olstad, 97, left early", ["Jane Olstad", "97"]),
        ("moved Jane Olstad to Council Bluffs", ["Jane Olstad", "Council Bluffs"]),
        ("fever since 25 Mar 2021", ["25 Mar 2021"]),
        ("M\u0142gorz Kwietko presented with a cough", []),
        ("M\u0142gorz Olstad presented with a cough", ["M\u0142gorz Olstad"]),
        ("cancelled by M\u0142gorz Kwietko", ["M\u0142gorz Kwietko"]),
        ("/scans/4711081/20240102/IM1.dcm", ["4711081", "20240102"]),
        ("4711081\tJane Olstad\tM\t97", ["4711081", "Jane Olstad", "97"]),
        ("MR Olstad called", ["Olstad"]),
        ("ward round with Marcus Gunn", ["Marcus Gunn"]),
        ("Anna Simpson uploaded a scan", ["Anna Simpson"]),
        ("ValueError: no row 'janeOlstad'", ["'janeOlstad'"]),
        ("ValueError: no row 'McKay'", ["'McKay'"]),
        ("ValueError: no row `Jane Olstad`", ["`Jane Olstad`"]),
        ("ValueError: no row ``Jane Olstad`` here", ["``Jane Olstad``"]),
        ("/data/scan.JaneOlstad.dcm", ["JaneOlstad"]),
        ("/data/scan.JaneOlstad/x.png", ["JaneOlstad"]),
        ("MR SMITH called", ["SMITH"]),
        ("Dr. Brain called", ["Brain"]),
        ("Patient Child Pugh called", ["Child Pugh"]),
        ("father died at 97", ["97"]),
        ("en route: ambulance XKC-4471", ["XKC-4471"]),
        ("login from 10.0.0.5:51234", ["10.0.0.5"]),
        ('{"user":"jolstad7"}', ["jolstad7"]),
        ('{"name":"grace lee","id":3}', ["grace lee"]),
        ("OBR|1|||y|||||||||||151315^OLSTAD^JANE", ["151315", "OLSTAD^JANE"]),
    ],
)  # fmt: skip
def test_what_stands_beside_tells(text: str, gone: list[str]) -> None:
    """A date keeps its year and an age its bound, so what is judged is their place."""
    assert found(text) == gone


@pytest.mark.parametrize(
    "text",
    [
        "at Lakeside Clinic",
        "cannot import name 'Predictor' from 'app.models'",
        "model name Jasper loaded",
        "NYHA class I, ECOG 1",
        "no evidence of Chiari malformation",
        "running since 2024-01-02",
        "called by nginx",
        "killed by signal 9",
        "GET http://10.1.2.3:8080/healthz",
        "GET /api/v1/query?query=up",
        "SELECT id FROM t WHERE full_name LIKE ?",
        "see https://github.com/python/cpython/issues/1",
        "insurance card scanned: member ID missing",
        "use HIDDEN_PARAM, please",
        '{"name": "Chest X-Ray Triage", "stage": "Production"}',
        "/ckpt/0001234/weights.bin",
        "at com.example.JaneOlstad(Jane.java:3)",
        "MR Brain Without Contrast",
        "MR BRAIN W/O",
        "DR CHEST PA",
        "MR Acquisition Type",
        "MELD 14, Child Pugh B",
        "eGFR by Cockcroft Gault 71 mL/min",
        "estimated by Cockcroft-Gault",
        "CRL by GA, Shinozuka 1996",
        "Node has no name. Renamed to x1",
        "not supported by AO MHA module",
        "Digital Signature Purpose Code Sequence",
        "implantable defibrillator device (Z95.810)",
        "Technetium Tc^99m^ sulfur colloid, Tc-99m sestamibi",
        "connect ECONNREFUSED 10.0.0.5:5432",
        '{"event":"model_loaded","name":"stroke-net","version":"3"}',
        "Duplicate name: loss",
        "ValueError: could not convert string to float: 'N/A'",
        "TypeError: cannot invoke \"Model.score()\" on `Rotation` with '='",
        "running in user namespace: 17",
        "ValueError: ``x`` should be 1D and ``y = None`` is not",
    ],
)
def test_things_stay(text: str) -> None:
    assert found(text) == []


def test_a_phone_number_is_no_version() -> None:
    """Three groups of digits with dots between are both, by their lengths."""
    assert found("617.555.0188") == ["617.555.0188"]
    assert found("550.54.14") == []


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("demographics.age", "97"),
        ("employee.city", "Kearney"),
        ("resident.website", "https://olstad.example/x"),
        ("visitor.number", "93847561"),
        ("birth_city", "Kearney"),
        ("caregiver.contact", "Jane Olstad, 617-555-0188"),
    ],
)
def test_a_word_for_a_person_in_the_key_tells(key: str, value: str) -> None:
    assert found(value, key) == [value]

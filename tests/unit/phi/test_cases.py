"""Single cases beyond the corpora: what must go, what looks like it and must stay."""

from __future__ import annotations

import base64
import json
import time
from urllib.parse import quote

import pytest

from algovigil.phi import Protector

PROTECTOR = Protector(key=b"test-key-of-32-bytes-or-more-.....", this_year=2026)
NAME, MRN, SSN = "Zebulon Quarrelmire", "88134457", "219-47-9083"
NOTE = f"Patient {NAME}, MRN {MRN}, ssn {SSN}"


@pytest.mark.parametrize(
    "text",
    [
        NOTE,
        NOTE.upper(),
        quote(NOTE),
        quote(quote(NOTE)),
        json.dumps({"patient": {"name": NAME, "mrn": MRN, "ssn": SSN}}),
        json.dumps(json.dumps({"patient": {"name": NAME, "mrn": MRN, "ssn": SSN}})),
        "payload " + base64.b64encode(NOTE.encode()).decode(),
        "payload " + base64.urlsafe_b64encode(NOTE.encode()).decode().rstrip("="),
        NOTE.replace(" ", "\u00a0"),
        NOTE.replace("-", "\u2011"),
        NOTE.translate({ord(c): 0xFF10 + int(c) for c in "0123456789"}),
        NOTE.replace("MRN", "\u041cRN").replace("a", "\u0430"),
        NOTE.replace("&", "&amp;").replace("Z", "&#90;"),
        f"<patient><name>{NAME}</name><mrn>{MRN}</mrn><ssn>{SSN}</ssn></patient>",
        f"pateint {NAME} (MRN: {MRN}; SSN#{SSN})",
    ],
)
def test_a_patient_is_found_however_it_is_written(text: str) -> None:
    """Case, escapes, encodings, other spaces, digits and letters that look alike."""
    kept = PROTECTOR.clean("", text)
    for secret in ("uarrelmire", "UARRELMIRE", MRN, SSN, "9083", "134457"):
        assert secret not in kept


@pytest.mark.parametrize(
    ("text", "gone"),
    [
        ("Patient \u738b\u4f1f admitted", "\u738b\u4f1f"),
        ("pt \u0418\u0432\u0430 \u041f\u0435\u0442\u0440", "\u041f\u0435\u0442\u0440"),
        ("patient: \u0645\u062d\u0645\u062f", "\u0645\u062d\u0645\u062f"),
        ("Dr. Fran\u00e7ois L\u00e9v\u00eaque called", "L\u00e9v\u00eaque"),
        ("seen by Dr. O\u2019Shaughnessy", "Shaughnessy"),
        ("Nurse Xiulan Zhangsun at 5pm", "Zhangsun"),
        ("spoke with her son Marquavious", "Marquavious"),
    ],
)  # fmt: skip
def test_names_in_other_scripts_and_of_no_list(text: str, gone: str) -> None:
    """What stands before a name tells it where no list does."""
    assert gone not in PROTECTOR.clean("", text)


@pytest.mark.parametrize(
    ("key", "text"),
    [
        ("", "trace 4bf92f3577b34da6a3ce929d0e0e4736 span 00f067aa0ba902b7"),
        ("", "commit 9fceb02d0ae598e95dc970b74767f19372d61af8 on branch main"),
        ("", "image sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b"),
        ("", "torch 2.4.1+cu121, CUDA 12.4, driver 550.54.14"),
        ("", "LOINC 2345-7 glucose 98 mg/dL, SNOMED CT 44054006, ICD-10 E11.9"),
        ("", "RxNorm 860975 metformin 500 mg, Lipitor, Eliquis, Keytruda"),
        ("", "WBC 11.2 Hgb 13.4 Plt 250 Na 138 K 4.1 Cr 1.02 eGFR 88"),
        ("", "Parkinson disease, Bell's palsy, Swan-Ganz catheter, Apgar 8/9"),
        ("", "Glasgow Coma Scale 14; Kaplan-Meier curve; Hodgkin lymphoma"),
        ("", "age 64, sex F, BP 128/76, HR 81, SpO2 97%"),
        ("", "HTTP/1.1 200 OK content-length=7487056 duration_ms=0.31"),
        ("", "ts=1684645849332425648 epoch=1714566601 seq 88134457"),
        ("", "2024-05-01T12:30:01.123Z INFO [main] c.a.Service - started in 3.2 s"),
        ("", "NVIDIA A100 80GB PCIe, Tesla V100-SXM2-32GB, GeForce RTX 4090"),
        ("", "Adam optimizer, Kalman filter, Random Forest, Gaussian Naive Bayes"),
        ("", "Connection Refused: Internal Server Error in Gateway Timeout"),
        ("", "GET /api/v1/patients/{patient_id}/studies"),
        ("", "features [0.1234, 12.3456, -81.6667, 30.8799]"),
        ("http.route", "/fhir/Patient/:id"),
        ("model.version", "2024.03.01"),
        ("dicom.sop_class_uid", "1.2.840.10008.5.1.4.1.1.2"),
        ("exception.message", "KeyError: 'model_version'"),
        ("db.query.text", "SELECT name, dob FROM patients WHERE mrn = ? LIMIT 10"),
        ("", '{"model":{"name":"triage","version":"2"},"scores":[0.1,0.9]}'),
    ],
)  # fmt: skip
def test_what_only_looks_like_an_identifier_stays(key: str, text: str) -> None:
    """Ids of telemetry, codes of terminologies, results, eponyms, drugs, versions."""
    assert text == PROTECTOR.clean(key, text)


def test_a_patient_has_one_token_on_every_surface() -> None:
    """Key, URL, HL7, FHIR, DICOM, SQL and text can be joined."""
    token = PROTECTOR.pseudonym(MRN)
    texts = [
        ("mrn", MRN),
        ("url.path", f"/patients/{MRN}/notes"),
        ("", f"PID|1||{MRN}^^^HOSP^MR||DOE^JANE"),
        ("", f'{{"subject": {{"reference": "Patient/{MRN}"}}}}'),
        ("", f"(0010,0020) LO [{MRN}]  # 8, 1 PatientID"),
        ("", f"UPDATE visit SET ward = 2 WHERE mrn = '{MRN}'"),
        ("", f"MRN {MRN} loaded"),
    ]
    assert [] == [
        text for key, text in texts if token not in PROTECTOR.clean(key, text)
    ]


@pytest.mark.parametrize(
    "piece",
    [
        *("1", "1-", "1 ", "9.", "{", "[", "'", '"', "<a>", "<a b='", "a=", "a: "),
        *(
            "name=",
            '{"a":',
            '"a":"',
            "%41",
            "%25",
            "\\u0041",
            "\\\\",
            "&#90;",
            "A^",
            "|",
        ),
        *(
            "PID|",
            "(0010,0010)",
            "where a='",
            "values ('",
            "A ",
            "Aa Bb ",
            "Dr. A",
            ",",
        ),
        *(
            "\u202e",
            "\u0430",
            "\u738b",
            "\ud800",
            "e\u0301",
            "QUJD",
            "a/",
            "A_B_",
            "@a.",
        ),
        *("insert into a (b) values ('c'), (", "Jane Roe, ", "https://a/", "1/1/1990 "),
    ],
)
def test_no_input_makes_it_hang(piece: str) -> None:
    """Soups of every mark that a parser waits for end in linear time, or go whole."""
    begun = time.process_time()
    short = piece * (2_000 // len(piece))
    PROTECTOR.clean("exception.message", short)
    once = max(time.process_time() - begun, 0.02)
    begun = time.process_time()
    PROTECTOR.clean("exception.message", piece * (16_000 // len(piece)))
    assert time.process_time() - begun < 8 * 4 * once


def test_a_value_of_ten_megabytes_goes_whole() -> None:
    """What is over the bound is not searched, and not kept."""
    begun = time.process_time()
    assert "[LONG]" == PROTECTOR.clean("", "a 1 " * 2_500_000)
    assert time.process_time() - begun < 2

"""Key policy: which attribute names tell an identifier."""

from __future__ import annotations

import re

import pytest

from algovigil import semconv
from algovigil.phi import Protector
from algovigil.phi.rules import load
from algovigil_processor.redact.columns import is_text
from algovigil_processor.schema import SCHEMAS, phi

PROTECTOR = Protector()


@pytest.mark.parametrize(
    ("key", "trust"),
    [
        ("gen_ai.agent.version", "safe"),
        ("dataset_version", "safe"),
        ("patient.version.note", "text"),
        ("jvm.thread.name", "safe"),
        ("exception.message", "error"),
    ],
)
def test_keys_about_machines(key: str, trust: str) -> None:
    """By a whole key, a beginning or a last word."""
    assert PROTECTOR.note(key) == (None, trust)


@pytest.mark.parametrize(
    ("key", "cls"),
    [
        ("enduser.id", "USER"),
        ("user.id", "USER"),
        ("user.name", "USER"),
        ("user.email", "EMAIL"),
        ("client.address", "IP"),
        ("network.peer.address", "IP"),
        ("http.request.header.cookie", "CREDENTIAL"),
        ("http.request.header.authorization", "CREDENTIAL"),
        ("http.request.header.baggage", "CREDENTIAL"),
        ("http.request.header.x-patient-mrn", "MRN"),
        ("http.request.header.x_patient", "PATIENT"),
        ("http.request.header.x_forwarded_for", "IP"),
        ("medical_ai.patient.id", "PATIENT"),
        ("medical_ai.encounter.id", "ENCOUNTER"),
        ("patientName", "NAME"),
        ("PatientBirthDate", "BIRTH"),
        ("PatientID", "PATIENT"),
        ("AccessionNumber", "OTHER_ID"),
        ("ReferringPhysicianName", "NAME"),
        ("StudyInstanceUID", "UID"),
        ("Patient.name.0.family", "NAME"),
        ("subscriberId", "HEALTH_PLAN"),
        ("patient_mrn", "MRN"),
        ("dob", "BIRTH"),
        ("patient.contact.phone", "PHONE"),
        ("home_address_line1", "GEO"),
        ("ssn", "SSN"),
        ("age", "AGE"),
        ("medical_ai.subgroup.age", "AGE"),
    ],
)
def test_keys_of_identifiers(key: str, cls: str) -> None:
    """OTel's, DICOM's, FHIR's and everyday spellings are known."""
    assert PROTECTOR.classify_key(key) == cls


@pytest.mark.parametrize(
    "key",
    [
        *("service.name", "host.name", "k8s.pod.name", "thread.name", "code.function"),
        *(
            "db.query.text",
            "http.route",
            "url.full",
            "user_agent.original",
            "server.address",
        ),
        *("birth_weight", "mean radius", "cache.age", "patient_count", "mrn_valid"),
        *("message.id", "process.pid", "gen_ai.request.model", "net.host.name"),
        *("feature.name", "num_patients", "Events.Name", "heart_rate", "lactate"),
    ],
)
def test_keys_that_tell_no_identifier(key: str) -> None:
    """Names of services, code and features are not names of persons."""
    assert PROTECTOR.classify_key(key) is None


def test_our_own_attributes_and_columns_hold_no_identifiers_but_two() -> None:
    """Only the pseudonyms' keys, and their columns, are taken for identifiers."""
    names = [v for k, v in vars(semconv).items() if k.isupper() and isinstance(v, str)]
    keys = [
        (phi(f).removeprefix("key:") or f.name)
        for s in SCHEMAS.values()
        for f in s
        if is_text(f.type)
    ]
    told = {key for key in (*names, *keys) if PROTECTOR.classify_key(key)}
    assert told == {"medical_ai.patient.id", "medical_ai.encounter.id", "patient_id"}


def test_the_prefilter_of_pairs_hits_every_key_that_is_classified() -> None:
    """A key=value whose key tells an identifier never slips by the prefilter."""
    rules = load()
    pairs = next(rule for rule in rules.rules if rule.finder == "pairs")
    spelled = {
        mark.join(words)
        for kind in rules.keys.classes
        for words in (
            *kind.exact,
            *(tuple(a) for a in kind.all),
            *((a,) for a in kind.any),
        )
        for mark in "._"
    }
    missed = [
        key
        for key in spelled
        if PROTECTOR.classify_key(key) and not pairs.compiled.search(f"{key}=x")
    ]
    assert missed == []


def test_patterns_are_linear() -> None:
    """No rule looks around, refers back or repeats a group without bound."""
    odd = [
        rule.id
        for rule in load().rules
        if re.search(r"\(\?[=!<]|\\[1-9]|\)[*+]", rule.pattern)
    ]
    assert odd == []

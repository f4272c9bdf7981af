"""Labelled telemetry with invented identifiers, made from templates.

`TUNED` templates were read while the rules were written, `HELD_OUT` ones were written
before and looked at only through their score. A slot `{slot}` of a template becomes an
invented value, labelled with the class of the slot; `{slot!}` is not labelled. Names
come from the tail of the US lists and from none of Faker's.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

GIVEN = [
    "Adrienne",
    "Trevor",
    "Kayden",
    "Jake",
    "Loren",
    "Bennett",
    "Cassie",
    "Robyn",
    "Jasper",
    "Hilda",
    "Tracy",
    "Laurel",
    "Darryl",
    "Edmund",
    "Minnie",
    "Carly",
    "Cody",
    "Darla",
    "Vivian",
    "Sylvia",
    "Angelina",
    "Marshall",
    "Sammy",
    "Duane",
    "Gabriela",
    "Adrian",
    "Payton",
    "Lois",
    "Horace",
    "Kylie",
    "Vernon",
    "Brooke",
    "Jazmin",
    "Pablo",
    "Archie",
    "Maxine",
    "Hershel",
    "Awilda",
    "Kenadee",
    "Ashly",
    "Ilan",
    "Kierstyn",
    "Parris",
    "Amalia",
    "Maudie",
    "Delilah",
    "Brisa",
    "Jacoby",
    "Channing",
    "Kalen",
    "Adelia",
    "Cristy",
    "Meridith",
    "Zoraida",
    "Coley",
    "Lucius",
    "Kainoa",
    "Lizeth",
    "Shlomo",
    "Eleni",
    "Reuben",
    "Markel",
    "Kenji",
    "Lauretta",
    "Karol",
    "Zain",
    "Scotty",
    "Ernestina",
    "Salim",
    "Neville",
    "Shona",
    "Tori",
    "Tarek",
    "Vergil",
    "Leiah",
    "Monifa",
    "Elika",
    "Brylyn",
    "Miliani",
    "Haliey",
    "Amaziah",
    "Kiwana",
    "Shakeeta",
    "Rayhan",
    "Addisen",
    "May",
    "Ruby",
    "Grace",
    "Frank",
    "Rose",
]
FAMILY = [
    "Idicula",
    "Aubertin",
    "Mcdevitt",
    "Okere",
    "Arenberg",
    "Terner",
    "Patinella",
    "Menifield",
    "Mohun",
    "Aliyu",
    "Razzano",
    "Foral",
    "Geeter",
    "Holan",
    "Ringhiser",
    "Maniar",
    "Sivers",
    "Mazzariello",
    "Staggs",
    "Howlader",
    "Contaldi",
    "Wasco",
    "Kowalska",
    "Bauersachs",
    "Playter",
    "Cavness",
    "Goodall",
    "Majcher",
    "Skalitzky",
    "Yurkiewicz",
    "Mechelke",
    "Drezek",
    "Mahlan",
    "Kauderer",
    "Taphorn",
    "Celli",
    "Lattanzi",
    "Lafreniere",
    "Bushinski",
    "Langhorne",
    "Sarubbi",
    "Engberson",
    "Bidigare",
    "Caimano",
    "Wingerson",
    "Olstad",
    "Henningson",
    "Wennersten",
    "Manek",
    "Houghland",
    "Reindollar",
    "Dorius",
    "Barillari",
    "Schumm",
    "Goldstine",
    "Tudyk",
    "Denstedt",
    "Palkovic",
    "Combest",
    "Fanara",
    "Minneman",
    "Bonanno",
    "Peaslee",
    "Dirnfeld",
    "Farbstein",
    "Rechlin",
    "Leitheiser",
    "Karpan",
    "Kolba",
    "Rothenberger",
    "Molles",
    "Stoller",
    "Florido",
    "Casselberry",
    "Schoepfer",
    "Slovacek",
    "Shapland",
    "Boursiquot",
    "Waldroff",
    "Woods",
    "Fields",
    "Rivers",
    "Cross",
    "O'Malley",
    "Smith-Olstad",
]
TOWNS = [
    "Kearney",
    "Bemidji",
    "Altoona",
    "Pocatello",
    "Valdosta",
    "Texarkana",
    "Janesville",
    "Findlay",
    "Roswell",
    "Ithaca",
    "Muskegon",
    "Cape_Girardeau",
    "Twin_Falls",
    "Rapid_City",
    "Council_Bluffs",
    "Grand_Island",
    "New_Bern",
    "East_Moline",
]
STREETS = [
    "Tamarack",
    "Hollyhock",
    "Old_Quarry",
    "Juniper",
    "Third",
    "Larkspur",
    "Mill_Race",
    "Wisteria",
    "Sandpiper",
    "Kestrel",
]
KINDS = [
    "St",
    "Ave",
    "Rd",
    "Lane",
    "Blvd",
    "Court",
    "Drive",
    "Way",
    "Terrace",
    "Place",
    "Circle",
    "Pkwy",
]
STATES = [
    "NE",
    "MN",
    "PA",
    "ID",
    "GA",
    "TX",
    "WI",
    "OH",
    "NM",
    "NY",
    "MI",
    "MO",
    "SD",
    "IA",
    "NC",
    "IL",
]
MONTHS = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
]

Slot = Callable[[random.Random], str]


def _digits(rng: random.Random, n: int) -> str:
    return str(rng.randrange(1, 10)) + "".join(rng.choices("0123456789", k=n - 1))


def _letters(rng: random.Random, n: int) -> str:
    return "".join(rng.choices("ABCDEFGHJKLMNPRSTUVWXYZ", k=n))


def _day(rng: random.Random) -> tuple[int, int, int]:
    return rng.randrange(1931, 2025), rng.randrange(1, 13), rng.randrange(1, 29)


def _date(rng: random.Random) -> str:
    y, m, d = _day(rng)
    return rng.choice(
        [f"{y}-{m:02}-{d:02}", f"{m}/{d}/{y}", f"{m:02}/{d:02}/{y}", f"{MONTHS[m - 1]} {d}, {y}",
         f"{d} {MONTHS[m - 1][:3]} {y}", f"{MONTHS[m - 1][:3]} {d}, {y}", f"{d:02}-{MONTHS[m - 1][:3]}-{y}"]
    )  # fmt: skip


def _luhn(rng: random.Random) -> str:
    body = "4" + _digits(rng, 14)
    total = sum(
        d if i % 2 else d * 2 - 9 * (d > 4)
        for i, d in enumerate(map(int, body))
    )  # fmt: skip
    digits = body + str(-total % 10)
    return " ".join(digits[i : i + 4] for i in range(0, 16, 4))


def _login(rng: random.Random) -> str:
    name = rng.choice(FAMILY).lower().replace("'", "").replace("-", "")
    return (
        rng.choice(GIVEN)[0].lower()
        + name
        + rng.choice(["", "", str(rng.randrange(1, 99))])
    )


def _phone(rng: random.Random) -> str:
    a, b, c = (
        rng.randrange(201, 989),
        rng.randrange(200, 999),
        rng.randrange(1000, 9999),
    )
    return rng.choice(
        [
            f"({a}) {b}-{c}",
            f"{a}-{b}-{c}",
            f"{a}.{b}.{c}",
            f"+1 {a} {b} {c}",
            f"+1-{a}-{b}-{c}",
        ]
    )


def _street(rng: random.Random) -> str:
    unit = rng.choice(["", "", " Apt 5C", ", Unit 12", " #308"])
    name = rng.choice(STREETS).replace("_", " ")
    return f"{rng.randrange(11, 9900)} {rng.choice(['', 'N ', 'SE '])}{name} {rng.choice(KINDS)}{unit}"


SLOTS: dict[str, tuple[str, Slot]] = {
    "name": ("NAME", lambda r: f"{r.choice(GIVEN)} {r.choice(FAMILY)}"),
    "name_m": ("NAME", lambda r: f"{r.choice(GIVEN)} {_letters(r, 1)}. {r.choice(FAMILY)}"),
    "last_first": ("NAME", lambda r: f"{r.choice(FAMILY)}, {r.choice(GIVEN)}"),
    "LAST_FIRST": ("NAME", lambda r: f"{r.choice(FAMILY)}, {r.choice(GIVEN)}".upper()),
    "caret": ("NAME", lambda r: f"{r.choice(FAMILY)}^{r.choice(GIVEN)}^{_letters(r, 1)}".upper()),
    "given": ("NAME", lambda r: r.choice(GIVEN)),
    "family": ("NAME", lambda r: r.choice(FAMILY)),
    "FAMILY": ("NAME", lambda r: r.choice(FAMILY).upper()),
    "GIVEN": ("NAME", lambda r: r.choice(GIVEN).upper()),
    "file_name": ("NAME", lambda r: f"{r.choice(FAMILY)}_{r.choice(GIVEN)}".replace("'", "").replace("-", "")),
    "plus_name": ("NAME", lambda r: f"{r.choice(GIVEN)}+{r.choice(FAMILY)}"),
    "mrn": ("MRN", lambda r: r.choice([_digits(r, 7), _digits(r, 8), "E" + _digits(r, 7), "00" + _digits(r, 6)])),
    "id": ("OTHER_ID", lambda r: _digits(r, r.randrange(8, 11))),
    "acc": ("OTHER_ID", lambda r: r.choice(["ACC", "A", ""]) + _digits(r, 8)),
    "spec": ("OTHER_ID", lambda r: f"{_letters(r, 1)}{r.randrange(18, 26)}-{_digits(r, 5)}"),
    "subj": ("OTHER_ID", lambda r: f"SUBJ-{_digits(r, 4)}"),
    "login": ("OTHER_ID", _login),
    "ssn": ("SSN", lambda r: f"{r.randrange(101, 665)}-{r.randrange(10, 99)}-{r.randrange(1000, 9999)}"),
    "phone": ("PHONE", _phone),
    "email": ("EMAIL", lambda r: f"{_login(r)}@{r.choice(['mailbox.example', 'example.net', 'post.example.org'])}"),
    "date": ("DATE", _date),
    "iso": ("DATE", lambda r: "{}-{:02}-{:02}".format(*_day(r))),
    "date8": ("DATE", lambda r: "{}{:02}{:02}".format(*_day(r))),
    "age": ("AGE_90", lambda r: str(r.randrange(90, 108))),
    "street": ("GEO", _street),
    "town": ("GEO", lambda r: r.choice(TOWNS).replace("_", " ")),
    "zip": ("GEO", lambda r: _digits(r, 5) + r.choice(["", "-" + _digits(r, 4)])),
    "state": ("", lambda r: r.choice(STATES)),
    "county": ("GEO", lambda r: f"{r.choice(TOWNS).replace('_', ' ').split(' ')[0]} County"),
    "latlon": ("GEO", lambda r: f"{r.uniform(25, 48):.4f}, -{r.uniform(70, 120):.4f}"),
    "plan": ("HEALTH_PLAN", lambda r: _letters(r, 3) + _digits(r, 9)),
    "acct": ("ACCOUNT", lambda r: _digits(r, 10)),
    "card": ("ACCOUNT", _luhn),
    "licence": ("LICENSE", lambda r: r.choice([f"{_letters(r, 1)}-{_digits(r, 5)}", f"RN{_digits(r, 6)}", _letters(r, 1) + _digits(r, 7)])),
    "npi": ("LICENSE", lambda r: "1" + _digits(r, 9)),
    "plate": ("VEHICLE", lambda r: f"{_letters(r, 3)}-{_digits(r, 4)}"),
    "vin": ("VEHICLE", lambda r: "1HG" + _letters(r, 5) + _digits(r, 9)),
    "serial": ("DEVICE", lambda r: r.choice([_letters(r, 3) + _digits(r, 7), f"SN-{_digits(r, 6)}"])),
    "mac": ("DEVICE", lambda r: ":".join(f"{r.randrange(256):02x}" for _ in range(6))),
    "ip": ("IP", lambda r: f"203.0.113.{r.randrange(1, 255)}"),
    "ip6": ("IP", lambda r: f"2001:db8:{r.randrange(65536):x}::{r.randrange(1, 65536):x}"),
    "bio": ("BIOMETRIC", lambda r: r.choice(["FPT-", "VP_", "iris:"]) + f"{r.randrange(16**10, 16**11):x}"),
    "face": ("PHOTO", lambda r: f"{r.choice(GIVEN)}_{r.choice(FAMILY)}_face.jpg".lower().replace("'", "")),
    "profile": ("URL", lambda r: f"https://www.facebook.com/{r.choice(GIVEN)}.{r.choice(FAMILY)}".lower().replace("'", "")),
    "page": ("URL", lambda r: f"https://{r.choice(FAMILY)}-family.example/~{_login(r)}".lower().replace("'", "")),
    "uid": ("OTHER_ID", lambda r: f"1.2.826.0.1.3680043.8.498.{_digits(r, 20)}"),
    "hex": ("", lambda r: f"{r.randrange(16**31, 16**32):x}"),
    "n": ("", lambda r: str(r.randrange(2, 9000))),
    "big": ("", lambda r: _digits(r, r.randrange(6, 11))),
    "ms": ("", lambda r: f"{r.uniform(0.1, 900):.2f}"),
    "eponym": ("", lambda r: r.choice(["Wernicke encephalopathy", "Hodgkin lymphoma", "Graves' disease", "a Swan-Ganz catheter", "Addison's disease", "Kaplan-Meier curve", "Tinel sign", "Wilson disease"])),
    "drug": ("", lambda r: r.choice(["atorvastatin 40 mg", "Eliquis 5 mg", "Lasix 20 mg", "apixaban", "Keytruda"])),
}  # fmt: skip

# (surface, key, text); a key of '' is none, and a surface in capitals holds no identifier
TUNED: tuple[tuple[str, str, str], ...] = (
    ("attr", "patient.full_name", "{name}"),
    ("attr", "pt_mrn", "{mrn}"),
    ("attr", "contact.home_phone", "{phone}"),
    ("attr", "subscriber.member_id", "{plan}"),
    ("attr", "person.birth_date", "{date}"),
    ("attr", "implant.serial_no", "{serial}"),
    ("attr", "vehicle.plate_number", "{plate}"),
    ("attr", "guarantor.ssn", "{ssn}"),
    ("attr", "patient.city", "{town}"),
    ("attr", "patient.profile_url", "{profile}"),
    ("attr", "client.address", "{ip}"),
    ("attr", "exam.accession_no", "{acc}"),
    (
        "log",
        "",
        "chart opened for {LAST_FIRST} (MRN {mrn}), DOB {date}, by user {login}",
    ),
    ("log", "", "appointment reminder texted to {phone} for {name} on {date}"),
    ("log", "", "Merged duplicate records: {name} / {last_first}, SSN {ssn}"),
    ("log", "", "visit {id} closed; patient {name} discharged {date}"),
    ("log", "", "claim {id} submitted for member {plan}"),
    ("log", "", "statement mailed to {street}, {town}, {state!} {zip}"),
    ("log", "", "vehicle plate {plate} registered to {name}"),
    ("log", "", "login of {login@user} from {ip6} accepted"),
    ("log", "", "user={login} ip={ip} action=view mrn={mrn}"),
    ("log", "", "fingerprint template {bio} enrolled for {name}"),
    ("log", "", "shared album {profile} viewed"),
    ("log", "", "portal message from {name} <{email}>: please call {phone}"),
    ("log", "", "geofence hit at lat {latlon}"),
    ("log", "", "insulin pump serial {serial} paired, mac {mac}"),
    (
        "note",
        "",
        "{name} is a {age}-year-old woman from {town}, {state!} seen on {date} by Dr. {family}.",
    ),
    (
        "note",
        "",
        "Mr. {family} was brought in by his wife {given}. History of {eponym!}, on {drug!}.",
    ),
    ("note", "", "Discussed with daughter {name}, phone {phone}. She lives in {town}."),
    ("note", "", "Electronically signed by {name_m}, MD on {date}"),
    (
        "note",
        "",
        "Pt {name}, {age} y/o, resides at {street}, {town}, {state!} {zip}. Insurance ID {plan}.",
    ),
    (
        "hl7",
        "",
        "MSH|^~\\&|LAB|HOSP|EHR|HOSP|202401021230||ORU^R01|MSG{n!}|P|2.5\rPID|1||{mrn}^^^HOSP^MR||{caret}||{date8}|F|||{street}^^{town}^{state!}^{zip}||{phone}",
    ),
    ("hl7", "", "PV1|1|I|ICU^2^1|||||{npi}^{FAMILY}^{GIVEN}^^^DR||||||||||||{id}"),
    ("hl7", "", "GT1|1||{caret}||{street}^^{town}^{state!}^{zip}|{phone}"),
    (
        "hl7",
        "",
        "OBR|1|{id}|{id}|24323-8^CMP^LN|||{date8}|||||||||{npi}^{FAMILY}^{GIVEN}",
    ),
    (
        "fhir",
        "",
        '{"resourceType":"Observation","status":"final","code":{"coding":[{"system":"http://loinc.org","code":"2345-7","display":"Glucose"}]},"subject":{"reference":"Patient/{mrn}","display":"{name}"},"effectiveDateTime":"{iso}","valueQuantity":{"value":98,"unit":"mg/dL"}}',
    ),
    (
        "fhir",
        "",
        '{"resourceType":"Patient","identifier":[{"system":"urn:oid:1.2.36","value":"{mrn}"}],"name":[{"text":"{name}"}],"address":[{"line":["{street}"],"city":"{town}","state":"{state!}","postalCode":"{zip}"}],"gender":"female"}',
    ),
    (
        "json",
        "",
        '{"event":"checkin","patient":{"name":"{name}","dob":"{iso}","phone":"{phone}"},"ok":true,"count":{n!}}',
    ),
    (
        "json",
        "",
        '{\\"patient\\":{\\"lastName\\":\\"{family}\\",\\"ssn\\":\\"{ssn}\\"},\\"retries\\":3}',
    ),
    ("dicom", "", "(0010,0010) PN [{caret}]          #  18, 1 PatientName"),
    ("dicom", "", "(0008,0090) Referring Physician's Name          PN: '{caret}'"),
    (
        "dicom",
        "",
        '{"00100020":{"vr":"LO","Value":["{mrn}"]},"00100010":{"vr":"PN","Value":[{"Alphabetic":"{caret}"}]},"00080060":{"vr":"CS","Value":["MR"]}}',
    ),
    ("dicom", "", "C-FIND rq PatientName={caret} PatientBirthDate={date8} Modality=CT"),
    (
        "xml",
        "",
        '<patientRole><id root="2.16.840.1.113883.19.5" extension="{mrn}"/><addr><streetAddressLine>{street}</streetAddressLine><city>{town}</city><postalCode>{zip}</postalCode></addr><telecom value="tel:{phone}"/></patientRole>',
    ),
    (
        "xml",
        "",
        "<Person><FirstName>{given}</FirstName><LastName>{family}</LastName><SSN>{ssn}</SSN></Person>",
    ),
    (
        "sql",
        "db.statement",
        "SELECT id FROM person WHERE surname = '{family}' AND birth_date = '{iso}' LIMIT 10",
    ),
    (
        "sql",
        "db.query.text",
        "INSERT INTO patients (mrn, first_name, last_name, dob, ward) VALUES ('{mrn}', '{given}', '{family}', '{iso}', 'W2')",
    ),
    (
        "sql",
        "db.statement",
        "SELECT * FROM pt WHERE email IN ('{email}') OR phone LIKE '{phone}%'",
    ),
    ("url", "url.full", "https://ehr.example/Encounter?patient={mrn}&date=ge{iso}"),
    ("url", "http.target", "/api/patients/{mrn}/notes?author={plus_name}"),
    ("path", "file.path", "/export/{file_name}_{date8}.pdf"),
    ("path", "", "wrote /mnt/scans/patient_{mrn}/series1/IM7.dcm"),
    ("csv", "", "{mrn},{FAMILY},{GIVEN},{iso},F,{phone},{town},{state!},{zip}"),
    ("csv", "", "mrn,name,dob,zip\n{mrn},{name},{iso},{zip}\n{mrn},{name},{iso},{zip}"),
    (
        "prompt",
        "gen_ai.prompt",
        "Write a discharge letter for {name}, MRN {mrn}, admitted {date} with {eponym!}.",
    ),
    ("stack", "exception.message", "duplicate entry '{email}' for key 'users.email'"),
    (
        "stack",
        "exception.stacktrace",
        'Traceback (most recent call last):\n  File "/app/match.py", line 31, in find\n    raise LookupError(mrn)\nLookupError: no chart for patient {name} ({mrn})',
    ),
    ("span", "", "GET /fhir/Patient/{mrn}/$everything"),
    ("ATTR", "http.route", "/api/v2/subjects/{subject_id}/scans"),
    ("ATTR", "service.name", "referral-router"),
    ("ATTR", "gpu.model", "NVIDIA H100 80GB HBM3"),
    ("ATTR", "trace.id", "{hex!}"),
    ("LOG", "", "epoch {n!} loss 0.2231 val_auc 0.913 lr 3e-05"),
    ("LOG", "", "GET /healthz 200 {ms!} ms bytes={big!}"),
    (
        "LOG",
        "",
        "2024-05-01T12:30:01Z INFO worker-{n!} Loaded checkpoint resnet50-v2.1 in {ms!} ms",
    ),
    ("LOG", "", "Kernel driver 550.54.14 released 2024-02-23, CUDA 12.4"),
    (
        "LOG",
        "",
        "NullPointerException at com.acme.fhir.PatientService.load(PatientService.java:{n!})",
    ),
    ("LOG", "", "Internal Server Error: Connection Refused by upstream 10.2.3.4:8080"),
    (
        "NOTE",
        "",
        "Impression: {eponym!}. Continue {drug!}. BP 128/76, HR 81, SpO2 97%.",
    ),
    (
        "NOTE",
        "",
        "LOINC 2345-7 glucose 98 mg/dL; SNOMED CT 44054006; ICD-10 E11.9; RxNorm 860975",
    ),
    (
        "STACK",
        "exception.message",
        "'NoneType' object has no attribute 'predict_proba'",
    ),
    ("STACK", "exception.message", "KeyError: 'model_version'"),
    (
        "STACK",
        "exception.message",
        "Expected tensor for argument #1 'indices' to have scalar types Long; got torch.FloatTensor",
    ),
    ("SPAN", "", "POST /v1/models/sepsis:predict"),
    ("SPAN", "", "kafka.consume Victoria Metrics sink"),
)

HELD_OUT: tuple[tuple[str, str, str], ...] = (
    ("attr", "member.last_name", "{family}"),
    ("attr", "x-patient-identifier", "{mrn}"),
    ("attr", "caller.fax_number", "{phone}"),
    ("attr", "patient.emergency_contact.name", "{name}"),
    ("attr", "insurance.policy_number", "{plan}"),
    ("attr", "study.date", "{iso}"),
    ("attr", "pacemaker.serial", "{serial}"),
    ("attr", "car.vin", "{vin}"),
    ("attr", "home.zip_code", "{zip}"),
    ("attr", "user.email", "{email}"),
    ("attr", "provider.npi", "{npi}"),
    ("attr", "net.sock.peer.addr", "{ip6}"),
    ("attr", "subject.voiceprint", "{bio}"),
    ("attr", "billing.account_no", "{acct}"),
    ("log", "", "Record {mrn} ({name}) locked by nurse {name}"),
    ("log", "", "Sent lab results of {last_first} to {email} and fax {phone}"),
    ("log", "", "Consent form signed by {name} on {date}, witness {name}"),
    ("log", "", "eligibility check: subscriber {plan} group 4471 DOB {iso} -> active"),
    ("log", "", "payment by card {card} posted to account {acct}"),
    ("log", "", 'WARN duplicate patient: MRN={mrn} SSN={ssn} name="{LAST_FIRST}"'),
    ("log", "", "ambulance VIN {vin} dispatched to {street}, {town}"),
    ("log", "", "session opened for user {login} from {ip}"),
    ("log", "", "DEA registration and licence {licence} of {name}, NP verified"),
    ("log", "", "specimen {spec} from {name} received at bench 4"),
    ("log", "", "face match {face} score 0.98"),
    ("log", "", "home page {page} linked in portal"),
    ("log", "", "courier pickup at {street}, {town} {state!} {zip} for {name}"),
    (
        "note",
        "",
        "{age} yo female, daughter {given} at bedside. Lives alone in {town}.",
    ),
    (
        "note",
        "",
        "Dear Dr. {family}, thank you for referring {name}, born {date}, with {eponym!}.",
    ),
    ("note", "", "Patient's son ({name}, {phone}) will pick her up on {date}."),
    (
        "note",
        "",
        "Admit date: {date}. Attending: {name_m}. MRN: {mrn}. Allergies: none.",
    ),
    (
        "note",
        "",
        "He moved from {town} to {county} in 2019; next visit {date} with Nurse {family}.",
    ),
    (
        "hl7",
        "",
        "PID|1|{mrn}|{mrn}^^^MRN||{caret}|{FAMILY}|{date8}|M||2106-3|{street}^^{town}^{state!}^{zip}^USA||{phone}|{phone}||||{acct}|{ssn}|{licence}",
    ),
    (
        "hl7",
        "",
        "IN1|1|PPO|123|ACME|||{name!}||||||||||{caret}|SEL|{date8}|{street}^^{town}^{state!}^{zip}|||||||||||||||||{plan}",
    ),
    (
        "hl7",
        "",
        "ORC|NW|{id}|{id}||||||{date8}|{npi}^{FAMILY}^{GIVEN}||{npi}^{FAMILY}^{GIVEN}",
    ),
    ("hl7", "", "MRG|{mrn}^^^HOSP|||||| {caret}"),
    ("hl7", "", "SCH|{id}|{id}|||||ROUTINE|||30|^^^{date8}"),
    (
        "fhir",
        "",
        '{"resourceType":"Encounter","id":"{id}","subject":{"reference":"Patient/{mrn}"},"participant":[{"individual":{"display":"Dr. {name}"}}],"period":{"start":"{iso}","end":"{iso}"},"status":"finished"}',
    ),
    (
        "fhir",
        "",
        '{"resourceType":"Coverage","subscriberId":"{plan}","beneficiary":{"reference":"Patient/{mrn}"},"payor":[{"display":"Acme Health"}]}',
    ),
    (
        "fhir",
        "",
        '{"resourceType":"Patient","name":[{"family":"{family}","given":["{given}","{given}"]}],"contact":[{"name":{"family":"{family}"},"telecom":[{"value":"{phone}"}]}],"birthDate":"{iso}","generalPractitioner":[{"display":"{name}"}]}',
    ),
    (
        "json",
        "",
        '{"level":"info","msg":"saved","subject":{"first_name":"{given}","last_name":"{family}","email":"{email}"},"elapsed_ms":{ms!}}',
    ),
    (
        "json",
        "",
        '{"user":{"full_name":"{name}","address":{"street":"{street}","city":"{town}","zip":"{zip}"}}}',
    ),
    ("dicom", "", "(0010,1040) Patient's Address                   LO: '{street}'"),
    ("dicom", "", "(0020,000d) UI [{uid}] # 52, 1 StudyInstanceUID"),
    (
        "dicom",
        "",
        "(0008,0020) DA [{date8}]                                 #   8, 1 StudyDate",
    ),
    ("dicom", "", "0010,0030: {date8}"),
    (
        "xml",
        "",
        '<Patient xmlns="http://hl7.org/fhir"><identifier><value value="{mrn}"/></identifier><name><family value="{family}"/><given value="{given}"/></name><birthDate value="{iso}"/></Patient>',
    ),
    (
        "xml",
        "",
        '<assignedPerson><name><given>{given}</given><family>{family}</family></name></assignedPerson><birthTime value="{date8}"/>',
    ),
    (
        "sql",
        "db.statement",
        "UPDATE contacts SET home_phone = '{phone}', city = '{town}' WHERE patient_id = {mrn}",
    ),
    (
        "sql",
        "db.query.text",
        "DELETE FROM visits WHERE subject_name ILIKE '%{family}%' AND visit_date BETWEEN '{iso}' AND '{iso}'",
    ),
    ("url", "url.query", "given={given}&family={family}&birthdate={iso}&_count=50"),
    ("url", "url.path", "/portal/members/{mrn}/claims/{id}"),
    ("path", "file.path", "C:\\Users\\{login}\\scans\\{file_name}.pdf"),
    ("path", "", "s3://imaging/{file_name}/MRN{mrn}/chest.dcm uploaded"),
    ("csv", "", "{LAST_FIRST!}|{mrn}|{iso}|{phone}|{email}"),
    ("csv", "", "2024,{given},{family},{ssn},{date},{street},{town},{state!},{zip}"),
    (
        "prompt",
        "gen_ai.input.messages",
        "Draft an email to {name} ({email}) about her appointment on {date}. Her mother {given} may call from {phone}.",
    ),
    (
        "stack",
        "exception.message",
        "time data '{date}' does not match format '%Y-%m-%d' for patient {mrn}",
    ),
    (
        "stack",
        "exception.message",
        "ValidationError: 1 validation error for Patient\nname\n  value '{name}' is not allowed",
    ),
    ("span", "", "render_letter {last_first}"),
    ("ATTR", "k8s.node.name", "ip-10-8-3-12.ec2.internal"),
    ("ATTR", "model.training.date", "2023-11-05"),
    ("ATTR", "db.collection.name", "patient_addresses"),
    ("ATTR", "gen_ai.request.model", "claude-sonnet-4-20250514"),
    ("LOG", "", "[2024-03-09 04:11:52,114] {n!} ERROR retry {n!}/5 after {ms!} ms"),
    (
        "LOG",
        "",
        "Adam Optimizer reached step {big!}, Jaccard Index 0.81, Dice Score 0.88",
    ),
    ("LOG", "", "Allocated {big!} bytes on GeForce RTX 4090; torch 2.4.1+cu121"),
    ("LOG", "", "span_id={hex!} parent={hex!} took {ms!}ms"),
    ("LOG", "", "Spark Executor lost; Docker Swarm node drained; Redis Cluster ok"),
    (
        "NOTE",
        "",
        "Assessment: {eponym!} vs {eponym!}. Start {drug!}. WBC 11.2, Hgb 13.4, Plt 250.",
    ),
    (
        "NOTE",
        "",
        "Glasgow Coma Scale 14, Apgar 8/9, Foley draining clear urine. May repeat in 6 hours.",
    ),
    ("STACK", "exception.message", "Connection to 'postgres-primary:5432' refused"),
    (
        "STACK",
        "exception.message",
        "could not find operator 'Conv2dTranspose' in opset 17",
    ),
    ("SPAN", "", "SELECT patient_visits"),
    ("SPAN", "", "Jenkins Build: nightly regression"),
    (
        "JSON",
        "",
        '{"model":{"name":"chest-xray","version":"3.2.0"},"labels":["Pneumonia","No Finding"],"scores":[0.81,0.19]}',
    ),
    ("HL7", "", "OBX|1|NM|2345-7^GLUCOSE^LN||98|mg/dL|70-99|N|||F"),
)

_SLOT = re.compile(r"\{([A-Za-z_0-9]+)(?:@\w+)?(!?)\}")


class Item(NamedTuple):
    """One labelled text; `spans` are (start, end, class)."""

    id: str
    surface: str
    key: str
    text: str
    spans: tuple[tuple[int, int, str], ...]
    optional: tuple[tuple[int, int, str], ...]
    negative: bool


def corpus(
    templates: tuple[tuple[str, str, str], ...], each: int, seed: int
) -> Iterator[Item]:
    """Yield *each* items of every template."""
    rng = random.Random(seed)
    for number, (surface, key, template) in enumerate(templates):
        for _ in range(each):
            text, spans, optional = _filled(template, rng)
            yield Item(f"{number:03}-{rng.randrange(10**9)}", surface.lower(), key, text,
                       tuple(spans), tuple(optional), surface.isupper())  # fmt: skip


def _filled(template: str, rng: random.Random) -> tuple[str, list[Any], list[Any]]:
    parts: list[str] = []
    spans: list[tuple[int, int, str]] = []
    optional: list[tuple[int, int, str]] = []
    length = done = 0
    for match in _SLOT.finditer(template):
        if match[1] not in SLOTS:
            continue
        before = template[done : match.start()]
        cls, make = SLOTS[match[1]]
        value = make(rng)
        parts += (before, value)
        start = length + len(before)
        length = start + len(value)
        done = match.end()
        if cls and not match[2]:
            spans.append((start, length, cls))
        elif cls or match[1] == "state":
            optional.append((start, length, cls))
    return "".join((*parts, template[done:])), spans, optional

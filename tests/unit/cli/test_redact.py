"""`algovigil redact`: lines of JSON in, lines of JSON out."""

from __future__ import annotations

import io
import json
from types import SimpleNamespace
from typing import Any

import pytest

from algovigil import cli

KEY = "cli-test-key-of-32-bytes-or-more."


@pytest.fixture
def redact(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Any:
    """Run the command on *lines*; returns the exit code and the answers."""

    def run(*lines: bytes, words: tuple[str, ...] = ()) -> tuple[int, list[Any]]:
        monkeypatch.setenv("ALGOVIGIL_PHI_KEY", KEY)
        stdin = SimpleNamespace(buffer=io.BytesIO(b"\n".join(lines)))
        monkeypatch.setattr("sys.stdin", stdin)
        code = cli.main(["redact", *words])
        return code, [json.loads(line) for line in capsys.readouterr().out.splitlines()]

    return run


def test_texts_come_out_clean_and_in_order(redact: Any) -> None:
    """The id is repeated, the text is clean, empty lines are nothing."""
    code, answers = redact(
        b'{"id": 1, "key": null, "text": "mail jane@example.com"}',
        b"",
        b'{"id": "b", "key": "patient.ssn", "text": "219-09-9999"}',
        b'{"id": 3, "text": "retry 3/5"}',
    )
    assert (0, ["mail [EMAIL]", "[SSN]", "retry 3/5"]) == (
        code,
        [answer["text"] for answer in answers],
    )
    assert [1, "b", 3] == [answer["id"] for answer in answers]


def test_spans_are_of_the_text_as_it_came(redact: Any) -> None:
    """Characters, not bytes, of the original: accents and emoji before it count one."""
    text = "\u00e9\U0001f600 DOB 1958-02-07, ssn 219-09-9999"
    line = json.dumps({"id": 1, "key": None, "text": text}).encode()
    _, (answer,) = redact(line, words=("--spans",))
    assert [("1958-02-07", "BIRTH", "year"), ("219-09-9999", "SSN", "redact")] == [
        (text[s["start"] : s["end"]], s["class"], s["action"]) for s in answer["spans"]
    ]


@pytest.mark.parametrize(
    "line",
    [
        b"{",
        b"[]",
        b'"x"',
        b'{"id": 1}',
        b'{"id": 1, "text": 7}',
        b"\xff\xfe",
        b"[" * 9999,
    ],
)
def test_a_bad_line_is_said_without_its_content(redact: Any, line: bytes) -> None:
    """The others are done, and the exit code says that one was not."""
    code, answers = redact(line, b'{"id": 2, "key": "", "text": "ok"}')
    assert (1, {"id": 2, "text": "ok"}) == (code, answers[1])
    assert {"line", "error"} == set(answers[0])


def test_an_unknown_preset_is_refused(redact: Any) -> None:
    """Nothing is read under rules that do not exist."""
    assert (2, []) == redact(b'{"id": 1, "text": "x"}', words=("--preset", "safe"))

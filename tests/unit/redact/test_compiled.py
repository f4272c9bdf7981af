"""Compiled rules are kept for the next start, and never trusted blindly."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import hyperscan
import pytest

from algovigil_processor.redact import compiled

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

RULES = ((3, "ab+c", False), (5, "mrn", True))


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[int]:
    """How often rules were compiled, in a cache of the test's own."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    times: list[int] = []
    compile_ = compiled._compiled

    def counted(rules: compiled.Hints) -> hyperscan.Database:
        times.append(len(rules))
        return compile_(rules)

    monkeypatch.setattr(compiled, "_compiled", counted)
    return times


def matches(rules: compiled.Hints = RULES) -> set[int]:
    """Which rules match in a text, by a database as a new process would get it."""
    compiled.database.cache_clear()
    database = compiled.database(rules)
    found: set[int] = set()
    database.scan(
        b"xx abbc MRN 7",
        match_event_handler=lambda rule, *_: found.add(rule),
        scratch=hyperscan.Scratch(database),
    )
    return found


def test_the_second_start_does_not_compile(made: list[int], tmp_path: Path) -> None:
    """The same rules match; the file is its user's alone."""
    assert {3, 5} == matches() == matches()
    assert [2] == made
    (file,) = (tmp_path / "algovigil").iterdir()
    assert 0o600 == file.stat().st_mode & 0o777
    assert 0o700 == file.parent.stat().st_mode & 0o777


def test_other_rules_are_another_file(made: list[int]) -> None:
    """A changed pattern never meets the old database."""
    matches()
    assert {5} == matches(((3, "abd", False), RULES[1]))
    assert [2, 2] == made


def _cut(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:-9])


def _flip(file: Path) -> None:
    content = bytearray(file.read_bytes())
    content[200] ^= 1
    file.write_bytes(content)


def _other(file: Path) -> None:
    dumped = b"not a database"
    file.write_bytes(compiled._digest(dumped) + dumped)


@pytest.mark.parametrize(
    "spoil",
    [
        _cut,
        _flip,
        _other,
        lambda file: file.write_bytes(b""),
        lambda file: file.chmod(0o666),
        lambda file: (file.unlink(), file.mkdir()),
    ],
    ids=["cut", "flipped", "no database", "empty", "others may write", "a directory"],
)
def test_a_file_that_does_not_fit_is_compiled_again(
    made: list[int], tmp_path: Path, spoil: Callable[[Path], object]
) -> None:
    """And nothing of it decides what is redacted."""
    matches()
    (file,) = (tmp_path / "algovigil").iterdir()
    spoil(file)
    assert {3, 5} == matches()
    assert [2, 2] == made


def test_a_file_of_somebody_else_is_not_read(
    made: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who owns it could have written anything."""
    matches()
    uid = os.geteuid()
    monkeypatch.setattr("os.geteuid", lambda: uid + 1)
    assert {3, 5} == matches()
    assert [2, 2] == made


def test_without_a_place_to_write_it_works(
    made: list[int], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A file where the directory should be: nothing is kept, nothing fails."""
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    assert {3, 5} == matches() == matches()
    assert [2, 2] == made


def test_a_user_without_a_home_has_no_cache(
    made: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is written anywhere."""
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.delenv("HOME")
    assert compiled._path(RULES) is None
    assert {3, 5} == matches() == matches()
    assert [2, 2] == made

"""The `algovigil` command: what it prints and how it exits."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from algovigil import cli

if TYPE_CHECKING:
    from pathlib import Path


def run(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    code = cli.main(words)
    out, err = capsys.readouterr()
    return code, out, err


@pytest.mark.parametrize("words", [(), ("--help",)])
def test_help_lists_every_command(
    capsys: pytest.CaptureFixture[str], words: tuple[str, ...]
) -> None:
    """All commands and exit codes are on one page."""
    code, out, _ = run(capsys, *words)
    assert 0 == code
    for word in ("check", "query", "serve", "demo", "exit codes"):
        assert word in out


@pytest.mark.parametrize("command", ["check", "query"])
def test_help_of_a_command_has_an_example(
    capsys: pytest.CaptureFixture[str], command: str
) -> None:
    """A reader can copy a line that works."""
    code, out, _ = run(capsys, command, "--help")
    assert 0 == code
    assert f"  algovigil {command} " in out


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    """One line."""
    assert (0, "algovigil 0.1.0\n", "") == run(capsys, "--version")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("serv",), "did you mean `serve`?"),
        (("query",), "the following arguments are required: SQL"),
        (("--unknown",), "unrecognized arguments: --unknown"),
        (("query", "--form", "JSON", "SELECT 1"), "unrecognized arguments: --form"),
        (("query", "SELECT 1", "--api", "nonsense"), "expected: a URL like"),
        (("check", "absent.yaml"), "hint: copy monitoring_config_example.yaml"),
    ],
)
def test_wrong_use_exits_2(
    capsys: pytest.CaptureFixture[str], words: tuple[str, ...], said: str
) -> None:
    """What the user wrote is wrong: the reason, no traceback, 2."""
    code, out, err = run(capsys, *words)
    assert (2, "") == (code, out)
    assert said in err
    assert "Traceback" not in err


def test_query_without_a_processor_exits_1(capsys: pytest.CaptureFixture[str]) -> None:
    """Nothing is wrong with the statement; it says what to start."""
    code, out, err = run(capsys, "query", "SELECT 1", "--api", "http://127.0.0.1:9")
    assert (1, "") == (code, out)
    assert 1 == err.count("\n")
    assert "found: nothing that answers" in err
    assert "hint: start it with `algovigil serve`" in err


def test_check_names_the_wrong_setting(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """`check` answers 0 for a file that can be obeyed and 2 for one that cannot."""
    file = tmp_path / "monitoring_config.yaml"
    file.write_text("environment: test\n")
    assert 0 == run(capsys, "check", str(file))[0]
    file.write_text("environmen: test\n")
    code, _, err = run(capsys, "check", str(file))
    assert 2 == code
    assert "unknown key `environmen`" in err


def test_a_command_whose_module_is_absent_says_what_to_install(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The base install knows the processor's commands by name only."""
    monkeypatch.setitem(sys.modules, "algovigil_processor.commands.query", None)
    code, _, err = run(capsys, "query", "SELECT 1")
    assert 2 == code
    assert "expected: algovigil[processor]" in err
    code, out, _ = run(capsys, "--help")
    assert 0 == code
    assert "(needs algovigil[processor])" in out


def test_a_reader_that_has_enough_is_no_fault() -> None:
    """`algovigil --help | head -1` prints no traceback."""
    script = f"{sys.executable} -m algovigil.cli --help | head -n 1"
    done = subprocess.run(
        ["bash", "-c", script], capture_output=True, text=True, check=False
    )
    assert "Traceback" not in done.stderr

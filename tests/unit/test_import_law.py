"""The import law: stages never know each other, and the SDK never knows the processor.

errors schema batch telemetry config pipeline bins <- stages <- wiring
"""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PROCESSOR = ROOT / "processor/algovigil_processor"
SDK = ROOT / "sdk/algovigil"
GROUND = {
    "errors",
    "schema",
    "batch",
    "telemetry",
    "pipeline",
    "state",
    "bins",
    "priority",
}
STAGES = {
    "receive",
    "decode",
    "redact",
    "journal",
    "store",
    "derive",
    "analyse",
    "alert",
    "serve",
    "compliance",
}
WIRING = {
    "app",
    "ingest",
    "listen",
    "memory",
    "own_metrics",
    "pinning",
    "ticker",
    "server",
    "commands",
    "demo",
    "report",
}


def imported(file: Path) -> set[str]:
    """Return every absolute module name that *file* imports, types included."""
    names = set()
    for node in ast.walk(ast.parse(file.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{file}: relative import"
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return names


def part(name: str) -> str:
    """Return the first name below the package."""
    return name.split(".")[1]


def files_of(package: Path) -> list[Path]:
    return [f for f in sorted(package.rglob("*.py")) if "service" not in f.parts]


@pytest.mark.parametrize("file", files_of(PROCESSOR), ids=str)
def test_a_stage_imports_the_ground_and_itself_only(file: Path) -> None:
    """What a stage needs of another is passed in by the wiring."""
    own = file.relative_to(PROCESSOR).parts[0].removesuffix(".py")
    used = {
        part(name) for name in imported(file) if name.startswith("algovigil_processor.")
    }
    if own in WIRING or own == "__init__":
        return
    assert own in GROUND | STAGES, f"{own}: neither ground, stage nor wiring"
    allowed = GROUND if own in GROUND else GROUND | {own}
    assert used <= allowed, f"{file.name} imports {used - allowed}"


@pytest.mark.parametrize("file", files_of(SDK), ids=str)
def test_the_sdk_imports_nothing_of_the_processor(file: Path) -> None:
    """A model server never carries the processor."""
    names = imported(file)
    assert not {n for n in names if n.startswith("algovigil_processor")}


@pytest.mark.parametrize("file", files_of(PROCESSOR) + files_of(SDK), ids=str)
def test_a_module_stays_readable(file: Path) -> None:
    """Under 400 lines, with a docstring that says what it is for."""
    text = file.read_text("utf-8")
    assert len(text.splitlines()) < 400
    assert ast.get_docstring(ast.parse(text))


def test_the_demo_service_has_not_one_line_of_ours() -> None:
    """Zero code means zero code."""
    text = (PROCESSOR / "demo/service/main.py").read_text("utf-8")
    assert "algovigil" not in text
    assert "opentelemetry." not in text

"""What the demo's last line says."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass
class Result:
    """Figures of the story, and whether every step happened."""

    counts: dict[str, float] = field(default_factory=dict)
    failed: list[str] = field(default_factory=list)

    def expect(self, step: str, happened: bool) -> None:
        """Note *step* as failed unless it happened."""
        if not happened:
            self.failed.append(step)

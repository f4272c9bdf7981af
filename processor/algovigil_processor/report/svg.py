"""Plots as inline SVG: axes, lines, bands and points, nothing that needs a script."""

from __future__ import annotations

from dataclasses import dataclass, field
from html import escape
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

WIDTH: Final = 520
HEIGHT: Final = 300
_LEFT, _RIGHT, _TOP, _BOTTOM = 56, 14, 14, 40
COLOURS: Final = ("#1f5fa8", "#c2571a", "#2c7a4b", "#7a3d8f", "#8a6d1d", "#5b6470")


@dataclass
class Plot:
    """One plot; what is drawn first lies below."""

    title: str
    x: tuple[float, float]
    y: tuple[float, float]
    x_label: str = ""
    y_label: str = ""
    x_ticks: list[tuple[float, str]] = field(default_factory=list)
    _parts: list[str] = field(default_factory=list)

    def line(
        self,
        points: Sequence[tuple[float, float]],
        colour: str,
        *,
        dashed: bool = False,
    ) -> None:
        """Draw a line through *points*."""
        dash = ' stroke-dasharray="5 4"' if dashed else ""
        self._parts.append(
            f'<polyline points="{self._places(points)}" fill="none" '
            f'stroke="{colour}" stroke-width="1.8"{dash}/>'
        )

    def band(
        self,
        lower: Sequence[tuple[float, float]],
        upper: Sequence[tuple[float, float]],
        colour: str,
    ) -> None:
        """Fill what lies between two lines."""
        around = [*lower, *reversed(upper)]
        self._parts.append(
            f'<polygon points="{self._places(around)}" fill="{colour}" '
            'fill-opacity="0.16"/>'
        )

    def dot(self, x: float, y: float, colour: str, label: str = "") -> None:
        """Draw a point; *label* is shown when it is pointed at."""
        title = f"<title>{escape(label)}</title>" if label else ""
        self._parts.append(
            f'<circle cx="{self._x(x):.1f}" cy="{self._y(y):.1f}" r="3.6" '
            f'fill="{colour}">{title}</circle>'
        )

    def bar(self, x: float, low: float, high: float, colour: str) -> None:
        """Draw an upright interval."""
        self._parts.append(
            f'<line x1="{self._x(x):.1f}" x2="{self._x(x):.1f}" '
            f'y1="{self._y(low):.1f}" y2="{self._y(high):.1f}" '
            f'stroke="{colour}" stroke-width="1.4"/>'
        )

    def svg(self) -> str:
        """Return the plot."""
        inner = "".join(self._parts)
        return (
            f"<figure><figcaption>{escape(self.title)}</figcaption>"
            f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" '
            f'aria-label="{escape(self.title)}">{self._axes()}{inner}</svg></figure>'
        )

    def _axes(self) -> str:
        bottom, right = HEIGHT - _BOTTOM, WIDTH - _RIGHT
        parts = []
        for i in range(5):
            value = self.y[0] + (self.y[1] - self.y[0]) * i / 4
            y = self._y(value)
            parts.append(
                f'<line x1="{_LEFT}" x2="{right}" y1="{y:.1f}" y2="{y:.1f}" '
                f'class="grid"/><text x="{_LEFT - 6}" y="{y + 4:.1f}" '
                f'text-anchor="end">{value:.3g}</text>'
            )
        ticks = self.x_ticks or [
            (v, f"{v:.3g}")
            for v in (self.x[0] + (self.x[1] - self.x[0]) * i / 4 for i in range(5))
        ]
        parts += [
            f'<text x="{self._x(value):.1f}" y="{bottom + 15}" '
            f'text-anchor="middle">{escape(text)}</text>'
            for value, text in ticks
        ]
        middle = (_LEFT + right) / 2
        parts.append(
            f'<text x="{middle}" y="{HEIGHT - 6}" text-anchor="middle">'
            f"{escape(self.x_label)}</text>"
            f'<text transform="translate(13 {HEIGHT / 2}) rotate(-90)" '
            f'text-anchor="middle">{escape(self.y_label)}</text>'
        )
        return "".join(parts)

    def _places(self, points: Sequence[tuple[float, float]]) -> str:
        return " ".join(f"{self._x(x):.1f},{self._y(y):.1f}" for x, y in points)

    def _x(self, value: float) -> float:
        low, high = self.x
        share = (min(max(value, low), high) - low) / ((high - low) or 1)
        return _LEFT + share * (WIDTH - _LEFT - _RIGHT)

    def _y(self, value: float) -> float:
        low, high = self.y
        share = (min(max(value, low), high) - low) / ((high - low) or 1)
        return HEIGHT - _BOTTOM - share * (HEIGHT - _TOP - _BOTTOM)


def forest(title: str, rows: Sequence[tuple[str, float, float, float]]) -> str:
    """Return a forest plot of (label, value, lower, upper), each on its line."""
    height = 34 + 22 * len(rows)
    low = min((r[2] for r in rows), default=0.0)
    high = max((r[3] for r in rows), default=1.0)
    span = (high - low) or 1.0

    def x(value: float) -> float:
        return 220 + (value - low) / span * 220

    parts = []
    for i, (label, value, lower, upper) in enumerate(rows):
        y = 20 + 22 * i
        parts.append(
            f'<text x="212" y="{y + 4}" text-anchor="end">{escape(label)}</text>'
            f'<line x1="{x(lower):.1f}" x2="{x(upper):.1f}" y1="{y}" y2="{y}" '
            f'stroke="{COLOURS[0]}" stroke-width="1.6"/>'
            f'<rect x="{x(value) - 3:.1f}" y="{y - 3}" width="6" height="6" '
            f'fill="{COLOURS[0]}"/><text x="450" y="{y + 4}">{value:.3f}</text>'
        )
    return (
        f"<figure><figcaption>{escape(title)}</figcaption>"
        f'<svg viewBox="0 0 {WIDTH} {height}" role="img" '
        f'aria-label="{escape(title)}">{"".join(parts)}</svg></figure>'
    )

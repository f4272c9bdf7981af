"""What a person sees while the demo runs: a live page, or lines where none can be."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.console import Console, Group
from rich.live import Live
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from algovigil_processor.demo.facts import Picture
    from algovigil_processor.demo.traffic import Traffic

_EMPTY = Text("waiting for data", style="dim")


class View:
    """Shows phases and figures; `with` keeps the live page up."""

    def __init__(self, *, quiet: bool) -> None:
        # results go to stdout, so that `--json` stays one clean line there
        self._console = Console(stderr=True)
        self._live: Live | None = None
        if self._console.is_terminal and not quiet:
            self._live = Live(console=self._console, refresh_per_second=4)
        self._phase = ""
        self._where: dict[str, str] = {}

    def __enter__(self) -> View:
        if self._live:
            self._live.start()
        return self

    def __exit__(self, *exception: object) -> None:
        if self._live:
            self._live.stop()

    def phase(self, text: str) -> None:
        """Tell what happens now."""
        self._phase = text
        if not self._live:
            self._console.print(f"- {text}", highlight=False)

    def where(self, places: dict[str, str]) -> None:
        """Tell where to look."""
        self._where = places
        if not self._live:
            for name, place in places.items():
                self._console.print(f"  {name}: {place}", highlight=False)

    def show(self, picture: Picture, traffic: Traffic) -> None:
        """Draw the page anew."""
        if self._live:
            self._live.update(self._page(picture, traffic))

    def say(self, text: str) -> None:
        """Print a line that stays."""
        self._console.print(text, highlight=False)

    def _page(self, picture: Picture, traffic: Traffic) -> Group:
        grid = Table.grid(padding=(0, 3))
        grid.add_column(style="dim", justify="right")
        grid.add_column()
        grid.add_row("requests", f"{traffic.sent:,} sent, {traffic.labelled:,} labels")
        counts = ", ".join(
            f"{picture.counts[name]:,} {name.replace('_', ' ')}"
            for name in ("spans", "inferences", "outcomes", "metric_points")
        )
        grid.add_row("stored", counts)
        grid.add_row("throughput", _number(picture.per_second, "calls/s"))
        grid.add_row("latency p95", _number(picture.p95_ms, "ms"))
        grid.add_row("drift", _drift(picture))
        grid.add_row("accuracy", _accuracy(picture))
        grid.add_row("estimated", _estimated(picture))
        grid.add_row("alerts", _alerts(picture))
        for name, place in self._where.items():
            grid.add_row(name, Text(place, style="cyan"))
        title = f"[bold]algovigil demo[/bold]  {self._phase}"
        return Group(Panel(grid, title=title, title_align="left", padding=(1, 2)))


def _number(value: float | None, unit: str) -> Text:
    return _EMPTY if value is None else Text(f"{value:,.1f} {unit}")


def _drift(picture: Picture) -> Text:
    if picture.drifted:
        return Text(", ".join(picture.drifted), style="bold yellow")
    if picture.drift_rows:
        return Text(f"none in {picture.drift_rows} predictions", style="green")
    return _EMPTY


def _accuracy(picture: Picture) -> Text:
    found = picture.accuracy
    if found is None:
        return _EMPTY
    width = 30
    bar = "#" * round(found.value * width)
    text = f"{found.value:.3f} (95 % {found.lower:.3f} to {found.upper:.3f}, "
    style = "green" if found.lower >= 0.85 else "bold red"
    return Text(f"{text}n = {found.n})  [{bar:<{width}}]", style=style)


def _estimated(picture: Picture) -> Text:
    found = picture.estimate
    if found is None:
        return _EMPTY
    if found.status == "refused":
        return Text(f"refused: {found.reason}", style="bold yellow")
    if found.value is None:
        return Text(found.status.replace("_", " "), style="dim")
    return Text(f"{found.value:.3f} accuracy, before labels", style="green")


def _alerts(picture: Picture) -> Text:
    if not picture.alerts:
        return Text("none", style="green")
    parts = (
        f"{rule} ({severity}, {state})" for rule, severity, state in picture.alerts
    )
    return Text("; ".join(parts), style="bold red")

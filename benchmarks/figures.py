"""One measured figure, its bar, and the table of them."""

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Figure:
    """One line of the table."""

    what: str
    measured: str
    bar: str = ""
    """Empty: there is none, the figure is for information."""
    met: bool | None = None

    @property
    def verdict(self) -> str:
        """Whether the bar is met."""
        return "" if self.met is None else "met" if self.met else "NOT MET"


def at_most(what: str, value: float, bar: float, unit: str, more: str = "") -> Figure:
    """A figure that should not be above its bar."""
    return Figure(what, f"{value:.3g} {unit}{more}", f"<= {bar:g} {unit}", value <= bar)


def at_least(what: str, value: float, bar: float, unit: str, more: str = "") -> Figure:
    """A figure that should not be below its bar."""
    return Figure(what, f"{value:.3g} {unit}{more}", f">= {bar:g} {unit}", value >= bar)


def show(title: str, figures: Iterable[Figure]) -> list[Figure]:
    """Print figures as they come, as rows of a Markdown table."""
    print(f"\n## {title}\n\n| figure | measured | bar | |\n|---|---|---|---|", flush=True)
    shown = []
    for figure in figures:
        print(f"| {figure.what} | {figure.measured} | {figure.bar} | {figure.verdict} |", flush=True)
        shown.append(figure)
    return shown

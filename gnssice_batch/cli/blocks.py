"""Headings with lines below them, as every table of the command line has them."""

from collections.abc import Sequence
from typing import Final

from rich.console import Console
from rich.table import Table

from gnssice_batch.cli.formatting import shown

MOST_SHOWN: Final = 20
_LABEL: Final = 14

type Facts = Sequence[tuple[str, str]]


def only_if(condition: object, name: str, text: str) -> list[tuple[str, str]]:
    """A fact that is told only sometimes."""
    return [(name, text)] if condition else []


def block(console: Console, heading: str, facts: Facts) -> None:
    """A heading and lines of name and text; what is too long for a terminal goes on below itself."""
    say_marked(console, f"[bold]{shown(heading)}[/]")
    if not console.is_terminal:
        for name, text in facts:
            say_marked(console, f"  {name:<{_LABEL}} {shown(text)}".rstrip())
        return
    table = Table.grid(padding=(0, 1))
    table.add_column(min_width=_LABEL + 2)
    table.add_column(overflow="fold")
    for name, text in facts:
        table.add_row(f"  {name}", shown(text))
    console.print(table, highlight=False)


def say_marked(console: Console, text: str) -> None:
    """A line with marks of rich, however long."""
    console.print(text, highlight=False, soft_wrap=True)


def say_list(
    console: Console, heading: str, lines: Sequence[str], whole: str = "the JSON report", most: int = MOST_SHOWN
) -> None:
    """A heading and at most so many lines; nothing where there are none."""
    if not lines:
        return
    say_marked(console, f"[bold]{heading}[/]")
    for line in lines[:most]:
        say_marked(console, f"  {shown(line)}")
    if len(lines) > most:
        say_marked(console, f"  and {len(lines) - most:,} more: {whole} has them all")

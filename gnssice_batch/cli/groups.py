"""The help of the program: its commands in groups, an example, the exit codes."""

from collections.abc import Iterable
from typing import Any, Final, override

from typer.core import TyperGroup

INGEST: Final = "From an archive to a store"
LOOK: Final = "Look at a store or a file"
VERSIONS: Final = "Versions of a store"
MEND: Final = "Mend and tidy a store"
TOOLS: Final = "Tools"
PODS: Final = "For pods"
_FIRST: Final = ("init", "doctor", "plan", "run", "vod", "status", "verify", "repair", "versions", "diff")
GROUPS: Final = (INGEST, LOOK, VERSIONS, MEND, TOOLS, PODS)

EPILOG: Final = """Example:

\b
  gnssice-batch init /data/rinex      look at an archive, write gnssice.yaml
  gnssice-batch doctor                find what a run would trip over
  gnssice-batch plan                  see what a run would do
  gnssice-batch run                   do it
  gnssice-batch status                see what has come of it

Without an archive: gnssice-batch simulate archive, then init archive.

\b
Exit codes: 0 done, 1 less than the settings ask for or files rejected,
2 settings or arguments wrong, 3 archive, 4 archive and store do not fit
together, 5 store or output, 6 another run, 7 stopped from outside,
8 no scheduler, 70 internal error, 130 Ctrl-C, 141 reader has gone.
"""


class Grouped(TyperGroup):
    """A group of commands that lists them by what they are for."""

    @override
    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """Write a list of commands for each group, those in none last."""
        names = sorted(self.list_commands(ctx), key=lambda name: _FIRST.index(name) if name in _FIRST else len(_FIRST))
        commands = {name: self.get_command(ctx, name) for name in names}
        shown = {name: command for name, command in commands.items() if command and not command.hidden}
        width = formatter.width - 6 - max(map(len, shown), default=0)
        for group in (*GROUPS, None):
            rows = [(name, one.get_short_help_str(width)) for name, one in shown.items() if _panel(one) == group]
            _write(formatter, group or "Commands", rows)


def _panel(command: Any) -> str | None:
    panel = getattr(command, "rich_help_panel", None)
    return panel if isinstance(panel, str) else None


def _write(formatter: Any, title: str, rows: Iterable[tuple[str, str]]) -> None:
    if rows := list(rows):
        with formatter.section(title):
            formatter.write_dl(rows)

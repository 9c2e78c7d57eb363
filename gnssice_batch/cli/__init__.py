"""The command line: commands, tables, progress, exit codes. Translates, never decides."""

from collections.abc import Sequence

from gnssice_batch.cli.output import occupied
from gnssice_batch.cli.stopping import ended_by_ctrl_c, stopped_by_sigterm
from gnssice_batch.cli.termination import told_at_the_end

__all__ = ["main"]


def main(arguments: Sequence[str] | None = None) -> None:
    """Run a command and exit: 0 to 8 as in `gnssice_batch.errors`, 70 for an internal error, 130 after Ctrl-C.

    Signals are heard from here on, before anything large is imported: the first process of a container has no other
    reaction to SIGTERM.
    """
    occupied()
    with told_at_the_end(arguments), ended_by_ctrl_c(), stopped_by_sigterm() as stop:
        from gnssice_batch.cli.entry import main as command

        stop.raise_if_requested()
        command(arguments)

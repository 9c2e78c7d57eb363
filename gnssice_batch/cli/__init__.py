"""The command line: commands, tables, progress, exit codes. Translates, never decides."""

from gnssice_batch.cli.entry import main

__all__ = ["main"]

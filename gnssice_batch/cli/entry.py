"""The entry of the program: arguments in, messages with an exit code out."""

import sys
import traceback
from collections.abc import Sequence
from contextlib import suppress
from typing import Final

import gnssice_batch.cli.diff  # these register their commands
import gnssice_batch.cli.doctor
import gnssice_batch.cli.export
import gnssice_batch.cli.history
import gnssice_batch.cli.init
import gnssice_batch.cli.looking
import gnssice_batch.cli.maintain
import gnssice_batch.cli.migrate
import gnssice_batch.cli.pods
import gnssice_batch.cli.quarantine
import gnssice_batch.cli.repair
import gnssice_batch.cli.report
import gnssice_batch.cli.runs
import gnssice_batch.cli.tools
import gnssice_batch.cli.trim
import gnssice_batch.cli.verify
import gnssice_batch.cli.versions
import gnssice_batch.cli.virtualize
import gnssice_batch.cli.vod  # noqa: F401
from gnssice_batch.cli.commands import app
from gnssice_batch.cli.output import EXIT_PIPE, OutputError, say, watched
from gnssice_batch.cli.termination import ending
from gnssice_batch.errors import (
    ArchiveError,
    ConfigError,
    GnssiceError,
    InterruptedRunError,
    NoSchedulerError,
    PlanError,
    RefusedError,
    RunConflictError,
    StoreError,
)
from gnssice_batch.redaction import redacted

EXIT_UNEXPECTED: Final = 70
_EXIT_USAGE: Final = 2

_WHAT: Final[tuple[tuple[type[GnssiceError], str], ...]] = (
    (ConfigError, "the settings are wrong"),
    (ArchiveError, "the archive can't be read"),
    (PlanError, "archive and store do not fit together"),
    (RunConflictError, "another run is active or published first"),
    (StoreError, "the store can't be used"),
    (RefusedError, "too many files were rejected"),
    (InterruptedRunError, "interrupted"),
    (NoSchedulerError, "no scheduler"),
    (GnssiceError, "the run stopped"),
)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run a command and exit: 0 to 8 as in `gnssice_batch.errors`, 70 for an internal error, 130 after Ctrl-C.

    141 where the reader of standard output has gone, without a word; 5 where it can't be written otherwise.
    """
    said = ending()
    try:
        with watched():
            app(args=arguments, prog_name="gnssice-batch")
    except GnssiceError as error:
        said.message = message(error).removeprefix("Error: ")
        _tell(message(error))
        sys.exit(exit_code(error))
    except OutputError as error:
        said.message = str(error)
        if error.exit_code != EXIT_PIPE:
            _tell(f"Error: {error}")
        sys.exit(error.exit_code)
    except SystemExit as end:
        if end.code == _EXIT_USAGE and not said.message:
            said.message = "the command line is wrong: the log says what of it"
        raise
    except Exception as error:  # noqa: BLE001 - the last resort: the whole traceback, with an exit code of its own
        said.message = redacted(f"internal error: {type(error).__name__}: {error}")
        sys.stderr.write(redacted(traceback.format_exc()))
        sys.exit(EXIT_UNEXPECTED)


def _tell(text: str) -> None:
    """Write a message to standard error, where that takes one."""
    with suppress(OSError):
        for line in text.split("\n"):
            say(line, to_errors=True, style="red")


def message(error: GnssiceError) -> str:
    """The message of an error: one line, or a line per fault where there are several."""
    what = next(words for kind, words in _WHAT if isinstance(error, kind))
    text = redacted(str(error)).strip() or type(error).__name__
    faults = text.splitlines()
    if len(faults) == 1 or not isinstance(error, ConfigError | PlanError):
        return f"Error: {what}: {text}"
    return "\n".join([f"Error: {what}:", *(f"  - {fault.strip()}" for fault in faults)])


def exit_code(error: GnssiceError) -> int:
    """The exit code of an error; one of no kind that an operator can act on is unexpected."""
    return EXIT_UNEXPECTED if type(error) is GnssiceError else error.exit_code

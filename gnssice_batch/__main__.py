"""The entry of the program: ``gnssice-batch``, or ``python -m gnssice_batch``."""

import atexit
import os
import signal
import sys
from contextlib import suppress
from typing import NoReturn

if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # ends without a traceback until the command hears it

from gnssice_batch.cli import main as command


def main() -> NoReturn:
    """Run a command and leave with its exit code.

    The interpreter is not taken down: a thread of Icechunk may be about to let go of a Python object, which ends the
    process by a segmentation fault when there is no interpreter any more.
    """
    code: object = 0
    try:
        command()
    except SystemExit as end:
        code = end.code
    atexit._run_exitfuncs()  # noqa: SLF001 - what the interpreter calls at its end
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError):
            stream.flush()
    os._exit(code if isinstance(code, int) else int(code is not None))


if __name__ == "__main__":
    main()

"""The entry of the program: ``gnssice-batch``, or ``python -m gnssice_batch``."""

import signal

if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # ends without a traceback until `main` hears it

from gnssice_batch.cli import main

if __name__ == "__main__":
    main()

"""A process that takes over a run when it is told, and says on standard output what became of it."""

import json
import sys

from gnssice_batch.errors import RunConflictError
from gnssice_batch.job.journal import resumable
from gnssice_batch.storage.folder import Folder
from gnssice_batch.storage.options import options_of


def main(url, options):
    """Open the storage, wait for a line, race, then live until the other end closes."""
    folder = Folder(url, options_of(json.loads(options)))
    folder.entries()
    print("ready", flush=True)
    sys.stdin.readline()
    try:
        journal = resumable(folder, "settings", "main")
        print(json.dumps({"start": journal.at_work.holding.lease.start}), flush=True)
    except RunConflictError as conflict:
        print(json.dumps({"conflict": str(conflict)}), flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    main(*sys.argv[1:])

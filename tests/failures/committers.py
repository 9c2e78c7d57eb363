"""Processes that publish into one local repository as fast as they can: no acknowledged commit may be lost.

`python -m tests.failures.committers URL NUMBER ROUNDS` is one of them; it writes a line per acknowledged snapshot.
"""

import sys

from gnssice_batch.errors import Reason, RunConflictError
from gnssice_batch.model.values import FileFacts, FileOutcome, Refusal, SourceFile, Status
from gnssice_batch.store.repository import open_repository
from gnssice_batch.store.writing.commit import publish
from gnssice_batch.store.writing.ledger_rows import Provenance
from gnssice_batch.store.writing.publish import GroupChange, Publication
from gnssice_batch.store.writing.structure import StructureChange, discard_staging, make_structure, staging_branch
from tests.failures.processes import finished, start
from tests.support.templates import template

FORMAT = "rinex3"


def one_round(repository, receiver, number):
    """Publish once: the group in the first round, then a ledger row; return the snapshot."""
    made, run = template(units=1, receiver=receiver), f"{receiver}-{number}"
    changes = [made] if number == 0 else []
    base = repository.head()
    structure = make_structure(repository, base, staging_branch(run, 1), StructureChange(changes, FORMAT))
    file = SourceFile(f"{receiver}/{number}", receiver, 1, "", None, None)
    refused = FileOutcome(file, Status.REJECTED, FileFacts(), Refusal(Reason.EMPTY))
    change = GroupChange(made, made if number else None, (), (refused,), {})
    provenance = Provenance(run, "committer", "2025-01-01T00:00:00", run)
    publication = Publication(run, structure, FORMAT, (), {receiver: change}, {}, provenance, {})
    snapshot = publish(repository, "main", publication)
    discard_staging(repository, run)
    return snapshot


def compete(folder, committers, rounds):
    """Let so many processes publish so often; return the acknowledged snapshots and those in the history of main."""
    folder.mkdir(parents=True)
    url = str(folder / "site" / "rinex")
    open_repository(url)
    logs = [folder / f"{number}.log" for number in range(committers)]
    processes = [start("tests.failures.committers", url, number, rounds, log=log) for number, log in enumerate(logs)]
    for process, log in zip(processes, logs, strict=True):
        assert finished(process, 1200) == 0, log.read_text()[-4000:]
    lines = [line for log in logs for line in log.read_text().splitlines()]
    acknowledged = [line.removeprefix("acknowledged ") for line in lines if line.startswith("acknowledged ")]
    handle = open_repository(url).handle
    assert handle.list_branches() == {"main"}, "staging branches came back"
    return acknowledged, [str(entry.id) for entry in handle.ancestry(branch="main")]


def main():
    """Be one committer."""
    url, number, rounds = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    repository = open_repository(url)
    for each in range(rounds):
        while True:
            try:
                snapshot = one_round(repository, f"committer_{number}", each)
            except RunConflictError:
                continue
            break
        sys.stdout.write(f"acknowledged {snapshot}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()

"""What a repository holds, as text that fits 80 columns."""

from rich.console import Console

from gnssice_batch.cli.blocks import Facts, block, only_if
from gnssice_batch.cli.formatting import count, size, span
from gnssice_batch.operate.status import ReceiverStatus, StoreStatus


def show_status(console: Console, found: StoreStatus) -> None:
    """The state of a repository."""
    snapshot = f"{found.snapshot.id}, {found.snapshot.written_at}"
    facts = [("store", found.url), ("snapshot", snapshot), ("size", f"{size(found.stored_bytes)}, all versions")]
    facts += only_if(found.other_groups, "not ours", ", ".join(found.other_groups))
    block(console, "Store", facts)
    for receiver in found.receivers:
        block(console, receiver.receiver, _receiver_facts(receiver))


def _receiver_facts(receiver: ReceiverStatus) -> Facts:
    filled = f" of {receiver.possible:,} ({receiver.filled / receiver.possible:.1%})" if receiver.possible else ""
    files = ", ".join(f"{number:,} {status}" for status, number in receiver.files.items())
    return [
        ("span", span(receiver.span)),
        ("sampling", sampling(receiver.interval_s, receiver.phase_s)),
        ("epochs filled", f"{receiver.filled:,}{filled}"),
        ("signals", f"{receiver.signals:,}"),
        ("files", f"{files} ({size(receiver.archive_bytes)})"),
        *only_if(receiver.older_reader, "older reader", older_reader(receiver.older_reader)),
        ("size", size(receiver.stored_bytes)),
    ]


def older_reader(files: int) -> str:
    """Of files that another version of the reader has read."""
    return f"has read {count(files, 'file')}: gnssice-batch repair --older-reader reads them again"


def sampling(interval_s: float, phase_s: float) -> str:
    """Interval and phase of a grid."""
    return f"every {interval_s:g} s, phase {phase_s:g} s"

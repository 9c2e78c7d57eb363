"""Whether the archive still holds what the store was made from, under the same receivers."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final

from gnssice_batch import config
from gnssice_batch.archive.listing import Listing
from gnssice_batch.errors import ArchiveError, PlanError
from gnssice_batch.model.values import SourceFile, Status
from gnssice_batch.store.layout.ledger import Ledger
from gnssice_batch.wording import several

_MOST_NAMED: Final = 3

type Ledgers = Mapping[str, Ledger]
"""By receiver."""


def check_not_empty(listing: Listing, settings: config.Archive) -> None:
    """Refuse an archive without a file of any receiver: it may not be mounted, or the settings describe another one.

    Raises
    ------
    ArchiveError
        When it has none and the settings do not say that it may.
    """
    if listing.files or settings.may_be_empty:
        return
    if not listing.skipped:
        msg = (
            f"the archive {settings.url} holds no file: is it mounted, and is archive.url right? archive.may_be_empty:"
            " true lets a run end without any"
        )
        raise ArchiveError(msg)
    named = sorted(listing.skipped, key=lambda file: not file.observations)[:_MOST_NAMED]
    msg = (
        f"the archive {settings.url} holds {len(listing.skipped):,} files and none of them is an observation file of a"
        f" receiver: {'; '.join(f'{file.uri}: {file.why}' for file in named)}; check archive.layout, archive.receivers,"
        " archive.include and archive.exclude"
    )
    raise ArchiveError(msg)


def gone(listing: Listing, ledgers: Ledgers) -> tuple[str, ...]:
    """The files that were taken and that the listing lacks, by name; those that the settings leave out are there."""
    present = {file.uri for file in listing.files} | {file.uri for file in listing.skipped}
    folders = tuple(file.uri for file in listing.skipped if file.uri.endswith("/"))
    missing = {uri for ledger in ledgers.values() for uri in _taken(ledger) if uri not in present}
    return tuple(sorted(uri for uri in missing if not uri.startswith(folders)))


def check_gone(missing: Sequence[str], ledgers: Ledgers, settings: config.Archive) -> None:
    """Refuse an archive that has lost more of the files that were taken than the settings allow.

    Raises
    ------
    ArchiveError
        When it has.
    """
    if not missing or settings.max_gone_fraction == 1:
        return
    files = len({uri for ledger in ledgers.values() for uri in _taken(ledger)})
    if len(missing) / files > settings.max_gone_fraction:
        msg = (
            f"the archive {settings.url} lacks {len(missing):,} of the {files:,} files that the store was made from"
            f" ({several(missing)}); archive.max_gone_fraction allows {settings.max_gone_fraction:.1%}"
        )
        raise ArchiveError(msg)


def check_owners(files: Iterable[SourceFile], ledgers: Ledgers, settings: config.Archive) -> None:
    """Refuse files that stand in the store already, as those of another receiver.

    Raises
    ------
    PlanError
        Naming some of them.
    """
    if settings.take_again:
        return
    now = {file.uri: file.receiver for file in files}
    again = [
        f"{uri}: of {receiver}, now of {now[uri]}"
        for receiver, ledger in ledgers.items()
        for uri in (_taken(ledger) if now else ())
        if now.get(uri, receiver) != receiver
    ]
    if again:
        msg = (
            f"the store has files as those of another receiver already ({several(again, by='; ')}): were archive.layout"
            " or archive.receivers changed? archive.take_again: true takes them once more"
        )
        raise PlanError([msg])


def _taken(ledger: Ledger) -> Iterator[str]:
    """The files of a ledger that have given something."""
    rejected = Status.REJECTED.value
    return (uri for uri, status in zip(ledger.uri.tolist(), ledger.status.tolist(), strict=True) if status != rejected)

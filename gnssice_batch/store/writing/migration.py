"""Groups of an older layout brought to the present one, in one commit that touches no observation."""

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import icechunk
import numpy as np
import numpy.typing as npt
import zarr

from gnssice_batch.errors import StoreError
from gnssice_batch.model.template import JOINED, JOINED_SOURCE, LAYOUT_VERSION
from gnssice_batch.store.damage import of_version
from gnssice_batch.store.faults import as_store_errors
from gnssice_batch.store.layout.arrays import check_layout, create_arrays, read_template
from gnssice_batch.store.layout.coverage import coverage_attributes, searched_coverage, told_coverage
from gnssice_batch.store.layout.documents import group_document, groups_in, put_documents
from gnssice_batch.store.layout.file_rows import FILE_COLUMNS, PATH, Columns, is_of_columns, read_files, row_count
from gnssice_batch.store.layout.foreign import is_own
from gnssice_batch.store.repository import Repository, with_ledgers_inline
from gnssice_batch.store.writing.ledger_rows import complete_table, lacking_columns, replace_columns

_JOINED_GROUP: Final = JOINED_SOURCE.rpartition("/")[0]
_MOST_OF_A_MESSAGE: Final = 200


@dataclass(frozen=True, slots=True)
class Migration:
    """What becomes of one receiver's group."""

    receiver: str
    layout: int
    """Version of the layout that it has."""
    steps: tuple[str, ...]
    """What is done to it, in words; none where it is as this program makes it."""


type _Step = tuple[str, Callable[[], None]]
"""What is done, in words, and what does it."""


def migrate_groups(repository: Repository, branch: str, *, dry_run: bool) -> tuple[str | None, tuple[Migration, ...]]:
    """Bring all receivers at the head of a branch to the present layout, in one commit; versions before it stay.

    The caller holds the repository's lock. Codecs stay as they are, and observations are not touched: that is proven
    before the commit.

    Returns
    -------
    tuple of (str or None) and tuple of Migration
        The new snapshot, None where nothing was to be done or is to be done; what becomes of each receiver.

    Raises
    ------
    StoreError
        When a receiver has a layout that this program does not know, the branch is damaged, or the commit fails;
        nothing has changed then.
    """
    with as_store_errors(repository.url), of_version(repository.url, repository.head(branch)):
        return _migrated(repository, branch, dry_run=dry_run)


def _migrated(repository: Repository, branch: str, *, dry_run: bool) -> tuple[str | None, tuple[Migration, ...]]:
    session = with_ledgers_inline(repository).writable_session(branch)
    try:
        root = zarr.open_group(session.store, mode="r+", zarr_format=3)
    except FileNotFoundError:
        return None, ()
    groups = {name: group for name, group in sorted(groups_in(root).items()) if is_own(group)}
    for group in groups.values():
        check_layout(group.path, dict(group.attrs))
    found = []
    for name, group in groups.items():
        steps = _steps(group)
        found.append(Migration(name, int(str(group.attrs["layout_version"])), tuple(what for what, _ in steps)))
        for _, carry_out in () if dry_run else steps:
            carry_out()
    if not session.has_uncommitted_changes:
        return None, tuple(found)
    done = [one.receiver for one in found if one.steps]
    _check_untouched(session, done)
    return _committed(session, branch, done), tuple(found)


def _committed(session: icechunk.Session, branch: str, done: list[str]) -> str:
    message = f"brought to layout {LAYOUT_VERSION}: {', '.join(done)}"[:_MOST_OF_A_MESSAGE]
    try:
        return str(session.commit(message, metadata={"migrated_receivers": len(done), "layout": LAYOUT_VERSION}))
    except icechunk.ConflictError as error:
        msg = f"another run moved {branch!r} meanwhile, nothing was migrated: start again"
        raise StoreError(msg) from error


def _steps(group: zarr.Group) -> list[_Step]:
    """What a group lacks that this program makes."""
    steps: list[_Step] = []
    if is_of_columns(group):
        steps.append((f"ledger of {row_count(group):,} files in one array", lambda: _with_rows(group)))
    if lacking := lacking_columns(group):
        steps.append((f"column {' and '.join(lacking)} of metadata/table", lambda: complete_table(group)))
    if not isinstance(group.get(JOINED_SOURCE), zarr.Array):
        steps.append(("arrays for joined files", lambda: _with_joined(group)))
    if told_coverage(group) is None and (span := searched_coverage(group, read_template(group).grid)):
        steps.append(("span of the data as attributes", lambda: _with_attributes(group, coverage_attributes(span))))
    if group.attrs["layout_version"] != LAYOUT_VERSION:
        latest = {"layout_version": LAYOUT_VERSION}
        steps.append((f"layout version {LAYOUT_VERSION}", lambda: _with_attributes(group, latest)))
    return steps


def _with_rows(group: zarr.Group) -> None:
    """The ledger's columns replaced by rows that say the same.

    Raises
    ------
    StoreError
        When they do not.
    """
    before = read_files(group)
    replace_columns(group)
    after = read_files(group)
    differing = [name for name, column in before.items() if not _same(name, column, after)]
    if differing:
        columns = ", ".join(differing)
        msg = f"{columns} of {group.path}/{PATH} would not be the same: nothing was migrated, please report this"
        raise StoreError(msg)


def _same(name: str, column: npt.NDArray[Any], after: Columns) -> bool:
    if FILE_COLUMNS[name] == "json":
        pairs = zip(column.tolist(), after[name].tolist(), strict=True)
        return all(json.loads(old or "{}") == json.loads(new or "{}") for old, new in pairs)
    return bool(np.array_equal(column, after[name], equal_nan=column.dtype.kind == "f"))


def _with_joined(group: zarr.Group) -> None:
    put_documents(group, {_JOINED_GROUP: group_document({})})
    create_arrays(group, JOINED, read_template(group))


def _with_attributes(group: zarr.Group, attributes: Mapping[str, object]) -> None:
    group.update_attributes(dict(attributes))


def _check_untouched(session: icechunk.Session, receivers: Iterable[str]) -> None:
    """Hold that nothing was written but the tables beside the observations, and documents."""
    status = session.status()
    places = tuple(f"/{receiver}/metadata/" for receiver in receivers)
    wrong = [path for path in {*status.updated_chunks, *status.deleted_arrays} if not path.startswith(places)]
    if wrong:
        msg = f"a migration would change {', '.join(sorted(wrong))}: nothing was migrated, please report this"
        raise StoreError(msg)

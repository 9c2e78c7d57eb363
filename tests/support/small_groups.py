"""Groups of receivers made from templates in real repositories, without any file or reader."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import icechunk
import zarr
from zarr.core.buffer import cpu
from zarr.core.sync import sync

from gnssice_batch.model.template import GroupTemplate, signal_columns
from gnssice_batch.store.layout.arrays import create_arrays, layout_attributes
from gnssice_batch.store.layout.file_rows import PATH, create_rows, put_rows
from gnssice_batch.store.layout.patches import Patches
from gnssice_batch.store.repository import Repository


def made_group(parent: zarr.Group, template: GroupTemplate, rows: Sequence[Mapping[str, Any]] = ()) -> zarr.Group:
    """Make a receiver's group with its arrays, which hold nothing but the axes, and with rows of its ledger."""
    group = parent.create_group(template.receiver, attributes={**template.attributes, **layout_attributes(template)})
    group.create_group("metadata")
    contents = template.contents
    made = create_arrays(group, (*contents.arrays, *(contents.joined if template.joins else ())), template)
    columns = signal_columns(template.axis.sids, template.channels)
    Patches(group, made).write_each({name: (0, column) for name, column in columns.items()})
    if rows:
        put_ledger(group, rows)
    else:
        create_rows(group)
    return group


def put_ledger(group: zarr.Group, rows: Sequence[Mapping[str, Any]]) -> None:
    """Give a group a ledger of these rows, in the place of the one that it has."""
    if PATH in group:
        del group[PATH]
    put_rows(create_rows(group, len(rows)), 0, [dict(row) for row in rows])


def committed(
    repository: Repository, change: Callable[[zarr.Group], object], branch: str = "main", message: str = "changed"
) -> str:
    """Change the root of a branch and commit; return the version."""
    session = repository.handle.writable_session(branch)
    change(zarr.open_group(session.store, zarr_format=3))
    return session.commit(message)


def group_of(repository: Repository, path: str, snapshot: str) -> zarr.Group:
    """A group of a version, to be read."""
    return zarr.open_group(repository.handle.readonly_session(snapshot_id=snapshot).store, path=path, mode="r")


def put_chunks(session: icechunk.Session, path: str, sizes: Mapping[tuple[int, ...], int]) -> None:
    """Store chunks of so many bytes, whatever they hold, of an array."""
    for index, size_bytes in sizes.items():
        key = "/".join([path.strip("/"), "c", *map(str, index)])
        sync(session.store.set(key, cpu.Buffer.from_bytes(bytes(size_bytes))))


def spoil_chunk(group: zarr.Group, name: str, index: tuple[int, ...]) -> None:
    """Put bytes in the place of a chunk of an array that do not decode."""
    key = "/".join([group.path, name, "c", *map(str, index)])
    sync(group.store.set(key, cpu.Buffer.from_bytes(b"no chunk " * 99)))

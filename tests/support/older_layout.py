"""Groups as programs of layout 1 left them."""

import icechunk
import numpy as np
import zarr

from tests.support.runs import LEDGER_COLUMNS, file_columns, repository


def put_back(group: zarr.Group) -> zarr.Group:
    """Replace the ledger's rows by an array for each column; return them."""
    columns = file_columns(group["metadata/files"])
    del group["metadata/files"]
    table = group.create_group("metadata/files")
    for name, kind in LEDGER_COLUMNS.items():
        dtype = "str" if kind in {"str", "json"} else kind
        cells = columns[name]
        array = table.create_array(
            name,
            shape=(len(cells),),
            dtype=dtype,
            chunks=(4_096,),
            shards=(65_536,),
            fill_value="" if dtype == "str" else None,
        )
        array[:] = cells.astype(np.dtypes.StringDType()) if dtype == "str" else cells
    table["header"][:] = np.array(["" if text == "{}" else text for text in columns["header"]], np.dtypes.StringDType())
    group.update_attributes({"layout_version": 1})
    return table


def put_back_oldest(group: zarr.Group) -> None:
    """As `put_back`, and without all else that programs of layout 1 made only later; no files may be joined in it."""
    put_back(group)
    joined = group["metadata/joined"]
    assert (np.asarray(joined["source_file"][:]) == -1).all()
    del group["metadata/joined"]
    for name in ("preprocessing", "epochs"):
        del group[f"metadata/table/{name}"]
    later = {"time_coverage_start", "time_coverage_end", "first_epoch_ns", "last_epoch_ns", "tolerance_s"}
    kept = {name: value for name, value in group.attrs.items() if name not in later | {"tolerance_ns"}}
    group.attrs.put(kept)


def put_back_stored(settings, receiver: str, how=put_back) -> None:
    """Commit a stored group as it would have been."""
    store = icechunk.Repository.open(icechunk.local_filesystem_storage(str(repository(settings))))
    session = store.writable_session("main")
    how(zarr.open_group(session.store, path=receiver, mode="r+"))
    session.commit("as it was")

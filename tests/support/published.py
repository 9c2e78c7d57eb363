"""A small published store with an overlap, a hole of a day and a power failure, and changes behind its back."""

import icechunk
import numpy as np
import zarr

from gnssice_batch.job.run import run
from tests.support.runs import DAY_ONE_S, DAY_S, name, repository, rinex, settings, span_s, write

GROUP = "rec"
VARIABLES = 6
ALONG_EPOCH = 3
FULL = {"verify": "full"}
FILES = {
    name(DAY_ONE_S, "06H"): rinex(span_s(DAY_ONE_S, 6)),
    name(DAY_ONE_S + 5 * 3600, "03H"): rinex(span_s(DAY_ONE_S + 5 * 3600, 3), svs=("G01", "R03"), salt=1),
    name(DAY_ONE_S + DAY_S, "01H"): rinex(span_s(DAY_ONE_S + DAY_S, 1), flags={7: 1}),
}
FIRST, SECOND, THIRD = FILES


def ingested(folder, files=FILES, **sections):
    write(folder / "archive", files)
    chosen = settings(folder, **sections)
    return chosen, run(chosen)


def change(chosen, array, index, value, group=GROUP):
    """Change cells of the store behind its back; return what was there."""
    store = icechunk.Repository.open(icechunk.local_filesystem_storage(str(repository(chosen))))
    session = store.writable_session("main")
    cells = zarr.open_group(session.store, path=group, mode="r+")[array]
    before = np.asarray(cells[index])
    cells[index] = value
    session.commit("changed")
    return before


def cells_of(signals, epochs):
    return epochs * (signals * VARIABLES + ALONG_EPOCH)

"""A store of twenty years at 1 s, of which an hour at its beginning and the last second are there."""

import icechunk
import numpy as np
import zarr

from gnssice_batch import run
from gnssice_batch.model.grid import SECOND_NS
from tests.support.runs import CODES, DAY_ONE_S, name, repository, rinex, settings

SVS = ("G01", "G02", "G07", "R03", "E05")
ALL_CODES = (*CODES, "C5Q", "L5Q", "S5Q")
UNIT = 28_800
EPOCHS = 20 * 365 * 86_400 // UNIT * UNIT


def short_store(folder, interval_s=1, epochs=3600):
    """Publish some epochs of five satellites on two bands; return the repository's path."""
    times = [DAY_ONE_S + number * interval_s for number in range(epochs)]
    path = folder / "archive" / name(DAY_ONE_S, "01H", interval=f"{interval_s:02d}S")
    path.parent.mkdir(parents=True)
    path.write_bytes(rinex(times, SVS, codes=ALL_CODES))
    chosen = settings(folder, grid={"interval_s": interval_s, "phase_s": 0}, chunks={"epoch": UNIT // interval_s})
    run(chosen)
    return str(repository(chosen))


def twenty_years(folder):
    """Publish an hour, and lengthen its axis to twenty years as a run would have; return the repository's path."""
    path = short_store(folder)
    session = icechunk.Repository.open(icechunk.local_filesystem_storage(path)).writable_session("main")
    group = zarr.open_group(session.store, path="rec", mode="r+")
    for _, array in group.members(max_depth=None):
        if "epoch" in (getattr(array.metadata, "dimension_names", None) or ()):
            array.resize((EPOCHS, *array.shape[1:]))
    last_ns = group.attrs["origin_ns"] + (EPOCHS - 1) * SECOND_NS
    group["epoch"][EPOCHS - 1] = np.int64(last_ns)
    group.attrs["last_epoch_ns"] = last_ns
    group["SNR"][EPOCHS - 1, 0] = np.float32(44)
    session.commit("lengthened")
    return path

"""Settings of a site with an archive of NetCDF files."""

import zarr

from gnssice_batch import config
from gnssice_batch.model.virtual import NetcdfFile, VirtualRow, VirtualState
from gnssice_batch.store.layout.virtual_files import read_rows, write_rows
from gnssice_batch.store.layout.virtual_groups import MARK
from tests.support.netcdf import SIDS, padded, write


def settings_of(root, archive=None, **more):
    """Make settings whose archive is ``root/nc``, whose stores are in ``root/stores``."""
    virtual = {"url": str(archive or root / "nc"), **more.pop("virtual", {})}
    words = {"site": "demo", "archive": {"url": str(root / "rinex")}, "store": {"url": str(root / "stores")}}
    return config.Settings.model_validate({**words, "virtual": virtual, "log": {"progress": False}, **more})


def url_of(settings):
    """Return where the virtual repository is."""
    return f"{settings.store.url}/{settings.site}/virtual"


def small(root, days, receiver="one", **words):
    """Write days of a receiver, of four epochs each."""
    return [
        write(padded(day, interval_s=21_600, sids=SIDS[:2], **words), root / "nc" / receiver / f"{day}.nc")
        for day in days
    ]


def put(handle, *uris):
    """Commit rows of files by hand, of which nothing is referenced."""
    session = handle.writable_session("main")
    root = zarr.open_group(session.store, mode="a")
    root.attrs[MARK] = {"kind": "root", "version": 1}
    rows = [VirtualRow(NetcdfFile(uri, "one", 5, "tag"), VirtualState.VIRTUAL, "one") for uri in uris]
    write_rows(root, read_rows(root), rows)
    return session.commit("by hand")

"""Damaged NetCDF files: through references they read as xarray reads them, or are an error, never something else."""

import random
import shutil
import time
import warnings
from collections import Counter

import pytest
import xarray as xr

from gnssice_batch.errors import StoreError
from gnssice_batch.job.virtualize import virtualize
from gnssice_batch.store.reading.virtual_opening import open_virtual
from tests.support.netcdf import georinex, gnssvod, padded, write
from tests.support.virtual import settings_of, url_of

pytest.importorskip("virtualizarr")

AT_ONCE = 25
"""Files in one archive: most of the time of a file alone goes into its run."""


def damaged(content, chance):
    """Change up to 24 bytes, in up to three places."""
    changed = bytearray(content)
    for _ in range(chance.randint(1, 3)):
        at = chance.randrange(len(changed))
        some = chance.randbytes(chance.randint(1, 8))
        changed[at : at + len(some)] = some[: len(changed) - at]
    return bytes(changed)


def read(call):
    """Load a dataset; None where that fails as it should."""
    try:
        with call() as dataset:
            return dataset.load()
    except StoreError:
        return None


def read_by_xarray(path):
    """Load a file; None where the NetCDF library, or xarray, refuses it in whatever way."""
    try:
        with warnings.catch_warnings(action="ignore"), xr.open_dataset(path) as dataset:
            return dataset.load()
    except Exception:  # noqa: BLE001 - the libraries raise anything
        return None


def compare(root, contents):
    """Reference files, a receiver each, and read them both ways; return what came of each."""
    paths = [root / "nc" / f"{number:03}" / "a.nc" for number in range(len(contents))]
    for path, content in zip(paths, contents, strict=True):
        path.parent.mkdir(parents=True)
        path.write_bytes(content)
    settings = settings_of(root)
    rows = {row.file.receiver: row for row in virtualize(settings).rows}
    return [compared(url_of(settings), rows[path.parent.name], path) for path in paths]


def compared(url, row, path):
    """Read a file both ways."""
    if not row.group:
        return "rejected"
    with warnings.catch_warnings(action="ignore"):
        ours = read(lambda: open_virtual(url, row.group))
    theirs = read_by_xarray(path)
    if ours is not None and theirs is not None:
        xr.testing.assert_equal(ours, theirs)
    assert ours is None or theirs is not None, "read what the NetCDF library refuses"
    return "error" if ours is None else "equal"


def check(root, seed, count, most_s=600.0):
    """Compare damaged files, some in one archive at a time, until so many are done or it took so long."""
    chance, until = random.Random(seed), time.monotonic() + most_s
    sound = [write(make(), root / "sound.nc").read_bytes() for make in (padded, gnssvod, georinex)]
    found = Counter()
    while not found or (found.total() < count and time.monotonic() < until):
        contents = [damaged(chance.choice(sound), chance) for _ in range(min(AT_ONCE, count - found.total()))]
        found.update(compare(root / "some", contents))
        shutil.rmtree(root / "some")
    return found


def test_a_few(tmp_path):
    assert check(tmp_path, 4, 20).keys() == {"equal", "error", "rejected"}


def test_it_ends_when_it_took_too_long(tmp_path):
    assert check(tmp_path, 4, 10**9, most_s=0.01).total() == AT_ONCE


@pytest.mark.fuzz
def test_many(tmp_path):
    """As many as a slow machine gets through in ten minutes, of what an idle one needs half a minute for."""
    found = check(tmp_path, 5, 500)
    print(found)
    assert found.total() >= AT_ONCE

"""Damaged NetCDF files: through references they read as xarray reads them, or are an error, never something else."""

import random
import shutil
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


def compare(root, content):
    """Reference a file and read it both ways; return what came of it."""
    path = root / "nc" / "one" / "a.nc"
    path.parent.mkdir(parents=True)
    path.write_bytes(content)
    settings = settings_of(root)
    (row,) = virtualize(settings).rows
    if not row.group:
        return "rejected"
    with warnings.catch_warnings(action="ignore"):
        ours = read(lambda: open_virtual(url_of(settings), row.group))
    theirs = read_by_xarray(path)
    if ours is not None and theirs is not None:
        xr.testing.assert_equal(ours, theirs)
    assert ours is None or theirs is not None, "read what the NetCDF library refuses"
    return "error" if ours is None else "equal"


def check(root, seed, count):
    chance = random.Random(seed)
    sound = [write(make(), root / "sound.nc").read_bytes() for make in (padded, gnssvod, georinex)]
    found = Counter()
    for number in range(count):
        place = root / str(number)
        found[compare(place, damaged(chance.choice(sound), chance))] += 1
        shutil.rmtree(place)
    return found


def test_a_few(tmp_path):
    assert check(tmp_path, 4, 20).keys() == {"equal", "error", "rejected"}


@pytest.mark.fuzz
def test_many(tmp_path):
    print(check(tmp_path, 5, 500))

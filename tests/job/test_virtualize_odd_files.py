"""NetCDF4 files of uncommon make: referenced so that they read as xarray reads them, or left out with a reason."""

import h5py
import netCDF4
import numpy as np
import pytest
import xarray as xr

from gnssice_batch.errors import StoreError
from gnssice_batch.job.virtualize import virtualize
from gnssice_batch.store.layout.foreign import is_own
from gnssice_batch.store.reading.opening import group_at
from gnssice_batch.store.reading.virtual_opening import open_virtual
from tests.support.netcdf import archive, padded, write
from tests.support.virtual import settings_of, url_of

pytest.importorskip("virtualizarr")

EPOCHS, SIDS = 12, 3


def file_with(path, fill, *, unlimited=False, **words):
    """Write a NetCDF4 file by hand: a time axis, labels of fixed width, and one array that `fill` makes."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with netCDF4.Dataset(path, "w") as file:
        file.createDimension("time", None if unlimited else EPOCHS)
        file.createDimension("sv", SIDS)
        time = file.createVariable("time", "f8", ("time",))
        time.units, time.calendar = "seconds since 2025-01-01", "standard"
        time[:] = np.arange(EPOCHS) * 30.0
        fill(file, words)
    return path


def array(kind, values, **attributes):
    """Return what makes an array ``x`` over time and labels."""

    def fill(file, words):
        one = file.createVariable("x", kind, ("time", "sv"), **words)
        one.set_auto_maskandscale(False)
        for name, value in attributes.items():
            setattr(one, name, value)
        one[:] = values

    return fill


NUMBERS = np.arange(EPOCHS * SIDS).reshape(EPOCHS, SIDS)
CASES = {
    "big-endian": (array(">f4", NUMBERS / 3), {"zlib": True, "endian": "big"}),
    "big-endian, contiguous": (array(">i2", NUMBERS), {"contiguous": True, "endian": "big"}),
    "checksums": (array("f4", NUMBERS / 3), {"fletcher32": True, "zlib": True, "shuffle": True}),
    "no fill value": (array("i4", NUMBERS), {"fill_value": False}),
    "scale and offset": (array("i2", NUMBERS, scale_factor=0.01, add_offset=100.0), {"zlib": True}),
    "single precision of both": (
        array("i2", NUMBERS, scale_factor=np.float32(0.01), add_offset=np.float32(3)),
        {"zlib": True},
    ),
    "unsigned by attribute": (array("i1", NUMBERS.astype("i1"), _Unsigned="true"), {"zlib": True}),
    "missing value beside fill": (array("f4", NUMBERS, missing_value=np.float32(7)), {"fill_value": 7.0}),
    "times as values": (array("i4", NUMBERS, units="minutes since 2000-01-01"), {}),
    "several chunks each way": (array("f8", NUMBERS), {"chunksizes": (4, 2), "zlib": True}),
    "a chunk larger than the array": (array("f8", NUMBERS), {"chunksizes": (64, 3), "zlib": True}),
    "numbers of 8 bytes": (array("u8", NUMBERS.astype("u8") + 2**63), {}),
}


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("files", [1, 2])
def test_it_reads_as_the_file_does(tmp_path, case, files):
    fill, words = CASES[case]
    unlimited = "larger" in case
    settings, folder = settings_of(tmp_path), tmp_path / "nc" / "one"
    paths = [file_with(folder / f"{number}.nc", fill, unlimited=unlimited, **words) for number in range(files)]
    if files == 2:
        with netCDF4.Dataset(paths[1], "a") as file:
            file["time"][:] = (np.arange(EPOCHS) + EPOCHS) * 30.0
    report = virtualize(settings)
    rows = {row.file.uri: row for row in report.rows}
    for path in paths:
        row = rows[f"one/{path.name}"]
        with xr.open_dataset(path) as wanted:
            found = open_virtual(url_of(settings), row.group)
            found = found.sel(time=wanted.time.values) if not row.reason else found
            xr.testing.assert_equal(found.load(), wanted.load())
            assert found.x.dtype == wanted.x.dtype
    assert {row.reason for row in report.rows} == (
        {"short_last_chunk"} if unlimited else {"alone"} if files == 1 else {""}
    )


def test_labels_of_fixed_width_and_text_over_time(tmp_path):
    def fill(file, words):
        array("f4", NUMBERS)(file, words)
        names = file.createVariable("sv", str, ("sv",))
        names[:] = np.array(["G01", "R02", "E03"], object)
        note = file.createVariable("note", str, ("time",))
        note[:] = np.array([f"epoch {number} ü" for number in range(EPOCHS)], object)

    settings, paths = settings_of(tmp_path), []
    for number in range(2):
        paths.append(file_with(tmp_path / "nc" / "one" / f"{number}.nc", fill))
        with netCDF4.Dataset(paths[-1], "a") as file:
            file["time"][:] = (np.arange(EPOCHS) + number * EPOCHS) * 30.0
    assert [one.files for one in virtualize(settings).series] == [2]
    found = open_virtual(url_of(settings), "one").load()
    for path in paths:
        with xr.open_dataset(path) as wanted:
            part = found.sel(time=wanted.time.values)
            assert part.note.values.tolist() == wanted.note.values.tolist()
            assert part.sv.values.tolist() == wanted.sv.values.tolist()
            np.testing.assert_array_equal(part.x, wanted.x)


def test_attributes_of_our_own_do_not_make_it_a_group_of_observations(tmp_path):
    """A NetCDF file that an export has written brings the attributes of its group along."""
    settings = settings_of(tmp_path)
    for day in range(2):
        one = padded(day)
        one.attrs |= {"layout_version": 2, "source_format": "rinex3"}
        write(one, tmp_path / "nc" / "canopy_01" / f"{day}.nc")
    virtualize(settings)
    assert not is_own(group_at(url_of(settings), "canopy_01", None, "main", None))
    assert open_virtual(url_of(settings), "canopy_01").attrs == {"Institution": "TU Wien"}


def test_a_link_or_a_folder_named_as_a_file(tmp_path):
    settings = settings_of(tmp_path)
    paths = archive(tmp_path / "nc", (0, 1))
    (tmp_path / "nc" / "canopy_01" / "dead.nc").symlink_to(tmp_path / "nowhere")
    (tmp_path / "nc" / "canopy_01" / "folder.nc").mkdir()
    report = virtualize(settings)
    assert [(row.file.uri, row.reason) for row in report.rejected] == [("canopy_01/dead.nc", "unreadable")]
    assert len(report.rows) == len(paths) + 1
    assert [row.file.uri for row in virtualize(settings).rows] == ["canopy_01/dead.nc"]


def test_a_compound_type_is_left_out(tmp_path):
    settings = settings_of(tmp_path)
    path = tmp_path / "nc" / "one" / "a.nc"
    path.parent.mkdir(parents=True)
    with h5py.File(path, "w") as file:
        file.create_dataset("x", (3, 3), h5py.vlen_dtype(np.float32))
    assert [row.reason for row in virtualize(settings).rows] == ["unsupported"]


def test_what_xarray_can_not_decode_is_told_by_its_group(tmp_path):
    settings = settings_of(tmp_path)
    path = file_with(tmp_path / "nc" / "one" / "a.nc", array("f4", NUMBERS))
    with netCDF4.Dataset(path, "a") as file:
        file["time"][:] = 1e300
    (row,) = virtualize(settings).rows
    with pytest.raises(StoreError, match=f"xarray can't open group '{row.group}' of .*virtual: "):
        open_virtual(url_of(settings), row.group)


def compact(file):
    plist = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    plist.set_layout(h5py.h5d.COMPACT)
    space = h5py.h5s.create_simple((EPOCHS, SIDS))
    h5py.h5d.create(file.id, b"x", h5py.h5t.NATIVE_FLOAT, space, plist)
    file["x"][...] = NUMBERS


def external(file):
    file.create_dataset("x", (EPOCHS, SIDS), "f4", external=[(f"{file.filename}.raw", 0, EPOCHS * SIDS * 4)])
    file["x"][...] = NUMBERS


def view(file):
    file.create_dataset("y", data=NUMBERS.astype("f4"))
    layout = h5py.VirtualLayout((EPOCHS, SIDS), "f4")
    layout[...] = h5py.VirtualSource(".", "y", (EPOCHS, SIDS))
    file.create_virtual_dataset("x", layout)


@pytest.mark.parametrize("make", [compact, external, view])
def test_values_that_are_in_no_chunk_of_the_file_are_left_out(tmp_path, make):
    """A reference to nothing would read as the fill value."""
    settings, path = settings_of(tmp_path), tmp_path / "nc" / "one" / "a.nc"
    path.parent.mkdir(parents=True)
    with h5py.File(path, "w") as file:
        time = file.create_dataset("time", data=np.arange(EPOCHS) * 30.0)
        time.attrs["units"] = "seconds since 2025-01-01"
        time.make_scale("time")
        make(file)
        file["x"].dims[0].attach_scale(time)
    (row,) = virtualize(settings).rows
    assert (row.reason, row.detail.partition(" are ")[0]) == ("unsupported", "the values of x")

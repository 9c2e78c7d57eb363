"""NetCDF files whose numbers would mean something else if they were referenced without a second look."""

import netCDF4
import numpy as np
import pytest
import xarray as xr

from gnssice_batch.job.virtualize import virtualize
from gnssice_batch.store.reading.virtual_opening import open_virtual
from tests.support.virtual import settings_of, url_of

pytest.importorskip("virtualizarr")

EPOCHS, SIDS = 12, 3
NUMBERS = np.arange(EPOCHS * SIDS).reshape(EPOCHS, SIDS)


def variable(file, name, kind, dims, values, fill_value=None, **attributes):
    """Write a variable of raw numbers."""
    one = file.createVariable(name, kind, dims, fill_value=fill_value)
    one.set_auto_maskandscale(False)
    one.setncatts(attributes)
    one[:] = values
    return one


def files(root, fill, numbers=(0, 1), *, kind="f8", step=30, fill_value=None, **attributes):
    """Write files of 12 epochs each, one after the other, whose times have some attributes."""
    (root / "nc" / "one").mkdir(parents=True)
    told = {"units": "seconds since 2025-01-01", "calendar": "standard", **attributes}
    for number in numbers:
        with netCDF4.Dataset(root / "nc" / "one" / f"{number}.nc", "w") as file:
            file.createDimension("time", EPOCHS)
            file.createDimension("sv", SIDS)
            times = (np.arange(EPOCHS) + number * EPOCHS) * step
            variable(file, "time", kind, ("time",), times, fill_value, **told)
            fill(file, number)
    return settings_of(root)


def plain(file, number, **words):
    variable(file, "x", "f4", ("time", "sv"), NUMBERS + number, **words)


def assert_as_xarray_reads_them(settings, report):
    """Compare every file, where it is referenced, with what xarray makes of it."""
    for row in report.rows:
        found = open_virtual(url_of(settings), row.group)
        with xr.open_dataset(f"{settings.virtual.url}/{row.file.uri}") as wanted:
            found = found if row.reason else found.sel(time=wanted.time.values)
            xr.testing.assert_equal(found.load(), wanted.load())


@pytest.mark.parametrize(
    ("kind", "fill", "wanted"),
    [
        ("f4", None, np.nan),
        ("f4", False, np.nan),
        ("f4", 7.0, np.nan),
        ("f8", False, np.nan),
        ("i1", None, -127),
        ("i1", False, -127),
        ("u2", False, 65_535),
        ("i2", -1, np.nan),
    ],
)
@pytest.mark.parametrize("dims", [("time", "sv"), ("time",)])
def test_where_there_is_no_file_nothing_is_read_that_looks_like_a_value(tmp_path, kind, fill, wanted, dims):
    """Of NetCDF, whose fill is 9.97e36 or, where files are not filled, 0."""
    values = NUMBERS if len(dims) == 2 else NUMBERS[:, 0]
    settings = files(tmp_path, lambda file, _: variable(file, "x", kind, dims, values, fill), (0, 2))
    report = virtualize(settings)
    assert_as_xarray_reads_them(settings, report)
    hole = open_virtual(url_of(settings), "one").x.isel(time=slice(EPOCHS, 2 * EPOCHS)).values
    np.testing.assert_array_equal(hole, np.full(hole.shape, wanted))


def test_what_is_declared_missing_is_read_where_there_is_no_file(tmp_path):
    settings = files(tmp_path, lambda file, number: plain(file, number, missing_value=np.float32(-9999)), (0, 2))
    virtualize(settings)
    found = open_virtual(url_of(settings), "one").x
    assert found.isel(time=slice(EPOCHS, 2 * EPOCHS)).isnull().all()


@pytest.mark.parametrize(("fill", "reason"), [(None, "unwritten_chunks"), (np.nan, "")])
def test_chunks_that_were_never_written_read_as_in_their_file(tmp_path, fill, reason):
    def half(file, _):
        one = file.createVariable("x", "f4", ("time", "sv"), chunksizes=(4, SIDS), fill_value=fill)
        one[:4] = NUMBERS[:4]

    settings = files(tmp_path, half)
    report = virtualize(settings)
    assert {row.reason for row in report.rows} == {reason}
    assert_as_xarray_reads_them(settings, report)


@pytest.mark.parametrize(
    "attributes", [{"scale_factor": 0.1}, {"add_offset": np.int32(86_400)}, {"_Unsigned": "true"}, {"fill_value": 330}]
)
def test_times_that_are_packed_or_partly_missing_are_left_to_xarray(tmp_path, attributes):
    settings = files(tmp_path, plain, (0,), kind="i4", **attributes)
    report = virtualize(settings)
    assert [row.reason for row in report.rows] == ["no_time_axis"]
    assert_as_xarray_reads_them(settings, report)


@pytest.mark.parametrize("moving", [False, True])
def test_bounds_of_times_have_the_units_of_these(tmp_path, moving):
    """Only the times say what the numbers mean, and the times of an array over time are others than in its files."""

    def bounded(file, number):
        plain(file, number)
        file.createDimension("nv", 2)
        begin = number * EPOCHS * 30.0 if moving else 0.0
        variable(file, "time_bnds", "f8", ("time", "nv"), begin + np.arange(2 * EPOCHS).reshape(EPOCHS, 2) * 30.0)
        if not moving:
            file["time"].units = f"seconds since 2025-01-0{1 + number}"
            file["time"][:] = np.arange(EPOCHS) * 30.0

    settings = files(tmp_path, bounded, bounds="time_bnds")
    report = virtualize(settings)
    assert {row.reason for row in report.rows} == ({""} if moving else {"alone", "scale_differs"})
    assert_as_xarray_reads_them(settings, report)


@pytest.mark.filterwarnings("ignore:The data type .* does not have a Zarr V3 specification")
def test_labels_of_characters(tmp_path):
    def lettered(file, number):
        plain(file, number)
        file.createDimension("letters", 3)
        names = netCDF4.stringtochar(np.array(["G01", "G02", "R03"], "S3"))
        variable(file, "sv", "S1", ("sv", "letters"), names)

    settings = files(tmp_path, lettered)
    report = virtualize(settings)
    assert {row.reason for row in report.rows} == {""}
    assert_as_xarray_reads_them(settings, report)
    assert open_virtual(url_of(settings), "one").sel(sv=b"G02").x.dims == ("time",)


def test_a_filter_that_no_codec_stands_for_is_named(tmp_path):
    def packed(file, _):
        file.createVariable("x", "f4", ("time", "sv"), compression="bzip2")[:] = NUMBERS

    (row,) = virtualize(files(tmp_path, packed, (0,))).rows
    assert (row.reason, row.detail) == (
        "unsupported",
        "x is packed by filter 307 of HDF5, which references can't say",
    )

"""Real NetCDF files of gnssvod: paired stations of three days, one station of six hours."""

import shutil

import pytest
import xarray as xr

from gnssice_batch.job.materialise import Wanted, materialise
from gnssice_batch.job.virtualize import virtualize
from gnssice_batch.store.reading.virtual_opening import open_virtual
from tests.support.virtual import settings_of, url_of

pytest.importorskip("virtualizarr")
pytestmark = pytest.mark.corpus

REASONS = {
    "laeg_paired": ["alone", "axis_differs", "chunks_differ"],
    "dav1_ground": ["alone", *["axis_differs"] * 5],
}
"""Each day and hour has the satellites that it saw, so that none of these are one array."""


@pytest.mark.parametrize("receiver", REASONS)
def test_real_files_are_what_xarray_makes_of_them(shared_data, tmp_path, receiver):
    source = shared_data / "netcdf" / "vincenthumphrey__gnssvod" / receiver
    if not source.is_dir():
        pytest.skip(f"the real NetCDF files are not on this machine ({source})")
    shutil.copytree(source, tmp_path / "nc" / receiver)
    settings = settings_of(tmp_path)
    report = virtualize(settings)
    assert sorted(row.reason for row in report.rows) == REASONS[receiver]
    wanted = {row.group: xr.load_dataset(tmp_path / "nc" / row.file.uri) for row in report.rows}
    for group, dataset in wanted.items():
        xr.testing.assert_identical(open_virtual(url_of(settings), group).load(), dataset)
    materialise(settings, Wanted())
    (tmp_path / "nc" / receiver).chmod(0o755)
    shutil.rmtree(tmp_path / "nc")
    for group, dataset in wanted.items():
        xr.testing.assert_identical(open_virtual(url_of(settings), group).load(), dataset)

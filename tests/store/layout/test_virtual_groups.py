"""What groups of a virtual repository say of themselves, as they are written and read back."""

from dataclasses import asdict

import pytest
import zarr

from gnssice_batch.errors import StoreError
from gnssice_batch.model.virtual import Profile, SeriesGrid, StoredSeries
from gnssice_batch.store.layout.virtual_groups import (
    MARK,
    VERSION,
    check_version,
    file_attributes,
    is_virtual,
    series_attributes,
    series_in,
    series_of,
)
from tests.virtual.test_planning import BEGIN, COMMON

SERIES = StoredSeries("canopy/v", COMMON, SeriesGrid(BEGIN, COMMON.interval_ns, COMMON.chunk_epochs, 20))


def group(attributes):
    made = zarr.create_group(zarr.storage.MemoryStore(), path="canopy/v")
    made.attrs.update(attributes)
    return made


def test_a_series_is_read_back_as_it_was_written():
    made = group(series_attributes(SERIES))
    assert (series_of(made), is_virtual(made)) == (SERIES, True)
    assert (type(SERIES.profile), type(SERIES.grid)) == (Profile, SeriesGrid)


def test_a_series_says_of_which_version_it_is_and_how_it_is_laid_out():
    told = series_attributes(SERIES)
    assert told == {
        MARK: {
            "kind": "series",
            "version": 1,
            "grid": {"origin_ns": BEGIN, "interval_ns": 30 * 10**9, "chunk_epochs": 10, "size": 20},
            "profile": asdict(COMMON),
        }
    }


def test_the_group_of_a_file_says_of_which_and_is_no_series():
    told = file_attributes("canopy/a.nc")
    assert told == {MARK: {"kind": "file", "version": VERSION, "uri": "canopy/a.nc"}}
    assert (series_of(group(told)), is_virtual(group(told))) == (None, True)


@pytest.mark.parametrize("attributes", [{}, {MARK: "series"}, {MARK: None}, {MARK: {}}, {"kind": "series"}])
def test_any_other_group_is_no_series(attributes):
    assert series_in("canopy/v", attributes) is None
    assert is_virtual(group(attributes)) == (MARK in attributes)


def test_what_a_later_version_has_made_is_refused():
    told = series_attributes(SERIES)[MARK]
    check_version("canopy/v", told)
    for version in (VERSION + 1, "2.0", None):
        with pytest.raises(StoreError, match="'canopy/v'"):
            series_in("canopy/v", {MARK: {**told, "version": version}})


@pytest.mark.parametrize("lacking", ["profile", "grid"])
def test_a_series_that_lacks_something_is_told(lacking):
    told = dict(series_attributes(SERIES)[MARK])
    for wrong in ({name: value for name, value in told.items() if name != lacking}, {**told, lacking: {"x": 1}}):
        with pytest.raises(StoreError, match=f"group 'canopy/v': its attribute {MARK} is not what this program writes"):
            series_in("canopy/v", {MARK: wrong})

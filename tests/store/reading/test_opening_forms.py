"""A small group in every form that it can be opened in, and what else a repository may hold in its place."""

import shutil
from dataclasses import replace

import numpy as np
import pytest

from gnssice_batch.errors import StoreError
from gnssice_batch.model.template import NON_INDEX_COORDINATES
from gnssice_batch.model.values import Span
from gnssice_batch.storage.location import location
from gnssice_batch.store.layout.coverage import coverage_attributes
from gnssice_batch.store.layout.virtual_groups import MARK, file_attributes
from gnssice_batch.store.reading.opening import _dataset, group_at, open_dataset, opened_group, opened_repository
from gnssice_batch.store.reading.timeindex import RegularEpochIndex
from tests.support.small_stores import changing, made
from tests.support.templates import DAY_ONE_NS, UNIT, sids
from tests.support.templates import template as bare_template

INTERVAL_NS = 30 * 10**9
UNITS = 3
EPOCHS = UNITS * UNIT
FIRST, LAST = UNIT + 100, EPOCHS - 21
"""Epochs between which `part` holds anything."""
TIMES = np.datetime64("2025-01-01", "ns") + np.arange(EPOCHS) * np.timedelta64(30, "s")


def template(**words):
    return replace(bare_template(**words), attributes={"coordinates": " ".join(NON_INDEX_COORDINATES)})


def hold(group, first, last):
    """Say that a group holds something from one epoch to another."""
    span = Span(DAY_ONE_NS + first * INTERVAL_NS, DAY_ONE_NS + last * INTERVAL_NS)
    group.attrs.update(coverage_attributes(span))


@pytest.fixture(scope="module")
def url(tmp_path_factory):
    """Receivers that hold nothing, a part and all of their axis, groups of others, one that is virtual."""
    path = tmp_path_factory.mktemp("forms") / "site" / "rinex"
    made(
        path,
        *(template(units=UNITS, receiver=name) for name in ("X", "all", "part")),
        template(units=0, receiver="none"),
    )
    with changing(path) as root:
        hold(root["all"], 0, EPOCHS - 1)
        hold(root["part"], FIRST, LAST)
        root["part/SNR"][FIRST, 1] = np.float32(45)
        root["part/LLI"][FIRST, 1] = np.int8(2)
        root["part/epoch"][5] = np.iinfo(np.int64).max
        for name, attributes in (("weather", {}), ("one", file_attributes("a.nc"))):
            group = root.create_group(name, attributes=attributes)
            group.create_array("rain", data=np.arange(6), chunks=(2,), dimension_names=("hour",))
    return str(path)


@pytest.fixture(scope="module")
def one(tmp_path_factory):
    """A repository of one receiver, and its version."""
    path = tmp_path_factory.mktemp("one") / "rinex"
    return path, made(path, template())


@pytest.fixture
def copy(one, tmp_path):
    """A copy of it, which a test may change."""
    return shutil.copytree(one[0], tmp_path / "rinex")


class TestSpan:
    def test_of_an_axis_without_epochs_is_empty(self, url):
        found = open_dataset(url, "none")
        assert (found.sizes["epoch"], found.SNR.shape) == (0, (0, 3))

    def test_is_that_of_the_data(self, url):
        size = LAST + 1 - FIRST
        part = open_dataset(url, "part", chunks=None, pandas_limit=size)
        np.testing.assert_array_equal(part.epoch.values, TIMES[FIRST : LAST + 1])
        assert (part.SNR[0, 1], part.LLI[0, 1], part.SNR.chunks) == (45, 2, None)
        assert part.attrs["time_coverage_start"] == "2025-01-01T06:50:00.000000000"
        assert not isinstance(part.xindexes["epoch"], RegularEpochIndex)
        wanted = (UNIT - 100, UNIT - 20)
        assert part.SNR.encoding["preferred_chunks"] == {"epoch": wanted, "sid": 64}
        assert part.epoch_flag.encoding["preferred_chunks"] == {"epoch": wanted}
        assert "preferred_chunks" not in part.sv.encoding

    def test_is_the_whole_axis_where_that_is_asked_for(self, url):
        whole = open_dataset(url, "part", trim=False, chunks=None)
        np.testing.assert_array_equal(whole.epoch.values, TIMES)
        assert "time_coverage_start" in whole.attrs
        assert whole.SNR.encoding["preferred_chunks"] == {"epoch": (UNIT,) * 3, "sid": 64}

    def test_is_the_whole_axis_where_it_is_held(self, url):
        size = LAST + 1 - FIRST
        found = open_dataset(url, "all", pandas_limit=size, chunks={"epoch": 2 * UNIT})
        np.testing.assert_array_equal(found.epoch.values, TIMES)
        assert found.attrs["time_coverage_end"] == "2025-01-01T17:59:30.000000000"
        assert isinstance(found.xindexes["epoch"], RegularEpochIndex)
        assert found.SNR.chunks == ((2 * UNIT, UNIT), (3,))

    def test_is_the_whole_axis_where_nothing_is_said_of_it(self, url):
        found = open_dataset(url, "X", chunks=None)
        np.testing.assert_array_equal(found.epoch.values, TIMES)
        assert "time_coverage_end" not in found.attrs
        assert found.SNR.encoding["preferred_chunks"] == {"epoch": (UNIT,) * 3, "sid": 64}


class TestForm:
    def test_is_the_store_s_own_if_nothing_is_asked_for(self, url):
        found = open_dataset(url, "part")
        assert list(found.data_vars) == ["SNR", "Pseudorange", "Phase", "Doppler", "LLI", "SSI"]
        assert (found.LLI.dtype, found.sv.dtype.kind) == (np.int8, "U")
        assert found.sid.values.tolist() == sids(3)
        assert {"epoch_flag", "source_file"} <= set(found.coords)
        assert found.epoch.encoding == {
            "dtype": np.dtype("int64"),
            "units": "nanoseconds since 1980-01-06T00:00:00",
            "calendar": "proleptic_gregorian",
        }
        assert not {"units", "calendar"} & set(found.epoch.attrs)
        assert found.encoding["source"] == location(url).url
        assert found.SNR.chunks == ((UNIT - 100, UNIT - 20), (3,))
        assert not any({"chunks", "shards", "preferred_chunks"} & set(one.encoding) for one in found.variables.values())

    @pytest.mark.parametrize(
        ("wish", "holds"),
        [
            ({"sids": ["G09|L1|C", "G01|L1|W"]}, lambda found: found.LLI[0].values.tolist() == [-1, 2]),
            ({"mask": True}, lambda found: found.LLI.dtype == np.float32),
            ({"per_epoch": False}, lambda found: not {"epoch_flag", "source_file"} & set(found.coords)),
            ({"text_objects": True}, lambda found: found.sv.dtype == object),
        ],
        ids=["sids", "mask", "per_epoch", "text_objects"],
    )
    def test_is_what_is_asked_for_and_nothing_else(self, url, wish, holds):
        found = open_dataset(url, "part", chunks=None, **wish)
        assert holds(found)
        own = {
            "sids": found.sizes["sid"] == 3,
            "mask": found.LLI.dtype == np.int8,
            "per_epoch": "epoch_flag" in found.coords,
            "text_objects": found.sv.dtype.kind == "U",
        }
        assert {name for name, is_own in own.items() if not is_own} == set(wish)

    def test_arrays_of_others_along_the_axes_come_behind(self, copy):
        with changing(copy) as root:
            root["rec"].create_array(
                "Azimuth", shape=(2 * UNIT, 3), chunks=(UNIT, 64), dtype="float32", dimension_names=("epoch", "sid")
            )
            del root["rec/Phase"]
        found = open_dataset(str(copy), "rec", chunks=None)
        assert list(found.data_vars) == ["SNR", "Pseudorange", "Doppler", "LLI", "SSI", "Azimuth"]


def test_in_an_object_store_several_write_units_are_one_chunk(url):
    """Their answers are waited for together; what is opened here is on a disk all the same."""
    session, group = opened_group(opened_repository(location(url)), "part", None, "main")
    far = location("s3://bucket/site/rinex")
    cut, whole = (_dataset(session, group, far, each, pandas_limit=0, trim=False) for each in ("auto", None))
    assert cut.SNR.chunks == ((3 * UNIT,), (3,))
    assert whole.SNR.encoding["preferred_chunks"] == {"epoch": (3 * UNIT,), "sid": 64}
    assert cut.encoding["source"] == "s3://bucket/site/rinex"


class TestOtherGroups:
    def test_that_are_virtual_are_given_as_they_are(self, url):
        found = open_dataset(url, "one")
        assert (found.rain.values.tolist(), found.rain.chunks) == ([0, 1, 2, 3, 4, 5], ((2, 2, 2),))
        assert open_dataset(url, "one", chunks=None).rain.chunks is None
        assert open_dataset(url, "one", chunks={"hour": 4}).rain.chunks == ((4, 2),)
        assert MARK not in found.attrs

    def test_of_other_programs_are_given_as_they_are_with_a_warning(self, url):
        for chunks, wanted in (("auto", ((2, 2, 2),)), (None, None), ({"hour": 4}, ((4, 2),))):
            with pytest.warns(UserWarning, match="'weather' of .* was not made by gnssice-batch: it is given as it is"):
                found = open_dataset(url, "weather", chunks=chunks)
            assert (found.rain.values.tolist(), found.rain.chunks) == ([0, 1, 2, 3, 4, 5], wanted)

    @pytest.mark.parametrize(
        ("name", "wish"), [("sids", ["G01|L1|C"]), ("mask", True), ("per_epoch", False), ("text_objects", True)]
    )
    def test_of_other_programs_take_no_form(self, url, name, wish):
        with pytest.raises(StoreError, match=rf"can only be had as they are, leave out {name}$"):
            open_dataset(url, "weather", **{name: wish})

    def test_arrays_in_no_group_are_given_as_they_are(self, copy):
        with changing(copy) as root:
            root.create_array("rain", data=np.arange(3), dimension_names=("hour",))
        with pytest.warns(UserWarning, match="the root of .* was not made by gnssice-batch"):
            assert open_dataset(str(copy)).rain.values.tolist() == [0, 1, 2]

    def test_are_had_as_zarr_has_them_at_any_version(self, url):
        assert group_at(url, "part", None, "main", None).attrs["first_epoch_ns"] == DAY_ONE_NS + FIRST * INTERVAL_NS
        with pytest.raises(StoreError, match=r"no group 'weather'; it has X, all, none, part$"):
            group_at(url, "weather", 1, "main", None)


class TestRefusals:
    @pytest.mark.parametrize("group", ["", "/", "//"])
    def test_without_a_group_it_says_which_there_are(self, url, group):
        wanted = f"the repository has no group '{group}'" if group else "say which receiver"
        with pytest.raises(StoreError, match=rf"^{wanted}; it has X, all, none, part, one, weather$"):
            open_dataset(url, group)

    def test_of_an_array_in_place_of_a_group(self, url):
        with pytest.raises(StoreError, match=r"^the repository has no group 'part/SNR'; it has X, "):
            open_dataset(url, "part/SNR")

    def test_where_there_is_no_group_at_all(self, tmp_path):
        made(tmp_path / "rinex")
        with changing(tmp_path / "rinex") as root:
            root.attrs["title"] = "nothing yet"
        with pytest.raises(StoreError, match=r"^say which receiver; it has none$"):
            open_dataset(str(tmp_path / "rinex"))

    def test_of_an_empty_repository(self, copy):
        first = list(opened_repository(location(str(copy))).handle.ancestry(branch="main"))[-1].id
        with pytest.raises(StoreError, match=r"^the repository is empty: nothing was published in this version$"):
            open_dataset(str(copy), "rec", first)

    def test_of_a_branch_that_is_not_there(self, url):
        with pytest.raises(StoreError, match=r"has no branch 'trial'; it has main$"):
            open_dataset(url, "part", branch="trial")

    def test_says_what_lies_beside_a_repository_that_is_not_there(self, tmp_path):
        for name in ("m", "c", "z", "a", "k", ".hidden"):
            (tmp_path / name).mkdir()
        with pytest.raises(StoreError, match=rf"^there is no repository at .*; {tmp_path} holds a, c, k, m, z$"):
            open_dataset(str(tmp_path / "b" / "rinex"), "rec")
        with pytest.raises(StoreError, match=rf"; {tmp_path / 'a'} holds nothing$"):
            open_dataset(str(tmp_path / "a" / "rinex"), "rec")

    @pytest.mark.parametrize("position", [0, 2 * UNIT - 1])
    def test_of_an_axis_whose_ends_contradict_its_rule(self, copy, position):
        with changing(copy) as root:
            root["rec/epoch"][position] = np.int64(7)
        with pytest.raises(StoreError, match=r"group 'rec': the stored epochs \[.*\] are not those of its origin"):
            open_dataset(str(copy), "rec")

    def test_of_epochs_that_are_more_than_the_rows(self, copy):
        with changing(copy) as root:
            root["rec/epoch"].resize((3 * UNIT,))
        with pytest.raises(StoreError, match="are not those of its origin"):
            open_dataset(str(copy), "rec")

    def test_names_the_version_of_which_a_part_is_lost(self, one, copy):
        for lost in (copy / "manifests").iterdir():
            lost.unlink()
        with pytest.raises(StoreError, match=f"is damaged, version {one[1]} can't be read in manifests/"):
            open_dataset(str(copy), "rec")

    def test_of_a_repository_whose_versions_are_lost_after_it_was_opened(self, copy):
        repository = opened_repository(location(str(copy)))
        (copy / "repo").unlink()
        with pytest.raises(StoreError, match=rf"^the repository {repository.url} can't be read: "):
            opened_group(repository, "rec", None, "main")

    def test_names_the_version_that_is_lost_itself(self, one, copy):
        (copy / "snapshots" / one[1]).unlink()
        with pytest.raises(StoreError, match=f"is damaged, version {one[1]} can't be read "):
            open_dataset(str(copy), "rec")


def test_a_later_write_is_not_seen_by_a_dataset_that_is_open(copy):
    found = open_dataset(str(copy), "rec", chunks=None)
    with changing(copy) as root:
        root["rec/SNR"][0, 0] = np.float32(30)
    assert np.isnan(found.SNR.values[0, 0])
    assert open_dataset(str(copy), "rec", chunks=None).SNR.values[0, 0] == 30

"""A group's template is read back from its arrays and attributes as it was."""

from dataclasses import replace

import numpy as np
import pytest
import zarr

from gnssice_batch.errors import StoreError
from gnssice_batch.model.grid import SECOND_NS
from gnssice_batch.model.template import (
    EPOCH_COORDINATES,
    JOINED,
    LAYOUT_VERSION,
    OLDER_LAYOUTS,
    RINEX,
    SID_COORDINATES,
    VARIABLES,
    signal_axis,
    signal_columns,
)
from gnssice_batch.model.vod_contents import VOD
from gnssice_batch.store.layout.arrays import (
    array,
    check_layout,
    contents_of,
    create_arrays,
    joined_cells,
    layout_attributes,
    read_template,
    read_together,
)
from gnssice_batch.store.layout.codecs import stored_codecs
from tests.support.templates import template

SPECS = (*VARIABLES, *EPOCH_COORDINATES, *SID_COORDINATES)
SIDS = ("E01|E1|C", "G01|L1|C", "R01|G1|C", "R02|G1|C", "R02|G3|Q", "R03|G3|Q")


def stored(made, specs=(*SPECS, *JOINED)):
    group = zarr.create_group(zarr.storage.MemoryStore(), path=made.receiver)
    group.create_group("metadata").create_group("joined")
    create_arrays(group, specs, made)
    for name, column in signal_columns(made.axis.sids, made.channels).items():
        group[name][:] = column
    group.attrs.update({**made.attributes, **layout_attributes(made)})
    return group


@pytest.mark.parametrize("tolerance_ns", [None, 0, 1_500_000])
@pytest.mark.parametrize("profile", ["default", "compact"])
def test_it_is_the_same(profile, tolerance_ns):
    made = replace(template(profile=profile), tolerance_ns=tolerance_ns, algorithm="gzip", level=3, joins=True)
    assert read_template(stored(made)) == made


def test_a_group_without_arrays_of_joins_has_none():
    assert read_template(stored(template(), SPECS)).joins is False


def test_channels_are_those_of_glonass_satellites_that_have_one():
    made = replace(template(), axis=signal_axis(SIDS), channels={"R01": 1, "R02": -4})
    assert read_template(stored(made)).channels == {"R01": 1, "R02": -4}
    without = replace(made, axis=signal_axis(SIDS[:2]), channels={})
    assert read_template(stored(without)).channels == {}


def test_attributes_tell_the_grid_in_seconds_and_in_nanoseconds():
    made = template()
    grid = replace(made.grid, phase_ns=7 * SECOND_NS)
    told = layout_attributes(replace(made, grid=grid, tolerance_ns=5_000_000))
    assert told == {
        "layout_version": LAYOUT_VERSION,
        "interval_s": 30.0,
        "interval_ns": 30 * SECOND_NS,
        "phase_s": 7.0,
        "phase_ns": 7 * SECOND_NS,
        "origin_ns": grid.origin_ns,
        "encoding_profile": "default",
        "encoding_algorithm": "zstd",
        "encoding_level": 7,
        "tolerance_s": 0.005,
        "tolerance_ns": 5_000_000,
    }
    assert not {"tolerance_s", "tolerance_ns"} & layout_attributes(made).keys()


def test_only_layouts_that_are_known_are_gone_on_with():
    for version in (LAYOUT_VERSION, *OLDER_LAYOUTS):
        check_layout("rec", {"layout_version": version})
    with pytest.raises(StoreError, match="'rec' was not made by gnssice-batch: it says no layout version"):
        check_layout("rec", {})
    with pytest.raises(StoreError, match=rf"layout version {LAYOUT_VERSION + 1}, this program knows those up to"):
        check_layout("rec", {"layout_version": LAYOUT_VERSION + 1})


def test_an_array_that_is_not_there_or_is_a_group_is_told():
    group = stored(template())
    for name in ("nothing", "metadata"):
        with pytest.raises(StoreError, match=f"group 'rec' has no array '{name}'"):
            array(group, name)


def test_an_attribute_that_is_no_number_is_told():
    group = stored(template())
    group.attrs["origin_ns"] = "soon"
    with pytest.raises(StoreError, match="attribute 'origin_ns' is 'soon', not a whole number"):
        read_template(group)


def test_arrays_that_another_program_has_put_in_their_place_are_told():
    group = stored(template())
    made = group["SNR"]
    group.create_array("SNR", shape=made.shape, chunks=made.chunks, dtype="float32", overwrite=True)
    with pytest.raises(StoreError, match="the arrays of group 'rec' are not sharded"):
        read_template(group)


def test_what_is_told_of_joins_is_nothing_where_no_files_were_joined():
    made = template()
    group = stored(made)
    assert joined_cells(group, 0, made.grid.unit) == {}
    assert joined_cells(stored(made, SPECS), 0, made.grid.unit) == {}
    source = next(spec.name for spec in JOINED if spec.name.endswith("source_file"))
    group[source][made.grid.unit + 2, 1] = 5
    assert joined_cells(group, 0, made.grid.unit) == {}
    found = joined_cells(group, made.grid.unit, made.grid.unit)
    assert found.keys() == {spec.name for spec in JOINED}
    assert np.argwhere(found[source] == 5).tolist() == [[2, 1]]


def test_a_group_of_vod_is_the_same_and_says_what_it_holds():
    made = replace(template(), contents=VOD, joins=True)
    assert layout_attributes(made)["product"] == "vod"
    found = read_template(stored(made, VOD.arrays))
    assert found == made
    assert found.contents is VOD


def test_a_group_holds_observations_unless_it_says_another_product_that_is_known():
    assert contents_of("rec", {}) is RINEX
    assert contents_of("rec", {"product": "rinex"}) is RINEX
    assert contents_of("rec", {"product": "vod"}) is VOD
    with pytest.raises(StoreError, match="group 'rec' holds 'tec', which this program does not know: use the version"):
        contents_of("rec", {"product": "tec"})


def test_a_group_of_a_later_layout_is_not_read():
    group = stored(template())
    group.attrs["layout_version"] = LAYOUT_VERSION + 1
    with pytest.raises(StoreError, match="nothing was changed"):
        read_template(group)


def test_rows_of_several_arrays_are_read_signal_by_signal():
    group = stored(template())
    group["SNR"][3] = 44
    group["LLI"][4] = 1
    found = read_together(group, ("SNR", "LLI"), slice(3, 5))
    assert list(found) == ["SNR", "LLI"]
    assert found["SNR"][0].tolist() == [44] * found["SNR"].shape[1]
    assert found["LLI"][:, 0].tolist() == [-1, 1]
    assert all(cells.flags.f_contiguous and not cells.flags.c_contiguous for cells in found.values())


@pytest.mark.parametrize("algorithm", ["zstd", "gzip"])
def test_arrays_are_stored_by_the_template_s_algorithm_and_level(algorithm):
    made = replace(template(), algorithm=algorithm, level=4)
    found = stored_codecs(array(stored(made), "SNR"))
    assert (found[-1].name, found[-1].level) == (algorithm, 4)

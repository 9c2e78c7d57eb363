"""The stored chunks of a small group, counted by write unit and array, and those of them that do not decode."""

from dataclasses import replace

import numpy as np
import pytest

from gnssice_batch.store.reading.cells import cells_in
from gnssice_batch.store.reading.scanning import chunks_by_unit, damage_beside, damage_in
from gnssice_batch.store.repository import open_repository
from tests.support.small_groups import committed, made_group, spoil_chunk
from tests.support.templates import template

MADE = replace(template(units=3), grid=replace(template(units=3).grid, read_unit=180))
BARE = replace(MADE, receiver="bare", joins=False)
EPOCH_CHUNKS = 12
OF_SIGNALS = 8
"""``sid sv system band code`` and three frequencies; no signal has a channel."""


def begun(root):
    for made in (MADE, BARE):
        group = made_group(root, made, [{"uri": "a.rnx", "status": "ok"}])
        group["epoch"][:] = np.arange(3 * 720)
        group["source_file"][:360] = 0
        group["source_file"][720] = 0
        group["SNR"][730] = 40
        group["SNR"][1500] = 40
        if made.joins:
            group["metadata/joined/source_file"][1500, 0] = 0


def spoilt(root):
    group = root["rec"]
    for name, index in (("SNR", (1, 0)), ("SNR", (2, 0)), ("epoch", (3,)), ("freq_min", (0,))):
        spoil_chunk(group, name, index)
    spoil_chunk(group, "metadata/joined/source_file", (2, 0))


@pytest.fixture(scope="module")
def stored(tmp_path_factory):
    repository = open_repository(str(tmp_path_factory.mktemp("scanning") / "rinex"))
    versions = [committed(repository, change) for change in (begun, spoilt)]
    return lambda version, receiver: cells_in(repository, versions[version], receiver)


def test_chunks_are_counted_by_unit_and_array(stored):
    bare = {0: {"source_file": 2}, 1: {"source_file": 1, "SNR": 1}, 2: {"SNR": 1}}
    assert chunks_by_unit(stored(0, "bare")) == bare
    assert chunks_by_unit(stored(0, "rec")) == bare | {2: {"SNR": 1, "metadata/joined/source_file": 1}}


def test_chunks_of_arrays_that_files_do_not_fill_are_counted_once(stored):
    assert damage_beside(stored(0, "rec")) == (EPOCH_CHUNKS + OF_SIGNALS + 1, [])


def told(damages):
    return [(each.array, each.unit) for each in damages]


def test_damage_of_a_unit_is_of_that_unit_and_of_the_arrays_that_are_named(stored):
    spoilt = stored(1, "rec")
    assert told(damage_in(spoilt, 0, {"SNR": 1})) == []
    assert told(damage_in(spoilt, 1, {"SNR": 1, "Phase": 1})) == [("SNR", 1)]
    assert told(damage_in(spoilt, 2, {"SNR": 1})) == [("SNR", 2)]
    assert told(damage_in(spoilt, 2, {"source_file": 1})) == []
    assert told(damage_in(spoilt, 2, {"metadata/joined/source_file": 1})) == [("metadata/joined/source_file", 2)]


def test_damage_beside_is_of_arrays_that_files_do_not_fill(stored):
    count, damages = damage_beside(stored(1, "rec"))
    assert count == EPOCH_CHUNKS + OF_SIGNALS + 1
    assert sorted(told(damages), key=str) == [("epoch", 0), ("freq_min", None)]

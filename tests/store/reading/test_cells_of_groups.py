"""Cells of a small group: what is read of a span of its axis, and what of it can't be."""

from dataclasses import replace

import numpy as np
import pytest
import zarr

from gnssice_batch.errors import StoreError
from gnssice_batch.model.template import EPOCH_COORDINATES, OBSERVED_COORDINATES, VARIABLES
from gnssice_batch.store.forks import fork_bytes
from gnssice_batch.store.reading import cells as module
from gnssice_batch.store.reading.cells import cells_in, cells_of_fork, cells_of_snapshot
from gnssice_batch.store.repository import open_repository
from tests.support.small_groups import committed, made_group, spoil_chunk
from tests.support.templates import UNIT, template

MADE = replace(template(units=3), grid=replace(template(units=3).grid, read_unit=180))
BARE = replace(MADE, receiver="bare", joins=False)
ROW = {"uri": "a.rnx", "status": "ok", "epochs_written": 4}
SOURCES = [7, -1, 0, 0, 1, 2, 3, 9]
"""At epochs 716 to 723, so that both units have some."""


def begun(root):
    group = made_group(root, MADE, [ROW])
    group["SNR"][:720] = np.arange(720 * 3).reshape(720, 3)
    group["source_file"][716:724] = SOURCES
    group["metadata/joined/source_file"][720, 1] = 4
    group["metadata/joined/epoch_flag"][720, 1] = 1
    made_group(root, BARE, [ROW])["source_file"][:2] = [0, 1]


@pytest.fixture(scope="module")
def stored(tmp_path_factory):
    """A repository, its versions: begun, and with chunks that do not decode."""
    repository = open_repository(str(tmp_path_factory.mktemp("cells") / "rinex"))

    def spoilt(root):
        for name in ("SNR", "metadata/joined/source_file"):
            spoil_chunk(root["rec"], name, (1, 0))
        spoil_chunk(root["bare"], "SNR", (1, 0))

    return repository, [committed(repository, change) for change in (begun, spoilt)]


@pytest.fixture
def cells(stored):
    repository, versions = stored
    return cells_in(repository, versions[0], "rec")


@pytest.fixture
def bare(stored):
    repository, versions = stored
    return cells_in(repository, versions[0], "bare")


@pytest.fixture
def spoilt(stored):
    repository, versions = stored
    return cells_in(repository, versions[1], "rec")


def test_a_group_is_read_with_its_template(cells, stored):
    assert (cells.template, cells.group.path) == (MADE, "rec")
    repository, versions = stored
    assert cells_of_snapshot(repository.url, versions[0], "bare").template == BARE


def test_every_variable_and_coordinate_of_a_span_is_read(cells):
    found = cells.read(range(600, 730))
    assert found.keys() == {spec.name for spec in (*VARIABLES, *EPOCH_COORDINATES)}
    assert found["SNR"].shape == (130, 3)
    assert found["SNR"].flags.f_contiguous
    assert found["SNR"][5].tolist() == [1815, 1816, 1817]
    assert np.isnan(found["SNR"][120:]).all()
    assert found["source_file"][116:124].tolist() == SOURCES


def test_what_is_not_needed_is_not_read(spoilt):
    with pytest.raises(StoreError, match="SNR"):
        spoilt.read(range(720, 730))
    found = spoilt.read(range(720, 730), without=("SNR", "LLI"))
    assert found.keys() == {spec.name for spec in (*VARIABLES, *EPOCH_COORDINATES)} - {"SNR", "LLI"}


def test_signals_of_other_files_are_told_where_there_are_any(cells):
    assert cells.joined(range(720)) == {}
    assert cells.joined_sources(range(720)) is None
    found = cells.joined(range(719, 722))
    assert found.keys() == set(OBSERVED_COORDINATES)
    assert found["source_file"].tolist() == [[-1, -1, -1], [-1, 4, -1], [-1, -1, -1]]
    assert found["epoch_flag"][1].tolist() == [-1, 1, -1]
    sources = cells.joined_sources(range(720, 721))
    assert (sources.tolist(), sources.dtype) == ([[-1, 4, -1]], np.int32)


def test_sources_are_told_of_one_span_or_of_several(cells):
    found = cells.sources(range(716, 724))
    assert (found.tolist(), found.dtype) == (SOURCES, np.int32)
    assert [part.tolist() for part in cells.sources_of([range(717, 719), range(723, 725)])] == [[-1, 0], [9, -1]]


@pytest.mark.parametrize("at_once", [3, 1 << 21])
def test_epochs_are_counted_by_row_and_last_those_of_rows_that_are_not_there(cells, monkeypatch, at_once):
    monkeypatch.setattr(module, "_EPOCHS_AT_ONCE", at_once)
    assert cells.epochs_by_row(4, [range(716, 724)]).tolist() == [2, 1, 1, 1, 2]
    assert cells.epochs_by_row(2, [range(716, 719), range(720, 723)]).tolist() == [1, 1, 3]
    assert cells.epochs_by_row(12, [range(718, 720)]).tolist() == [2, *[0] * 12]
    assert cells.epochs_by_row(2, []).tolist() == [0, 0, 0]


def test_what_is_stored_is_told_by_read_units_as_it_is_encoded(cells, bare):
    first, second = cells.encoded(0), cells.encoded(1)
    arrays = len(VARIABLES) + 2 * len(OBSERVED_COORDINATES)
    assert [len(parts) for parts in first] == [len(parts) for parts in second] == [arrays] * (UNIT // 180)
    held = [[at for at, part in enumerate(parts) if part] for parts in first]
    snr, source = 0, len(VARIABLES)
    assert held == [[snr], [snr], [snr], [snr, source]]
    joined = len(VARIABLES) + len(OBSERVED_COORDINATES)
    assert [at for at, part in enumerate(second[0]) if part] == [source, joined, joined + 1]
    assert not any(part for parts in second[1:] for part in parts)
    assert [len(parts) for parts in bare.encoded(0)] == [arrays - len(OBSERVED_COORDINATES)] * (UNIT // 180)


def damaged(cells, span, *names):
    return [(each.array, each.unit) for each in cells.damage(span, *names)]


def test_damage_is_told_of_all_arrays_or_of_those_that_are_named(spoilt):
    assert damaged(spoilt, range(2 * UNIT)) == [("SNR", 1), ("metadata/joined/source_file", 1)]
    assert damaged(spoilt, range(UNIT)) == []
    assert damaged(spoilt, range(2 * UNIT), ["Phase", "metadata/joined/source_file"]) == [
        ("metadata/joined/source_file", 1)
    ]
    assert damaged(spoilt, range(2 * UNIT), ["Phase"]) == []


def test_damage_is_told_of_a_group_without_joins_too(stored):
    repository, versions = stored
    assert damaged(cells_in(repository, versions[1], "bare"), range(2 * UNIT)) == [("SNR", 1)]


def test_columns_of_its_ledger_are_read(cells):
    found = cells.ledger(["uri", "epochs_written"])
    assert {name: column.tolist() for name, column in found.items()} == {"uri": ["a.rnx"], "epochs_written": [4]}


def test_a_fork_is_read_as_it_has_been_written(stored):
    repository, _ = stored
    fork = repository.handle.writable_session("main").fork()
    zarr.open_group(fork.store, path="rec")["source_file"][:2] = [5, 6]
    assert cells_of_fork(fork_bytes(fork), "rec").sources(range(3)).tolist() == [5, 6, -1]

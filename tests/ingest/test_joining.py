"""Files laid into one block, in any order and run after run, against the plain model of what it holds then."""

from dataclasses import replace
from itertools import permutations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gnssice_batch.errors import Reason
from gnssice_batch.ingest.align import (
    Bounds,
    beside_earlier_parts,
    block_of,
    empty_block,
    empty_slots,
    fill_block,
    place,
)
from gnssice_batch.ingest.joining import contested_slots, join_block, standing
from gnssice_batch.ingest.tallies import given_by_source
from gnssice_batch.model.grid import SECOND_NS, empty_grid
from gnssice_batch.model.template import JOINED, VARIABLES
from gnssice_batch.model.values import NO_SOURCE, Strategy, Tally, rank
from gnssice_batch.rinex import read, signals
from tests.support.joined import FILES, STEP_S, Model, Sparse
from tests.support.runs import DAY_ONE_S

GRID = empty_grid(STEP_S * SECOND_NS, 0, 144, DAY_ONE_S * SECOND_NS)
BOUNDS = Bounds(0, 2 * DAY_ONE_S * SECOND_NS, 20_000_000_000)
SIDS = ("E05|E1|X", "G01|L1|C", "G01|L2|W", "G02|L1|C", "G02|L2|W")
PLACES = {sid: place for place, sid in enumerate(SIDS)}
EPOCHS = 4
KINDS = {"SNR": "S", "Pseudorange": "C", "Phase": "L"}


def rank_of(file, *, current=True):
    intact, signals, version, epochs, _ = file.rank
    return rank(signals, version, epochs, file.sha256, current=current, intact=intact)


def lay(block, file, source, ranks, strategy):
    """Lay one file as a partition does."""
    (part,) = read(file.content).parts
    placement = place(part, GRID, 0, EPOCHS, BOUNDS)
    ranks[source], places = rank_of(file), {sid: PLACES[sid] for sid in signals(part)}
    fill_block(block, part, placement, empty_slots(block, placement.slot), source, places)
    contested = contested_slots(block, np.where(block.source[placement.slot] == source, -1, placement.slot), strategy)
    join_block(block, part, placement, contested, standing(source, ranks, strategy), places)


def stored_again(block, rows):
    """The block as it is read back, the files of the run by their ledger rows."""
    source = block.source.copy()
    joined = {name: cells.copy() for name, cells in block.joined.items()}
    for cells in (source, *(joined[name] for name in joined if name == "source_file")):
        for number, row in rows.items():
            cells[cells == number] = row
    coordinates = {
        "source_file": source,
        "epoch_flag": block.epoch_flag,
        "rx_clock_offset": block.rx_clock_offset,
        "epoch_offset": block.epoch_offset,
    }
    by_path = {spec.name: joined[spec.name.rpartition("/")[2]] for spec in JOINED if joined}
    return block_of(0, block.arrays, coordinates, by_path)


def runs(batches, strategy, replaced=()):
    """Lay batch after batch; return the block and the file of every source in it."""
    block, files = empty_block(0, EPOCHS, len(SIDS)), {}
    for batch in batches:
        gone = {id(file) for file in (replaced if batch is batches[-1] else ())}
        ranks = {row: rank_of(file, current=id(file) not in gone) for row, file in files.items()}
        numbers = {-2 - index: file for index, file in enumerate(batch)}
        for number, file in numbers.items():
            lay(block, file, number, ranks, strategy)
        rows = {number: len(files) + index for index, number in enumerate(numbers)}
        files |= {rows[number]: file for number, file in numbers.items()}
        block = stored_again(block, rows)
    return block, files


def contents(block, files):
    """Per epoch the content that it is from, and per signal the content and the values."""
    joined = block.joined.get("source_file", np.full((EPOCHS, len(SIDS)), NO_SOURCE))
    held = {}
    for number in np.flatnonzero(block.source != NO_SOURCE).tolist():
        cells = {}
        for sid, place_ in PLACES.items():
            values = {kind: block.arrays[name][number, place_] for name, kind in KINDS.items()}
            cell = {kind: round(1000 * float(value)) for kind, value in values.items() if np.isfinite(value)}
            slip = "L" not in cell and block.arrays["LLI"][number, place_] == 1
            if cell or slip:
                row = joined[number, place_]
                source = block.source[number] if row == NO_SOURCE else row
                cells[sid] = (files[source].sha256, {**cell, **({"L": 0} if slip else {})})
            else:
                assert joined[number, place_] == NO_SOURCE
        held[number] = (files[block.source[number]].sha256, cells)
    return held


def modelled(model):
    return {
        number: (held.source.sha256, {sid: (file.sha256, dict(cell)) for sid, (file, cell) in held.cells.items()})
        for number, held in model.held.items()
    }


def check_tallies(block, files):
    joined = block.joined.get("source_file", np.full((EPOCHS, len(SIDS)), NO_SOURCE))
    holder = np.where(joined == NO_SOURCE, block.source[:, None], joined)
    values = sum(np.isfinite(block.arrays[spec.name]).astype(int) for spec in VARIABLES[:4])
    np.testing.assert_array_equal(block.values, values.sum(axis=1))
    main = {row: block.source == row for row in files}
    guest = {row: (joined == row).any(axis=1) for row in files}
    expected = {row: Tally(int((main[row] | guest[row]).sum()), int(values[holder == row].sum())) for row in files}
    assert given_by_source(block).tallies == {row: tally for row, tally in expected.items() if tally.epochs}
    assert given_by_source(block).joined == {row: int(each.sum()) for row, each in guest.items() if each.any()}


@pytest.mark.heavy
@settings(max_examples=60, deadline=None)
@given(st.lists(FILES, min_size=1, max_size=3, unique_by=lambda file: file.sha256))
def test_any_order_in_one_run_or_many_gives_every_cell_of_the_best_file_that_has_it(files):
    model = Model("best")
    model.run(files)
    expected = modelled(model)
    for order in permutations(files):
        for batches in ([order], [[file] for file in order], [order[:1], order[1:]]):
            block, of = runs([batch for batch in batches if batch], Strategy.BEST)
            assert contents(block, of) == expected
            check_tallies(block, of)


@pytest.mark.heavy
@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from(Strategy),
    st.lists(FILES, min_size=1, max_size=3, unique_by=lambda file: file.sha256),
    st.lists(FILES, min_size=1, max_size=3, unique_by=lambda file: file.sha256),
    st.booleans(),
    st.booleans(),
)
def test_what_a_run_does_to_epochs_that_were_there(strategy, before, files, replaced, again):
    """Whatever the strategy, some content replaced or not, some of it back under other names or not."""
    files = [*files, *before[:again]]
    gone = before[-1:] if replaced else []
    model = Model("skip" if strategy is Strategy.APPEND else str(strategy))
    model.run(before)
    model.run(files, gone)
    expected = modelled(model)
    for order in permutations(files):
        block, of = runs([before, order], strategy, gone)
        assert contents(block, of) == expected
        check_tallies(block, of)


def test_a_signal_of_another_file_keeps_its_own_time_flag_and_clock():
    """Two files of one mark of the grid, tagged 14 s apart; whichever comes first."""
    late = Sparse({0: {"G01": {"C1C": 21_000_000}}})
    early = Sparse({0: {"G02": {"C1C": 22_000_000, "L1C": 23_000_000}}})
    tagged = late.content.replace(b"00  0.0000000  0  1", b"00 14.0000000  1  1      -0.000000000007")
    for order in ((0, 1), (1, 0)):
        block, ranks = empty_block(0, EPOCHS, len(SIDS)), {}
        for number in order:
            (part,) = read(tagged if number == 0 else early.content).parts
            placement, source = place(part, GRID, 0, EPOCHS, BOUNDS), -2 - number
            ranks[source] = rank_of((late, early)[number])
            empty = empty_slots(block, placement.slot)
            fill_block(block, part, placement, empty, source, PLACES)
            contested = contested_slots(block, np.where(empty < 0, placement.slot, -1), Strategy.BEST)
            join_block(block, part, placement, contested, standing(source, ranks, Strategy.BEST), PLACES)
        assert (block.source[0], block.epoch_flag[0], block.epoch_offset[0]) == (-3, 0, 0.0)
        assert np.isnan(block.rx_clock_offset[0])
        its = {name: cells[0, PLACES["G01|L1|C"]] for name, cells in block.joined.items()}
        assert its == {"source_file": -2, "epoch_flag": 1, "rx_clock_offset": -7e-12, "epoch_offset": 14.0}
        assert (block.joined["source_file"][1:] == NO_SOURCE).all()


def test_nothing_is_made_for_joins_where_there_are_none():
    """Not for a file that has less, nor for one that has more."""
    few, many = (Sparse({0: {sv: {"C1C": 21_000_000} for sv in svs}}) for svs in (["G01"], ["G01", "G02"]))
    for order in ([few, many], [many, few]):
        block, of = runs([order], Strategy.BEST)
        better = max(order, key=lambda file: file.rank)
        assert bool(block.joined) == (better is few)
        assert len(contents(block, of)[0][1]) == 2


@pytest.mark.parametrize("second", [0.0, 0.5])
def test_parts_of_one_file_are_joined_where_they_have_the_same_time(second):
    offset_ps = np.full(EPOCHS, np.iinfo(np.int64).min)
    first = Sparse({0: {"G01": {"C1C": 21_000_000}}, 1: {"G01": {"C1C": 21_000_000}}})
    (part,) = read(first.content).parts
    placement = beside_earlier_parts(place(part, GRID, 0, EPOCHS, BOUNDS), offset_ps)
    assert (placement.placed, placement.refused) == (Tally(2, 2), {})
    (part,) = read(first.content.replace(b" 0.0000000  0", b" %.7f  0" % second)).parts
    placement = beside_earlier_parts(place(part, GRID, 0, EPOCHS, BOUNDS), offset_ps)
    if second:
        assert (placement.placed, placement.refused) == (Tally(), {Reason.DUPLICATE_EPOCH: Tally(2, 2)})
        assert placement.slot.tolist() == [-1, -1]
    else:
        assert (placement.placed, placement.refused) == (Tally(0, 2), {Reason.JOINED_EPOCH: Tally(2, 0)})
        assert placement.slot.tolist() == [0, 1]


def test_ranks_of_damaged_files_are_below_all_that_are_whole():
    one = rank(9, "4.02", 2880, "00")
    assert rank(1, "2.10", 1, "ff") > replace(one, intact=False)
    assert replace(one, intact=False) > replace(one, current=False)

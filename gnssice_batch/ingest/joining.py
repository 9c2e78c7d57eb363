"""Files of one epoch joined signal by signal: every cell is from the best file that gives it."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from gnssice_batch.ingest.align import Block, Placement, told_of_epochs
from gnssice_batch.model.template import JOINED, VALUES, VARIABLES, joined_name
from gnssice_batch.model.values import NO_SOURCE, Rank, Strategy
from gnssice_batch.rinex.observations.dense import Targets, scatter_row, targets
from gnssice_batch.rinex.observations.values import Observations, Rows, rows_of
from gnssice_batch.rinex.primitives.jit import inlined, kernel

_EMPTY = NO_SOURCE
_PLACEHOLDER = (2, 2)
"""Shape of arrays that are not there: the smallest that is laid out in memory as they are, so that one kernel does."""
_PHASE = VALUES.index("Phase")


class Standing(NamedTuple):
    """How a file stands to all that a block may have cells of."""

    source: int
    """Of the file itself."""
    lowest: int
    """Source that `place` and `erased` begin with."""
    place: npt.NDArray[np.int32]
    """By source: the larger takes a cell from the smaller."""
    erased: npt.NDArray[np.bool_]
    """By source: whether its cells go from every epoch that the file has a signal in, also those that nobody gives."""


class _Given(NamedTuple):
    """What a file says, E epochs."""

    rows: Rows
    columns: Targets
    flag: npt.NDArray[np.int8]
    clock: npt.NDArray[np.float64]
    offset: npt.NDArray[np.float64]


class _Held(NamedTuple):
    """The arrays of a block."""

    arrays: tuple[npt.NDArray[Any], ...]
    """(N, S) per data variable."""
    source: npt.NDArray[np.int32]
    flag: npt.NDArray[np.int8]
    clock: npt.NDArray[np.float64]
    offset: npt.NDArray[np.float64]
    values: npt.NDArray[np.int64]
    has_joined: bool
    joined: tuple[npt.NDArray[Any], ...]
    """(N, S) source, flag, clock and offset of signals of other sources; of no meaning before there are any."""
    has_not_mixed: bool
    not_mixed: tuple[npt.NDArray[np.int32], ...]
    """(N, S) per kind of value the best source that has one where the signal's source has none; likewise."""


class _Scratch(NamedTuple):
    """What one epoch is decided in, S signals."""

    cells: tuple[npt.NDArray[Any], ...]
    """(1, S) per data variable: what the file gives."""
    holder: npt.NDArray[np.int32]
    """(S,) the source that each signal is to be from."""
    taken: npt.NDArray[np.bool_]
    """(S,) whether that is new."""
    loser: npt.NDArray[np.int32]
    """(S,) the source that gives the signal too and does not have it."""
    changed: npt.NDArray[np.int64]
    """(1,) epochs changed so far."""
    wanted: npt.NDArray[np.bool_]
    """(2,) whether the arrays of `joined`, and those of `not_mixed`, are wanted."""


def standing(source: int, ranks: Mapping[int, Rank], strategy: Strategy) -> Standing:
    """Look up how a file stands to all that a block may have cells of.

    Content that stood in the store and comes again with the run counts as the run's, or the order of the files would
    matter. What the archive has replaced, and with `overwrite` all that stood in the store, is erased where the run has
    the epoch.

    Parameters
    ----------
    ranks
        Rank of every source that may stand in the block, and of the files of the run so far, this one included.
    """
    of_run = {its.inverted_hash: its for number, its in ranks.items() if number < 0}
    counted = {number: of_run.get(its.inverted_hash, its) for number, its in ranks.items()}
    places = {its: place for place, its in enumerate(sorted(set(counted.values())))}
    lowest = min(counted)
    place = np.zeros(max(counted) - lowest + 1, np.int32)
    erased = np.zeros(place.size, np.bool_)
    for number, its in counted.items():
        place[number - lowest] = places[its]
        gone = strategy is Strategy.OVERWRITE or (strategy is Strategy.BEST and not its.current)
        erased[number - lowest] = number >= 0 and gone and its.inverted_hash not in of_run
    return Standing(source, lowest, place, erased)


def contested_slots(block: Block, slot: npt.NDArray[np.int64], strategy: Strategy) -> npt.NDArray[np.int64]:
    """The slots in which a file meets others and may change something; -1 elsewhere.

    Parameters
    ----------
    slot
        (E,) slots the file wants, -1 where it wants none.
    """
    holder = np.where(slot >= 0, block.source[slot], NO_SOURCE)
    stays = (holder >= 0) & (strategy in {Strategy.SKIP, Strategy.APPEND})
    contested: npt.NDArray[np.int64] = np.where((holder != NO_SOURCE) & ~stays, slot, -1)
    return contested


def join_block(
    block: Block,
    observations: Observations,
    placement: Placement,
    slot: npt.NDArray[np.int64],
    its: Standing,
    places: Mapping[str, int],
) -> bool:
    """Lay a file into epochs that others have: into cells that nobody gives, and into those of worse files.

    The source of an epoch is the best of the files that it has cells of. Cells of others are told of in `Block.joined`,
    values that only files have which do not have the cell in `Block.not_mixed`.

    Parameters
    ----------
    block
        Filled in place.
    placement
        Of these observations in this block.
    slot
        (E,) slots to lay into, all of which have a source; -1 elsewhere.
    places
        Index on the group's axis of every signal that the file has a value of, in this part or another; others have
        no place.

    Returns
    -------
    bool
        Whether anything has changed.
    """
    shape = block.arrays[VARIABLES[0].name].shape
    scratch = _scratch(shape[1])
    given = _Given(rows_of(observations), targets(observations, places), *told_of_epochs(observations, placement))
    done = _join(0, slot, given, _held(block), its, scratch)
    while done < slot.size:
        joined, not_mixed = scratch.wanted
        if joined:
            block.joined.update(nothing_joined(block))
        if not_mixed:
            block.not_mixed.update(_nothing_lost(shape))
        scratch.wanted[:] = False
        done = _join(done, slot, given, _held(block), its, scratch)
    return bool(scratch.changed[0])


def _held(block: Block) -> _Held:
    return _Held(
        tuple(block.arrays[spec.name] for spec in VARIABLES),
        block.source,
        block.epoch_flag,
        block.rx_clock_offset,
        block.epoch_offset,
        block.values,
        bool(block.joined),
        tuple((block.joined or _unjoined(_PLACEHOLDER)).values()),
        bool(block.not_mixed),
        tuple((block.not_mixed or _nothing_lost(_PLACEHOLDER)).values()),
    )


def _scratch(signals: int) -> _Scratch:
    cells = tuple(np.full((1, signals), spec.fill, spec.dtype) for spec in VARIABLES)
    holder, loser = np.zeros(signals, np.int32), np.zeros(signals, np.int32)
    return _Scratch(cells, holder, np.zeros(signals, np.bool_), loser, np.zeros(1, np.int64), np.zeros(2, np.bool_))


def nothing_joined(block: Block) -> dict[str, npt.NDArray[Any]]:
    """Arrays of `Block.joined` in which no signal is from another file than its epoch."""
    return _unjoined(block.arrays[VARIABLES[0].name].shape)


def _unjoined(shape: tuple[int, ...]) -> dict[str, npt.NDArray[Any]]:
    return {joined_name(spec.name): np.full(shape[::-1], spec.fill, spec.dtype).T for spec in JOINED}


def _nothing_lost(shape: tuple[int, ...]) -> dict[str, npt.NDArray[np.int32]]:
    return {name: np.full(shape[::-1], NO_SOURCE, np.int32).T for name in VALUES}


@kernel
def _join(begin: int, slot: Any, given: Any, held: Any, its: Any, scratch: Any) -> int:
    """Join epochs from `begin` on; return where arrays are wanted that are not there, else the end."""
    for e in range(begin, slot.size):
        n = slot[e]
        if n < 0:
            continue
        _clear(0, scratch.cells)
        for row in range(given.rows.first_row[e], given.rows.first_row[e + 1]):
            scatter_row(given.rows, row, 0, given.columns, scratch.cells)
        source, several, changed = _decide(n, held, its, scratch)
        scratch.wanted[0] = changed and several and not held.has_joined
        scratch.wanted[1] = _tell_not_mixed(n, held, its, scratch)
        if scratch.wanted[0] or scratch.wanted[1]:
            return e
        if not changed:
            continue
        _lay_coordinates(n, source, (given.flag[e], given.clock[e], given.offset[e]), held, its, scratch)
        held.values[n] = _lay_cells(n, held.arrays, scratch)
        scratch.changed[0] += 1
    return int(slot.size)


@kernel
def _decide(n: int, held: Any, its: Any, scratch: Any) -> Any:
    """Fill `holder`, `taken`, `loser`; return the epoch's source, whether cells are from others, whether any is new."""
    gives = False
    for j in range(scratch.holder.size):
        gives |= _strength(0, j, scratch.cells) > 0
    former, joined = held.source[n], held.joined[0]
    best, several, changed = _EMPTY, False, False
    for j in range(scratch.holder.size):
        there, here, holder = _strength(n, j, held.arrays), _strength(0, j, scratch.cells), _EMPTY
        if there > 0:
            holder = former if not held.has_joined or joined[n, j] == _EMPTY else joined[n, j]
            if gives and its.erased[holder - its.lowest]:
                there, holder, changed = 0, _EMPTY, True
        taken = here > there or (here == there and here > 0 and _outranks(its.source, holder, its))
        scratch.taken[j], scratch.holder[j] = taken, its.source if taken else holder
        scratch.loser[j] = (holder if taken else its.source) if there > 0 and here > 0 else _EMPTY
        changed |= taken
        if scratch.holder[j] != _EMPTY:
            best = _better(scratch.holder[j], best, former, its)
    if best == _EMPTY:
        best = its.source if its.erased[former - its.lowest] or _outranks(its.source, former, its) else former
    for j in range(scratch.holder.size):
        several |= scratch.holder[j] != _EMPTY and scratch.holder[j] != best
    return best, several, changed or best != former


@kernel
def _tell_not_mixed(n: int, held: Any, its: Any, scratch: Any) -> bool:
    """Set who has values of a signal that its source has not; return whether the arrays for that are wanted."""
    for j in range(scratch.loser.size):
        loser = scratch.loser[j]
        if loser == _EMPTY or loser == scratch.holder[j]:
            continue
        for kind in range(len(held.not_mixed)):
            there, here = _has(kind, n, j, held.arrays), _has(kind, 0, j, scratch.cells)
            if there == here or here == scratch.taken[j]:
                continue
            if not held.has_not_mixed:
                return True
            known = held.not_mixed[kind][n, j]
            if known == _EMPTY or _outranks(loser, known, its):
                held.not_mixed[kind][n, j] = loser
    return False


@inlined
def _has(kind: int, n: int, j: int, arrays: Any) -> bool:
    snr, pseudorange, phase, doppler, _, _ = arrays
    if kind == 0:
        return not np.isnan(snr[n, j])
    if kind == 1:
        return not np.isnan(pseudorange[n, j])
    return not np.isnan(phase[n, j] if kind == _PHASE else doppler[n, j])


@inlined
def _outranks(one: int, other: int, its: Any) -> bool:
    higher: bool = its.place[one - its.lowest] > its.place[other - its.lowest]
    return higher


@inlined
def _better(one: int, best: int, former: int, its: Any) -> int:
    """Return the better of two sources; of the same content the one that the epoch has had."""
    if best == _EMPTY or _outranks(one, best, its):
        return one
    return one if one == former and not _outranks(best, one, its) else best


@inlined
def _strength(n: int, j: int, arrays: Any) -> int:
    """Return 2 for a cell with a value, 1 for one with nothing but an indicator, 0 for an empty one."""
    snr, pseudorange, phase, doppler, lli, ssi = arrays
    if not (np.isnan(snr[n, j]) and np.isnan(pseudorange[n, j]) and np.isnan(phase[n, j]) and np.isnan(doppler[n, j])):
        return 2
    return 1 if lli[n, j] >= 0 or ssi[n, j] >= 0 else 0


@kernel
def _lay_coordinates(n: int, source: int, told: Any, held: Any, its: Any, scratch: Any) -> None:
    """Set an epoch's source, and what the other sources of its cells say of it."""
    former = held.source[n]
    of_own, of_source = _told_of(its.source, n, told, held), _told_of(source, n, told, held)
    of_former = _told_of(former, n, told, held)
    for j in range(scratch.holder.size if held.has_joined else 0):
        holder = scratch.holder[j]
        if holder in (_EMPTY, source):
            _set(n, j, _EMPTY, (np.int8(-1), np.nan, 0.0), held)
        elif holder == its.source:
            _set(n, j, holder, of_own, held)
        elif held.joined[0][n, j] != holder:
            _set(n, j, former, of_former, held)
    held.source[n], held.flag[n], held.clock[n], held.offset[n] = source, of_source[0], of_source[1], of_source[2]


@kernel
def _told_of(source: int, n: int, told: Any, held: Any) -> Any:
    """Return flag, clock offset and epoch offset that a source says of an epoch; `told` where it had no part in it."""
    if held.source[n] == source:
        return held.flag[n], held.clock[n], held.offset[n]
    sources, flag, clock, offset = held.joined
    for j in range(sources.shape[1] if held.has_joined else 0):
        if sources[n, j] == source:
            return flag[n, j], clock[n, j], offset[n, j]
    return told


@inlined
def _set(n: int, j: int, source: int, told: Any, held: Any) -> None:
    sources, flag, clock, offset = held.joined
    sources[n, j], flag[n, j], clock[n, j], offset[n, j] = source, told[0], told[1], told[2]


@kernel
def _lay_cells(n: int, arrays: Any, scratch: Any) -> int:
    """Set the cells that are new, clear those that nobody holds; return the number of values of the epoch."""
    snr, pseudorange, phase, doppler, lli, ssi = arrays
    its_snr, its_pseudorange, its_phase, its_doppler, its_lli, its_ssi = scratch.cells
    values = 0
    for j in range(scratch.holder.size):
        if scratch.holder[j] == _EMPTY:
            _clear_cell(n, j, arrays)
        elif scratch.taken[j]:
            snr[n, j], pseudorange[n, j] = its_snr[0, j], its_pseudorange[0, j]
            phase[n, j], doppler[n, j] = its_phase[0, j], its_doppler[0, j]
            lli[n, j], ssi[n, j] = its_lli[0, j], its_ssi[0, j]
        values += not np.isnan(snr[n, j])
        values += not np.isnan(pseudorange[n, j])
        values += not np.isnan(phase[n, j])
        values += not np.isnan(doppler[n, j])
    return values


@inlined
def _clear(n: int, arrays: Any) -> None:
    for j in range(arrays[0].shape[1]):
        _clear_cell(n, j, arrays)


@inlined
def _clear_cell(n: int, j: int, arrays: Any) -> None:
    snr, pseudorange, phase, doppler, lli, ssi = arrays
    snr[n, j] = np.nan
    pseudorange[n, j] = np.nan
    phase[n, j] = np.nan
    doppler[n, j] = np.nan
    lli[n, j] = -1
    ssi[n, j] = -1

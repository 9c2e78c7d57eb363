"""Compiles all kernels ahead of time, into numba's cache on disk."""

from gnssice_batch.ingest.align import Bounds, empty_block, fill_block, place
from gnssice_batch.ingest.joining import join_block, standing
from gnssice_batch.ingest.tallies import given_by_source
from gnssice_batch.model.grid import DAY_NS, SECOND_NS, empty_grid
from gnssice_batch.model.values import Strategy, rank
from gnssice_batch.rinex import dense, read
from gnssice_batch.rinex.kernels.crinex import parse_crinex
from gnssice_batch.rinex.primitives.jit import kept_in
from gnssice_batch.rinex.small_files import small_files


def warm() -> str | None:
    """Read a small file of each kind into arrays and onto a grid.

    Returns
    -------
    str or None
        Folder that the kernels are kept in; None if there is none that can be written to, and nothing is kept.
    """
    for content in small_files():
        _read(content)
    return kept_in(parse_crinex)


def _read(content: bytes) -> None:
    for part in read(content).parts:
        sids = dense(part).sids
        time_ns = part.time_100ns * 100
        grid = empty_grid(SECOND_NS, 0, 3600, int(time_ns[0]))
        start = grid.slot(int(time_ns[0]))
        bounds = Bounds(int(time_ns[0]) - DAY_NS, int(time_ns[-1]) + DAY_NS, 0)
        block = empty_block(start, time_ns.size, len(sids))
        placement = place(part, grid, start, time_ns.size, bounds)
        places = {sid: index for index, sid in enumerate(sids)}
        fill_block(block, part, placement, placement.slot, -2, places)
        its = standing(-2, {-2: rank(0, "", 0, "")}, Strategy.BEST)
        join_block(block, part, placement, placement.slot, its, places)
        given_by_source(block)

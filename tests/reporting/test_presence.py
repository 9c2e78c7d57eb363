"""Which epochs are there, by hour and with the gaps: held against every single one of them."""

from types import SimpleNamespace

import numpy as np
import pytest

from gnssice_batch.model.grid import Grid
from gnssice_batch.model.values import Span
from gnssice_batch.reporting import presence as module
from gnssice_batch.reporting.facts import HOUR_NS
from gnssice_batch.reporting.presence import presence
from gnssice_batch.store.reading.cells import cells_of_snapshot
from tests.support.reported import reported
from tests.support.runs import head, open_group, repository


def drawn(seed):
    """Draw a grid, the source of every slot, and the ledger of the files that gave them."""
    draw = np.random.default_rng(seed)
    interval = int(draw.choice([5, 30, 27, 900, 7200])) * 10**9
    origin = 10**18 // interval * interval
    grid = Grid(interval, int(draw.choice([0, 10**9])), origin, int(draw.integers(1, 40)) * 48, 48, 12)
    source, rows = np.full(grid.size, -1), []
    for row in range(int(draw.integers(1, 12))):
        first = int(draw.integers(0, grid.size))
        epochs = draw.random(min(grid.size - first, int(draw.integers(1, 200)))) < draw.choice([1, 0.9, 0.3])
        epochs[[0, -1]] = True
        source[first : first + epochs.size][epochs] = row
        rows.append((grid.time_ns(first), grid.time_ns(first + epochs.size - 1)))
    first, last = np.array(rows).T
    written = np.array([(source == row).sum() for row in range(len(rows))])
    return grid, source, {"first_epoch": first, "last_epoch": last, "epochs_written": written}


def in_memory(grid, source):
    """What `presence` asks of a stored receiver."""
    parts = lambda spans: [source[slots.start : slots.stop] for slots in spans]  # noqa: E731
    return SimpleNamespace(template=SimpleNamespace(grid=grid), sources_of=parts)


def gaps_of(held):
    edges = np.flatnonzero(np.diff(~held, prepend=False, append=False)).tolist()
    return list(zip(edges[::2], edges[1::2], strict=True))


@pytest.mark.parametrize("at_once", [5, 64, 1 << 20])
@pytest.mark.parametrize("part", [1, 3])
def test_every_epoch_is_counted_in_its_hour(at_once, part, monkeypatch):
    monkeypatch.setattr(module, "_EPOCHS_AT_ONCE", at_once)
    for seed in range(40):
        grid, source, files = drawn(seed)
        there = np.flatnonzero(source >= 0)
        begin, end = int(there[0] if part == 1 else there[there.size // part]), int(there[-1]) + 1
        cells = in_memory(grid, source)
        found = presence(cells, Span(grid.time_ns(begin), grid.time_ns(end - 1)), files)
        held = source[begin:end] >= 0
        hours = np.array([grid.time_ns(slot) // HOUR_NS for slot in range(begin, end)]) - found.hours.first
        size = found.hours.filled.size
        np.testing.assert_array_equal(found.hours.filled, np.bincount(hours, held, size))
        np.testing.assert_array_equal(found.hours.possible, np.bincount(hours, minlength=size))
        assert (found.filled, found.possible) == (held.sum(), held.size)
        gaps = gaps_of(held)
        assert found.gaps == len(gaps) == sum(found.gaps_by_length.values())
        at = [(grid.slot(gap.first_ns) - begin, grid.slot(gap.last_ns) - begin + 1) for gap in found.longest_gaps]
        assert set(at) <= set(gaps)
        assert len(at) == min(len(gaps), module.MOST_GAPS)


def test_whole_files_are_not_read():
    grid = Grid(30 * 10**9, 0, 10**18, 480, 48, 48)
    files = {name: np.array([value]) for name, value in (("first_epoch", grid.time_ns(0)), ("epochs_written", 480))}
    files["last_epoch"] = np.array([grid.time_ns(479)])
    cells = SimpleNamespace(template=SimpleNamespace(grid=grid))
    assert presence(cells, Span(grid.time_ns(0), grid.time_ns(479)), files).filled == 480


def test_the_longest_gaps_are_kept_and_all_are_counted(monkeypatch):
    monkeypatch.setattr(module, "MOST_GAPS", 2)
    grid, source = Grid(30 * 10**9, 0, 10**18, 480, 48, 48), np.zeros(480, np.int32)
    for begin, end in ((10, 11), (20, 140), (150, 151), (200, 220), (300, 302)):
        source[begin:end] = -1
    files = {"first_epoch": np.array([grid.time_ns(0)]), "last_epoch": np.array([grid.time_ns(479)])}
    files["epochs_written"] = np.array([(source >= 0).sum()])
    cells = in_memory(grid, source)
    found = presence(cells, Span(grid.time_ns(0), grid.time_ns(479)), files)
    assert [gap.epochs for gap in found.longest_gaps] == [120, 20]
    assert list(found.gaps_by_length.values()) == [2, 2, 1, 0]


@pytest.mark.heavy
def test_a_stored_receiver(tmp_path):
    """An overlap, and epochs joined from two files, of which the ledger alone does not say which are there."""
    chosen, _ = reported(tmp_path)
    cells = cells_of_snapshot(str(repository(chosen)), head(chosen), "rec")
    held = np.asarray(open_group(chosen, "rec")["source_file"][:]) >= 0
    there = np.flatnonzero(held)
    grid = cells.template.grid
    span = Span(grid.time_ns(int(there[0])), grid.time_ns(int(there[-1])))
    found = presence(cells, span, cells.ledger(module.COLUMNS))
    assert found.filled == held.sum()
    assert found.hours.filled[:9].tolist() == [120] * 8 + [0]
    assert next(gap.epochs for gap in found.longest_gaps) == 16 * 120

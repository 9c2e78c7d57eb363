"""What the writer writes, the reader reads: as text, as CRINEX, and as far as a cut file goes."""

import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gnssice_batch.errors import ReadError, Reason
from gnssice_batch.rinex import read
from gnssice_batch.signals import columns
from tests.support import cells, reference_reader, writer
from tests.support.strategies import files

FACTOR = int(os.environ.get("EXAMPLES_FACTOR", "1"))


def expected(file: writer.File) -> Iterator[cells.EpochCells]:
    """Yield the epochs of a written file in the form in which readings are compared."""
    types = dict(file.types)
    slips = cells.Slips()
    for item in file.items:
        if isinstance(item, writer.TypeChange):
            types[item.system] = item.codes
        elif isinstance(item, writer.Epoch):
            found = dict(_cells(file, types, item))
            yield cells.EpochCells(item.time_100ns, item.flag, item.clock_ps, slips.mark(item.flag, found))


def _cells(
    file: writer.File, types: dict[str, tuple[str, ...]], epoch: writer.Epoch
) -> Iterator[tuple[tuple[str, str], cells.CellTuple]]:
    for sv, written in epoch.records.items():
        codes = types["" if file.major < 3 else sv[0]]
        scales = [file.scales.get((sv[0], code), 1) for code in codes]
        record = {
            code: reference_reader.Cell(cells.scaled(value, scale), lli, ssi)
            for code, scale, (value, lli, ssi) in zip(codes, scales, written, strict=True)
        }
        yield from cells.read_as(sv, codes, record, columns(sv[0], codes, file.version))


def _epoch_ends(file: writer.File) -> list[int]:
    """Return where each epoch ends in the text, its last line break left out."""
    ends = []
    for number, item in enumerate(file.items, start=1):
        if isinstance(item, writer.Epoch):
            ends.append(len(writer.text(replace(file, items=file.items[:number], last_newline=False))))
    return ends


def found(content: bytes) -> list[cells.EpochCells]:
    """Return what the reader makes of a file; nothing if it refuses it for having no epochs."""
    try:
        return list(cells.ours(read(content)))
    except ReadError as error:
        if error.reason != Reason.NO_EPOCHS:
            raise
        return []


def invents_nothing(epoch: cells.EpochCells, written: cells.EpochCells) -> bool:
    """Tell whether everything in an epoch is as written, though something may be missing."""
    return epoch.time_100ns == written.time_100ns and all(
        mine in {None, theirs}
        for key, parts in epoch.cells.items()
        for mine, theirs in zip(parts, written.cells[key], strict=True)
    )


@given(files())
@settings(max_examples=100 * FACTOR, deadline=None)
def test_text_is_read_as_written(file):
    assert found(writer.text(file)) == list(expected(file))


@pytest.mark.heavy
@given(files())
@settings(max_examples=40 * FACTOR, deadline=None)
def test_the_reference_reader_reads_as_written(file):
    assert list(cells.reference(writer.text(file), file.version)) == list(expected(file))


@given(files(compactible=True))
@settings(max_examples=40 * FACTOR, deadline=None)
def test_crinex_is_read_as_written(file):
    assert found(writer.compact(file)) == list(expected(file))


@given(files(compactible=True))
@settings(max_examples=40 * FACTOR, deadline=None)
def test_wrapped_lines_are_read_as_written(file):
    wrapped = replace(file, wrapped=True)
    assert found(writer.text(wrapped)) == list(expected(wrapped))


@pytest.mark.heavy
@given(files(), st.integers(0, 10**6))
@settings(max_examples=100 * FACTOR, deadline=None)
def test_a_cut_text_keeps_its_whole_epochs_and_invents_nothing(file, position):
    whole = writer.text(file)
    ends = _epoch_ends(file)
    start = len(writer.text(replace(file, items=(), last_newline=True)))
    cut = start + position % (len(whole) - start + 1)
    every = list(expected(file))
    certain = sum(end <= cut for end in ends)
    read_back = found(whole[:cut])
    assert read_back[:certain] == every[:certain]
    assert len(read_back) <= certain + 1
    for epoch, written in zip(read_back[certain:], every[certain:], strict=False):
        assert invents_nothing(epoch, written)


@pytest.mark.heavy
@given(files(), files())
@settings(max_examples=40 * FACTOR, deadline=None)
def test_files_one_after_the_other_are_all_read(first, second):
    first, second = replace(first, last_newline=True), replace(second, marker="OTHER")
    assert found(writer.text(first) + writer.text(second)) == [*expected(first), *expected(second)]


@given(files())
@settings(max_examples=40 * FACTOR, deadline=None)
def test_another_marker_is_another_part_and_nothing_is_lost_between(file):
    marker = writer.Event(3, (writer.labelled("OTHER", "MARKER NAME"),))
    twice = replace(file, items=(*file.items, marker, *file.items[-1:]))
    reading = read(writer.text(twice))
    assert [part.header.marker_name for part in reading.parts] == ["TEST", "OTHER"]
    assert len(reading.parts[0].time_100ns) == len(list(expected(file)))
    assert len(reading.parts[1].time_100ns) == 1


@pytest.mark.heavy
@given(files())
@settings(max_examples=40 * FACTOR, deadline=None)
def test_lines_may_end_in_carriage_returns_alone(file):
    old = replace(file, newline="\r")
    assert found(writer.text(old)) == list(expected(old))


@pytest.mark.heavy
@given(files(compactible=True), st.integers(0, 10**6))
@settings(max_examples=60 * FACTOR, deadline=None)
def test_a_cut_crinex_keeps_its_whole_epochs_and_invents_nothing(file, position):
    whole = writer.compact(replace(file, newline="\n"))
    start = whole.index(b"\n", whole.index(b"END OF HEADER")) + 1
    read_back = found(whole[: start + position % (len(whole) - start + 1)])
    every = list(expected(file))
    assert len(read_back) <= len(every)
    assert read_back[:-1] == every[: len(read_back)][:-1]
    for epoch, written in zip(read_back[-1:], every[: len(read_back)][-1:], strict=True):
        assert invents_nothing(epoch, written)


@pytest.mark.long
def test_all_this_holds_for_fifty_times_as_many_files():
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", __file__]
    environment = {**os.environ, "EXAMPLES_FACTOR": "50"}
    root = Path(__file__).resolve().parent.parent.parent
    done = subprocess.run(command, cwd=root, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-5000:]

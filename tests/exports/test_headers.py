"""What headers of exported files tell of the files that their epochs and signals are from."""

from dataclasses import replace

import pytest

from gnssice_batch.exports.headers import halved
from gnssice_batch.exports.values import Note, Why
from tests.support.exported import again, cell, epoch, exported, same
from tests.support.ingested import ingest
from tests.support.runs import DAY_ONE_S, name, rinex, span_s
from tests.support.writer import File, text


def test_header_tells_the_station_and_its_changes(tmp_path):
    files = {
        name(DAY_ONE_S, "01H"): rinex(span_s(DAY_ONE_S, 1)),
        name(DAY_ONE_S + 3600, "01H"): rinex(span_s(DAY_ONE_S + 3600, 1)).replace(
            b"STAT".ljust(60) + b"MARKER NAME",
            b"STAT".ljust(60) + b"MARKER NAME\n" + b"".ljust(20) + b"ANT9            DOME".ljust(40) + b"ANT # / TYPE",
        ),
    }
    chosen, _ = ingest(tmp_path, files)
    report = exported(chosen, tmp_path / "out")
    assert report.files[0].notes == {Note.HEADER_CHANGES: 1}
    header = report.files[0].path.read_text().partition("END OF HEADER")[0]
    told = "".join(line[:60] for line in header.splitlines() if line[60:] == "COMMENT")
    assert "From 2025-01-01 01:00:00 on: antenna_type ANT9            DOME" in told
    assert all(len(line) <= 80 for line in header.splitlines())
    same(chosen, again(tmp_path, report))


def with_antenna(content, antenna):
    marker = b"STAT".ljust(60) + b"MARKER NAME\n"
    assert marker in content
    return content.replace(marker, marker + antenna.rjust(20 + len(antenna)).ljust(60) + b"ANT # / TYPE\n")


def test_headers_of_joined_files_are_told(tmp_path):
    """Signals of another file stand under the header of the epochs' file: what its own said is a comment, counted."""
    here = with_antenna(rinex(span_s(DAY_ONE_S, 1), svs=("G01", "G02")), b"ANT1")
    there = with_antenna(rinex(span_s(DAY_ONE_S + 600, 0.5), svs=("G03",)), b"ANT2")
    chosen, _ = ingest(tmp_path, {name(DAY_ONE_S, "01H"): here, name(DAY_ONE_S + 600, "30M"): there})
    (file,) = exported(chosen, tmp_path / "out").files
    assert file.notes == {Note.OTHER_HEADER: 1}
    header = file.path.read_text().partition("END OF HEADER")[0]
    told = "".join(line[:60] for line in header.splitlines() if line[60:] == "COMMENT")
    joined = name(DAY_ONE_S + 600, "30M").rpartition("/")[2]
    assert f"Signals joined from 2025-01-01 00:10:00 on from {joined}: antenna_type ANT2" in told
    assert exported(chosen, tmp_path / "nc", "netcdf").files[0].notes == {}


def test_joined_files_with_the_same_header_are_not_told(tmp_path):
    files = {
        name(DAY_ONE_S, length): rinex(span_s(DAY_ONE_S, 1), svs=svs)
        for length, svs in (("01H", ("G01", "G02")), ("30M", ("G03",)))
    }
    chosen, _ = ingest(tmp_path, files)
    assert exported(chosen, tmp_path / "out").files[0].notes == {}


@pytest.mark.parametrize(("file_format", "fits"), [("rinex2", True), ("rinex3", False)])
def test_half_wavelengths_of_a_joined_file_withhold_rinex_3(tmp_path, file_format, fits):
    """Whatever the header of the first epoch's file says."""
    halves = File("2.11", {"": ("C1", "L1")}, tuple(epoch(n, {"G03": (cell(1), cell(2))}) for n in range(4)))
    wholes = replace(halves, items=tuple(epoch(n, {f"G{m:02d}": (cell(1), cell(2)) for m in (1, 2)}) for n in range(4)))
    marker = b"MARKER NAME\n"
    content = text(halves).replace(marker, marker + b"     2     1".ljust(60) + b"WAVELENGTH FACT L1/2\n")
    assert content != text(halves)
    chosen, _ = ingest(tmp_path, {name(DAY_ONE_S): text(wholes), name(DAY_ONE_S, "01H"): content})
    report = exported(chosen, tmp_path / "out", file_format)
    assert [one.why for one in report.withheld] == ([] if fits else [Why.HALF_WAVELENGTH])


def test_half_wavelengths_are_not_written_where_nothing_says_so():
    assert halved(("1 1", "1 2 G01 G02"))
    assert not halved(("1 1", "0 1 G12"))
    assert not halved(())

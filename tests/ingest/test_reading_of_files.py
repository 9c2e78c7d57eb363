"""Whole files with something odd in them: what is taken, what is counted, what the ledger is told."""

import hashlib
from types import SimpleNamespace

import pytest

from gnssice_batch.errors import Reason
from gnssice_batch.ingest.align import Bounds
from gnssice_batch.ingest.header_facts import mapping_text
from gnssice_batch.ingest.reading import Fetched, ReadContext, read_content, read_file
from gnssice_batch.model.grid import SECOND_NS
from gnssice_batch.model.values import SourceFile, Span, Status, Tally
from gnssice_batch.rinex import ReadOptions
from gnssice_batch.storage.patience import PATIENCE
from tests.support.runs import DAY_ONE_S, rinex

DAY_ONE_NS = DAY_ONE_S * SECOND_NS
SOURCE = SourceFile("rec/a.rnx", "rec", 10, "tag")
END = b"END OF HEADER\n"


def context(**changes):
    bounds = {"rec": Bounds(DAY_ONE_NS, DAY_ONE_NS + 86400 * SECOND_NS, 1000)}
    return ReadContext(SimpleNamespace(), ReadOptions(), bounds, **changes)


def as_read(content, **changes):
    return read_content(Fetched(SOURCE, content, hashlib.sha256(content).hexdigest()), context(**changes))


def text(slots, svs=("G01",), **content):
    return rinex([DAY_ONE_S + 30 * slot for slot in slots], svs, **content)


def with_record(content, record, label):
    return content.replace(f"{'':60}".encode() + END, f"{record:60}{label}\n{'':60}".encode() + END)


def test_the_ledger_is_told_of_receiver_antenna_and_channels():
    content = text([0, 1], ("G01", "R03"))
    content = with_record(content, f"{'4321':20}{'SEPT POLARX5':20}{'5.3.2':20}", "REC # / TYPE / VERS")
    content = with_record(content, f"{'1234':20}{'LEIAT504        LEIS':20}", "ANT # / TYPE")
    content = with_record(content, "  1 R03  5", "GLONASS SLOT / FRQ #")
    facts = as_read(content).facts
    assert (facts.receiver_type, facts.antenna_type) == ("SEPT POLARX5", "LEIAT504        LEIS")
    assert (facts.header.receiver_number, facts.header.antenna_number) == ("4321", "1234")
    assert (facts.header.marker, facts.header.receiver_version) == ("STAT", "5.3.2")
    assert facts.channels == {"R03": 5}


def test_the_ledger_is_told_how_codes_were_read():
    overrides = {"C": {"C2I": "C1P"}}
    assert as_read(text([0])).facts.mapping == mapping_text({})
    assert as_read(text([0]), overrides={"rec": overrides}).facts.mapping == mapping_text(overrides)


def test_a_line_that_loses_values_makes_the_file_partial_with_that_line():
    content = text([0, 1, 2]).replace(b"G01  2100", b"G01  2x00", 1)
    result = as_read(content)
    facts, refusal = result.facts, result.refusal
    assert result.status is Status.PARTIAL
    assert sum(facts.skipped.values()) == 1
    assert (refusal.reason, refusal.line) == (
        next(iter(facts.skipped)),
        content[: content.index(b"2x00")].count(b"\n") + 1,
    )
    assert refusal.first_bytes.startswith(b"G01")
    assert not facts.rank.intact
    assert as_read(text([0, 1, 2])).facts.rank > facts.rank


def test_what_comes_first_is_said_of_a_file_with_two_faults():
    content = text([0, 1, 9000]).replace(b"G01  2100", b"G01  2x00", 1)
    result = as_read(content)
    assert result.refusal.line > 0
    assert result.facts.refused == {Reason.OUT_OF_BOUNDS: Tally(1, 4)}
    assert sum(result.facts.skipped.values()) == 1


@pytest.mark.parametrize(("phase", "pseudorange", "counted"), [("6", "7", 1), ("7", "7", 0)])
def test_indicators_of_one_signal_that_differ_are_counted_and_lose_nothing(phase, pseudorange, counted):
    head, end, body = text([1]).partition(END)
    epoch, record = body.decode().splitlines()
    record = record[:18] + pseudorange + record[19:34] + phase + record[35:]
    result = as_read(head + end + f"{epoch}\n{record}\n".encode())
    assert result.facts.skipped == ({Reason.SSI_DIFFERS: 1} if counted else {})
    assert (result.status, result.refusal) == (Status.OK, None)


def test_a_file_of_two_headers_is_as_long_as_both_together():
    for first, second in (((0, 1), (10, 11)), ((10, 11), (0, 1))):
        result = as_read(text(first) + text(second))
        assert result.facts.span == Span(DAY_ONE_NS, DAY_ONE_NS + 330 * SECOND_NS)
        assert (len(result.parts), result.facts.epochs, result.facts.interval_s) == (2, 4, 30.0)


@pytest.mark.parametrize("blank_first", [True, False])
def test_a_blank_marker_is_of_the_station_that_another_header_names(blank_first):
    blank, named = text([0], marker=""), text([1])
    result = as_read(blank + named if blank_first else named + blank)
    assert (result.facts.marker, result.facts.epochs, result.facts.refused) == ("STAT", 2, {})
    assert (as_read(blank).facts.marker, as_read(blank).status) == ("", Status.OK)


def test_without_a_wanted_station_the_first_named_one_is_taken():
    content = text([0], marker="") + text([1]) + text([2], marker="OTHE")
    for wanted in ({}, {"rec": "THIRD"}):
        result = as_read(content, markers=wanted)
        if wanted:
            assert result.refusal.reason is Reason.OTHER_MARKER
        else:
            assert (result.facts.marker, result.facts.refused) == ("STAT", {Reason.OTHER_MARKER: Tally(1, 4)})


def test_a_file_that_is_refused_is_told_with_its_lines_and_what_was_skipped():
    content = text([0])[:-40].replace(b"> 2025", b"> 20x5")
    result = as_read(content)
    assert result.status is Status.REJECTED
    assert result.facts.lines == content.count(b"\n") + 1
    assert sum(result.facts.skipped.values()) >= 1


def test_a_fault_of_the_reader_is_logged_with_its_cause_and_one_of_the_file_is_not(monkeypatch, caplog):
    as_read(b"no observation file\n")
    assert not caplog.records
    monkeypatch.setattr("gnssice_batch.ingest.reading.values_per_epoch", lambda part: part.header["nothing"])
    result = as_read(text([0]))
    assert result.refusal.reason is Reason.READER_FAILED
    (record,) = caplog.records
    assert "rec/a.rnx" in record.getMessage()
    assert record.exc_info


def test_bytes_come_from_the_archive_where_nothing_else_gives_them():
    access = SimpleNamespace(fetch={SOURCE.uri: text([0])}.__getitem__)
    archive = ReadContext(access, ReadOptions(), context().bounds)
    assert read_file(SOURCE, archive).facts.epochs == 1
    assert read_file(SOURCE, archive, None, lambda _: text([0, 1])).facts.epochs == 2


def test_a_task_takes_its_share_of_what_storages_are_asked_again(monkeypatch):
    taken = []
    monkeypatch.setattr(PATIENCE, "share", taken.append)
    context(processes=7).begin_task()
    assert taken == [7]

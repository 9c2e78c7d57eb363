"""Verification finds the reader's own faults: what it reads again is read by a reader that parses none of it alike."""

from dataclasses import replace
from importlib import import_module

import hatanaka
import icechunk
import numpy as np
import pytest
import zarr
from rich.console import Console

from gnssice_batch.archive.listing import ArchiveAccess
from gnssice_batch.cli import main
from gnssice_batch.cli.tables import show_report, show_verification
from gnssice_batch.config import Settings
from gnssice_batch.errors import ReadError, Reason
from gnssice_batch.job.run import run
from gnssice_batch.operate.verification import as_json, verify_store
from gnssice_batch.rinex.plain import DeclinedError
from gnssice_batch.rinex.plain import reading as plain_reading
from gnssice_batch.verification import rereaders, rereading
from tests.support.runs import DAY_ONE_S, name, repository, rinex, settings, span_s, stored, write
from tests.support.samples import epoch2, epoch3, field, header2, header3

TEXT = rinex(span_s(DAY_ONE_S, 1), svs=("G01", "G02", "R03"), flags={7: 1})
LATER = rinex(span_s(DAY_ONE_S + 3600, 1), svs=("G01", "G02", "R03"))
CONTENTS = {"text": TEXT, "crinex": bytes(hatanaka.rnx2crx(TEXT))}
CHANGING = b"\n".join(
    [
        *TEXT.splitlines(),
        b"> 2025 01 01 01 00  0.0000000  4  1",
        b"G    4 C1C L1C D1C S1C".ljust(60) + b"SYS / # / OBS TYPES",
        b"",
    ]
)
NATIVE, HATANAKA, PLAIN = (str(one) for one in (rereaders.Rereader.NATIVE, "hatanaka", "plain"))


def one_more(part):
    """One value of the last epoch is one thousandth more."""
    part.value[-1, 0] += 1


def shifted(part):
    """All values stand one column too far to the right."""
    part.value[:, :4] = np.roll(part.value[:, :4], 1, axis=1)


def exchanged(part):
    """Two satellites have each other's values, from some epoch on."""
    part.value[30:32] = part.value[[31, 30]]


def unlocked(part):
    """An indicator is lost."""
    part.lli[0, 1] = -1


def unflagged(part):
    """A power failure is not seen."""
    part.epoch_flag[7] = 0


def late(part):
    """An epoch stands at the place of the one behind it."""
    part.time_100ns[3:5] += 30 * 10**7


first_reader = import_module("gnssice_batch.rinex.reading")
"""The module, which the package's function of that name hides."""

FAULTS = (one_more, shifted, exchanged, unlocked, unflagged, late)


def break_reader(monkeypatch, fault):
    """Let the first reader read everything with a fault, in ingesting and in reading again."""
    sound = first_reader.observations_of

    def broken(content, overrides):
        for part in sound(content, overrides):
            fault(part)
            yield part

    monkeypatch.setattr(first_reader, "observations_of", broken)


def decline(*_):
    raise DeclinedError("for this test")


def ingested(folder, content):
    write(folder / "archive", {name(DAY_ONE_S, "01H"): content})
    chosen = settings(folder)
    assert run(chosen).snapshot
    return chosen


@pytest.mark.parametrize("layout", CONTENTS)
def test_both_readers_agree(tmp_path, layout):
    report = verify_store(ingested(tmp_path, CONTENTS[layout]), None)
    assert report.agrees
    assert report.proof.readers == {PLAIN: 1}
    assert as_json(report)["compared"]["readers"] == {"plain": 1}


@pytest.mark.parametrize("layout", CONTENTS)
@pytest.mark.parametrize("fault", FAULTS)
def test_a_reader_that_reads_wrong_is_found(tmp_path, monkeypatch, layout, fault):
    break_reader(monkeypatch, fault)
    report = verify_store(ingested(tmp_path, CONTENTS[layout]), None)
    assert report.differences
    assert report.proof.readers == {PLAIN: 1}


@pytest.mark.parametrize("layout", CONTENTS)
def test_without_the_second_reader_it_would_not_be_found(tmp_path, monkeypatch, layout):
    break_reader(monkeypatch, one_more)
    monkeypatch.setattr(rereaders, "read_plainly", decline)
    report = verify_store(ingested(tmp_path, CONTENTS[layout]), None)
    assert report.agrees
    assert report.proof.readers == {NATIVE if layout == "text" else HATANAKA: 1}


@pytest.mark.parametrize("layout", ["text", "crinex"])
def test_what_the_second_reader_declines_is_read_as_before_and_said(tmp_path, layout, capsys):
    content = CHANGING if layout == "text" else bytes(hatanaka.rnx2crx(CHANGING))
    chosen = ingested(tmp_path, content)
    report = verify_store(chosen, None)
    assert report.agrees
    assert report.proof.readers == {NATIVE if layout == "text" else HATANAKA: 1}
    assert report.proof.declined == {"an event with SYS / # / OBS TYPES": 1}
    assert report.proof.failed == {}
    assert as_json(report)["compared"]["declined"] == {"an event with SYS / # / OBS TYPES": 1}
    options = ["--set", f"site={chosen.site}", "--set", f"archive.url={chosen.archive.url}"]
    options += ["--set", f"archive.layout={chosen.archive.layout}", "--set", f"store.url={chosen.store.url}"]
    with pytest.raises(SystemExit) as ended:
        main(["verify", "--full", *options])
    assert not ended.value.code
    said = "the same reader: 1" if layout == "text" else "the reference decoder: 1"
    printed = " ".join(capsys.readouterr().out.split())
    assert said in printed
    assert "1 file by the second reader (an event with SYS / # / OBS TYPES: 1)" in printed


@pytest.mark.parametrize("layout", CONTENTS)
@pytest.mark.parametrize("error", [IndexError("out of its bounds"), MemoryError(), ReadError(Reason.TRUNCATED, "cut")])
def test_a_second_reader_that_fails_has_not_declined(tmp_path, monkeypatch, layout, error, caplog, capsys):
    """It is logged with its cause and counted as what it is; the first reader reads the file in its place."""

    def fail(*_):
        raise error

    chosen = ingested(tmp_path, CONTENTS[layout])
    monkeypatch.setattr(plain_reading, "rows_of", fail)
    report = verify_store(chosen, None)
    assert report.agrees
    assert report.proof.readers == {NATIVE if layout == "text" else HATANAKA: 1}
    assert report.proof.declined == {}
    ((raised, files),) = report.proof.failed.items()
    assert files == 1
    assert (type(error).__name__ if not isinstance(error, ReadError) else "cut") in raised
    assert as_json(report)["compared"]["failed"] == {raised: 1}
    (record,) = [one for one in caplog.records if "the second reader failed" in one.message]
    assert record.message.startswith(name(DAY_ONE_S, "01H"))
    assert record.exc_info[1] is error
    show_verification(Console(), report)
    printed = " ".join(capsys.readouterr().out.split())
    assert "Warning: the second reader failed" in printed
    assert f"1 file: {raised}" in printed


def test_a_proof_says_what_the_second_reader_failed_on(tmp_path, monkeypatch, capsys):
    def fail(*_):
        raise IndexError

    write(tmp_path / "archive", {name(DAY_ONE_S, "01H"): TEXT, name(DAY_ONE_S + 3600, "01H"): LATER})
    monkeypatch.setattr(plain_reading, "rows_of", fail)
    report = run(settings(tmp_path, run={"verify": "full"}))
    assert report.snapshot
    assert report.proof.readers == {NATIVE: 2}
    assert list(report.proof.failed.values()) == [2]
    show_report(Console(), report)
    assert "Warning: the second reader failed" in " ".join(capsys.readouterr().out.split())


def test_a_proof_says_who_has_read_again(tmp_path):
    write(tmp_path / "archive", {name(DAY_ONE_S, "01H"): TEXT})
    report = run(settings(tmp_path, run={"verify": "full"}))
    assert report.proof.readers == {PLAIN: 1}
    assert replace(report.proof, readers={}).files == 1


LAYOUT = "{receiver}/**"
OVERRIDES = {"G": {"C2W": "C2L"}}


@pytest.mark.parametrize("where", ["receiver", "reader"])
def test_both_readers_have_the_overrides_of_the_receiver(tmp_path, where):
    content = rinex(span_s(DAY_ONE_S, 1), codes=("C1C", "L1C", "C2W"))
    archive = write(tmp_path / "archive", {name(DAY_ONE_S, "01H"): content})
    of_receiver = {"rec": {"include": ["rec/**"], "signal_overrides": OVERRIDES}}
    chosen = Settings.model_validate(
        {
            **settings(tmp_path).model_dump(),
            "archive": {"url": str(archive), "receivers": of_receiver if where == "receiver" else {}, "layout": LAYOUT},
            "reader": {"signal_overrides": OVERRIDES if where == "reader" else {}},
        }
    )
    run(chosen)
    assert "G01|L2|L" in stored(chosen, "rec").sids
    report = verify_store(chosen, None)
    assert report.agrees
    assert report.proof.readers == {PLAIN: 1}


def test_the_readers_agree_where_two_columns_are_one_signal(tmp_path):
    """GPS C1 and CA of RINEX 2.12: in each record the one that has a value; where both have, the preferred."""
    types = "     6    C1    CA    C2    L1    S1    P2"
    given = {"G01": (1, 1, 2, 3, 4), "G02": (None, 7, 8, 9, 10), "G03": (11, 12, None, 13, None)}
    rows = "".join("".join(map(field, values)).rstrip() + "\n" + field(5) + "\n" for values in given.values())
    content = header2(types=types, version="2.12") + "".join(
        epoch2(second, "".join(given)) + rows for second in (0, 30)
    )
    write(tmp_path / "archive", {name(DAY_ONE_S, "01H"): content.encode()})
    chosen = settings(tmp_path)
    run(chosen)
    found = stored(chosen, "rec")
    ranges = dict(zip(found.sids, found.arrays["Pseudorange"][0].tolist(), strict=True))
    assert (ranges["G01|L1|C"], ranges["G02|L1|C"]) == (1, 7)
    assert ranges["G03|L1|C"] in {11, 12}
    report = verify_store(chosen, None)
    assert report.agrees, report.first
    assert report.proof.readers == {PLAIN: 1}


@pytest.mark.parametrize("layout", CONTENTS)
def test_a_file_is_fetched_once_whoever_reads_it_again(tmp_path, monkeypatch, layout):
    chosen = ingested(tmp_path, CONTENTS[layout])
    monkeypatch.setattr(rereaders, "read_plainly", decline)
    fetched, fetch = [], ArchiveAccess.fetch

    def noted(self, uri, size_bytes=None):
        fetched.append(uri)
        return fetch(self, uri, size_bytes)

    monkeypatch.setattr(ArchiveAccess, "fetch", noted)
    report = verify_store(chosen, None)
    assert report.agrees
    assert report.proof.readers == {NATIVE if layout == "text" else HATANAKA: 1}
    assert fetched == [name(DAY_ONE_S, "01H")]


def test_files_are_held_one_after_the_other(tmp_path, monkeypatch):
    hours = range(4)
    contents = {name(DAY_ONE_S + 3600 * hour, "01H"): rinex(span_s(DAY_ONE_S + 3600 * hour, 1)) for hour in hours}
    write(tmp_path / "archive", contents)
    chosen = settings(tmp_path)
    run(chosen)
    held, expected = [], rereading.Comparison.expected

    def noted(self, claim, span):
        held.append(len(self._files))
        return expected(self, claim, span)

    monkeypatch.setattr(rereading.Comparison, "expected", noted)
    report = verify_store(chosen, None)
    assert report.agrees
    assert report.proof.files == len(hours)
    assert held == [1] * len(hours)


@pytest.mark.parametrize("layout", CONTENTS)
@pytest.mark.parametrize("plain", [True, False])
def test_no_reader_takes_an_indicator_of_a_signal_that_its_file_has_no_value_of(tmp_path, monkeypatch, layout, plain):
    flagged = header3() + epoch3(0, 2) + "G01" + field(2e7) + "\nG02" + field(None, lli="1", ssi="5") * 2 + "\n"
    valued = header3() + epoch3(30, 1) + "G02" + field(2e7) + "\n"
    for number, text in enumerate((flagged.encode(), valued.encode())):
        content = text if layout == "text" else bytes(hatanaka.rnx2crx(text))
        write(tmp_path / "archive", {name(DAY_ONE_S + 3600 * number, "01H"): content})
        chosen = settings(tmp_path)
        run(chosen)
    assert stored(chosen, "rec").sids == ["G01|L1|C", "G02|L1|C"]
    if not plain:
        monkeypatch.setattr(rereaders, "read_plainly", decline)
    report = verify_store(chosen, None)
    assert report.agrees, report.first
    assert report.proof.readers == {PLAIN if plain else NATIVE if layout == "text" else HATANAKA: 2}
    put(chosen, "LLI", "G02|L1|C", 1)
    report = verify_store(chosen, None)
    assert "G02|L1|C: LLI is 1 in the store, -1 in the file" in report.first[0]
    assert report.differences == 1


def put(chosen, variable, sid, number):
    """Change a signal's number in the first epoch of a file."""
    store = icechunk.Repository.open(icechunk.local_filesystem_storage(str(repository(chosen))))
    session = store.writable_session("main")
    group = zarr.open_group(session.store, path="rec", mode="r+")
    first = int(np.flatnonzero(group["source_file"][:] >= 0)[0])
    group[variable][first, group["sid"][:].tolist().index(sid)] = number
    session.commit("changed")


def test_of_two_strength_indicators_that_of_the_phase_is_compared(tmp_path):
    row = "G01" + field(2e7, ssi="3") + field(1e8, lli="1", ssi="7") + field(-1.5, ssi="9") + field(45.0, ssi="9")
    other = "G02" + field(2e7, ssi="4") + field(1e8)
    content = header3() + "".join(epoch3(second, 2) + f"{row}\n{other}\n" for second in (0, 30))
    write(tmp_path / "archive", {name(DAY_ONE_S, "01H"): content.encode()})
    chosen = settings(tmp_path)
    run(chosen)
    found = stored(chosen, "rec")
    assert dict(zip(found.sids, found.arrays["SSI"][0].tolist(), strict=True)) == {"G01|L1|C": 7, "G02|L1|C": 4}
    assert dict(zip(found.sids, found.arrays["LLI"][0].tolist(), strict=True)) == {"G01|L1|C": 1, "G02|L1|C": -1}
    report = verify_store(chosen, None)
    assert report.agrees, report.first
    assert report.proof.readers == {PLAIN: 1}

"""Files put at their names: what is there, and what comes meanwhile, is not replaced unless it may be."""

import errno
import os

import pytest

from gnssice_batch.exports.placing import placed
from gnssice_batch.exports.values import Origin, Why, WithheldError, choice_of
from gnssice_batch.job.run import run
from gnssice_batch.job.target import target_of
from gnssice_batch.model.values import HeaderFacts
from gnssice_batch.operate.export import export_receiver
from tests.support.exported import cell, epoch, exported
from tests.support.ingested import GROUP, ingest
from tests.support.runs import DAY_ONE_S, name, settings, write
from tests.support.writer import File, text

FORMATS = [("rinex3", "none"), ("rinex3", "crx.gz"), ("rinex2", "gz"), ("netcdf", "none"), ("parquet", "none")]
SMALL = File("3.04", {"G": ("C1C", "L1C")}, tuple(epoch(n, {"G01": (cell(1), cell(2))}) for n in range(4)))


def overwriting(file_format, compress="none"):
    return choice_of(file_format, compress, "day", None, None, overwrite=True)


@pytest.mark.parametrize(("file_format", "compress"), FORMATS)
def test_files_are_not_overwritten_unless_asked(tmp_path, file_format, compress):
    chosen, _ = ingest(tmp_path, {name(DAY_ONE_S): text(SMALL)})
    path = exported(chosen, tmp_path / "out", file_format, compress).files[0].path
    before = path.read_bytes(), path.stat().st_ino
    (withheld,) = exported(chosen, tmp_path / "out", file_format, compress).withheld
    assert (withheld.why, withheld.path) == (Why.EXISTS, path)
    assert withheld.detail == "there is a file of this name, of receiver rec: --overwrite replaces it"
    assert (path.read_bytes(), path.stat().st_ino) == before
    report = export_receiver(target_of(chosen), GROUP, tmp_path / "out", overwriting(file_format, compress))
    assert report.withheld == ()
    assert path.stat().st_ino != before[1]
    assert [each.name for each in (tmp_path / "out").iterdir()] == [path.name]


@pytest.mark.parametrize(("file_format", "compress"), FORMATS)
def test_what_is_no_export_is_never_replaced(tmp_path, file_format, compress):
    """The original of a day has the very name of its export, in a folder of the archive."""
    chosen, _ = ingest(tmp_path, {name(DAY_ONE_S): text(SMALL)})
    path = exported(chosen, tmp_path / "out", file_format, compress).files[0].path
    for content in (b"mine", text(SMALL), b""):
        path.write_bytes(content)
        report = export_receiver(target_of(chosen), GROUP, tmp_path / "out", overwriting(file_format, compress))
        assert [one.why for one in report.withheld] == [Why.EXISTS]
        assert path.read_bytes() == content


@pytest.mark.parametrize(("file_format", "compress"), FORMATS)
def test_receivers_of_one_marker_do_not_replace_each_other(tmp_path, file_format, compress):
    content = {f"{group}/{name(DAY_ONE_S)}": text(SMALL) for group in ("rec", "rec_2")}
    write(tmp_path / "archive", content)
    chosen = settings(tmp_path)
    run(chosen)
    target, choice = target_of(chosen), overwriting(file_format, compress)
    path = export_receiver(target, "rec_2", tmp_path / "out", choice).files[0].path
    before = path.read_bytes()
    (withheld,) = export_receiver(target, "rec", tmp_path / "out", choice).withheld
    assert withheld.why is Why.EXISTS
    assert withheld.detail == "the file of this name is of receiver rec_2, not rec: choose another folder"
    assert path.read_bytes() == before


@pytest.mark.parametrize("links", [True, False])
def test_a_file_that_comes_meanwhile_is_not_replaced(tmp_path, links, monkeypatch):
    if not links:
        monkeypatch.setattr("gnssice_batch.exports.placing.os.link", without_links)
    path = tmp_path / "a.rnx"
    with pytest.raises(WithheldError, match="no export"):
        place(path, meanwhile=b"theirs")
    assert [(each.name, each.read_bytes()) for each in tmp_path.iterdir()] == [("a.rnx", b"theirs")]
    path.unlink()
    place(path)
    assert [(each.name, each.read_bytes()) for each in tmp_path.iterdir()] == [("a.rnx", b"ours")]


def test_a_pipe_is_not_waited_for(tmp_path):
    path = tmp_path / "a.rnx"
    os.mkfifo(path)
    with pytest.raises(WithheldError, match="no export"):
        place(path)
    assert [each.name for each in tmp_path.iterdir()] == ["a.rnx"]


def place(path, meanwhile=None):
    origin = Origin("stores/x", "rec", "V", "", "", HeaderFacts())
    with placed(path, origin, overwriting("rinex3")) as unfinished:
        unfinished.write_bytes(b"ours")
        if meanwhile is not None:
            path.write_bytes(meanwhile)


def without_links(*_):
    raise PermissionError(errno.EPERM, "Operation not permitted")

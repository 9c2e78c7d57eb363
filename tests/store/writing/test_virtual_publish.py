"""What a job publishes in a virtual repository: chunks held against those written, rows of the ledger."""

from dataclasses import replace

import pytest
import zarr

from gnssice_batch.model.virtual import NetcdfFile, VirtualRow, VirtualState
from gnssice_batch.store.layout.virtual_files import read_rows
from gnssice_batch.store.writing.references import Written
from gnssice_batch.store.writing.structure import Structure
from gnssice_batch.store.writing.virtual_publish import VirtualPublication
from tests.support.histories import commit, far

ROWS = tuple(VirtualRow(NetcdfFile(f"{name}.nc", "rec", 5, "tag"), VirtualState.VIRTUAL, "rec") for name in "ab")
WRITTEN = Written({"/rec/SNR": {(0,)}}, {}, set())


@pytest.fixture
def repository():
    made = far()
    commit(made, 1)
    return made


def publication(repository, rows=ROWS, **more):
    structure = Structure(repository.head(), "", b"", b"", {})
    return VirtualPublication("run", structure, WRITTEN, rows, "message", {}, **more)


def published(repository, found):
    session = repository.handle.writable_session("main")
    chunks = found.completing(session)()
    session.commit("published", allow_empty=True)
    return chunks


def root(repository):
    return zarr.open_group(repository.handle.readonly_session("main").store, mode="r")


def test_rows_are_put_behind_those_that_there_are_or_in_their_place(repository):
    assert published(repository, publication(repository)) == {"/metadata/files": {(0,)}}
    assert tuple(read_rows(root(repository)).values()) == ROWS
    changed = replace(ROWS[0], state=VirtualState.NATIVE)
    new = replace(ROWS[0], file=replace(ROWS[0].file, uri="c.nc"))
    assert published(repository, publication(repository, (changed, new))) == {"/metadata/files": {(0,)}}
    assert tuple(read_rows(root(repository)).values()) == (changed, ROWS[1], new)
    assert published(repository, publication(repository, (new,))) == {"/metadata/files": frozenset()}


def test_the_root_says_once_that_it_is_a_virtual_repository_of_this_program(repository):
    published(repository, publication(repository))
    assert root(repository).attrs["gnssice_virtual"] == {"kind": "root", "version": 1}
    assert root(repository).attrs["number"] == 1
    session = repository.handle.writable_session("main")
    zarr.open_group(session.store, mode="r+").attrs["gnssice_virtual"] = {"kind": "root", "version": 0}
    session.commit("as an older program has left it")
    published(repository, publication(repository, ROWS[:0]))
    assert root(repository).attrs["gnssice_virtual"] == {"kind": "root", "version": 0}


def test_nothing_is_published_on_a_head_that_another_run_has_moved(repository):
    found = publication(repository)
    assert found.misfits(repository, repository.handle.writable_session("main")) == ()
    commit(repository, 2)
    wrong = found.misfits(repository, repository.handle.writable_session("main"))
    assert wrong == ("arrays over time may have changed",)


def test_the_chunks_that_were_merged_are_those_that_were_written_or_moved(repository):
    found = publication(repository, moved={"/rec/SNR": frozenset({(1,)})})
    assert found.differences({"/rec/SNR": frozenset({(0,), (1,)})}) == ()
    assert found.differences({"/rec/SNR": frozenset({(0,), (2,)})}) == ("/rec/SNR: 1 chunks not planned, (2,) for one",)
    assert found.differences({}) == ("/rec/SNR: 1 chunks missing, (0,) for one",)

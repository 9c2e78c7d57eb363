"""A repository says where its archive is, to all who open it or to one process alone."""

from dataclasses import replace

import pytest

from gnssice_batch.storage.credentials import forget, held
from gnssice_batch.storage.location import location
from gnssice_batch.storage.options import StorageOptions
from gnssice_batch.storage.urls import local_path
from gnssice_batch.store.pointing import point_at, pointed_at, pointing_at
from gnssice_batch.store.repository import open_existing
from tests.support.histories import Held, RefusedError, on_disk


@pytest.fixture
def repository(tmp_path):
    return on_disk(tmp_path)


def kept(repository, name="archive"):
    """Where it is for who opens the repository."""
    return pointed_at(open_existing(repository.url), name)


def updates(repository):
    return len(list((local_path(repository.url) / "overwritten").iterdir()))


def test_nothing_is_said_of_an_archive_that_nobody_has_named(repository):
    assert pointed_at(repository, "archive") is None


def test_what_is_kept_is_there_for_all_who_open_it(tmp_path, repository):
    one, other = location(str(tmp_path / "one")), location(str(tmp_path / "other"))
    assert point_at(repository, "archive", one) is None
    assert kept(repository) == f"file://{tmp_path}/one/"
    assert point_at(repository, "archive", other) == f"file://{tmp_path}/one/"
    assert kept(repository) == f"file://{tmp_path}/other/"
    assert point_at(repository, "second", one) is None
    assert (kept(repository), kept(repository, "second")) == (f"file://{tmp_path}/other/", f"file://{tmp_path}/one/")


def test_what_is_kept_already_is_not_written_again(tmp_path, repository):
    archive = location(str(tmp_path / "one"))
    point_at(repository, "archive", archive)
    before = updates(repository)
    assert point_at(repository, "archive", archive) == f"file://{tmp_path}/one/"
    assert updates(repository) == before


def test_nothing_is_kept_while_another_holds_the_lock(tmp_path, repository):
    with pytest.raises(RefusedError):
        point_at(replace(repository, lock=Held()), "archive", location(str(tmp_path / "one")))
    assert kept(repository) is None


def test_for_one_process_alone_nothing_is_kept(tmp_path, repository):
    forget()
    options = StorageOptions(region="here")
    archive = location(str(tmp_path / "one"), options)
    found = pointing_at(repository, "archive", archive)
    assert pointed_at(found, "archive") == f"file://{tmp_path}/one/"
    assert kept(repository) is None
    assert held(f"file://{tmp_path}/one/", StorageOptions()) == options

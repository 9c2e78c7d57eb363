"""Sizes of repositories and of groups."""

import shutil

import pytest

from gnssice_batch.errors import StoreError
from gnssice_batch.storage.location import location
from gnssice_batch.store.reading import size
from gnssice_batch.store.reading.size import group_bytes, repository_bytes
from gnssice_batch.store.repository import Repository, open_repository
from tests.support.small_groups import committed, group_of, made_group
from tests.support.templates import template


@pytest.fixture
def stored(tmp_path):
    repository = open_repository(str(tmp_path / "rinex"))

    def begun(root):
        made_group(root, template(), [{"uri": "a.rnx", "status": "ok"}])["SNR"][:10] = 40

    return repository, committed(repository, begun)


def test_a_repository_has_the_bytes_of_its_files(stored, tmp_path):
    (tmp_path / "rinex" / "manifests" / "left behind").write_bytes(bytes(1000))
    before = repository_bytes(stored[0])
    assert before == sum(path.stat().st_size for path in (tmp_path / "rinex").rglob("*") if not path.is_dir())
    shutil.copy(tmp_path / "rinex" / "manifests" / "left behind", tmp_path / "rinex" / "manifests" / "copied")
    assert repository_bytes(stored[0]) == before + 1000


def test_a_group_has_the_bytes_of_its_arrays_and_not_those_of_its_ledger(stored):
    group = group_of(stored[0], "rec", stored[1])
    assert group_bytes(group) == sum(one.nbytes_stored() for _, one in group.arrays()) > 0


def test_a_storage_that_can_t_be_listed_is_told(stored, monkeypatch):
    def silent(where):
        raise ConnectionError(f"no answer from {where.url}")

    monkeypatch.setattr(size, "folder_at", silent)
    elsewhere = Repository(location("s3://bucket/site/rinex"), stored[0].handle, stored[0].lock)
    with pytest.raises(StoreError, match=r"^the objects of s3://bucket/site/rinex can't be listed: no answer from s3:"):
        repository_bytes(elsewhere)

"""Axes cut back to their data, where there is nothing to cut."""

from gnssice_batch.store.repository import open_repository
from gnssice_batch.store.writing.trimming import trim_axes


def test_a_repository_without_any_group_is_left_as_it_is(tmp_path):
    repository = open_repository(str(tmp_path / "site" / "rinex"))
    head = repository.head()
    assert trim_axes(repository, "main", dry_run=False) == (None, {})
    assert repository.head() == head

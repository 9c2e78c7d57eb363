"""Cells of a receiver at a snapshot, or why there are none."""

import pytest

from gnssice_batch.errors import StoreError
from gnssice_batch.store.reading.cells import cells_in, cells_of_snapshot
from gnssice_batch.store.repository import open_repository


def test_a_snapshot_that_is_not_there_is_told(tmp_path):
    repository = open_repository(str(tmp_path / "site" / "rinex"))
    snapshot = "0" * 20
    with pytest.raises(StoreError, match=rf"snapshot {snapshot} of .*rinex can't be read"):
        cells_in(repository, snapshot, "rec")
    with pytest.raises(StoreError, match=f"snapshot {snapshot} of"):
        cells_of_snapshot(str(tmp_path / "site" / "rinex"), snapshot, "rec")


def test_a_repository_that_is_not_there_is_told(tmp_path):
    with pytest.raises(StoreError, match=r"there is no repository at .*nowhere"):
        cells_of_snapshot(str(tmp_path / "nowhere"), "0" * 20, "rec")

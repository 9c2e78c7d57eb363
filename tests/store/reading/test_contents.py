"""What is looked at of all groups of a repository, in one pass."""

import pytest
import zarr

from gnssice_batch import run, status
from gnssice_batch.errors import StoreError
from gnssice_batch.store.reading.contents import contents
from gnssice_batch.store.repository import open_existing
from tests.job.test_foreign_things import changed, file_of, vod, weather
from tests.support.runs import DAY_ONE_S, repository, settings, write


@pytest.fixture
def chosen(tmp_path):
    write(tmp_path / "archive", file_of(DAY_ONE_S))
    chosen = settings(tmp_path)
    run(chosen)
    return chosen


def looked_at(chosen):
    return contents(open_existing(str(repository(chosen))), ["epochs_joined", "uri"], lambda *told: told)


def test_a_receiver_has_the_bytes_of_its_arrays(chosen):
    changed(chosen, vod)
    store = open_existing(str(repository(chosen))).handle.readonly_session("main").store
    arrays = [one for _, one in zarr.open_group(store, path="rec", mode="r").arrays()]
    assert len(arrays) > 10
    assert looked_at(chosen).receivers["rec"][2] == sum(one.nbytes_stored() for one in arrays)
    assert status(chosen).receivers[0].stored_bytes == looked_at(chosen).receivers["rec"][2]


def test_ledger_and_columns_are_read_once(chosen):
    group, files, _ = looked_at(chosen).receivers["rec"]
    assert files["uri"].tolist() == group.ledger.uri.tolist() != []
    assert files["epochs_joined"].tolist() == [0]


def test_other_groups_are_told_beside(chosen):
    changed(chosen, weather)
    found = looked_at(chosen)
    assert (list(found.receivers), found.others) == (["rec"], ("weather",))


def test_a_branch_that_is_not_there(chosen):
    with pytest.raises(StoreError, match="no branch 'other'"):
        contents(open_existing(str(repository(chosen))), [], lambda *told: told, "other")

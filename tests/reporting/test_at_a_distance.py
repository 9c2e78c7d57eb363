"""A report on a repository in an object store says what one on the same files on a disk says."""

import pytest

from gnssice_batch.job.run import run
from gnssice_batch.reporting.gathering import store_facts
from gnssice_batch.reporting.store_page import store_page
from tests.support.object_stores.stores import fresh
from tests.support.reported import files
from tests.support.runs import settings, write

pytestmark = [pytest.mark.processes, pytest.mark.heavy]


def told(folder, place):
    """What a report says, without what is of the place and the moment."""
    archive = write(folder / "archive", files())
    store = {"url": f"{place.url}/stores", "storage_options": dict(place.options)}
    chosen = settings(folder, archive, store=store, run={"max_refused_fraction": 1})
    run(chosen)
    facts = store_facts(chosen)
    assert facts.url in store_page(facts)
    found = facts.as_json()["receivers"]
    for receiver in found:
        for file in receiver["files"]["refused"]:
            file["read_at"] = ""
    return found


def test_it_says_the_same(object_stores, tmp_path):
    (tmp_path / "near").mkdir()
    (tmp_path / "far").mkdir()
    assert told(tmp_path / "far", object_stores) == told(tmp_path / "near", fresh("local", tmp_path, None))

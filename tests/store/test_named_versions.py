"""What versions with names cost to be found: no more requests for each than for the first."""

from datetime import UTC, datetime

import numpy as np
import pytest
import xarray as xr

from gnssice_batch import IcechunkStore
from gnssice_batch.store.writing.garbage import expire

pytestmark = pytest.mark.processes
_FEW, _MORE = 2, 8
_MOST_FOR_EACH = {"tags": 3, "branches": 4, "expire": 7}
"""Requests for a tag and a branch of another version."""


@pytest.mark.parametrize("object_stores", ["s3"], indirect=True)
def test_requests_grow_with_the_names_only(object_stores, proxy):
    """Tags on different versions, and branches that begin there."""
    way = proxy(object_stores)
    through = object_stores.through(way.address).below("mine")
    store = IcechunkStore.open_or_create(through.url, storage_config=dict(through.options))
    few = _requests(store, way, range(_FEW))
    more = _requests(store, way, range(_FEW, _FEW + _MORE))
    for question, most in _MOST_FOR_EACH.items():
        assert more[question] - few[question] <= _MORE * most, question


def _requests(store, way, numbers):
    """The requests of each question, after some more versions with names."""
    for number in numbers:
        with store.transaction() as txn:
            xr.Dataset({"SNR": ("epoch", np.full(4, float(number)))}).to_zarr(store, mode="w")
            version = txn.commit(f"number {number}")
        store.tag(f"tag-{number}", version)
        store.create_branch(f"branch-{number}", version)
    now = datetime.now(UTC)
    questions = {
        "tags": store.list_tags,
        "branches": store.list_branches,
        "expire": lambda: expire(store.repository, now, dry_run=True),
    }
    found = {}
    for name, question in questions.items():
        way.begin()
        question()
        found[name] = sum(way.counts().requests.values())
    return found

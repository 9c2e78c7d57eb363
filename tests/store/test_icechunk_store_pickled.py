"""Stores that travel: who opens a pickled one holds no options of its storage."""

import pickle

import pytest
import zarr

from gnssice_batch import IcechunkStore
from gnssice_batch.storage.credentials import forget

pytestmark = pytest.mark.processes


@pytest.mark.parametrize("object_stores", ["s3"], indirect=True)
def test_static_keys_travel_with_a_store_however_it_was_opened(object_stores):
    place = {"storage": f"{object_stores.url}/mine", "storage_config": dict(object_stores.options)}
    store = IcechunkStore.open_or_create(**place)
    with store.transaction() as txn:
        zarr.open_group(store).create_group("one")
        txn.commit("one")
    opened = [store, IcechunkStore.open(**place), IcechunkStore.open(**place, version=1)]
    packed = [pickle.dumps(each) for each in (*opened, IcechunkStore.open(**place, read_only=False))]
    forget()
    for each in packed:
        assert list(zarr.open_group(pickle.loads(each), mode="r").group_keys()) == ["one"]

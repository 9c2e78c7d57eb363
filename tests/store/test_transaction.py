"""Commits of transactions whose answer is lost on the way: what is said of them is what is stored."""

import numpy as np
import pytest
import xarray as xr

from gnssice_batch import IcechunkStore, StoreError
from tests.support.object_stores.faults import Fault, Rule

pytestmark = pytest.mark.processes


def written(store, number):
    xr.Dataset({"SNR": ("epoch", np.full(24, float(number)))}).to_zarr(store, mode="w")


@pytest.mark.parametrize("object_stores", ["s3", "azure"], indirect=True)
class TestLostAnswers:
    """A proxy forgets the answer to the commit; what it does to the requests after it makes Icechunk give up."""

    @pytest.fixture
    def way(self, object_stores, proxy):
        return proxy(object_stores)

    @pytest.fixture
    def place(self, object_stores, way):
        through = object_stores.through(way.address).below("mine")
        return {"storage": through.url, "storage_config": dict(through.options)}

    def write(self, store, number):
        with store.transaction() as txn:
            written(store, number)
            return txn.commit(f"number {number}")

    def moved(self, place, fault, **more):
        """A rule for the write that moves the branch."""
        prefix = place["storage"].partition("://")[2].partition("/")[2]
        return Rule(fault, ("PUT",), conditional=True, holding=f"/{prefix}/repo", **more)

    def opened(self, place, way):
        """A store with two versions; the requests of a third one, of which the last moves the branch."""
        store = IcechunkStore.open_or_create(**place)
        self.write(store, 1)
        with store.transaction() as txn:
            written(store, 2)
            way.begin()
            txn.session.commit("number 2")
            requests = sum(way.counts().requests.values())
        return store, requests

    def test_by_itself(self, place, way):
        store, _ = self.opened(place, way)
        way.begin(rules=[self.moved(place, Fault.LOST_ANSWER)])
        assert self.write(store, 3).message == "number 3"
        assert way.counts().faults == {"lost_answer": 1}
        assert [version.number for version in store.list_versions()] == [1, 2, 3]

    @pytest.mark.parametrize("refused", [1, None])
    def test_and_what_is_asked_then_is_refused(self, place, way, refused):
        """Icechunk gives up: the branch says that the version is there, or nothing says it."""
        store, requests = self.opened(place, way)
        with store.transaction() as txn:
            written(store, 3)
            then = Rule(Fault.EXPIRED, first=requests, count=refused)
            way.begin(rules=[self.moved(place, Fault.LOST_ANSWER), then])
            if refused is None:
                with pytest.raises(StoreError, match=r"does not say whether it is stored.*list_versions"):
                    txn.commit("number 3")
                way.begin()
                txn.rollback()
            else:
                version = txn.commit("number 3")
                assert (version.number, version.message, version.metadata) == (3, "number 3", {})
                assert way.counts().faults == {"lost_answer": 1, "expired": 1}
        assert [version.message for version in store.list_versions()] == ["number 1", "number 2", "number 3"]
        assert self.write(store, 4).number == 4

    def test_of_a_commit_that_is_refused_nothing_is_said_to_be_stored(self, place, way):
        store, _ = self.opened(place, way)
        way.begin(rules=[self.moved(place, Fault.EXPIRED, count=None)])
        with pytest.raises(StoreError, match="nothing is stored"):
            self.write(store, 3)
        way.begin()
        assert [version.message for version in store.list_versions()] == ["number 1", "number 2"]

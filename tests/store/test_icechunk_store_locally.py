"""The store API on a disk: what is read when, who may write, what is shown and what is refused."""

import asyncio
import pickle
import shutil

import pytest
import zarr
from zarr.core.buffer import cpu
from zarr.core.sync import sync

from gnssice_batch import IcechunkStore, StoreError

BYTES = cpu.Buffer.from_bytes(b"{}")
BYTES_OF_A_GROUP = cpu.Buffer.from_bytes(b'{"zarr_format":3,"node_type":"group","attributes":{}}')
NEEDS = "^writing needs a transaction"


def commit(store, name, message=None):
    """Add a group in a transaction; return the version."""
    with store.transaction() as txn:
        zarr.open_group(store).create_group(name)
        return txn.commit(message=message or name)


def groups(store):
    return sorted(zarr.open_group(store, mode="r").group_keys())


@pytest.fixture
def url(tmp_path):
    return str(tmp_path / "mine")


@pytest.fixture
def store(url):
    return IcechunkStore.open_or_create(url)


class TestOpening:
    def test_to_read_shows_the_newest_of_a_branch(self, store, url):
        trial = IcechunkStore.open_or_create(url, branch="trial")
        commit(store, "on_main")
        commit(trial, "on_trial")
        for opened in (
            IcechunkStore.open_or_create(url, read_only=True, branch="trial"),
            IcechunkStore.open(url, branch="trial"),
        ):
            assert (groups(opened), opened.branch, opened.read_only) == (["on_trial"], "trial", True)
        assert groups(IcechunkStore.open(url)) == ["on_main"]

    def test_to_write_goes_on_with_a_branch(self, store, url):
        IcechunkStore.open_or_create(url, branch="trial")
        opened = IcechunkStore.open(url, read_only=False, branch="trial")
        assert (opened.read_only, opened.branch) == (False, "trial")
        commit(opened, "on_trial")
        assert groups(opened) == ["on_trial"]
        commit(IcechunkStore.open(url, read_only=False), "on_main")
        assert [each.message for each in store.list_versions()] == ["on_main"]

    def test_a_version_is_read_only_whatever_was_asked_for(self, store, url):
        first = commit(store, "one")
        commit(store, "two")
        for opened in (IcechunkStore.open(url, version=first, read_only=False), IcechunkStore.open(url, version=1)):
            assert (groups(opened), opened.read_only) == (["one"], True)
            with pytest.raises(PermissionError, match=r"is read-only: transactions begin on"), opened.transaction():
                pass
            with pytest.raises(PermissionError, match=r"is read-only: use a store from"):
                opened.tag("v1")

    @pytest.mark.parametrize("read_only", [True, False])
    def test_what_is_not_there_is_not_made(self, tmp_path, read_only):
        with pytest.raises(StoreError, match=r"^there is no repository at .*nothing: IcechunkStore.open_or_create"):
            IcechunkStore.open(tmp_path / "nothing", read_only=read_only)
        with pytest.raises(StoreError, match=r"^there is no repository at"):
            IcechunkStore.open(tmp_path / "nothing", version=1)
        assert not (tmp_path / "nothing").exists()

    def test_a_branch_that_is_not_there_is_an_error_of_the_store(self, store, url):
        assert store.list_versions() == []
        with pytest.raises(StoreError):
            IcechunkStore.open(url, branch="nothing")


class TestTransactions:
    def test_end_at_the_newest_version(self, store, url):
        other = IcechunkStore.open_or_create(url)
        with store.transaction() as txn:
            zarr.open_group(store).create_group("one")
            txn.commit("one")
            commit(other, "two")
        assert groups(store) == ["one", "two"]

    def test_are_one_at_a_time_and_have_to_be_committed(self, store):
        with (
            pytest.raises(RuntimeError, match=r"^a transaction is open on this store already$"),
            store.transaction(),
            store.transaction(),
        ):
            pass
        with pytest.raises(RuntimeError, match=r"nothing of what was written in it is stored$"), store.transaction():
            zarr.open_group(store).create_group("one")
        commit(store, "two")
        assert groups(store) == ["two"]

    def test_on_a_branch_that_is_gone_are_an_error_of_the_store(self, url):
        trial = IcechunkStore.open_or_create(url, branch="trial")
        trial.repository.handle.delete_branch("trial")
        with pytest.raises(StoreError), trial.transaction():
            pass

    @pytest.mark.parametrize(
        "write",
        [
            lambda store: store.set("x", BYTES),
            lambda store: store.set_if_not_exists("x", BYTES),
            lambda store: store.delete("one/zarr.json"),
            lambda store: store.delete_dir("one"),
            lambda store: store.clear(),
        ],
        ids=["set", "set_if_not_exists", "delete", "delete_dir", "clear"],
    )
    def test_are_needed_for_whatever_writes(self, store, write):
        commit(store, "one")
        with pytest.raises(PermissionError, match=NEEDS):
            sync(write(store))
        assert groups(store) == ["one"]

    def test_let_everything_be_written(self, store):
        with store.transaction() as txn:
            root = zarr.open_group(store)
            root.create_array("a", shape=(1,), dtype="i1")
            sync(store.set("a/c/0", cpu.Buffer.from_bytes(b"1")))
            sync(store.delete("a/c/0"))
            sync(store.set_if_not_exists("b/zarr.json", BYTES_OF_A_GROUP))
            sync(store.delete_dir("a"))
            txn.commit("written")
        assert groups(store) == ["b"]
        with store.transaction() as txn:
            sync(store.clear())
            txn.commit("cleared")
        assert repr(store).endswith("groups: none>")

    def test_warn_of_receivers_alone(self, store):
        commit(store, "plain")
        with store.transaction() as txn:
            for name in ("beta", "alpha"):
                zarr.open_group(store).create_group(name, attributes={"layout_version": 2})
            txn.commit("two of ours")
        said = r"^the groups alpha, beta were made by gnssice-batch run: "
        with pytest.warns(UserWarning, match=said), store.transaction():
            pass


class TestVersions:
    def test_are_named_by_tags_and_branches(self, store, url):
        first, second = commit(store, "one"), commit(store, "two")
        store.tag("old", first)
        store.tag("new")
        assert store.list_tags() == {"old": first, "new": second}
        store.create_branch("trial", first)
        store.create_branch("same")
        assert store.list_branches() == {"main": second, "trial": first, "same": second}
        assert (store.list_versions(), store.list_versions("trial")) == ([first, second], [first])
        trial = IcechunkStore.open_or_create(url, branch="trial")
        assert (trial.list_versions(), trial.list_versions("main")) == ([first], [first, second])
        with pytest.raises(StoreError, match=r"^'trial' is the branch of this store"):
            trial.delete_branch("trial")
        assert store.delete_branch("trial") == first

    def test_that_are_taken_back_are_not_shown_any_more(self, store):
        first = commit(store, "one")
        commit(store, "two")
        store.rollback(first)
        assert groups(store) == ["one"]


class TestReadOnly:
    def test_is_what_a_version_is_and_stays(self, store, url):
        first = commit(store, "one")
        reader = IcechunkStore.open(url, version=first)
        newest = IcechunkStore.open(url)
        commit(store, "two")
        assert groups(reader.with_read_only(read_only=True)) == groups(newest.with_read_only(read_only=True)) == ["one"]
        with pytest.raises(PermissionError, match=r"is read-only and stays so$"):
            reader.with_read_only(read_only=False)

    def test_is_how_a_store_is_read_at_its_newest_version(self, store, url):
        assert store.with_read_only(read_only=False) is store
        commit(IcechunkStore.open_or_create(url), "of another")
        found = store.with_read_only(read_only=True)
        assert (found.read_only, store.read_only) == (True, False)
        assert (type(found), groups(found)) == (IcechunkStore, ["of another"])

    def test_shows_what_a_transaction_has_written(self, store):
        with store.transaction() as txn:
            zarr.open_group(store).create_group("one")
            assert groups(store.with_read_only(read_only=True)) == ["one"]
            txn.rollback()

    def test_is_what_a_pickled_store_is(self, store):
        commit(store, "one")
        found = pickle.loads(pickle.dumps(store))
        assert (found.read_only, groups(found), groups(found.with_read_only(read_only=True))) == (
            True,
            ["one"],
            ["one"],
        )
        with pytest.raises(PermissionError, match=r"^a store that was pickled can only be read"):
            found.list_versions()


class TestShown:
    def test_with_branch_version_and_groups(self, store, url):
        assert str(store) == url
        assert repr(store) == f"<IcechunkStore {url} (main, {store.session.snapshot_id}) groups: none>"
        for name in ("d", "b", "f", "a", "e", "c"):
            version = commit(store, name)
        assert repr(store) == f"<IcechunkStore {url} (main, {version.id}) groups: a, b, c, d, e, f>"
        assert repr(IcechunkStore.open(url)) == f"<IcechunkStore {url} ({version.id}) groups: a, b, c, d, e, f>"

    def test_without_a_place_where_it_was_pickled(self, store):
        found = pickle.loads(pickle.dumps(store))
        assert repr(found) == f"<IcechunkStore a pickled store ({store.session.snapshot_id}) groups: none>"

    def test_with_its_groups_wherever_zarr_is_not_asking(self, store):
        version = commit(store, "one")

        async def shown():
            return repr(store)

        assert asyncio.run(shown()) == repr(store)
        assert sync(shown()) == f"<IcechunkStore {store} (main, {version.id})>"

    def test_without_groups_where_they_can_t_be_read(self, store, tmp_path):
        commit(store, "one")
        found = IcechunkStore.open(tmp_path / "mine")
        shutil.rmtree(tmp_path / "mine")
        assert repr(found).startswith("<IcechunkStore ")

"""The store API of the seeds on real storages: their page line by line, and what it leaves unsaid."""

import os
import pickle
import re
import threading
from datetime import UTC, datetime, timedelta

import icechunk
import numpy as np
import pytest
import xarray as xr
import zarr

from gnssice_batch import ConfigError, IcechunkStore, RunConflictError, StoreError, Version, open_dataset
from tests.support.published import ingested

pytestmark = pytest.mark.processes

PAGE = """
from gnssice_batch import IcechunkStore

store = IcechunkStore.open_or_create(
    storage="file:///path/to/store",
    read_only=False
)

with store.transaction() as txn:
    ds = preprocess_dataset(raw_data)
    ds.to_zarr(store, mode="a")
    txn.commit(message="Added 2024-01-15 data")

versions = store.list_versions()

store_v1 = IcechunkStore.open(
    storage="file:///path/to/store",
    version=versions[0]
)
ds = xr.open_zarr(store_v1)

ds = xr.open_zarr(store)
subset = ds.sel(epoch=slice("2024-01-01", "2024-01-31"))
"""
"""Every line of the page's usage, in its order; the package of the import is ours."""

CLOUD = {
    "s3": """
store = IcechunkStore.open_or_create(
    storage="s3://bucket-name/path/to/store",
    storage_config={"region": "us-east-1", "credentials": "auto"}
)
""",
    "azure": """
store = IcechunkStore.open_or_create(
    storage="az://container/path/to/store",
    storage_config={"account_name": "myaccount", "account_key": "..."}
)
""",
}


def day(date, salt=0.0):
    times = np.datetime64(f"{date}T00", "ns") + np.arange(24) * np.timedelta64(1, "h")
    values = np.arange(24 * 3.0).reshape(24, 3) + salt
    return xr.Dataset({"SNR": (("epoch", "sid"), values)}, {"epoch": times, "sid": ["a", "b", "c"]})


def commit(store, dataset, message, **how):
    with store.transaction() as txn:
        dataset.to_zarr(store, **how)
        return txn.commit(message=message)


@pytest.fixture
def place(object_stores):
    return {"storage": f"{object_stores.url}/mine", "storage_config": dict(object_stores.options)}


@pytest.fixture
def store(tmp_path):
    return IcechunkStore.open_or_create(storage=str(tmp_path / "mine"))


def test_every_line_of_the_page_runs_as_it_stands(object_stores, monkeypatch):
    """Endpoint and keys of S3 come from the environment, the endpoint of Azure does, as they would in a pod."""
    kind, options = object_stores.kind, object_stores.options
    url = f"{object_stores.url}/path/to/store"
    page = PAGE.replace("file:///path/to/store", url if "://" in url else f"file://{url}")
    if kind != "local":
        config = re.search(r"storage_config=.*\}", CLOUD[kind])[0]
        page = page.replace('store",\n', f'store",\n    {config},\n')
    if kind == "s3":
        monkeypatch.setenv("AWS_ENDPOINT_URL", options["endpoint_url"])
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", options["access_key_id"])
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", options["secret_access_key"])
    if kind == "azure":
        monkeypatch.setenv("AZURE_STORAGE_ENDPOINT", options["endpoint_url"])
        page = page.replace('"myaccount"', repr(options["account_name"])).replace('"..."', repr(options["account_key"]))
    names = {"xr": xr, "raw_data": day("2024-01-15"), "preprocess_dataset": lambda raw: raw}
    exec(compile(page, "the page of the seeds", "exec"), names)
    assert names["subset"].sizes["epoch"] == 24
    xr.testing.assert_identical(names["ds"].load(), day("2024-01-15"))
    assert [version.message for version in names["versions"]] == ["Added 2024-01-15 data"]
    assert xr.open_zarr(names["store_v1"]).SNR.sum() == names["ds"].SNR.sum()


def test_the_page_is_the_page_of_the_seeds(shared_data):
    seeds = (shared_data.parent / "seeds" / "icechunk-storage.txt").read_text(encoding="utf-8")
    code = "\n".join(re.findall(r"```python\n(.*?)```", seeds, re.DOTALL)).replace(
        "from icechunk import", "from gnssice_batch import"
    )
    wanted = {line.strip() for line in code.splitlines() if line.strip() and '": ' not in line}
    tried = {line.strip() for text in (PAGE, *CLOUD.values()) for line in text.splitlines()}
    assert wanted - tried <= {"{", "}"}


def test_readers_stay_at_their_version_and_new_ones_see_the_newest(place):
    store = IcechunkStore.open_or_create(**place)
    commit(store, day("2024-01-15"), "one", mode="a")
    pinned = xr.open_zarr(store)
    other = IcechunkStore.open_or_create(**place)
    commit(other, day("2024-01-16"), "two", mode="a", append_dim="epoch")
    assert (pinned.sizes["epoch"], pinned.SNR.values.shape) == (24, (24, 3))
    assert xr.open_zarr(store).sizes["epoch"] == 48
    again = pickle.loads(pickle.dumps(xr.open_zarr(store)))
    np.testing.assert_array_equal(again.SNR.values[24:], day("2024-01-16").SNR.values)
    first, second = store.list_versions()
    assert (first.message, second.message, second.number) == ("one", "two", 2)
    assert xr.open_zarr(IcechunkStore.open(**place, version=first)).sizes["epoch"] == 24


def test_writers_at_once_both_get_in_where_they_touch_other_chunks_and_one_is_told_where_not(place):
    both = xr.concat([day("2024-01-15"), day("2024-01-16")], "epoch")
    commit(IcechunkStore.open_or_create(**place), both, "begun", encoding={"SNR": {"chunks": (24, 3)}})
    stores = [IcechunkStore.open_or_create(**place) for _ in range(2)]
    barrier, found = threading.Barrier(2), {}

    def write(number, part):
        values = both.isel(epoch=part).drop_vars(["epoch", "sid"]) + 100 * (number + 1)
        with stores[number].transaction() as txn:
            values.to_zarr(stores[number], region={"epoch": part}, mode="r+")
            barrier.wait(60)
            try:
                found[number] = txn.commit(message=f"from {number}")
            except RunConflictError as error:
                found[number] = error
                txn.rollback()

    first, second = slice(0, 24), slice(24, 48)
    for parts in ((first, second), (first, first)):
        threads = [threading.Thread(target=write, args=each) for each in enumerate(parts)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        errors = [each for each in found.values() if isinstance(each, RunConflictError)]
        assert len(errors) == (parts[0] == parts[1])
        assert all("nothing is stored" in str(error) for error in errors)
    assert [version.number for version in IcechunkStore.open(**place).list_versions()] == [1, 2, 3, 4]
    assert xr.open_zarr(stores[0]).SNR.values[24, 0] == 200


class TestTransactions:
    def test_without_a_commit_nothing_is_stored_and_that_is_said(self, store):
        with pytest.raises(RuntimeError, match="nothing of what was written"), store.transaction():
            day("2024-01-15").to_zarr(store)
        assert store.list_versions() == []

    def fail_after(self, write):
        write()
        raise ZeroDivisionError

    def test_an_exception_inside_leaves_the_store_as_it_was(self, store):
        commit(store, day("2024-01-15"), "one")
        with pytest.raises(ZeroDivisionError), store.transaction():
            self.fail_after(lambda: day("2024-01-15", 5).to_zarr(store, mode="w"))
        xr.testing.assert_identical(xr.open_zarr(store).load(), day("2024-01-15"))

    def test_can_be_given_up(self, store):
        with store.transaction() as txn:
            day("2024-01-15").to_zarr(store)
            txn.rollback()
        with store.transaction():
            pass
        assert store.list_versions() == []

    def test_sees_its_own_writes(self, store):
        with store.transaction() as txn:
            day("2024-01-15").to_zarr(store)
            assert xr.open_zarr(store).sizes["epoch"] == 24
            assert isinstance(txn.session, icechunk.Session)
            txn.commit("one", metadata={"by": "me"})
        assert store.list_versions()[0].metadata == {"by": "me"}

    def test_writing_needs_one(self, store):
        with pytest.raises(PermissionError, match="writing needs a transaction"):
            day("2024-01-15").to_zarr(store)
        version = commit(store, day("2024-01-15"), "one")
        old = IcechunkStore.open(store.repository.url, version=version)
        with pytest.raises(ValueError, match="read-only"):
            day("2024-01-16").to_zarr(old, append_dim="epoch")
        with pytest.raises(PermissionError, match="read-only"), old.transaction():
            pass
        with pytest.raises(RuntimeError, match="open on this store already"), store.transaction(), store.transaction():
            pass

    def test_a_commit_of_nothing_is_refused(self, store):
        with pytest.raises(StoreError, match="can't be committed"), store.transaction() as txn:
            txn.commit("nothing")

    def test_on_a_branch_that_is_gone_is_an_error_of_the_store(self, tmp_path):
        url = str(tmp_path / "rinex")
        handle = IcechunkStore.open_or_create(url).repository.handle
        handle.create_branch("trial", handle.lookup_branch("main"))
        store = IcechunkStore.open_or_create(url, branch="trial")
        handle.delete_branch("trial")
        with pytest.raises(StoreError), store.transaction():
            pass

    def test_warns_in_a_store_that_run_has_made(self, tmp_path):
        chosen, _ = ingested(tmp_path)
        store = IcechunkStore.open_or_create(f"{chosen.store.url}/{chosen.site}/rinex")
        with pytest.warns(UserWarning, match="made by gnssice-batch run"), store.transaction():
            pass
        assert f"(main, {store.session.snapshot_id}) groups: " in repr(store)
        group = repr(store).rpartition("groups: ")[2].rstrip(">").split(", ")[0]
        assert "SNR" in xr.open_zarr(store, group=group)
        assert not xr.open_zarr(store).data_vars

    def test_shows_its_groups_in_their_order(self, store):
        names = ("zeta", "beta", "omega", "alpha", "mid")
        with store.transaction() as txn:
            for name in names:
                day("2024-01-15").to_zarr(store, group=name, mode="a")
            txn.commit(message="five")
        assert repr(store).endswith(f"groups: {', '.join(sorted(names))}>")


class TestVersions:
    @pytest.fixture
    def three(self, store):
        made = [commit(store, day("2024-01-15", n), f"number {n}", mode="w") for n in range(3)]
        store.tag("v1.0", made[0])
        store.create_branch("trial", made[1])
        return store, made

    def salt(self, store, version):
        opened = IcechunkStore.open(store.repository.url, version=version)
        assert opened.read_only
        return int(xr.open_zarr(opened).SNR.values[0, 0])

    def test_are_named_in_every_way(self, three):
        store, made = three
        listed = store.list_versions()
        assert listed == made
        names = [listed[1], listed[1].id, listed[1].id[:8], listed[1].id[:8].lower(), "trial", 2, listed[1].written_at]
        assert [self.salt(store, name) for name in names] == [1] * len(names)
        assert self.salt(store, "v1.0") == 0
        assert self.salt(store, datetime.now(UTC)) == 2
        assert self.salt(store, datetime.now(UTC).date()) == 2
        assert self.salt(store, f"as of {datetime.now(UTC).date()}") == 2
        assert self.salt(store, None) == 2

    @pytest.mark.parametrize("name", ["v2", "0" * 20, 7, "2001-01-01", datetime(2001, 1, 1, tzinfo=UTC)])
    def test_what_is_not_there_is_said_with_what_is(self, three, name):
        store, _ = three
        with pytest.raises(StoreError, match=r"tags: v1.0; branches: main, trial; latest versions: 1 \w+ "):
            self.salt(store, name)

    def test_print_well_and_are_ids(self, three):
        store, made = three
        first = store.list_versions()[0]
        assert isinstance(first, Version)
        assert re.fullmatch(rf"1 {made[0].id} \d{{4}}-\d\d-\d\d [\d:]{{8}}Z \[v1.0\] 'number 0'", str(first))
        assert repr(first) == f"<{first}>"
        assert (type(first.id), len(first.id), first.tags) == (str, 20, ("v1.0",))
        assert pickle.loads(pickle.dumps(first)).message == "number 0"
        assert store.repository.handle.readonly_session(snapshot_id=first).snapshot_id == first
        assert first.written_at.utcoffset() == timedelta(0)

    def test_go_back(self, three):
        store, made = three
        store.rollback(made[0])
        assert self.salt(store, None) == 0
        assert xr.open_zarr(store).SNR.values[0, 0] == 0
        commit(store, day("2024-01-15", 9), "after", mode="w")
        assert [version.message for version in store.list_versions()] == ["number 0", "after"]
        assert self.salt(store, made[2].id) == 2

    def test_taken_back_and_taken_back_again(self, three):
        store, made = three
        tag = store.rollback(made[0])
        assert store.list_tags() == {tag: made[2], "v1.0": made[0]}
        assert store.rollback(tag) is None
        assert store.list_versions() == made
        assert store.rollback(made[2]) is None
        with pytest.raises(RunConflictError, match="'trial' never had 3 "):
            IcechunkStore.open_or_create(store.repository.url, branch="trial").rollback(made[2])

    def test_branches_are_published_and_deleted(self, three):
        store, made = three
        assert store.list_branches() == {"main": made[2], "trial": made[1]}
        trial = IcechunkStore.open_or_create(store.repository.url, branch="trial")
        other = commit(trial, day("2024-01-15", 7), "on trial", mode="w")
        with pytest.raises(RunConflictError, match=r"'main' has versions that .* 'number 2'"):
            trial.publish()
        store.rollback(made[1])
        assert trial.publish() == [other]
        assert trial.publish() == []
        assert self.salt(store, None) == 7
        with pytest.raises(StoreError, match="the branch of this store"):
            trial.delete_branch("trial")
        assert store.delete_branch("trial") == other
        assert list(store.list_branches()) == ["main"]
        store.create_branch("trial", other)
        for name, words in (
            ("trial", "a branch 'trial' already"),
            ("v1.0", "a tag 'v1.0' already"),
            ("staging-x", "run"),
        ):
            with pytest.raises(StoreError, match=words):
                store.create_branch(name)
        for name in ("main", "nothing", "staging-x"):
            with pytest.raises(StoreError, match=name):
                trial.delete_branch(name)
        with pytest.raises(PermissionError, match="read-only"):
            IcechunkStore.open(store.repository.url).publish()

    def test_a_tag_never_changes(self, three):
        store, made = three
        with pytest.raises(StoreError, match="can't be tagged"):
            store.tag("v1.0", made[1])

    def test_open_dataset_knows_the_same_names(self, tmp_path):
        chosen, _ = ingested(tmp_path)
        url = f"{chosen.store.url}/{chosen.site}/rinex"
        (version,) = IcechunkStore.open(url).list_versions()
        group = min(zarr.open_group(IcechunkStore.open(url), mode="r").group_keys())
        for name in (version, version.id[:6], 1, "main", datetime.now(UTC)):
            assert open_dataset(url, group, name).sizes["epoch"] > 0


class TestOpening:
    def test_where_nothing_is(self, tmp_path):
        url = str(tmp_path / "nothing")
        for call in (
            lambda: IcechunkStore.open(url),
            lambda: IcechunkStore.open(url, read_only=False),
            lambda: IcechunkStore.open_or_create(url, read_only=True),
        ):
            with pytest.raises(StoreError, match="there is no repository"):
                call()
        assert not os.path.lexists(url)

    @pytest.mark.parametrize(
        ("url", "config", "words"),
        [
            ("x", {"regoin": "x"}, "did you mean region"),
            ("s3://b/x", {"credentials": "magic"}, "credentials"),
            ("s3://bucket", {}, "needs a prefix"),
            ("gs://b/x", {}, "for archives"),
        ],
    )
    def test_what_can_not_be(self, url, config, words):
        with pytest.raises(ConfigError, match=words):
            IcechunkStore.open_or_create(url, config)

    def test_a_path_and_a_branch(self, tmp_path):
        store = IcechunkStore.open_or_create(tmp_path / "x", branch="trial")
        commit(store, day("2024-01-15"), "on trial")
        assert IcechunkStore.open(tmp_path / "x", branch="trial").list_versions()[0].message == "on trial"
        assert IcechunkStore.open(tmp_path / "x").list_versions() == []

    def test_the_real_objects_are_at_hand(self, store):
        assert isinstance(store.repository.handle, icechunk.Repository)
        assert isinstance(store.session, icechunk.Session)
        reader = pickle.loads(pickle.dumps(store))
        assert reader.read_only
        with pytest.raises(PermissionError, match="pickled"):
            reader.list_versions()

    def test_keys_are_not_shown(self, place):
        store = IcechunkStore.open_or_create(**place)
        secret = place["storage_config"].get("account_key") or place["storage_config"].get("secret_access_key")
        assert secret is None or secret not in repr(store) + str(store) + repr(store.repository)

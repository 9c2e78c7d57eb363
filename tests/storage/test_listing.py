"""Listings of folders: the same whether one page after the other or by many requests, on disks and on servers."""

import os
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gnssice_batch.storage import listing
from gnssice_batch.storage.entries import Entry, entry, listed
from gnssice_batch.storage.filesystems import filesystem
from gnssice_batch.storage.folder import Folder
from gnssice_batch.storage.listing import UnorderedError, list_all
from gnssice_batch.storage.object_lists import object_lister
from gnssice_batch.storage.options import options_of
from gnssice_batch.storage.urls import place
from tests.support.object_stores.listing_stub import BUCKET, ListingStub, names
from tests.support.object_stores.stores import SERVER, fresh
from tests.support.object_stores.stores import filesystem as plain_filesystem

ODD = (
    "a",
    "a/b",
    "a-before",
    "a0after",
    "deep/1/2/3/4/5/x.crx.gz",
    "sp ace/f ile.gz",
    "pct%20x/y%2F.gz",
    "uni/ÄÖ中.gz",
    "tilde~/f[1]{x}.gz",
    "hash#/q?.gz",
    "plus+/a&b=c;d,e'.gz",
    "star*/b<>|.gz",
    'quote"/b.gz',
    "back\\slash/c.gz",
)


def of(store):
    return Folder(store.url, options_of(store.options))


def sequential(folder):
    return listed(*filesystem(folder.url, folder.options)).files


def filled(store, keys):
    """Put small objects, many at a time."""
    if store.kind == "local":
        for key in keys:
            Folder(store.url).write(key, key.encode()[-3:])
        return of(store)
    client = object_lister(place(store.url), options_of(store.options)).store
    with ThreadPoolExecutor(16) as pool:
        list(pool.map(lambda key: client.put(key, key.encode()[-3:]), keys))
    return of(store)


def odd(store, *keys):
    """Put objects whose names only the SDKs take."""
    files, path = plain_filesystem(store)
    for key in keys:
        files.pipe_file(f"{path}/{key}", b"")


class Tree:
    """A lister of names in memory, which counts pages."""

    def __init__(self, keys, page=3, *, ordered=True):
        self.keys, self.page, self.ordered = sorted(keys), page, ordered
        self.listed = 0

    def pages(self, prefix, after):
        found = [key for key in self.keys if key.startswith(f"{prefix}/" if prefix else "")]
        found = [key for key in found if key > after] if self.ordered else found[::-1]
        for first in range(0, len(found), self.page):
            self.listed += 1
            yield [(key, Entry(1, key)) for key in found[first : first + self.page]]

    def level(self, prefix):
        below = f"{prefix}/" if prefix else ""
        rest = [key.removeprefix(below) for key in self.keys if key.startswith(below)]
        self.listed += 1
        folders = sorted({below + key.partition("/")[0] for key in rest if "/" in key})
        return [(below + key, Entry(1, below + key)) for key in rest if "/" not in key], folders


class TestByManyRequests:
    @given(
        st.sets(st.lists(st.sampled_from(["a", "a0", "a-", "b", "c.d"]), min_size=1, max_size=5).map("/".join)),
        st.integers(1, 5),
        st.booleans(),
    )
    def test_is_complete(self, keys, at_once, ordered):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(listing, "_MANY", 2)
            found = list_all(Tree(keys, ordered=ordered), at_once)
        assert found == {key: Entry(1, key) for key in keys}
        assert list(found) == sorted(keys)

    def test_a_large_prefix_is_cut_where_its_folders_are(self, monkeypatch):
        monkeypatch.setattr(listing, "_MANY", 4)
        keys = {f"one/{a:03d}/{b:02d}" for a in range(200) for b in range(20)}
        tree = Tree(keys, page=10)
        assert set(list_all(tree, 4)) == keys
        assert tree.listed < 1.5 * len(keys) / tree.page

    def test_an_order_that_is_not_kept(self):
        tree = Tree(["a", "b", "c"], ordered=False)
        tree.ordered, tree.pages = True, lambda *_: iter([[("b", Entry(1, "")), ("a", Entry(1, ""))]])
        with pytest.raises(UnorderedError, match="'a' is not in the order"):
            list_all(tree)


@pytest.mark.processes
class TestOfServers:
    @pytest.mark.heavy
    @pytest.mark.parametrize("kind", ["s3", "azure"])
    def test_many_names(self, kind, tmp_path, object_servers, monkeypatch):
        keys = {
            *(f"rec_{number % 40:02d}/{number // 40:03d}.gz" for number in range(5001)),
            *(f"flat/{number}" for number in range(300)),
            *(f"deep/{number}/er/and/er/{number}.gz" for number in range(30)),
            *ODD,
        }
        folder = filled(fresh(kind, tmp_path, object_servers(SERVER[kind])), keys)
        expected = sequential(folder)
        assert set(expected) == (keys if kind == "s3" else {key.replace("\\", "/") for key in keys})
        assert folder.entries() == expected
        monkeypatch.setattr(listing, "_MANY", 1)
        for at_once in (2, 32):
            assert folder.entries(at_once) == expected

    def test_small_ones(self, object_stores):
        assert of(object_stores).entries() == {}
        assert of(object_stores.below("not/there")).entries() == {}
        folder = filled(object_stores, ["a/b", "a/c/d", "ab"])
        assert folder.entries() == sequential(folder)
        assert list(folder.below("a").entries()) == ["b", "c/d"]
        assert {name: found.size_bytes for name, found in folder.entries().items()} == {"a/b": 3, "a/c/d": 3, "ab": 2}

    @pytest.mark.parametrize("name", ["double//slash", "/slash before", "do/./t", "do/../ts", "control\x01"])
    def test_names_that_no_path_can_have(self, name, tmp_path, object_servers, caplog):
        store = fresh("s3", tmp_path, object_servers("moto"))
        odd(store, "plain", name)
        assert set(of(store).entries()) == {"plain", name}
        assert "is listed page after page" in caplog.text

    def test_a_mark_of_a_folder_does_not_hide_a_file(self, tmp_path, object_servers):
        store = fresh("s3", tmp_path, object_servers("moto"))
        odd(store, "a/", "b/")
        folder = filled(store, ["a", "b"])
        assert {name: found.size_bytes for name, found in folder.entries().items()} == {"a": 1, "b": 1}

    def test_one_request_where_one_page_is_enough(self, tmp_path, object_servers, proxy):
        store = fresh("s3", tmp_path, object_servers("moto"))
        filled(store, ["a/b", "a/c/d", "ab"])
        relay = proxy(store)
        assert len(of(store.through(relay.address)).entries()) == 3
        assert relay.counts().requests == Counter(LIST=1)

    def test_a_server_that_says_no(self, tmp_path, object_servers):
        store = fresh("azure", tmp_path, object_servers("azurite"))
        wrong = {**store.options, "account_key": "d3Jvbmc="}
        with pytest.raises(PermissionError):
            Folder(store.url, options_of(wrong)).entries()

    def test_hundreds_of_thousands(self):
        with ListingStub(120_000, 60) as stub:
            options = {
                "region": "us-east-1", "endpoint_url": f"http://{stub.address}", "path_style": True,
                "allow_http": True, "access_key_id": "test", "secret_access_key": "testtest",
            }  # fmt: skip
            found = Folder(f"s3://{BUCKET}", options_of(options)).entries()
            lists = stub.counts().requests
        assert list(found) == names(120_000, 60)
        assert lists["LIST"] < 300
        assert set(lists) == {"LIST"}


class TestOfDisks:
    def test_as_fsspec_says(self, tmp_path):
        for name in ("a/b", "a/c/d", "ab", "ÄÖ中"):
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(name)
        os.utime(tmp_path / "ab", (5.5, 5.5))
        opened, root = filesystem(str(tmp_path), options_of({}))
        expected = opened.find(root, detail=True)
        found = Folder(str(tmp_path)).entries()
        assert found == {path[len(root) + 1 :]: entry(told) for path, told in expected.items()}
        assert found["ab"] == Entry(2, "5.5", 5.5)
        assert Folder(str(tmp_path / "not there")).entries() == {}

    def test_a_folder_that_can_not_be_read_is_told(self, monkeypatch):
        """Any file system that fsspec knows; that of disks has a walk of its own."""
        memory, _ = filesystem("memory://closed", options_of({}))
        memory.pipe("/closed/a/b", b"1")
        memory.pipe("/closed/c", b"1")
        ls = memory.ls

        def refused(path, *arguments, **options):
            if str(path).endswith("/a"):
                raise PermissionError(13, "Permission denied", str(path))
            return ls(path, *arguments, **options)

        monkeypatch.setattr(memory, "ls", refused)
        found = Folder("memory://closed").listed()
        assert set(found.files) == {"c"}
        assert {path: str(other.kind) for path, other in found.others.items()} == {"a/": "closed"}
        with pytest.raises(OSError, match=r"a/ can't be listed: .*Permission denied"):
            Folder("memory://closed").entries()


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        ({"size": 3, "ETag": '"abc"', "mtime": 5.0}, Entry(3, "abc", 5.0)),
        ({"size": None, "etag": "0x1", "last_modified": datetime(1970, 1, 2, tzinfo=UTC)}, Entry(0, "0x1", 86400.0)),
        ({}, Entry(0, "")),
    ],
)
def test_what_is_told_of_a_file(told, expected):
    assert entry(told) == expected

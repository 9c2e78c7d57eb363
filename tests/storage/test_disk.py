import errno
import os
import shutil
import socket
import stat
import tempfile
from contextlib import contextmanager
from pathlib import Path

import pytest

from gnssice_batch.storage import disk
from gnssice_batch.storage.disk import on_disk, readable
from gnssice_batch.storage.folder import Folder


def listed(root, **options):
    return disk.listed(str(root), **options)


def whys(root):
    return {path: (str(other.kind), other.why) for path, other in listed(root).others.items()}


@pytest.fixture
def root(tmp_path):
    (tmp_path / "root" / "a" / "b").mkdir(parents=True)
    for name in ("a/b/two", "a/one", "top"):
        (tmp_path / "root" / name).write_bytes(b"x" * len(name))
    return tmp_path / "root"


def test_files_at_any_depth(root):
    found = listed(root)
    assert {name: entry.size_bytes for name, entry in found.files.items()} == {"a/b/two": 7, "a/one": 5, "top": 3}
    assert list(found.files) == sorted(found.files)
    assert found.files["top"].etag == str((root / "top").stat().st_mtime)
    assert found.others == {}
    assert listed(root / "nowhere") == disk.Listed({}, {})


def test_a_link_to_a_folder_is_followed(root, tmp_path):
    (tmp_path / "disk2" / "deep").mkdir(parents=True)
    (tmp_path / "disk2" / "deep" / "three").write_bytes(b"3")
    (root / "a" / "linked").symlink_to(tmp_path / "disk2")
    assert set(listed(root).files) == {"a/b/two", "a/one", "top", "a/linked/deep/three"}


def test_a_link_that_leads_round_in_a_circle_is_not(root):
    (root / "a" / "b" / "up").symlink_to(root / "a")
    (root / "a" / "round").symlink_to(root)
    found = listed(root)
    assert set(found.files) == {"a/b/two", "a/one", "top"}
    assert {path: str(other.kind) for path, other in found.others.items()} == {"a/b/up/": "link", "a/round/": "link"}


def test_a_link_outside_that_leads_back_or_round_is_not(root, tmp_path):
    (tmp_path / "disk2").mkdir()
    (tmp_path / "disk2" / "file").write_bytes(b"1")
    (tmp_path / "disk2" / "back").symlink_to(root)
    (tmp_path / "disk2" / "self").symlink_to(tmp_path / "disk2")
    (root / "out").symlink_to(tmp_path / "disk2")
    assert set(listed(root).files) == {"a/b/two", "a/one", "top", "out/file"}


def test_another_name_of_a_folder_of_the_root_is_named_and_not_followed(root):
    (root / "latest").symlink_to(root / "a")
    assert whys(root) == {"latest/": ("link", "a link to a folder that is listed by itself")}
    assert set(listed(root).files) == {"a/b/two", "a/one", "top"}


def test_another_name_of_a_folder_that_is_not_looked_into_is_followed(root):
    (root / ".hidden" / "deep").mkdir(parents=True)
    (root / ".hidden" / "deep" / "file").write_bytes(b"1")
    (root / "seen").symlink_to(root / ".hidden" / "deep")
    found = listed(root, enter=lambda folder: not folder.startswith("."))
    assert set(found.files) == {"a/b/two", "a/one", "top", "seen/file"}


def test_two_links_to_one_folder_outside_are_both_followed(root, tmp_path):
    (tmp_path / "disk2").mkdir()
    (tmp_path / "disk2" / "file").write_bytes(b"1")
    for name in ("c", "d"):
        (root / name).symlink_to(tmp_path / "disk2")
    assert {"c/file", "d/file"} <= set(listed(root).files)


def test_a_file_that_vanishes_meanwhile_hides_no_other(root, monkeypatch):
    for number in range(20):
        (root / "a" / f"n{number}").write_bytes(b"1")
    told = disk._told

    def vanishing(each):
        if each.name.endswith("7"):
            Path(each.path).unlink()
        return told(each)

    monkeypatch.setattr(disk, "_told", vanishing)
    assert len(listed(root).files) == 3 + 20 - 2
    assert listed(root).others == {}


def test_a_link_to_a_file_is_judged_by_its_target(root, tmp_path):
    target = tmp_path / "target"
    target.write_bytes(b"12345")
    (root / "link").symlink_to(target)
    before = listed(root).files["link"]
    os.utime(target, (10**9, 10**9))
    after = listed(root).files["link"]
    assert before.size_bytes == 5
    assert after.etag == "1000000000.0" != before.etag


def test_a_link_to_nothing_counts_as_a_file(root):
    (root / "link").symlink_to(root / "nowhere")
    assert listed(root).files["link"].size_bytes == 0


def test_what_is_no_file_is_named(root):
    os.mkfifo(root / "pipe")
    (root / "zero").symlink_to("/dev/zero")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(root / "a" / "sock"))
        assert whys(root) == {
            "pipe": ("no_file", "is a named pipe"),
            "zero": ("no_file", "is a character device"),
            "a/sock": ("no_file", "is a socket"),
        }
    assert set(listed(root).files) == {"a/b/two", "a/one", "top"}


def test_folders_that_are_not_wanted_are_named_once(root):
    found = listed(root, enter=lambda folder: folder != "a/b/")
    assert set(found.files) == {"a/one", "top"}
    assert [(path, str(other.kind)) for path, other in found.others.items()] == [("a/b/", "left_out")]


@contextmanager
def as_nobody():
    """Without the rights that root has."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


def test_a_folder_that_is_closed_is_told():
    with tempfile.TemporaryDirectory() as folder:
        closed = Path(folder) / "canopy" / "25001"
        closed.mkdir(parents=True)
        (Path(folder) / "canopy" / "open").write_bytes(b"")
        Path(folder).chmod(0o755)
        closed.chmod(0)
        try:
            with as_nobody():
                found = listed(folder)
                with pytest.raises(OSError, match=r"canopy/25001/ can't be listed: Permission denied"):
                    Folder(folder).entries()
        finally:
            closed.chmod(stat.S_IRWXU)
    assert set(found.files) == {"canopy/open"}
    assert [(path, str(other.kind), other.why) for path, other in found.others.items()] == [
        ("canopy/25001/", "closed", "can't be listed: Permission denied")
    ]


def test_a_disk_that_fails_in_the_middle_is_told(root, monkeypatch):
    scandir = os.scandir

    def failing(path):
        if path.endswith("/b"):
            raise OSError(5, "Input/output error")
        return scandir(path)

    monkeypatch.setattr(os, "scandir", failing)
    assert whys(root) == {"a/b/": ("closed", "can't be listed: Input/output error")}
    assert set(listed(root).files) == {"a/one", "top"}


def test_names_that_are_no_utf8_are_written_in_ascii_and_found_again(root):
    name = os.fsdecode(b"caf\xe9.crx.gz")
    (root / "a" / name).write_bytes(b"coffee")
    assert "a/caf\\xe9.crx.gz" in listed(root).files
    assert Folder(str(root)).read("a/caf\\xe9.crx.gz") == b"coffee"
    assert Folder(str(root)).read("a/caf\\xe9.crx.gz", 3) == b"cof"


def test_a_name_that_holds_such_an_escape_is_itself(root):
    (root / "b\\xe9").write_bytes(b"plain")
    assert readable("b\\xe9") == "b\\xe9"
    assert on_disk(str(root / "b\\xe9")) == str(root / "b\\xe9")
    assert Folder(str(root)).read("b\\xe9") == b"plain"


def test_a_folder_is_removed_though_others_write_into_it(root, monkeypatch):
    rmtree, written = shutil.rmtree, []

    def beaten(path):
        if len(written) < 3:
            written.append(path)
            raise OSError(errno.ENOTEMPTY, "Directory not empty", path)
        rmtree(path)

    monkeypatch.setattr(shutil, "rmtree", beaten)
    Folder(str(root)).remove("a")
    assert not (root / "a").exists()
    Folder(str(root)).remove("a")
    Folder(str(root)).remove("top")
    assert listed(root).files == {}


def test_of_a_link_the_link_is_removed(root, tmp_path):
    (tmp_path / "kept").mkdir()
    (tmp_path / "kept" / "file").write_bytes(b"1")
    (root / "link").symlink_to(tmp_path / "kept")
    Folder(str(root)).remove("link")
    assert (tmp_path / "kept" / "file").exists()


def test_long_names_work(root):
    (root / ("n" * 255)).write_bytes(b"long")
    assert Folder(str(root)).read("n" * 255) == b"long"

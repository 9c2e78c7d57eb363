"""Texts put into files: all of it or nothing, wherever the name leads."""

import os
import resource
import stat
import threading
from contextlib import contextmanager
from pathlib import Path

import pytest

from gnssice_batch.reporting.text_files import put_text


@contextmanager
def files_of_at_most(size_bytes):
    """Let no file become longer, as on a disk that is full."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size_bytes, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.parametrize("before", ["an earlier report", None])
def test_what_stood_there_stays_where_the_new_one_finds_no_room(tmp_path, before):
    path = tmp_path / "report.html"
    if before:
        path.write_text(before)
    with files_of_at_most(1000), pytest.raises(OSError, match="too large"):
        put_text("x" * 100_000, path)
    assert [(each.name, each.read_text()) for each in tmp_path.iterdir()] == ([(path.name, before)] if before else [])


def test_a_link_stays_one_and_a_file_keeps_its_rights(tmp_path):
    path, link = tmp_path / "report.html", tmp_path / "newest.html"
    path.write_text("an earlier report")
    path.chmod(0o640)
    link.symlink_to(path.name)
    put_text("new", link)
    assert (link.is_symlink(), path.read_text(), stat.S_IMODE(path.stat().st_mode)) == (True, "new", 0o640)
    assert {each.name for each in tmp_path.iterdir()} == {path.name, link.name}


def test_a_pipe_is_written_to(tmp_path):
    path, read = tmp_path / "pipe", []
    os.mkfifo(path)
    reader = threading.Thread(target=lambda: read.append(path.read_text()))
    reader.start()
    put_text("new", path)
    reader.join()
    assert (read, stat.S_ISFIFO(path.stat().st_mode)) == (["new"], True)


def test_standard_output_by_its_name_is_not_replaced(capfd):
    put_text("new", Path("/dev/stdout"))
    assert capfd.readouterr().out == "new"

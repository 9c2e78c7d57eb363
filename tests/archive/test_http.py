"""An archive behind a web server, as data centres have them."""

import functools
import io
import os
import threading
from contextlib import contextmanager
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import pytest

from gnssice_batch import plan, run
from gnssice_batch.archive.listing import list_files
from gnssice_batch.config import Archive
from gnssice_batch.errors import ArchiveError
from tests.support.runs import DAY_ONE_S, name, rinex, settings, span_s, write

pytestmark = pytest.mark.processes


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_):
        """Say nothing."""


class Sorting(Quiet):
    """Offers its lists in other orders, as Apache does."""

    def list_directory(self, path):
        page = super().list_directory(path).read().replace(b"<h1>Directory listing for", b'<a href="?C=N">Name</a>  ')
        return io.BytesIO(page)


class Silent(Quiet):
    """Tells nothing of its files."""

    def send_header(self, keyword, value):
        if keyword not in {"Content-Length", "Last-Modified"}:
            super().send_header(keyword, value)


@contextmanager
def served(folder, kind):
    handler = functools.partial(kind, directory=str(folder))
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def web(tmp_path):
    with served(tmp_path / "archive", Quiet) as url:
        yield url


def test_a_run_takes_its_files_once(web, tmp_path):
    write(tmp_path / "archive", {name(DAY_ONE_S, "06H"): rinex(span_s(DAY_ONE_S, 1))})
    chosen = settings(tmp_path, web)
    report = run(chosen)
    assert {receiver: [str(file.status) for file in files] for receiver, files in report.files.items()} == {
        "rec": ["ok"]
    }
    assert run(chosen).snapshot is None


def test_a_file_that_is_replaced_is_taken_again(web, tmp_path):
    content = rinex(span_s(DAY_ONE_S, 1))
    write(tmp_path / "archive", {name(DAY_ONE_S, "06H"): content})
    chosen = settings(tmp_path, web)
    assert plan(chosen).totals.size_bytes == len(content)
    run(chosen)
    os.utime(tmp_path / "archive" / name(DAY_ONE_S, "06H"), (10**9, 10**9))
    assert plan(chosen).totals.files == 1


def test_pages_in_another_order_are_no_files(tmp_path):
    write(tmp_path / "archive", {"deep/down/ract0010.25o": rinex([DAY_ONE_S])})
    with served(tmp_path / "archive", Sorting) as url:
        listing = list_files(Archive(url=url))
    assert [file.uri for file in listing.files] == ["deep/down/ract0010.25o"]
    assert listing.skipped == ()


def test_a_dead_link_hides_no_other_file(tmp_path):
    class Lying(Quiet):
        def list_directory(self, path):
            page = (
                super().list_directory(path).read().replace(b"<h1>Directory listing for", b'<a href="gone.rnx">a</a> ')
            )
            return io.BytesIO(page)

    write(tmp_path / "archive", {"ract0010.25o": rinex([DAY_ONE_S])})
    with served(tmp_path / "archive", Lying) as url:
        listing = list_files(Archive(url=url, layout="{receiver}*"))
    assert {file.uri: file.size_bytes > 0 for file in listing.files} == {"ract0010.25o": True, "gone.rnx": False}


def test_a_server_that_tells_nothing_of_its_files_is_refused(tmp_path):
    write(tmp_path / "archive", {"ract0010.25o": rinex([DAY_ONE_S])})
    with (
        served(tmp_path / "archive", Silent) as url,
        pytest.raises(ArchiveError, match=r"ract0010\.25o: the server tells neither its size nor an ETag or a time"),
    ):
        list_files(Archive(url=url))

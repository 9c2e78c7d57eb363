"""An archive behind a web server, as data centres have them."""

import functools
import threading
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import pytest

from gnssice_batch import run
from tests.support.runs import DAY_ONE_S, name, rinex, settings, span_s, write

pytestmark = pytest.mark.processes


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_):
        """Say nothing."""


@pytest.fixture
def web(tmp_path):
    handler = functools.partial(Quiet, directory=str(tmp_path / "archive"))
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
    thread.join()


def test_a_run_takes_its_files_once(web, tmp_path):
    write(tmp_path / "archive", {name(DAY_ONE_S, "06H"): rinex(span_s(DAY_ONE_S, 1))})
    chosen = settings(tmp_path, web)
    report = run(chosen)
    assert {receiver: [str(file.status) for file in files] for receiver, files in report.files.items()} == {
        "rec": ["ok"]
    }
    assert run(chosen).snapshot is None

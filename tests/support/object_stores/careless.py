"""A server between job and S3 that forgets headers: what a store that ignores conditions looks like."""

import http.client
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@contextmanager
def careless(address, forgets=(), answers=None, before=None):
    """Give the ``host:port`` of a server that hands requests on, and a list of what it has handed on.

    Parameters
    ----------
    forgets
        Headers that it drops.
    answers
        Status to another one that it gives instead, without a word.
    before
        Called with method, path and headers of each request before it is handed on.
    """
    seen = []

    class Forwarding(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _forward(self):
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            headers = {name: value for name, value in self.headers.items() if name.lower() not in {"expect", *forgets}}
            seen.append((self.command, self.path, headers))
            if before is not None:
                before(self.command, self.path, headers)
            connection = http.client.HTTPConnection(*address.split(":"))
            connection.request(self.command, self.path, body, headers)
            answer = connection.getresponse()
            content = answer.read()
            status = (answers or {}).get(answer.status, answer.status)
            content = content if status == answer.status else b""
            self.send_response(status)
            for name, value in answer.getheaders():
                if name.lower() not in {"transfer-encoding", "connection", "content-length"}:
                    self.send_header(name, value)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)
            connection.close()

        do_GET = do_PUT = do_POST = do_DELETE = do_HEAD = _forward  # noqa: N815 - the names of http.server

        def log_message(self, *_):
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Forwarding)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"127.0.0.1:{server.server_port}", seen
    finally:
        server.shutdown()
        server.server_close()
        thread.join()

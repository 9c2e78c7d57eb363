"""Moto as a server that decides between writers: by itself it looks, and writes later, so that two can win.

`moto_server` with one conditional write at a time.
"""

import threading

from moto.moto_server.werkzeug_app import DomainDispatcherApplication
from moto.server import main

CONDITIONS = ("HTTP_IF_MATCH", "HTTP_IF_NONE_MATCH")

_one_at_a_time = threading.Lock()
_dispatched = DomainDispatcherApplication.__call__


def dispatched(self, environ, start_response):
    """Answer a request."""
    if environ["REQUEST_METHOD"] == "PUT" and any(name in environ for name in CONDITIONS):
        with _one_at_a_time:
            return _dispatched(self, environ, start_response)
    return _dispatched(self, environ, start_response)


if __name__ == "__main__":
    DomainDispatcherApplication.__call__ = dispatched
    main()

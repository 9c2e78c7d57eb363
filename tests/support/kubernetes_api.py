"""A Kubernetes API over HTTP that keeps objects in memory, for what a coordinator asks of one."""

import json
import re
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

_PATH = re.compile(r"/(?:api|apis)/(?P<version>.+)/namespaces/(?P<namespace>[^/]+)/(?P<plural>[a-z]+)(?P<rest>/.*)?")
_REASONS = {403: "Forbidden", 404: "NotFound", 409: "AlreadyExists", 422: "Invalid", 503: "ServiceUnavailable"}


class KubernetesApi:
    """The objects by plural and name, what was asked, what is refused."""

    def __init__(self):
        self.objects, self.asked, self.refused, self.logs = {}, [], {}, {}

    def put(self, plural, resource):
        """Keep an object, as a controller would make one."""
        self.objects.setdefault(plural, {})[resource["metadata"]["name"]] = resource

    def refuse(self, verb, plural, code, message="not today", times=10**6):
        """Refuse a verb on a kind of object so many times."""
        self.refused[verb, plural] = [code, message, times]

    def names(self, plural):
        """Names of the objects of a kind."""
        return sorted(self.objects.get(plural, {}))

    def answer(self, method, url, body):
        """The status and the answer to a request."""
        parts = urlsplit(url)
        if parts.path.rstrip("/") == "/version":
            return 200, {"gitVersion": "v1.34.4"}
        found = _PATH.fullmatch(parts.path)
        assert found, parts.path
        verb = {"POST": "create", "GET": "list", "DELETE": "delete"}[method]
        plural, name = found["plural"], (found["rest"] or "").strip("/")
        if name.endswith("/log"):
            verb, name = "log", name.removesuffix("/log")
        self.asked.append((verb, plural))
        if (refused := self.refused.get((verb, plural))) and refused[2]:
            refused[2] -= 1
            return _status(refused[0], refused[1])
        return getattr(self, f"_{verb}")(plural, name, body, parse_qs(parts.query))

    def _create(self, plural, _name, body, _query):
        resource = json.loads(body)
        if resource["metadata"]["name"] in self.objects.get(plural, {}):
            return _status(409, "already exists")
        self.put(plural, resource)
        return 201, resource

    def _delete(self, plural, name, _body, _query):
        return _status(200, "") if self.objects.get(plural, {}).pop(name, None) else _status(404, "not found")

    def _list(self, plural, name, _body, query):
        chosen = [each for each in self.objects.get(plural, {}).values() if name in {"", each["metadata"]["name"]}]
        labels = dict(pair.split("=") for text in query.get("labelSelector", ()) for pair in text.split(","))
        fields = dict(pair.split("=") for text in query.get("fieldSelector", ()) for pair in text.split(","))
        subject = fields.get("involvedObject.name")
        chosen = [
            each
            for each in chosen
            if labels.items() <= each["metadata"].get("labels", {}).items()
            and subject in {None, each.get("involvedObject", {}).get("name")}
        ]
        return 200, {"kind": "List", "metadata": {}, "items": chosen}

    def _log(self, _plural, name, _body, query):
        lines = self.logs.get(name, [])[-int(query["tailLines"][0]) :]
        return 200, "\n".join(lines)


def _status(code, message):
    return code, {"kind": "Status", "code": code, "reason": _REASONS.get(code, ""), "message": message}


@contextmanager
def serving(folder):
    """Serve an API; yield it, and the kubeconfig that leads to it."""
    api = KubernetesApi()

    class Handler(BaseHTTPRequestHandler):
        def _any(self):
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            code, answer = api.answer(self.command, self.path, body)
            content = (answer if isinstance(answer, str) else json.dumps(answer)).encode()
            self.send_response(code)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST = do_DELETE = _any  # noqa: N815 - the names that the server calls

        def log_message(self, *_):
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    path = folder / "kubeconfig"
    path.write_text(json.dumps(_kubeconfig(f"http://127.0.0.1:{server.server_port}")))
    try:
        yield api, path
    finally:
        server.shutdown()
        server.server_close()


def _kubeconfig(address):
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "test",
        "clusters": [{"name": "test", "cluster": {"server": address}}],
        "users": [{"name": "test", "user": {"token": "none"}}],
        "contexts": [{"name": "test", "context": {"cluster": "test", "user": "test", "namespace": "gnss"}}],
    }

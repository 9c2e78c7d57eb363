"""Services that give pods and machines their credentials, spoken as the libraries of AWS and Azure speak them."""

import json
import threading
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@contextmanager
def identity_service(answer):
    """Give the URL of a service that answers GET with JSON or a text, and a list of the paths it was asked for."""
    asked = []

    class Service(BaseHTTPRequestHandler):
        def do_GET(self):
            asked.append((self.path, dict(self.headers)))
            found = answer(self.path)
            said = found if found is not None else {"error": "no such identity"}
            body = said.encode() if isinstance(said, str) else json.dumps(said).encode()
            self.send_response(200 if found is not None else 400)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def do_PUT(self):
            """Give the token of a session, as the metadata service of an instance does before it says anything."""
            asked.append((self.path, dict(self.headers)))
            self.send_response(200)
            self.send_header("Content-Length", str(len(SESSION)))
            self.end_headers()
            self.wfile.write(SESSION)

        def log_message(self, *_):
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Service)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", asked
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def aws_keys(secret, life):
    """What the agent of pod identity says: keys that end."""
    ends = datetime.now(UTC) + life
    return {
        "AccessKeyId": f"ASIA{secret[:12]}",
        "SecretAccessKey": secret,
        "Token": f"token-{secret}",
        "Expiration": f"{ends:%Y-%m-%dT%H:%M:%SZ}",
    }


def azure_token(token, life):
    """What the endpoint of a managed identity says: a token that ends."""
    ends = int((datetime.now(UTC) + life).timestamp())
    said = {"access_token": token, "expires_on": str(ends), "token_type": "Bearer"}
    return {**said, "resource": "https://storage.azure.com"}


SESSION = b"a-session-of-the-metadata-service"
HOUR = timedelta(hours=1)

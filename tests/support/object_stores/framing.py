"""Where a message of HTTP/1.1 ends: its head read, the bytes of its body counted, nothing changed."""

from dataclasses import dataclass
from urllib.parse import unquote

END = b"\r\n\r\n"
KINDS = ("GET", "HEAD", "LIST", "PUT", "POST", "DELETE")
_LISTINGS = ("list-type=", "comp=list", "?delimiter=", "?prefix=", "&delimiter=")
_WITHOUT_BODY = (204, 304)


@dataclass(frozen=True, slots=True)
class Head:
    """The first line of a message and its headers, as they came."""

    raw: bytes
    lowered: bytes

    @classmethod
    def of(cls, raw):
        """Read the bytes up to and with the empty line."""
        return cls(raw, raw.lower())

    def header(self, name):
        """Return the value of a header in lower case, None where it is missing."""
        _, found, rest = self.lowered.partition(b"\r\n" + name + b":")
        return rest[: rest.index(b"\r\n")].strip() if found else None

    @property
    def words(self):
        """The three parts of the first line."""
        return self.raw[: self.raw.index(b"\r\n")].decode("latin-1").split(" ", 2)

    @property
    def closes(self):
        """Whether the sender closes the connection after this message."""
        return self.header(b"connection") == b"close" or b"http/1.0" in self.lowered[: self.lowered.index(b"\r\n")]

    def body(self, status=None, method=None):
        """Return the framing of the body that follows; of an answer with its status and the method it answers."""
        if method == "HEAD" or status in _WITHOUT_BODY or (status is not None and status < 200):
            return Body(0)
        if self.header(b"transfer-encoding") == b"chunked":
            return Chunked()
        length = self.header(b"content-length")
        if length is None:
            return Body(0 if status is None else None)
        return Body(int(length))


class Body:
    """So many bytes; None: all that come until the connection ends."""

    def __init__(self, length):
        self.length = self.left = length

    @property
    def done(self):
        """Whether the body has come whole."""
        return self.left == 0

    def take(self, content):
        """Return how many of these bytes belong to the body."""
        if self.left is None:
            return len(content)
        taken = min(self.left, len(content))
        self.left -= taken
        return taken


class Chunked:
    """A body in chunks that say their lengths."""

    length = None

    def __init__(self):
        self.left, self.line = 0, b""
        self.ending = self.done = False

    def take(self, content):
        """Return how many of these bytes belong to the body."""
        at = 0
        while at < len(content) and not self.done:
            if self.left:
                step = min(self.left, len(content) - at)
                self.left -= step
                at += step
                continue
            end = content.find(b"\n", at) + 1 or len(content)
            self.line += content[at:end]
            at = end
            if self.line.endswith(b"\n"):
                self._sized(self.line.strip())
                self.line = b""
        return at

    def _sized(self, line):
        if self.ending:
            self.done = not line
        elif int(line.partition(b";")[0], 16):
            self.left = int(line.partition(b";")[0], 16) + len(b"\r\n")
        else:
            self.ending = True


def kind(method, target):
    """Return what a request is to an object store: its method, or LIST."""
    return "LIST" if method == "GET" and any(mark in target for mark in _LISTINGS) else method


def path(target):
    """Return the path of a request's target as people write it."""
    return unquote(target.partition("?")[0])


def answer(status, body, **headers):
    """Return a whole answer; underscores in the names of headers stand for hyphens."""
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", "Content-Type: application/xml"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return "\r\n".join(lines).encode() + END + body

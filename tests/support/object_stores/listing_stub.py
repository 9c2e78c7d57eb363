"""An S3 server that only lists: an archive of any number of keys that are nowhere, page by page, each after a delay.

A GET of any key gives the same bytes, of the size that the listing says. Signatures are not looked at.
"""

import asyncio
import sys
from bisect import bisect_left
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import parse_qs, quote, urlsplit

from tests.support.object_stores.companion import HOST, Companion, Counts, serve
from tests.support.object_stores.framing import END, Head, answer, kind, path

BUCKET = "archive"
SIZE = 140_000
_FILES_PER_DAY = 96
_FIRST_DAY = datetime(2001, 1, 1, tzinfo=UTC)
_PAGE = 1000
_STAMP = "2025-01-01T00:00:00.000Z"
_BEFORE_BODY = '<?xml version="1.0" encoding="UTF-8"?><ListBucketResult>'


class ListingStub(Companion):
    """A running stub with so many keys below so many receivers; the bucket is `BUCKET`.

    Every key has the content of one file, or zeros.
    """

    def __init__(self, keys, receivers=1, latency_s=0.0, content="", cores=None):
        super().__init__(__spec__.name, keys, receivers, latency_s, content, cores=cores)

    def begin(self, latency_s=0.0):
        """Count from nought, with this latency per request."""
        self.ask(begin={"latency_s": latency_s})


def names(keys, receivers):
    """Return the sorted keys of an archive of 15-minute files: ``rec_01/01001/SCAL00XXX_R_...crx.gz``."""
    each = -(-keys // receivers)
    one = [name for day in range(-(-each // _FILES_PER_DAY)) for name in _of_a_day(_FIRST_DAY + timedelta(days=day))]
    found = [f"{receiver(number)}/{name}" for number in range(receivers) for name in one[:each]]
    return sorted(found)[:keys]


def receiver(number):
    """Return the folder of one receiver."""
    return f"rec_{number:03d}"


def _of_a_day(day):
    before, after = f"{day:%y%j}/SCAL00XXX_R_{day:%Y%j}", "_15M_05S_MO.crx.gz"
    step = 24 * 60 // _FILES_PER_DAY
    return [f"{before}{minutes // 60:02d}{minutes % 60:02d}{after}" for minutes in range(0, 24 * 60, step)]


def page(keys, words, size=SIZE):
    """Return one page of ListObjectsV2 as XML: the words are those of the query."""
    prefix, delimiter = words.get("prefix", ""), words.get("delimiter", "")
    first = bisect_left(keys, prefix)
    last = bisect_left(keys, prefix + "\U0010ffff") if prefix else len(keys)
    if "start-after" in words:
        first = max(first, bisect_left(keys, words["start-after"] + "\0"))
    at = int(words.get("continuation-token", first))
    most = min(int(words.get("max-keys", _PAGE)), _PAGE)
    if delimiter:
        parts, at = _by_folder(keys, (at, last, most), (prefix, delimiter), size)
    else:
        parts, at = (
            [_file(keys[number], number, size) for number in range(at, min(at + most, last))],
            min(at + most, last),
        )
    more = f"<NextContinuationToken>{at}</NextContinuationToken>" if at < last else ""
    return (
        f"{_BEFORE_BODY}<Name>{BUCKET}</Name><Prefix>{quote(prefix)}</Prefix><KeyCount>{len(parts)}</KeyCount>"
        f"<MaxKeys>{most}</MaxKeys><IsTruncated>{str(at < last).lower()}</IsTruncated>{more}"
        f"{''.join(parts)}</ListBucketResult>"
    ).encode()


def _by_folder(keys, extent, words, size):
    (at, last, most), (prefix, delimiter) = extent, words
    parts = []
    while at < last and len(parts) < most:
        rest = keys[at][len(prefix) :]
        if delimiter in rest:
            folder = prefix + rest.partition(delimiter)[0]
            parts.append(f"<CommonPrefixes><Prefix>{folder}{delimiter}</Prefix></CommonPrefixes>")
            at = bisect_left(keys, folder + chr(ord(delimiter) + 1), at)
        else:
            parts.append(_file(keys[at], at, size))
            at += 1
    return parts, at


def _file(key, number, size):
    return (
        f"<Contents><Key>{key}</Key><LastModified>{_STAMP}</LastModified><ETag>&quot;{number:032x}&quot;</ETag>"
        f"<Size>{size}</Size><StorageClass>STANDARD</StorageClass></Contents>"
    )


class Archive:
    """The keys, and what was asked of them."""

    def __init__(self, keys, latency_s, content=bytes(SIZE)):
        self.keys, self.latency_s, self.content = keys, latency_s, content
        self.counts = Counts()

    def told(self, question):
        """Do what is asked; return what there is to say."""
        if "counts" in question:
            return vars(self.counts)
        self.latency_s, self.counts = question["begin"]["latency_s"], Counts()
        return None

    def answer(self, head):
        """Return the answer to a request."""
        method, target, _ = head.words
        self.counts.requests[kind(method, target)] += 1
        self.counts.objects[f"{kind(method, target)} {path(target)}"] += 1
        _, bucket, key = path(target).split("/", 2) if path(target).count("/") > 1 else ("", path(target)[1:], "")
        words = {name: values[0] for name, values in parse_qs(urlsplit(target).query).items()}
        if bucket != BUCKET or method not in {"GET", "HEAD"}:
            return answer("501 Not Implemented", b"")
        if not key:
            return answer("200 OK", page(self.keys, words, len(self.content)) if method == "GET" else b"")
        number = bisect_left(self.keys, key)
        if self.keys[number : number + 1] != [key]:
            return answer("404 Not Found", b"<Error><Code>NoSuchKey</Code></Error>" if method == "GET" else b"")
        whole = answer("200 OK", self.content, ETag=f'"{number:032x}"', Last_Modified="Wed, 01 Jan 2025 00:00:00 GMT")
        return whole if method == "GET" else whole[: whole.index(END) + len(END)]


class Connection(asyncio.Protocol):
    """One connection; requests have no bodies."""

    def __init__(self, archive):
        self.archive, self.pending = archive, b""

    def connection_made(self, transport):
        """Keep the way back."""
        self.transport = transport

    def data_received(self, content):
        """Answer every request that is whole by now."""
        self.pending += content
        while (end := self.pending.find(END) + len(END)) >= len(END):
            head, self.pending = Head.of(self.pending[:end]), self.pending[end:]
            asyncio.get_running_loop().call_later(self.archive.latency_s, self._answer, head)

    def _answer(self, head):
        if not self.transport.is_closing():
            said = self.archive.answer(head)
            self.archive.counts.answers[said[9:12].decode()] += 1
            self.archive.counts.received_bytes += len(said)
            self.transport.write(said)


async def main(keys, receivers, latency_s, content):
    """List until standard input ends."""
    archive = Archive(names(keys, receivers), latency_s, content)
    server = await asyncio.get_running_loop().create_server(lambda: Connection(archive), HOST, 0, backlog=1024)
    await serve(server.sockets[0].getsockname()[1], archive.told)


if __name__ == "__main__":
    of_all = Path(sys.argv[4]).read_bytes() if sys.argv[4] else bytes(SIZE)
    asyncio.run(main(int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3]), of_all))

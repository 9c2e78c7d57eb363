"""One connection of a client, forwarded to a server request by request: delayed, counted, struck by faults."""

import asyncio
import socket
import struct

from tests.support.object_stores.companion import Counts
from tests.support.object_stores.faults import Fault, Rules, refusal
from tests.support.object_stores.framing import END, Head, kind, path

_AT_ONCE = struct.pack("ii", 1, 0)
_REFUSED = (Fault.SLOW_DOWN, Fault.EXPIRED)
_CUT = (Fault.RESET, Fault.TRUNCATE, Fault.STALL)


class Crossing:
    """What all connections of a proxy share."""

    def __init__(self, host, port):
        self.host, self.port = host, port
        self.begin()

    def begin(self, latency_s=0.0, rules=()):
        """Count from nought, with a latency and rules from now on."""
        self.latency_s, self.rules = latency_s, Rules(rules)
        self.counts = Counts()

    def gone(self, seconds):
        """Let the server be gone for some time."""
        raise NotImplementedError


def reset(transport):
    """End a connection with RST."""
    if transport is not None and not transport.is_closing():
        transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _AT_ONCE)
        transport.abort()


class Server(asyncio.Protocol):
    """The server's end of a client's connection."""

    def __init__(self, client):
        self.client = client

    def connection_made(self, transport):
        """Send what is due."""
        self.client.connected(transport)

    def data_received(self, content):
        """Hand an answer's bytes on."""
        self.client.answered(content)

    def connection_lost(self, error):
        """End the client's connection in the same way."""
        self.client.server_left(error)

    def pause_writing(self):
        """Read no more from the client than the server takes."""
        self.client.transport.pause_reading()

    def resume_writing(self):
        """Read from the client again."""
        self.client.transport.resume_reading()


class Client(asyncio.Protocol):
    """The client's end, which knows where its requests and their answers end."""

    def __init__(self, crossing, clients):
        self.crossing, self.clients = crossing, clients
        self.transport = self.server = None
        self.pending, self.held = b"", []
        self.request = self.answer = None
        self.due = self.connecting = False

    # From the client.

    def connection_made(self, transport):
        """Take part in what strikes all."""
        self.transport = transport
        self.clients.add(self)

    def connection_lost(self, _error):
        """Leave the server, whatever it is at."""
        self.clients.discard(self)
        self._ended()
        if self.server is not None:
            self.server.abort()

    def pause_writing(self):
        """Read no more from the server than the client takes."""
        if self.server is not None:
            self.server.pause_reading()

    def resume_writing(self):
        """Read from the server again."""
        if self.server is not None and not (self.request and self.request.stalled):
            self.server.resume_reading()

    def data_received(self, content):
        """Take bytes of requests."""
        self.crossing.counts.sent_bytes += len(content)
        self.pending = self.pending + content if self.pending else content
        self._advance()

    def _advance(self):
        while self.pending and not self.transport.is_closing():
            if self.request is None:
                end = self.pending.find(END) + len(END)
                if end < len(END):
                    return
                head, self.pending = self.pending[:end], self.pending[end:]
                self._begin(Head.of(head))
            elif self.request.body.done:
                return
            else:
                taken = self.request.body.take(self.pending)
                content, self.pending = self.pending[:taken], self.pending[taken:]
                self._forward(content)
            if self.request is not None and self.request.body.done:
                self._sent()

    def _begin(self, head):
        request = Request(head, self.crossing)
        self.request, self.answer, self.due = request, None, False
        if request.fault is Fault.GONE:
            self.crossing.gone(request.rule.seconds)
            return
        self._forward(head.raw)
        if self.crossing.latency_s > 0:
            asyncio.get_running_loop().call_later(self.crossing.latency_s, self._due, request)
        else:
            self._due(request)

    def _due(self, request):
        if self.request is not request or self.transport.is_closing():
            return
        self.due = True
        if request.fault in _REFUSED:
            if request.body.done or request.waits:
                self._refuse()
        elif self.server is not None:
            self._flush()
        elif not self.connecting:
            self.connecting = True
            asyncio.get_running_loop().create_task(self._connect())

    async def _connect(self):
        try:
            await asyncio.get_running_loop().create_connection(
                lambda: Server(self), self.crossing.host, self.crossing.port
            )
        except OSError:
            reset(self.transport)

    def _forward(self, content):
        if self.request.fault in _REFUSED:
            return
        if self.due and self.server is not None:
            self.server.write(content)
        else:
            self.held.append(content)

    def _flush(self):
        if self.held:
            self.server.write(b"".join(self.held))
            self.held.clear()

    def _sent(self):
        if self.request.fault in _REFUSED and self.due:
            self._refuse()
        elif self.request.answered:
            self._over()

    def _refuse(self):
        request = self.request
        said = refusal(request.rule, request.head)
        request.status, request.closes = said[9:12].decode(), request.waits
        self._answer(said)
        self._over()

    # From the server.

    def connected(self, transport):
        """Send what is due by now."""
        self.server, self.connecting = transport, False
        if self.transport.is_closing():
            transport.abort()
        elif self.due:
            self._flush()

    def answered(self, content):
        """Take bytes of answers."""
        while content and self.request is not None and not self.transport.is_closing():
            if self.answer is None:
                self.request.early += content
                end = self.request.early.find(END) + len(END)
                if end < len(END):
                    return
                content, self.request.early = self.request.early, b""
                self._answer_begins(Head.of(content[:end]), content[:end])
                content = content[end:]
            else:
                taken = self.answer.take(content)
                self._pass(content[:taken])
                content = content[taken:]
            if self.answer is not None and self.answer.done:
                self._whole()

    def _answer_begins(self, head, raw):
        status = head.words[1]
        if status.startswith("1"):
            self._answer(raw)
            return
        request = self.request
        request.status, request.closes = status, head.closes
        self.answer = head.body(int(status), request.method)
        length = self.answer.length
        request.cut = len(raw) + length // 2 if length else len(raw) + 1 if length is None else len(raw) // 2
        self._pass(raw)

    def _pass(self, content):
        """Send a part of the answer on, unless it is here that the fault strikes."""
        request = self.request
        if request.fault is Fault.LOST_ANSWER or (request.fault is Fault.RESET and request.struck):
            return
        if request.fault in _CUT and not request.struck and request.passed + len(content) >= request.cut:
            kept = request.cut - request.passed
            request.struck = True
            self._answer(content[:kept])
            self._strike(content[kept:])
            return
        request.passed += len(content)
        if request.stalled:
            request.late.append(content)
        else:
            self._answer(content)

    def _strike(self, rest):
        request = self.request
        if request.fault is Fault.STALL:
            request.stalled, request.late = True, [rest]
            asyncio.get_running_loop().call_later(request.rule.seconds, self._go_on, request)
        elif request.fault is Fault.RESET:
            asyncio.get_running_loop().call_later(_FLUSHED_S, reset, self.transport)
        else:
            self.transport.close()

    def _go_on(self, request):
        request.stalled = False
        if self.request is request and not self.transport.is_closing():
            self._answer(b"".join(request.late))
            if request.answered:
                self._over()

    def _answer(self, content):
        self.crossing.counts.received_bytes += len(content)
        self.transport.write(content)

    def _whole(self):
        request = self.request
        request.answered = True
        if request.fault is Fault.LOST_ANSWER:
            reset(self.transport)
        elif request.stalled or request.fault is Fault.RESET:
            return
        elif request.body.done:
            self._over()

    def _over(self):
        closes = self.request.closes
        self._ended()
        if closes:
            self.transport.close()
        else:
            self._advance()

    def _ended(self):
        if self.request is not None:
            self.request.end()
            self.request = None

    def server_left(self, error):
        """End the client's connection as the server's has ended."""
        if self.transport is None or self.transport.is_closing():
            return
        if self.request is not None and self.request.stalled:
            self.request.closes = True
        elif error is not None:
            reset(self.transport)
        else:
            self.transport.close()


_FLUSHED_S = 0.01
"""Time for the first half of an answer to arrive before the reset overtakes it."""


class Request:
    """One request, from its head until its answer is over."""

    __slots__ = (
        "answered", "body", "closes", "counts", "cut", "early", "fault", "head", "late", "method", "passed", "rule",
        "stalled", "status", "struck", "waits",
    )  # fmt: skip

    def __init__(self, head, crossing):
        self.head, self.counts = head, crossing.counts
        self.method, target, _ = head.words
        self.body = head.body()
        self.waits = head.header(b"expect") is not None
        kind_ = kind(self.method, target)
        self.rule = crossing.rules.strike(kind_, head)
        self.fault = self.rule and self.rule.fault
        self.early, self.late, self.passed, self.cut = b"", [], 0, 0
        self.answered = self.closes = self.stalled = self.struck = False
        self.status = "none"
        self._count(kind_, target)

    def _count(self, kind_, target):
        counts = self.counts
        counts.requests[kind_] += 1
        counts.objects[f"{kind_} {path(target)}"] += 1
        if self.fault:
            counts.faults[self.fault] += 1
        counts.under_way += 1
        counts.most_under_way = max(counts.most_under_way, counts.under_way)

    def end(self):
        """Note how it ended."""
        self.counts.under_way -= 1
        self.counts.answers[self.status] += 1

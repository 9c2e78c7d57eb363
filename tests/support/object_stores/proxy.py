"""A proxy between a job and an object store, as a process of its own: latency per request, counts, faults.

Requests go through byte by byte as they came, so that their signatures hold: those of S3 cover the Host header, which
names the proxy.
"""

import asyncio
import gc
import sys
from dataclasses import asdict

from tests.support.object_stores.companion import HOST, Companion, serve
from tests.support.object_stores.faults import Fault, Rule
from tests.support.object_stores.forwarding import Client, Crossing, reset


class Proxy(Companion):
    """A running proxy to ``host:port``."""

    def __init__(self, target, latency_s=0.0, rules=(), cores=None):
        super().__init__(__spec__.name, target, cores=cores)
        self.first = (latency_s, rules)

    def __enter__(self):
        super().__enter__()
        self.begin(*self.first)
        return self

    def begin(self, latency_s=0.0, rules=()):
        """Count from nought, with this latency per request and these rules."""
        self.ask(begin={"latency_s": latency_s, "rules": [asdict(rule) for rule in rules]})


class Listener(Crossing):
    """The proxy's own end: it listens, and does not while the server is gone."""

    def __init__(self, host, port):
        super().__init__(host, port)
        self.clients, self.own_port = set(), 0

    async def listen(self):
        """Take connections on the port that was had before, or any that is free."""
        self.listening = await asyncio.get_running_loop().create_server(
            lambda: Client(self, self.clients), HOST, self.own_port, backlog=1024, reuse_address=True
        )
        self.own_port = self.listening.sockets[0].getsockname()[1]

    def gone(self, seconds):
        """Reset all connections and refuse new ones for some time.

        One that was accepted just then asyncio neither serves nor closes: it is garbage that waits to be collected.
        """
        self.listening.close()
        for client in list(self.clients):
            reset(client.transport)
        loop = asyncio.get_running_loop()
        loop.call_later(seconds / 2, gc.collect)
        loop.call_later(seconds, lambda: loop.create_task(self.listen()))

    def told(self, question):
        """Do what is asked; return what there is to say."""
        if "counts" in question:
            return vars(self.counts)
        wanted = question["begin"]
        self.begin(wanted["latency_s"], [_rule(rule) for rule in wanted["rules"]])
        return None


def _rule(words):
    return Rule(**{**words, "fault": Fault(words["fault"]), "kinds": tuple(words["kinds"])})


async def main(target):
    """Forward until standard input ends."""
    host, _, port = target.rpartition(":")
    listener = Listener(host, int(port))
    await listener.listen()
    await serve(listener.own_port, listener.told)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))

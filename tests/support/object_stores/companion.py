"""A process beside the tests that serves on a port of its own; asked by lines of JSON, it ends with its parent."""

import asyncio
import json
import os
import subprocess
import sys
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
HOST = "127.0.0.1"


@dataclass
class Counts:
    """The requests that a companion has seen."""

    requests: Counter[str] = field(default_factory=Counter)
    """Requests by kind."""
    objects: Counter[str] = field(default_factory=Counter)
    """Requests by kind and path: ``GET /bucket/name``."""
    answers: Counter[str] = field(default_factory=Counter)
    """Answers by status, as text; none where the connection ended before."""
    faults: Counter[str] = field(default_factory=Counter)
    """Requests that a fault has struck, by fault."""
    sent_bytes: int = 0
    received_bytes: int = 0
    under_way: int = 0
    most_under_way: int = 0


class Companion:
    """A running companion: a module's ``main`` in a process of its own; a context manager."""

    def __init__(self, module, *arguments, cores=None):
        self.module, self.arguments, self.cores = module, arguments, cores

    def __enter__(self):
        self.process = subprocess.Popen(
            [sys.executable, "-m", self.module, *map(str, self.arguments)],
            cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, start_new_session=True,
        )  # fmt: skip
        if self.cores:
            os.sched_setaffinity(self.process.pid, self.cores)
        self.address = json.loads(self.process.stdout.readline())
        return self

    def __exit__(self, *_):
        self.process.stdin.close()
        self.process.wait(10)
        self.process.stdout.close()

    def counts(self):
        """Return what it has seen since it began."""
        found = self.ask(counts=None)
        return Counts(**{name: Counter(value) if isinstance(value, dict) else value for name, value in found.items()})

    def ask(self, **question):
        """Ask it something and return the answer."""
        self.process.stdin.write(json.dumps(question) + "\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())


async def serve(port, told):
    """Be a companion that listens on a port: answer questions until standard input ends."""
    say(f"{HOST}:{port}")
    questions = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(questions), sys.stdin)
    while line := await questions.readline():
        say(told(json.loads(line)))


def say(answer):
    """Write one line of JSON."""
    sys.stdout.write(json.dumps(answer) + "\n")
    sys.stdout.flush()

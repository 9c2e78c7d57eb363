"""Real object-store servers on loopback: moto for S3, Azurite for Azure; one of each for all who ask in one folder.

A keeper process starts the server and ends it when nobody holds the lock of its users any more. The kernel lets go of
the lock of a process that dies, so that nothing is left whatever becomes of the tests.
"""

import ctypes
import fcntl
import os
import re
import signal
import socket
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
FOLDER = "TEST_OBJECT_SERVERS"
"""Environment variable: where `make servers` has installed them, if not in `.servers`."""
OTHER_S3 = "TEST_S3_SERVER"
"""Environment variable: ``key:secret@host:port`` of a server that is used in place of moto."""

_READY = re.compile(r"(?:Running|listens) on http://(127\.0\.0\.1:\d+)")
_START_S = 60
_DIE_WITH_PARENT = 1
"""PR_SET_PDEATHSIG of ``prctl``."""


def installed():
    """Return the folder that `make servers` fills."""
    return Path(os.environ.get(FOLDER) or ROOT / ".servers").resolve()


def command(name):
    """Return the command line that starts a server on any free port."""
    if name == "moto":
        script = Path(__file__).with_name("moto") / "serve.py"
        return [str(installed() / "moto" / "bin" / "python"), str(script), "-H", "127.0.0.1", "-p", "0"]
    script = installed() / "azurite" / "node_modules" / ".bin" / "azurite-blob"
    memory = ["--inMemoryPersistence", "--extentMemoryLimit", "2048"]
    return [str(script), "--blobHost", "127.0.0.1", "--blobPort", "0", *memory, "--skipApiVersionCheck",
            "--disableTelemetry", "--silent"]  # fmt: skip


def missing(name):
    """Return why a server can't be started here, None where it can."""
    if _other(name) or Path(command(name)[0]).exists():
        return None
    reason = installed() / name / "missing"
    return f"no {name}: {reason.read_text().strip() if reason.exists() else '`make servers` installs it'}"


@contextmanager
def running(name, folder):
    """Give the ``host:port`` of a server, which is started unless another user of the folder has done so."""
    if other := _other(name):
        yield other
        return
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / f"{name}.users").open("a") as users, (folder / f"{name}.starting").open("a") as starting:
        fcntl.flock(starting, fcntl.LOCK_EX)
        fcntl.flock(users, fcntl.LOCK_SH)
        address = _kept(name, folder) or _started(name, folder)
        fcntl.flock(starting, fcntl.LOCK_UN)
        yield address


def _other(name):
    return os.environ.get(OTHER_S3) if name == "moto" else None


def _kept(name, folder):
    try:
        address = (folder / f"{name}.address").read_text()
        host, _, port = address.partition(":")
        socket.create_connection((host, int(port)), _START_S).close()
    except (FileNotFoundError, ConnectionRefusedError):
        return None
    return address


def _started(name, folder):
    with (folder / f"{name}.log").open("w") as log:
        keeper = subprocess.Popen(
            [sys.executable, "-m", __spec__.name, name, str(folder)],
            cwd=ROOT, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
        )  # fmt: skip
    until = time.monotonic() + _START_S
    while keeper.poll() is None and time.monotonic() < until:
        if (address := _kept(name, folder)) is not None:
            keeper.returncode = 0  # it outlives this user where there are others
            return address
        time.sleep(0.02)
    keeper.kill()
    raise RuntimeError(f"{name} has not started:\n{(folder / f'{name}.log').read_text()[-4000:]}")


def keep(name, folder):
    """Start a server, say where it is, and end it when nobody uses it any more."""
    library = ctypes.CDLL(None)
    log = folder / f"{name}.output"
    with log.open("w") as output:
        server = subprocess.Popen(
            command(name), cwd=folder, stdin=subprocess.DEVNULL, stdout=output, stderr=output,
            preexec_fn=lambda: library.prctl(_DIE_WITH_PARENT, signal.SIGKILL),  # noqa: PLW1509 - one thread
        )  # fmt: skip
    try:
        while (ready := _READY.search(log.read_text())) is None:
            if server.poll() is not None:
                raise SystemExit(log.read_text())
            time.sleep(0.02)
        _wait_for_the_last_user(name, folder, ready[1])
    finally:
        server.kill()
        server.wait()


def _wait_for_the_last_user(name, folder, address):
    place = folder / f"{name}.address"
    unfinished = place.with_suffix(".unfinished")
    unfinished.write_text(address)
    unfinished.rename(place)
    with (folder / f"{name}.users").open("a") as users:
        fcntl.flock(users, fcntl.LOCK_EX)
        place.unlink()


if __name__ == "__main__":
    keep(sys.argv[1], Path(sys.argv[2]))

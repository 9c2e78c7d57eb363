"""The servers and places of the tests: one server for all, none left over, fresh places on each kind of storage."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from gnssice_batch.config import load
from tests import conftest
from tests.failures import counting
from tests.support.object_stores import servers
from tests.support.object_stores.stores import filesystem, fresh

pytestmark = pytest.mark.processes

USER = """
import sys, time
from pathlib import Path
from tests.support.object_stores.servers import running
with running("moto", Path(sys.argv[1])) as address:
    print(address, flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def users(tmp_path, object_servers, monkeypatch):
    """Start processes that use one server in the folder of the test, and say where it is."""
    monkeypatch.delenv(servers.OTHER_S3, raising=False)
    object_servers("moto")
    started = []

    def start():
        user = subprocess.Popen(
            [sys.executable, "-c", USER, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
            cwd=servers.ROOT,
        )  # fmt: skip
        started.append(user)
        return user, user.stdout.readline().strip()

    yield start
    for user in started:
        user.kill()
        user.communicate()


def processes_of(folder):
    """Return the ids of the processes that have this folder in their command line or work in it."""
    found = []
    for process in Path("/proc").iterdir():
        try:
            if process.name.isdigit() and (
                str(folder) in (process / "cmdline").read_text() or (process / "cwd").readlink() == folder
            ):
                found.append(int(process.name))
        except OSError:
            continue
    return sorted(set(found) - {os.getpid()})


def gone(folder):
    """Wait until no process has to do with a folder."""
    until = time.monotonic() + 20
    while found := processes_of(folder):
        if time.monotonic() > until:
            return found
        time.sleep(0.05)
    return []


def test_a_place_is_fresh_and_takes_what_it_is_given(object_stores):
    files, path = filesystem(object_stores)
    assert files.find(path) == []
    files.pipe_file(f"{path}/a/b", b"content")
    assert files.cat_file(f"{path}/a/b") == b"content"
    below, inner = filesystem(object_stores.below("a"))
    assert [name.removeprefix(inner) for name in below.find(inner)] == ["/b"]


def test_no_two_places_are_one(tmp_path):
    assert fresh("local", tmp_path, None).url != fresh("local", tmp_path, None).url


def test_users_share_one_server_that_ends_with_the_last_of_them(users, tmp_path):
    (first, address), (second, same) = users(), users()
    assert address == same
    first.communicate()
    third, again = users()
    assert again == address
    second.send_signal(signal.SIGKILL)
    third.send_signal(signal.SIGKILL)
    second.communicate()
    third.communicate()
    assert gone(tmp_path) == []
    assert not (tmp_path / "moto.address").exists()


@pytest.mark.heavy
def test_a_server_does_not_outlive_its_keeper(users, tmp_path):
    user, _ = users()
    for process in processes_of(tmp_path):
        if process != user.pid and servers.__spec__.name in Path(f"/proc/{process}/cmdline").read_text():
            os.kill(process, signal.SIGKILL)
    user.kill()
    user.communicate()
    assert gone(tmp_path) == []
    _, address = users()
    assert address, "the address of the dead one is not taken for a living one"


def test_a_server_that_is_not_installed_says_how(monkeypatch, tmp_path):
    monkeypatch.setenv(servers.FOLDER, str(tmp_path))
    assert servers.missing("moto") == "no moto: `make servers` installs it"
    (tmp_path / "azurite").mkdir()
    (tmp_path / "azurite" / "missing").write_text("there is no npm\n")
    assert servers.missing("azurite") == "no azurite: there is no npm"


def test_another_server_takes_the_place_of_moto(monkeypatch, tmp_path):
    monkeypatch.setenv(servers.OTHER_S3, "someone:secret@127.0.0.1:9000")
    assert servers.missing("moto") is None
    with servers.running("moto", tmp_path / "unused") as address:
        assert address == "someone:secret@127.0.0.1:9000"
    assert not (tmp_path / "unused").exists()


def test_no_variable_of_the_tests_is_taken_for_a_setting():
    """Whoever sets one for the tests also starts runs in the same shell."""
    names = (servers.FOLDER, servers.OTHER_S3, conftest.ALL_SERVERS, counting.WORKERS)
    needed = ["site=s", "archive.url=a", "store.url=b"]
    assert load(None, dict.fromkeys(names, "x"), needed) == load(None, {}, needed)

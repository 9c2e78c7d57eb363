"""Fixtures that several test files share."""

import os
import sys
from contextlib import ExitStack
from pathlib import Path

import hypothesis
import pytest

ROOT = Path(__file__).resolve().parent.parent

hypothesis.settings.register_profile("default", deadline=None)
hypothesis.settings.register_profile("repeatable", derandomize=True, deadline=None)
hypothesis.settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "repeatable"))
"""The default run draws the same examples everywhere; HYPOTHESIS_PROFILE=default explores.

No example has a deadline: the first one of a process pays for what libraries load when they are first used.
"""

NOT_QUICK = {"cli", "cluster", "failures", "job", "operate", "store", "test_api.py"}
"""Where tests use repositories, processes or clusters; ``--quick`` leaves them out."""
NOT_QUICK_MARKS = ("heavy", "processes", "corpus")
"""Marks of tests that ``--quick`` leaves out wherever they are."""
ALL_SERVERS = "TEST_ALL_SERVERS"
"""Environment variable: where it is set, a test whose server can't be started fails and is not skipped."""
PAUSES = ("gnssice_batch.storage.patience", "gnssice_batch.cluster.retries", "gnssice_batch.job.replanning")
"""Modules that pause between tries, the first time for ``_FIRST_PAUSE_S``."""
LONGEST_FIRST = (
    "failures/test_chaos_short.py",
    "job/test_archives_real.py",
    "job/test_arrival_order.py",
    "failures/",
    "job/",
    "cli/",
    "operate/",
)
"""Where the longest tests are, so that no worker is still at one when the others are done."""


def pytest_addoption(parser):
    parser.addoption("--quick", action="store_true", help="only what needs no repository, process or cluster")


def pytest_ignore_collect(collection_path, config):
    inside = collection_path.relative_to(ROOT / "tests").parts if collection_path.is_relative_to(ROOT / "tests") else ()
    return True if config.getoption("quick") and inside[:1] and inside[0] in NOT_QUICK else None


def pytest_collection_modifyitems(config, items):
    if config.getoption("quick"):
        items[:] = [item for item in items if not any(map(item.get_closest_marker, NOT_QUICK_MARKS))]
    items.sort(key=lambda item: next((at for at, part in enumerate(LONGEST_FIRST) if part in item.nodeid), 99))


@pytest.fixture(autouse=True)
def brief_pauses(monkeypatch):
    """What fails is tried again soon; how the pauses grow is tested for itself."""
    for module in PAUSES:
        if module in sys.modules:
            monkeypatch.setattr(sys.modules[module], "_FIRST_PAUSE_S", 0.001)


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Folder of the real RINEX files, which are not part of the repository."""
    path = ROOT.parent / "shared" / "data"
    if not path.is_dir():
        pytest.skip("the real RINEX files are not on this machine (../shared/data)")
    return path


@pytest.fixture
def published(tmp_path):
    """Settings of the small store of `support.published`, made without proof."""
    from tests.support.published import ingested

    return ingested(tmp_path)[0]


@pytest.fixture(scope="session")
def object_servers(tmp_path_factory):
    """Start an object-store server when it is first asked for by its name; the workers of a test run share it."""
    from tests.support.object_stores import servers

    base = tmp_path_factory.getbasetemp()
    folder = (base.parent if os.environ.get("PYTEST_XDIST_WORKER") else base) / "object_servers"
    with ExitStack() as stack:
        found = {}

        def address(name):
            if name not in found:
                if (reason := servers.missing(name)) is not None:
                    (pytest.fail if os.environ.get(ALL_SERVERS) else pytest.skip)(reason)
                found[name] = stack.enter_context(servers.running(name, folder))
            return found[name]

        yield address


@pytest.fixture(params=["local", "s3", "azure"])
def object_stores(request, tmp_path, object_servers):
    """A fresh place to write to on each kind of storage: its URL and its options, as words of the settings."""
    from tests.support.object_stores.stores import SERVER, fresh

    address = object_servers(SERVER[request.param]) if request.param in SERVER else None
    return fresh(request.param, tmp_path, address)


@pytest.fixture
def proxy():
    """Start proxies before a place; they end with the test."""
    from tests.support.object_stores.proxy import Proxy

    with ExitStack() as stack:
        yield lambda place, *rules, **more: stack.enter_context(Proxy(place.address, rules=rules, **more))

"""The program in a container: a user without a passwd entry, no home, nothing writable but a temporary folder."""

import json
import shutil

import pytest
from numba.core.caching import _CacheLocator

import gnssice_batch
from gnssice_batch.ingest.warming import warm
from tests.support.other_user import ROOT, ended, locked, open_folder, owned, start

pytestmark = pytest.mark.processes

COMPILED = """
import sys
from gnssice_batch.cli import main
try:
    main(sys.argv[1:])
except SystemExit as ended:
    assert not ended.code, ended.code
from gnssice_batch.rinex.kernels.crinex import parse_crinex
kept, compiled = parse_crinex.stats.cache_hits, parse_crinex.stats.cache_misses
print("kept", sum(kept.values()), "compiled", sum(compiled.values()))
"""


def kernels_of_the_sources(folder):
    """Compile the kernels where they are not yet, and lay them out as an image has them."""
    warm()
    for kept in (ROOT / gnssice_batch.__name__).rglob("__pycache__"):
        target = folder / _CacheLocator.get_suitable_cache_subpath(str(kept.with_name("any.py")))
        target.mkdir(parents=True)
        for path in kept.glob("*.nb?"):
            shutil.copyfile(path, target / path.name)
    return locked(folder)


@pytest.fixture
def pod():
    """Folders of a pod: kernels and archive to read, one to write to."""
    with open_folder() as folder:
        (folder / "kernels").mkdir()
        kernels_of_the_sources(folder / "kernels")
        owned(folder / "tmp")
        yield folder


def settings(pod, kind):
    stores = pod / "tmp" / kind
    return [
        *("--set", "site=pod", "--set", f"archive.url={pod}/tmp/archive", "--set", "archive.layout={receiver}/**"),
        *("--set", f"store.url={stores}", "--set", f"cluster.kind={kind}", "--set", "cluster.workers=1"),
    ]


@pytest.mark.heavy
def test_an_archive_is_simulated_planned_and_ingested(pod):
    variables = {"temporary": pod / "tmp", "NUMBA_CACHE_DIR": str(pod / "kernels")}
    ended(start("-m", "gnssice_batch", "simulate", f"{pod}/tmp/archive", "--days", "0.02", **variables))
    said = {
        kind: ended(start("-c", COMPILED, "run", *settings(pod, kind), **variables)) for kind in ("inline", "local")
    }
    assert said["inline"].splitlines()[-1] == "kept 1 compiled 0"
    for kind in said:
        found = ended(start("-m", "gnssice_batch", "status", "--json", *settings(pod, kind), **variables))
        assert len(json.loads(found)["receivers"]) == 2

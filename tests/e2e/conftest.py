"""A namespace per test on a real cluster; one simulated archive in S3 and Azure, and what a local run makes of it."""

import json
import os
import secrets
from datetime import date
from pathlib import Path

import pytest

from gnssice_batch import open_dataset, run, run_vod
from gnssice_batch.config import Settings
from gnssice_batch.simulate import SimulationPlan, network, simulate, write_navigation
from tests.support import real_cluster
from tests.support.cluster_places import (
    CREDENTIALS,
    DAYS,
    INTERVAL_S,
    PAIR,
    SITE,
    START,
    UNITS,
    azure_place,
    filled,
    s3_place,
)
from tests.support.real_cluster import Namespace, command, merged, pull_policy

PLAN = SimulationPlan(network(2), date.fromisoformat(START), DAYS, INTERVAL_S, 900.0, "GREC", "crx.gz", 0)


@pytest.fixture(scope="session", autouse=True)
def cluster():
    """Nothing is tested without a cluster, and nothing skipped."""
    if (reason := real_cluster.missing()) is not None:
        pytest.fail(f"{reason}; README.md says how to bring up a cluster for the tests")


@pytest.fixture(scope="session")
def operator():
    """The dask-kubernetes operator; where there is none it is installed by the chart that comes with it."""
    if "daskclusters" in command("kubectl", "get", "crd", ok=False):
        return
    import dask_kubernetes

    chart = next(Path(dask_kubernetes.__file__).parent.rglob("dask-kubernetes-operator"))
    values = {"livenessProbe": {"timeoutSeconds": 30}}
    if image := os.environ.get("E2E_OPERATOR_IMAGE"):
        name, _, tag = image.rpartition(":")
        values["image"] = {"name": name, "tag": tag, "pullPolicy": pull_policy()}
    words = ("--create-namespace", "-n", "dask-operator", "-f", "-", "--wait", "--timeout", "5m")
    command("helm", "install", "dask-operator", str(chart), *words, stdin=json.dumps(values))


@pytest.fixture(scope="session")
def files(tmp_path_factory):
    """A simulated archive of two receivers."""
    folder = tmp_path_factory.mktemp("files")
    simulate(folder, PLAN)
    return {str(path.relative_to(folder)): path for path in sorted(folder.rglob("*.gz"))}


@pytest.fixture(scope="session")
def orbits(tmp_path_factory):
    """Folder of the navigation files of the simulated sky."""
    folder = tmp_path_factory.mktemp("orbits")
    write_navigation(folder, PLAN)
    return folder


@pytest.fixture(scope="session")
def here(files, orbits, tmp_path_factory):
    """Settings of a run in one process on a disk, which has been made."""
    name, path = next(iter(files.items()))
    archive = {"url": str(path).removesuffix(name), "layout": "{receiver}/**"}
    tree = {"site": SITE, "archive": archive, "store": {"url": str(tmp_path_factory.mktemp("reference"))}}
    chosen = Settings.model_validate(merged(tree, UNITS, {"vod": {"orbits": {"url": str(orbits)}}}))
    run(chosen)
    return chosen


@pytest.fixture(scope="session")
def reference(here, files):
    """What the run on a disk has made of the archive, by receiver."""
    receivers = sorted({name.partition("/")[0] for name in files})
    return {name: open_dataset(f"{here.store.url}/{SITE}/rinex", name).load().drop_attrs() for name in receivers}


@pytest.fixture(scope="session")
def optical_depth(here):
    """The optical depth that one process makes of it."""
    run_vod(here)
    return open_dataset(f"{here.store.url}/{SITE}/vod", PAIR).load().drop_attrs()


@pytest.fixture(scope="session")
def s3(files):
    return filled(s3_place(), files)


@pytest.fixture(scope="session")
def s3_orbits(s3, orbits):
    """Where the orbits are for pods, as the settings say it."""
    filled(s3, {path.relative_to(orbits).as_posix(): path for path in sorted(orbits.rglob("*.gz"))}, "orbits")
    return {"url": s3.url("orbits"), "storage_options": s3.options}


@pytest.fixture(scope="session")
def azure(files):
    return filled(azure_place(), files)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item):
    report = yield
    if report.when == "call":
        item.failed = report.failed
    return report


@pytest.fixture
def namespace(request):
    """A namespace of the restricted Pod Security Standard, told about where its test failed."""
    made = Namespace(f"e2e-{secrets.token_hex(4)}")
    labels = {"pod-security.kubernetes.io/enforce": "restricted"}
    made.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": made.name, "labels": labels}})
    yield made
    if getattr(request.node, "failed", False):
        print(made.story())
    command("kubectl", "delete", "namespace", made.name, "--wait=false")


@pytest.fixture
def at(namespace):
    """Return the values of a release that reads and writes at a place; its keys are a Secret of the namespace."""

    def values(place, store, **own):
        meta = {"name": CREDENTIALS}
        namespace.apply({"apiVersion": "v1", "kind": "Secret", "metadata": meta, "stringData": place.variables})
        return {"settings": place.settings(store, **own), "identity": {"secretName": CREDENTIALS}}

    return values


@pytest.fixture
def store():
    """A fresh name of a folder of stores."""
    return f"stores-{secrets.token_hex(4)}"

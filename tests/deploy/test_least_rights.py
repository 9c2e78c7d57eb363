"""Mode operator as a whole: the coordinator is run with the chart's manifest, and asks for what the Role gives."""

import kr8s
import pytest
import yaml

from gnssice_batch.cluster import operator
from gnssice_batch.config import Cluster
from gnssice_batch.errors import InterruptedRunError
from tests.support.charts import MODES, dask_cluster, merged, only, render
from tests.support.kubernetes_api import serving

TOLD = {"POD_NAME": "run-x7", "POD_NAMESPACE": "gnss", "JOB_NAME": "run", "JOB_UID": "0-1"}
BOTH = {"gnssice-batch/job": "run", "dask.org/cluster-name": "run-x7"}
FIXED = merged(MODES["operator"], {"workers": {"maximum": None}})


@pytest.fixture
def api(tmp_path, monkeypatch):
    """An API with a cluster and a pod, and the environment of the pod that asks it; the scheduler is nowhere."""
    kr8s.Api._instances.clear()
    monkeypatch.setattr(operator, "scheduler_address", lambda *_: "tcp://127.0.0.1:9")
    with serving(tmp_path) as (found, kubeconfig):
        for name, value in {**TOLD, "KUBECONFIG": str(kubeconfig)}.items():
            monkeypatch.setenv(name, value)
        found.put("daskclusters", {"metadata": {"name": "left-by-another-pod", "labels": BOTH}})
        found.put("pods", {"metadata": {"name": "w", "labels": BOTH}, "status": {"phase": "Pending"}})
        yield found


def run(tmp_path, values):
    """Run a coordinator that gets no workers."""
    manifest = tmp_path / "daskcluster.yaml"
    manifest.write_text(yaml.safe_dump(dask_cluster(render(values))), encoding="utf-8")
    maximum = values["workers"]["maximum"]
    settings = Cluster(kind="operator", manifest=str(manifest), workers=2, maximum_workers=maximum, ready_timeout_s=0.2)
    with pytest.raises(InterruptedRunError), operator.connected(settings):
        pass


def given(values):
    """Return verb and kind of everything that the Role gives."""
    rules = only(render(values), "Role")["rules"]
    found = {(verb, kind) for rule in rules for kind in rule["resources"] for verb in rule["verbs"]}
    return {("log", "pods") if each == ("get", "pods/log") else each for each in found}


@pytest.mark.heavy
@pytest.mark.parametrize("values", [MODES["operator"], FIXED], ids=["adaptive", "fixed"])
def test_the_role_gives_what_the_coordinator_asks_for(api, tmp_path, values):
    run(tmp_path, values)
    assert set(api.asked) == given(values)


@pytest.mark.heavy
def test_the_service_leads_to_the_scheduler_of_this_cluster_only(api, tmp_path, monkeypatch):
    made = []
    monkeypatch.setattr(api, "_create", lambda _plural, _name, body, _query: (201, made.append(body) or {}))
    run(tmp_path, FIXED)
    (cluster,) = map(yaml.safe_load, made)
    selector = cluster["spec"]["scheduler"]["service"]["selector"]
    assert selector == {"dask.org/cluster-name": "run-x7", "dask.org/component": "scheduler"}

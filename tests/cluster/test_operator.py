"""The life of a DaskCluster, against an API that keeps objects in memory; the operator's part is played here."""

import json
import signal
import threading

import kr8s
import pytest
from distributed import LocalCluster

from gnssice_batch import config
from gnssice_batch.cluster import operator
from gnssice_batch.cluster.executor import Task, executor
from gnssice_batch.errors import ConfigError, InterruptedRunError
from gnssice_batch.job.interruption import stoppable
from tests.cluster.pods import free_port
from tests.cluster.test_dask_cluster import MANIFEST
from tests.support.kubernetes_api import serving

pytestmark = [pytest.mark.processes, pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning")]

NAME = "backfill-x7k2p"


@pytest.fixture
def api(tmp_path, monkeypatch):
    """The API, and the pod that asks it."""
    told = {"POD_NAME": NAME, "POD_NAMESPACE": "gnss", "JOB_NAME": "backfill", "JOB_UID": "4f1e"}
    kr8s.Api._instances.clear()
    with serving(tmp_path) as (found, kubeconfig):
        for name, value in {**told, "KUBECONFIG": str(kubeconfig)}.items():
            monkeypatch.setenv(name, value)
        yield found


@pytest.fixture
def settings(tmp_path):
    """Settings with a manifest; more of them may be given."""
    path = tmp_path / "daskcluster.yaml"
    path.write_text(json.dumps(MANIFEST))
    common = {"kind": "operator", "manifest": str(path), "ready_timeout_s": 1, "connect_timeout_s": 1}
    return lambda **more: config.Cluster(**common | more)


@pytest.fixture
def scheduler(monkeypatch):
    """A scheduler with one worker, at the address that the cluster is going to have."""
    with LocalCluster(n_workers=1, processes=False, protocol="tcp", dashboard_address="127.0.0.1:0") as cluster:
        monkeypatch.setattr(operator, "scheduler_address", lambda *_: cluster.scheduler_address)
        yield cluster


def nowhere(monkeypatch):
    monkeypatch.setattr(operator, "scheduler_address", lambda *_: f"tcp://127.0.0.1:{free_port()}")


@pytest.mark.heavy
@pytest.mark.usefixtures("scheduler")
def test_it_is_made_used_and_removed(api, settings):
    with executor(settings(workers=3), 1) as tasks:
        assert api.names("daskclusters") == [NAME]
        assert api.objects["daskclusters"][NAME]["spec"]["worker"]["replicas"] == 3
        assert [finished.result for finished in tasks.run([Task("one", abs, (-1,))])] == [1]
    assert api.names("daskclusters") == api.names("daskautoscalers") == []
    rights = {("list", "daskclusters"), ("create", "daskclusters"), ("delete", "daskclusters")}
    assert set(api.asked) == rights


@pytest.mark.heavy
@pytest.mark.usefixtures("scheduler")
def test_with_a_maximum_there_is_an_autoscaler(api, settings):
    with executor(settings(workers=2, maximum_workers=9), 1):
        wanted = {"cluster": NAME, "minimum": 2, "maximum": 9}
        assert api.objects["daskautoscalers"][NAME]["spec"] == wanted
    assert api.names("daskclusters") == []


@pytest.mark.heavy
@pytest.mark.usefixtures("scheduler")
def test_what_an_earlier_pod_of_the_job_left_is_removed_and_nothing_else(api, settings):
    for name, job in (("backfill-aaaaa", "backfill"), ("other-bbbbb", "other")):
        api.put("daskclusters", {"metadata": {"name": name, "labels": {"gnssice-batch/job": job}}})
    with executor(settings(), 1):
        assert api.names("daskclusters") == [NAME, "other-bbbbb"]
    assert api.names("daskclusters") == ["other-bbbbb"]


@pytest.mark.heavy
@pytest.mark.usefixtures("scheduler")
def test_a_namesake_that_is_still_ending_is_waited_for(api, settings):
    api.refuse("create", "daskclusters", 409, "object is being deleted", times=1)
    with executor(settings(ready_timeout_s=20), 1):
        assert api.names("daskclusters") == [NAME]


@pytest.mark.heavy
@pytest.mark.usefixtures("scheduler")
def test_it_is_removed_when_the_run_dies(api, settings):
    with pytest.raises(ZeroDivisionError), executor(settings(), 1):
        raise ZeroDivisionError
    assert api.names("daskclusters") == []


@pytest.mark.heavy
def test_it_is_removed_when_the_pod_is_told_to_stop_while_it_waits(api, settings, monkeypatch):
    nowhere(monkeypatch)
    threading.Timer(1, signal.raise_signal, [signal.SIGTERM]).start()
    chosen = settings(ready_timeout_s=60)
    with pytest.raises(InterruptedRunError, match="SIGTERM"), stoppable(0.2), executor(chosen, 1):
        pass
    assert api.names("daskclusters") == []


@pytest.mark.heavy
@pytest.mark.parametrize(
    ("code", "said"),
    [
        (403, "the service account may not create daskclusters in namespace gnss: not today"),
        (404, "the dask-kubernetes operator is not installed"),
        (422, "Kubernetes refuses the DaskCluster that cluster.manifest describes: not today"),
    ],
)
def test_what_kubernetes_refuses_is_a_fault_of_the_settings(api, settings, code, said):
    api.refuse("create", "daskclusters", code)
    with pytest.raises(ConfigError, match=said), executor(settings(), 1):
        pass


def test_without_a_job_that_could_own_it_there_is_none(api, settings, monkeypatch):
    monkeypatch.delenv("JOB_UID")
    with pytest.raises(ConfigError, match="needs JOB_UID in the environment"), executor(settings(), 1):
        pass
    assert api.asked == []


@pytest.mark.usefixtures("api")
def test_without_a_token_there_is_none(settings, tmp_path, monkeypatch):
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "absent"))
    with pytest.raises(ConfigError, match="needs a service account whose token is mounted"), executor(settings(), 1):
        pass


class TestNotReadyInTime:
    @pytest.fixture(autouse=True)
    def _pods(self, api, monkeypatch):
        nowhere(monkeypatch)
        labels = {"dask.org/cluster-name": NAME}
        waiting = {"reason": "ImagePullBackOff", "message": "no such image"}
        status = {"phase": "Pending", "containerStatuses": [{"ready": False, "state": {"waiting": waiting}}]}
        api.put("pods", {"metadata": {"name": "worker-1", "labels": labels}, "status": status})
        api.put("pods", {"metadata": {"name": "another", "labels": {}}, "status": {"phase": "Running"}})
        event = {
            "metadata": {"name": "e"},
            "involvedObject": {"name": "worker-1"},
            "reason": "Failed",
            "message": "pull",
        }
        api.put("events", event)
        api.logs["worker-1"] = [f"line {number}" for number in range(9)]

    @pytest.mark.heavy
    def test_what_can_be_seen_is_said(self, api, settings):
        with pytest.raises(InterruptedRunError) as ended, executor(settings(), 1):
            pass
        assert str(ended.value).splitlines() == [
            f"no scheduler answers in 1 s; to see the pods: kubectl get pods -n gnss -l dask.org/cluster-name={NAME}",
            "  worker-1: Pending, ImagePullBackOff no such image",
            "    event Failed: pull",
            *(f"    log line {number}" for number in range(4, 9)),
        ]
        assert api.names("daskclusters") == []

    @pytest.mark.heavy
    def test_what_the_rights_do_not_allow_is_said_too(self, api, settings):
        api.refuse("list", "events", 403, "events is forbidden")
        api.refuse("log", "pods", 400, "waiting to start")
        with pytest.raises(InterruptedRunError) as ended, executor(settings(), 1):
            pass
        assert str(ended.value).splitlines()[1:] == [
            "  worker-1: Pending, ImagePullBackOff no such image",
            "    events can't be read: events is forbidden",
        ]

    @pytest.mark.heavy
    def test_without_any_right_it_says_how_to_look(self, api, settings):
        api.refuse("list", "pods", 403, "pods is forbidden")
        said = r"kubectl get pods .*\(this pod can't: pods is forbidden"
        with pytest.raises(InterruptedRunError, match=said), executor(settings(), 1):
            pass


@pytest.mark.heavy
def test_no_worker_in_time(api, settings, monkeypatch):
    with LocalCluster(n_workers=0, dashboard_address="127.0.0.1:0", processes=True) as cluster:
        monkeypatch.setattr(operator, "scheduler_address", lambda *_: cluster.scheduler_address)
        with pytest.raises(InterruptedRunError, match=r"no worker has come in 1 s"), executor(settings(), 1):
            pass
    assert api.names("daskclusters") == []

"""Whole runs on a real cluster: each equals a local run cell by cell, asks for little, and leaves nothing behind."""

import json

import pytest
import xarray as xr

from gnssice_batch import open_virtual
from tests.support import netcdf
from tests.support.cluster_places import PAIR, SITE, filled, same, versions
from tests.support.real_cluster import INSTANCE, ROOT, command, ending, terminations, until

pytestmark = pytest.mark.e2e

OPERATOR = {"cluster": {"mode": "operator"}, "workers": {"count": 1, "maximum": 2}}
SERVICE_ACCOUNT = "system:serviceaccount:{}:run-gnssice-batch"


def message_of_the_coordinator(namespace):
    """Return what the pod that ended the run has said."""
    pods = namespace.pods(f"{INSTANCE}=run,app.kubernetes.io/component=job")
    return json.loads(next(message for code, message in terminations(pods) if code == 0 and message))


class TestIndexed:
    def test_on_s3(self, namespace, at, s3, store, reference, files):
        report_url = s3.url(f"{store}/reports")
        namespace.install("run", at(s3, store, run={"report_url": report_url}))
        running = until(lambda: started(namespace.pods(f"{INSTANCE}=run"), 3), "three pods that run")
        for pod in running:
            assert_restricted(pod)
        leader = next(p for p in running if p["metadata"]["labels"]["batch.kubernetes.io/job-completion-index"] == "0")
        assert writing_fails(namespace, leader)
        assert namespace.ended("run") == ("Complete", "SuccessPolicy")
        assert same(s3, store, reference)
        said = message_of_the_coordinator(namespace)
        assert (said["exit_code"], said["files"]["ok"]) == (0, len(files))
        assert said["report"].startswith(report_url)
        assert until(lambda: not started(namespace.pods(f"{INSTANCE}=run"), 1), "the workers' end", 60)
        self.changed_and_taken_back(namespace, at(s3, store, run={"report_url": report_url}))

    def changed_and_taken_back(self, namespace, values):
        """A changed value makes a new Job, which has nothing to do; nothing is left by rollback and uninstall."""
        first = namespace.job("run")["metadata"]["name"]
        changed = values | {"pod": {"labels": {"team": "gnss"}}}
        namespace.install("run", changed, verb="upgrade")
        second = until(lambda: other(namespace.job("run"), first), "another Job")
        assert namespace.ended("run")[0] == "Complete"
        leader = f"batch.kubernetes.io/job-name={second},batch.kubernetes.io/job-completion-index=0"
        assert "nothing new" in namespace.kubectl("logs", "-l", leader, "--tail=-1")
        assert namespace.get("jobs", first) is None
        namespace.helm("rollback", "run", "1")
        until(lambda: other(namespace.job("run"), second), "the Job of the first revision")
        assert namespace.ended("run")[0] == "Complete"
        namespace.helm("uninstall", "run", "--wait", "--timeout", "2m")
        kinds = "jobs,cronjobs,pods,services,configmaps,serviceaccounts,roles,rolebindings,networkpolicies"
        assert until(lambda: not namespace.all(kinds, f"{INSTANCE}=run"), "nothing left", 60)

    def test_on_azure(self, namespace, at, azure, store, reference):
        namespace.install("run", at(azure, store))
        assert namespace.ended("run") == ("Complete", "SuccessPolicy")
        assert same(azure, store, reference)

    def test_rights(self, namespace, at, s3, store):
        namespace.install("run", at(s3, store), {"job": {"enabled": False}})
        assert rights(namespace) == set()


@pytest.mark.usefixtures("operator")
class TestOperator:
    def test_on_s3(self, namespace, at, s3, store, reference):
        namespace.install("run", at(s3, store), OPERATOR)
        cluster = until(lambda: namespace.all("daskclusters"), "a DaskCluster")[0]
        owner = cluster["metadata"]["ownerReferences"][0]
        assert (owner["kind"], owner["uid"]) == ("Job", namespace.job("run")["metadata"]["uid"])
        assert namespace.ended("run") == ("Complete", "CompletionsReached")
        assert same(s3, store, reference)
        assert until(lambda: not namespace.all("daskclusters"), "its own removed")
        assert until(lambda: not namespace.pods("dask.org/cluster-name"), "the workers' end")

    def test_rights(self, namespace, at, s3, store):
        namespace.install("run", at(s3, store), OPERATOR, {"job": {"enabled": False}, "operator": {"diagnosis": False}})
        assert {kind for kind, _ in rights(namespace)} == {"daskclusters", "daskautoscalers"}


class TestCronJob:
    def test_runs_once_and_has_nothing_to_do_then(self, namespace, at, s3, store, reference):
        every_minute = {"enabled": True, "schedule": "* * * * *"}
        namespace.install("run", at(s3, store), {"cronjob": every_minute, "workers": {"count": 1}})
        until(lambda: ended_jobs(namespace) >= 1, "a Job", 300, pause_s=3)
        once = len(versions(s3, store))
        until(lambda: ended_jobs(namespace) >= 2, "another Job", 120, pause_s=3)
        assert same(s3, store, reference)
        assert len(versions(s3, store)) == once


class TestVod:
    def test_after_the_run_of_another_release(self, namespace, at, s3, s3_orbits, store, optical_depth):
        values = at(s3, store, vod={"orbits": s3_orbits})
        namespace.install("run", values)
        assert namespace.ended("run") == ("Complete", "SuccessPolicy")
        namespace.install("vod", values, {"job": {"command": "vod"}})
        assert namespace.ended("vod") == ("Complete", "SuccessPolicy")
        with s3.dataset(store, PAIR, "vod") as found:
            made = found.load().drop_attrs().sortby("sid")
        xr.testing.assert_identical(made, optical_depth.sortby("sid"))
        assert made.VOD.notnull().sum() > 1_000_000


class TestVirtualize:
    def test_an_archive_of_netcdf(self, namespace, at, s3, store, tmp_path):
        paths = netcdf.archive(tmp_path, range(8))
        filled(s3, {path.relative_to(tmp_path).as_posix(): path for path in paths}, "netcdf")
        own = {"url": s3.url("netcdf"), "layout": "{receiver}/*.nc", "storage_options": s3.options}
        namespace.install("virtual", at(s3, store, virtual=own), {"job": {"command": "virtualize"}})
        assert namespace.ended("virtual") == ("Complete", "SuccessPolicy")
        repository = s3.url(f"{store}/{SITE}/virtual")
        found = open_virtual(repository, "canopy_01", storage_options=s3.options | s3.keys).load()
        xr.testing.assert_equal(found, netcdf.together(paths))


class TestPlainManifests:
    def test_the_base_is_taken_by_the_api_server(self, namespace):
        namespace.kubectl("apply", "-k", str(ROOT / "k8s" / "base"), "--dry-run=server")


def ended_jobs(namespace):
    """Return how many Jobs ended well; none may have failed."""
    ends = [ending(job) for job in namespace.all("jobs")]
    assert not [end for end in ends if end and end[0] == "Failed"]
    return sum(end is not None for end in ends)


def started(pods, least):
    """Return pods that run, None where they are fewer."""
    running = [pod for pod in pods if pod["status"]["phase"] == "Running"]
    return running if len(running) >= least else None


def other(job, name):
    """Return the name of a Job unless it is that one."""
    found = job["metadata"]["name"] if job else name
    return found if found != name else None


def assert_restricted(pod):
    """A pod that runs as the restricted standard wants it, and on a read-only root."""
    (container,) = pod["spec"]["containers"]
    context = container["securityContext"]
    assert context["readOnlyRootFilesystem"]
    assert context["capabilities"] == {"drop": ["ALL"]}
    assert pod["spec"]["securityContext"]["runAsNonRoot"]
    assert pod["spec"]["automountServiceAccountToken"] is False
    assert not [each for each in pod["spec"]["volumes"] if "serviceaccount" in json.dumps(each).lower()]


def writing_fails(namespace, pod):
    """Whether the root file system of a pod that runs can't be written to, by a user who isn't root."""
    name = pod["metadata"]["name"]
    code = "import os; print(os.getuid()); open('/home/gnssice/x', 'w')"
    said = namespace.kubectl("exec", name, "--", "python", "-c", code, ok=False)
    return said.startswith("1000") and "Read-only file system" in said


def rights(namespace):
    """Return what the service account of a release may do beyond what every account may: resources and verbs."""
    account = SERVICE_ACCOUNT.format(namespace.name)
    asked = {
        (kind, verb)
        for kind in ("daskclusters", "daskautoscalers", "pods", "jobs", "secrets", "configmaps", "services")
        for verb in ("get", "list", "create", "delete", "patch")
    }
    return {
        (kind, verb)
        for kind, verb in asked
        if command("kubectl", "auth", "can-i", verb, kind, "-n", namespace.name, "--as", account, ok=False).startswith(
            "yes"
        )
    }

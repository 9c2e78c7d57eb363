"""What is taken from a run on a real cluster in its middle: it ends well, and equals a local run cell by cell."""

import gzip
import json

import pytest

from tests.support.cluster_places import in_the_middle, same, same_but_for_the_ledger, versions
from tests.support.real_cluster import INSTANCE, command, terminations, until

pytestmark = pytest.mark.e2e

OPERATOR = {"cluster": {"mode": "operator"}}
INDEX = "batch.kubernetes.io/job-completion-index"
GONE = ("--grace-period=0", "--force")


def pod(namespace, index):
    """Return the name of the pod of an index that is at work."""

    def found():
        pods = namespace.pods(f"{INSTANCE}=run,{INDEX}={index}")
        return next((each["metadata"]["name"] for each in pods if each["status"]["phase"] == "Running"), None)

    return until(found, f"a pod of index {index}")


def evict(namespace, name):
    """Take a pod away as a drain does."""
    eviction = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": name, "namespace": namespace.name}}
    path = f"/api/v1/namespaces/{namespace.name}/pods/{name}/eviction"
    command("kubectl", "create", "--raw", path, "-f", "-", stdin=json.dumps(eviction))


class TestIndexed:
    @pytest.fixture
    def begun(self, namespace, at, s3, store):
        """A run in its middle."""
        namespace.install("run", at(s3, store), {"job": {"backoffLimitPerIndex": 2}})
        in_the_middle(s3, store)
        return namespace

    def test_the_coordinator_is_killed(self, begun, s3, store, reference):
        begun.kubectl("delete", "pod", pod(begun, 0), *GONE)
        assert begun.ended("run") == ("Complete", "SuccessPolicy")
        assert same(s3, store, reference)

    def test_the_coordinator_is_told_to_stop(self, begun, s3, store, reference):
        begun.kubectl("delete", "pod", pod(begun, 0), "--wait=false")
        assert begun.ended("run") == ("Complete", "SuccessPolicy")
        assert same(s3, store, reference)

    def test_a_worker_is_killed(self, begun, s3, store, reference):
        begun.kubectl("delete", "pod", pod(begun, 1), *GONE)
        assert begun.ended("run") == ("Complete", "SuccessPolicy")
        assert same(s3, store, reference)

    def test_suspended_and_resumed(self, begun, s3, store, reference):
        name = begun.job("run")["metadata"]["name"]
        begun.kubectl("patch", "job", name, "--type=merge", "-p", '{"spec":{"suspend":true}}')
        until(lambda: not begun.pods(f"{INSTANCE}=run"), "no pods")
        assert not begun.job("run")["status"].get("failed")
        begun.kubectl("patch", "job", name, "--type=merge", "-p", '{"spec":{"suspend":false}}')
        assert begun.ended("run") == ("Complete", "SuccessPolicy")
        assert same(s3, store, reference)

    def test_more_workers_while_it_runs(self, begun, s3, store, reference):
        name = begun.job("run")["metadata"]["name"]
        begun.kubectl("patch", "job", name, "--type=merge", "-p", '{"spec":{"parallelism":4,"completions":4}}')
        assert pod(begun, 3)
        assert begun.ended("run") == ("Complete", "SuccessPolicy")
        assert same(s3, store, reference)

    def test_the_job_is_deleted(self, begun, s3, store):
        name = begun.job("run")["metadata"]["name"]
        begun.kubectl("delete", "job", name)
        until(lambda: not begun.pods(f"{INSTANCE}=run"), "no pods")
        assert not [message for message in versions(s3, store) if "rosalia" in message]

    def test_evicted_which_no_limit_counts(self, namespace, at, s3, store, reference):
        namespace.install("run", at(s3, store), {"job": {"backoffLimitPerIndex": 0}})
        in_the_middle(s3, store)
        evict(namespace, pod(namespace, 0))
        assert namespace.ended("run") == ("Complete", "SuccessPolicy")
        assert not namespace.job("run")["status"].get("failed")
        assert same(s3, store, reference)

    def test_two_jobs_at_once(self, namespace, at, s3, store, reference):
        namespace.install("run", at(s3, store)).install("rival", at(s3, store))
        for release in ("run", "rival"):
            assert namespace.ended(release)[0] == "Complete"
        assert same(s3, store, reference)

    def test_a_file_that_needs_too_much_memory(self, namespace, at, s3, store, reference, bomb):
        namespace.install("run", at(s3, store), {"resources": {"limits": {"memory": "700Mi"}}})
        assert namespace.ended("run", 600)[0] == "Complete"
        assert same_but_for_the_ledger(s3, store, reference, "canopy_01")
        said = namespace.kubectl("logs", "-l", f"{INSTANCE}=run,{INDEX}=0", "--tail=-1")
        assert f"{bomb}\n" in said
        assert "rejected: killed_workers, this file killed its workers" in said
        assert "set aside" not in said


@pytest.fixture
def bomb(s3):
    """A file of one more receiver that unpacks to more than a worker may use; the archive has it for one test."""
    from gnssice_batch.storage.folder import folder_at
    from gnssice_batch.storage.location import location

    archive = folder_at(location(s3.url("archive"), s3.options | s3.keys))
    name = "canopy_01/25001/C00100SIM_R_20250010007_15M_15S_MO.rnx.gz"
    archive.write(name, gzip.compress(b"     3.05           OBSERVATION DATA    M" + b" " * (1 << 30), 1))
    yield name
    archive.remove(name)


@pytest.mark.usefixtures("operator")
class TestOperator:
    @pytest.fixture
    def begun(self, namespace, at, s3, store):
        """A run in its middle."""
        namespace.install("run", at(s3, store), OPERATOR)
        in_the_middle(s3, store)
        return namespace

    def test_the_coordinator_is_killed(self, begun, s3, store, reference):
        (name,) = [each["metadata"]["name"] for each in begun.pods(f"{INSTANCE}=run,app.kubernetes.io/component=job")]
        begun.kubectl("delete", "pod", name, *GONE)
        assert begun.ended("run") == ("Complete", "CompletionsReached")
        assert same(s3, store, reference)
        until(lambda: not begun.all("daskclusters"), "no DaskCluster")

    def test_the_scheduler_is_killed(self, begun, s3, store, reference):
        (name,) = [each["metadata"]["name"] for each in begun.pods("dask.org/component=scheduler")]
        begun.kubectl("delete", "pod", name, *GONE)
        assert begun.ended("run") == ("Complete", "CompletionsReached")
        assert same(s3, store, reference)

    def test_the_job_is_deleted(self, begun):
        begun.kubectl("delete", "job", begun.job("run")["metadata"]["name"])
        until(lambda: not begun.all("daskclusters"), "no DaskCluster")
        until(lambda: not begun.pods("dask.org/cluster-name"), "no workers")


class TestWrongSettings:
    def test_fail_at_once_in_one_pod(self, namespace, at, s3, store):
        wrong = at(s3, store, archive={"receivers": {"rec": {}}})
        namespace.install("run", wrong, {"cluster": {"mode": "inline"}})
        assert namespace.ended("run", 120) == ("Failed", "PodFailurePolicy")
        pods = namespace.pods(f"{INSTANCE}=run")
        ((code, message),) = terminations(pods)
        assert (code, "station or include" in message) == (2, True)

"""The DaskCluster that the coordinator creates: completed, and what the operator's own definitions allow."""

from importlib.resources import files

import jsonschema
import pytest
import yaml

from gnssice_batch.cluster.dask_cluster import autoscaler, cluster_name, completed, scheduler_address
from gnssice_batch.config.manifest import read_manifest
from gnssice_batch.config.pod import Pod
from gnssice_batch.errors import ConfigError

POD = Pod("backfill-x7k2p", "gnss", "backfill", "4f1e")
CRDS = files("dask_kubernetes") / "operator" / "deployment" / "helm" / "dask-kubernetes-operator" / "crds"
CONTAINER = {"name": "gnssice-batch", "image": "gnssice-batch:0.1.0"}
MANIFEST = {
    "apiVersion": "kubernetes.dask.org/v1",
    "kind": "DaskCluster",
    "metadata": {"labels": {"app": "gnss"}, "annotations": {"kept": "yes"}},
    "spec": {
        "idleTimeout": 3600,
        "worker": {"spec": {"containers": [{**CONTAINER, "env": [{"name": "A", "value": "b"}]}]}},
        "scheduler": {
            "spec": {
                "containers": [
                    {
                        **CONTAINER,
                        "ports": [{"name": "tcp-comm", "containerPort": 8786, "protocol": "TCP"}],
                        "readinessProbe": {"httpGet": {"port": "http-dashboard", "path": "/health"}},
                        "env": [{"name": "DASK_DISTRIBUTED__SCHEDULER__WORK_STEALING", "value": "True"}],
                    }
                ]
            },
            "service": {
                "type": "ClusterIP",
                "ports": [{"name": "tcp-comm", "port": 8786, "targetPort": "tcp-comm", "protocol": "TCP"}],
            },
        },
    },
}


def schema(kind):
    definition = yaml.safe_load((CRDS / f"{kind.lower()}.yaml").read_text())
    return definition["spec"]["versions"][0]["schema"]["openAPIV3Schema"]


def environment(cluster, part):
    (container,) = cluster["spec"][part]["spec"]["containers"]
    return {each["name"]: each["value"] for each in container["env"]}


def test_it_is_owned_by_the_job_named_after_the_pod_and_found_by_the_jobs_name():
    cluster = completed(MANIFEST, POD, 5)
    owner = {"apiVersion": "batch/v1", "kind": "Job", "name": "backfill", "uid": "4f1e", "blockOwnerDeletion": False}
    assert cluster["metadata"] == {
        "name": "backfill-x7k2p",
        "namespace": "gnss",
        "labels": {"app": "gnss", "gnssice-batch/job": "backfill"},
        "annotations": {"kept": "yes"},
        "ownerReferences": [owner],
    }
    assert cluster["spec"]["worker"]["replicas"] == 5
    assert scheduler_address(POD, 8786) == "tcp://backfill-x7k2p-scheduler.gnss:8786"


def test_the_service_selects_the_scheduler_of_this_cluster_only():
    own = {"dask.org/cluster-name": "backfill-x7k2p", "dask.org/component": "scheduler"}
    service = completed(MANIFEST, POD, 1)["spec"]["scheduler"]["service"]
    assert service == {**MANIFEST["spec"]["scheduler"]["service"], "selector": own}
    manifest = {**MANIFEST, "spec": {**MANIFEST["spec"], "scheduler": {"service": {"selector": {"app": "gnss"}}}}}
    assert completed(manifest, POD, 1)["spec"]["scheduler"]["service"]["selector"] == {"app": "gnss", **own}


def test_scheduler_and_workers_get_our_settings_where_the_manifest_says_nothing_else():
    cluster = completed(MANIFEST, POD, 1)
    assert environment(cluster, "worker") == {
        "A": "b",
        "DASK_DISTRIBUTED__WORKER__MULTIPROCESSING_METHOD": "spawn",
        "DASK_DISTRIBUTED__SCHEDULER__WORK_STEALING": "False",
        "DASK_DISTRIBUTED__SCHEDULER__ALLOWED_FAILURES": "1",
        "MALLOC_TRIM_THRESHOLD_": "67108864",
        "MALLOC_MMAP_THRESHOLD_": "8388608",
        "MALLOC_ARENA_MAX": "2",
    }
    assert environment(cluster, "scheduler")["DASK_DISTRIBUTED__SCHEDULER__WORK_STEALING"] == "True"


def test_the_manifest_stays_as_it_is():
    before = yaml.safe_dump(MANIFEST)
    completed(MANIFEST, POD, 1)
    assert yaml.safe_dump(MANIFEST) == before


@pytest.mark.heavy
def test_both_are_what_the_operators_definitions_allow():
    jsonschema.validate(completed(MANIFEST, POD, 1), schema("DaskCluster"))
    scaler = autoscaler(POD, 1, 8)
    jsonschema.validate(scaler, schema("DaskAutoscaler"))
    assert scaler["spec"] == {"cluster": "backfill-x7k2p", "minimum": 1, "maximum": 8}
    assert scaler["metadata"]["ownerReferences"] == completed(MANIFEST, POD, 1)["metadata"]["ownerReferences"]


@pytest.mark.heavy
def test_the_definitions_refuse_a_port_that_is_a_number():
    """Holds that the check above checks something."""
    cluster = completed(MANIFEST, POD, 1)
    cluster["spec"]["scheduler"]["spec"]["containers"][0]["readinessProbe"]["httpGet"]["port"] = 8787
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(cluster, schema("DaskCluster"))


@pytest.mark.heavy
@pytest.mark.parametrize(
    ("pod", "name"),
    [
        ("backfill-x7k2p", "backfill-x7k2p"),
        ("site.a-x7k2p", "site-a-x7k2p"),
        ("2024-x7k2p", "run-2024-x7k2p"),
        ("a" * 53, "a" * 53),
        ("a" * 63, "a" * 44 + "-7d3e74a0"),
    ],
)
def test_the_name_fits_what_the_operator_makes_of_it(pod, name):
    from dask_kubernetes.operator.validation import validate_cluster_name

    assert cluster_name(pod) == name
    validate_cluster_name(name)


def test_long_names_of_two_pods_stay_distinct():
    assert cluster_name("a" * 60 + "-one") != cluster_name("a" * 60 + "-two")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (None, "can't be read: No such file"),
        ("a: [", "is not valid YAML"),
        ("kind: Pod\napiVersion: v1\n", "should hold one DaskCluster of kubernetes.dask.org/v1"),
        ("[]", "should hold one DaskCluster"),
        (
            "apiVersion: kubernetes.dask.org/v1\nkind: DaskCluster\nspec: {worker: {}}\n",
            "spec.scheduler and spec.worker",
        ),
    ],
)
def test_what_is_no_manifest_is_refused(tmp_path, text, said):
    path = tmp_path / "cluster.yaml"
    if text is not None:
        path.write_text(text)
    with pytest.raises(ConfigError, match=said):
        read_manifest(path)

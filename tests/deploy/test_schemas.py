"""Every object of every flavour and mode is one of Kubernetes, of the oldest and newest, and of the operator."""

import functools
import importlib.metadata

import jsonschema
import kubernetes_validate
import pytest
import yaml

from tests.support.charts import FLAVOURS, MODES, dask_cluster, merged, render

VERSIONS = ("1.30", kubernetes_validate.latest_version().rpartition(".")[0])
FOREIGN = {"PodMonitor"}
"""Kinds that Kubernetes itself does not define."""
OPERATOR = importlib.metadata.distribution("dask-kubernetes").locate_file(
    "dask_kubernetes/operator/deployment/helm/dask-kubernetes-operator/crds"
)
EVERYTHING = {
    "cronjob": {"enabled": True},
    "persistence": {"archive": {"enabled": True}, "store": {"enabled": True}},
    "podDisruptionBudget": {"enabled": True},
    "metrics": {"podMonitor": {"enabled": True}},
    "networkPolicy": {"egress": {"enabled": True}},
    "kueue": {"queue": "q", "priorityClass": "p"},
    "pod": {"tmp": {"medium": "Memory", "sizeLimit": 1073741824}},
    "resources": {"requests": {"cpu": 2, "memory": "1Gi"}, "limits": {"memory": 1073741824}},
    "job": {"activeDeadlineSeconds": 60, "maxFailedIndexes": 0},
}
CASES = {f"flavour {name}": values for name, values in FLAVOURS.items()} | {
    f"mode {mode}, {what}": merged(values, more)
    for mode, values in MODES.items()
    for what, more in {"as it is": {}, "with everything": EVERYTHING}.items()
}


@pytest.fixture(scope="module", autouse=True)
def schemas_read_once():
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(
            kubernetes_validate.utils, "schema_contents", functools.cache(kubernetes_validate.utils.schema_contents)
        )
        yield


@pytest.mark.parametrize("case", CASES)
def test_every_object_is_one_of_kubernetes(case):
    seen = 0
    for each in render(CASES[case]):
        if each["kind"] not in FOREIGN:
            seen += [kubernetes_validate.validate(each, version, strict=True) for version in VERSIONS] == [*VERSIONS]
    assert seen >= 4


def test_the_schemas_refuse_what_kubernetes_would():
    job = next(each for each in render() if each["kind"] == "Job")
    job["spec"]["podFailurePolicy"]["rules"][0]["onPodConditions"][0].pop("status")
    with pytest.raises(kubernetes_validate.ValidationError, match="status"):
        kubernetes_validate.validate(job, VERSIONS[0], strict=True)


@functools.cache
def resource_schema(kind):
    """Return the schema of a resource of the operator, closed: Kubernetes drops what it does not name."""
    text = (OPERATOR / f"{kind}.yaml").read_text(encoding="utf-8")
    return closed(yaml.load(text, Loader=yaml.CSafeLoader)["spec"]["versions"][0]["schema"]["openAPIV3Schema"])


def closed(schema):
    for below in schema.get("properties", {}).values():
        closed(below)
    if isinstance(schema.get("items"), dict):
        closed(schema["items"])
    if "properties" in schema and not schema.get("x-kubernetes-preserve-unknown-fields"):
        schema.setdefault("additionalProperties", False)
    return schema


def complaints(cluster):
    schema = resource_schema("daskcluster")
    schema["properties"] |= dict.fromkeys(("apiVersion", "kind", "metadata"), True)
    return [f"{error.json_path}: {error.message}" for error in jsonschema.Draft7Validator(schema).iter_errors(cluster)]


OPERATED = {name: values for name, values in CASES.items() if values.get("cluster", {}).get("mode") == "operator"}


@pytest.mark.parametrize("case", OPERATED)
def test_the_dask_cluster_is_one_of_the_operator(case):
    assert complaints(dask_cluster(render(OPERATED[case]))) == []


def test_the_operators_schema_refuses_numbers_as_ports_and_unknown_fields():
    cluster = dask_cluster(render(MODES["operator"]))
    pod = cluster["spec"]["scheduler"]["spec"]
    pod["containers"][0]["readinessProbe"]["httpGet"]["port"] = 8787
    pod["hostUsers"] = False
    found = "\n".join(complaints(cluster))
    assert "8787 is not of type 'string'" in found
    assert "'hostUsers' was unexpected" in found

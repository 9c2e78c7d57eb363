"""The manifests of a DaskCluster that a Job owns."""

import copy
import hashlib
import re
from typing import Any, Final

from gnssice_batch.cluster.dask_settings import as_environment
from gnssice_batch.config.manifest import API_VERSION
from gnssice_batch.config.pod import Pod

JOB_LABEL: Final = "gnssice-batch/job"
"""Label of a DaskCluster: name of the Job that owns it. The operator copies it to the pods."""
CLUSTER_LABEL: Final = "dask.org/cluster-name"
"""Label that the operator gives to the pods."""
_COMPONENT_LABEL: Final = "dask.org/component"
_MOST_CHARACTERS: Final = 53
"""Of the name, to which the operator adds ``-scheduler``; a name of Kubernetes has 63."""
_HASH_CHARACTERS: Final = 8


def cluster_name(pod: str) -> str:
    """The name of the cluster of a pod: the pod's own where it fits the name of a Service, distinct for each pod."""
    name = re.sub(r"[^a-z0-9-]+", "-", pod.lower()).strip("-")
    name = name if name[:1].isalpha() else f"run-{name}".rstrip("-")
    if len(name) <= _MOST_CHARACTERS:
        return name
    digest = hashlib.sha256(pod.encode()).hexdigest()[:_HASH_CHARACTERS]
    return f"{name[: _MOST_CHARACTERS - _HASH_CHARACTERS - 1].rstrip('-')}-{digest}"


def completed(manifest: dict[str, Any], pod: Pod, workers: int) -> dict[str, Any]:
    """Return the manifest with the name, owner, labels and number of workers that are known only in the pod.

    The scheduler's Service selects the scheduler of this cluster, as the operator takes its selector as it is.
    The scheduler and the workers get our Dask settings as variables, where the manifest does not set them.
    """
    cluster = copy.deepcopy(manifest)
    given = cluster.get("metadata") or {}
    cluster["metadata"] = {**given, **_metadata(pod, given.get("labels") or {})}
    cluster["spec"]["worker"]["replicas"] = workers
    service = cluster["spec"]["scheduler"].get("service") or {}
    own = {CLUSTER_LABEL: cluster_name(pod.name), _COMPONENT_LABEL: "scheduler"}
    cluster["spec"]["scheduler"]["service"] = {**service, "selector": {**(service.get("selector") or {}), **own}}
    for part in ("scheduler", "worker"):
        for container in (cluster["spec"][part].get("spec") or {}).get("containers") or ():
            container["env"] = _with_settings(container.get("env") or [])
    return cluster


def autoscaler(pod: Pod, minimum: int, maximum: int) -> dict[str, Any]:
    """Return the DaskAutoscaler of the cluster of a pod."""
    return {
        "apiVersion": API_VERSION,
        "kind": "DaskAutoscaler",
        "metadata": _metadata(pod, {}),
        "spec": {"cluster": cluster_name(pod.name), "minimum": minimum, "maximum": maximum},
    }


def scheduler_address(pod: Pod, port: int) -> str:
    """Where the scheduler of the cluster of a pod listens."""
    return f"tcp://{cluster_name(pod.name)}-scheduler.{pod.namespace}:{port}"


def _metadata(pod: Pod, labels: dict[str, str]) -> dict[str, Any]:
    owner = {"apiVersion": "batch/v1", "kind": "Job", "name": pod.job, "uid": pod.job_uid, "blockOwnerDeletion": False}
    return {
        "name": cluster_name(pod.name),
        "namespace": pod.namespace,
        "labels": {**labels, JOB_LABEL: pod.job},
        "ownerReferences": [owner],
    }


def _with_settings(variables: list[dict[str, Any]]) -> list[dict[str, Any]]:
    known = {each.get("name") for each in variables}
    ours = [{"name": name, "value": value} for name, value in as_environment().items() if name not in known]
    return [*variables, *ours]

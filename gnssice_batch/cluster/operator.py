"""A DaskCluster that the dask-kubernetes operator runs, owned by the Job of this pod."""

import asyncio
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

from distributed import Client

from gnssice_batch import config
from gnssice_batch.cluster.dask_cluster import (
    CLUSTER_LABEL,
    JOB_LABEL,
    autoscaler,
    cluster_name,
    completed,
    scheduler_address,
)
from gnssice_batch.cluster.kubernetes import ApiError, Namespace, NoAccessError
from gnssice_batch.cluster.pods import seen
from gnssice_batch.cluster.reaching import answers, first_worker
from gnssice_batch.config.manifest import read_manifest
from gnssice_batch.config.pod import Pod, this_pod
from gnssice_batch.errors import ConfigError, InterruptedRunError
from gnssice_batch.log import logger

_log = logger(__name__)
_PAUSE_S: Final = 1.0
_ANSWER_S: Final = 5.0
_PLURALS: Final = {"DaskCluster": "daskclusters", "DaskAutoscaler": "daskautoscalers"}


@dataclass(frozen=True, slots=True)
class _Deadline:
    """Until when scheduler and workers have to be there."""

    seconds: float
    at: float

    @property
    def left_s(self) -> float:
        return max(self.at - time.monotonic(), 0)


@contextmanager
def connected(settings: config.Cluster) -> Iterator[Client]:
    """A client of a cluster of this pod's own, once its first worker is there; the cluster ends with the context.

    Raises
    ------
    ConfigError
        When Kubernetes refuses the cluster.
    InterruptedRunError
        When scheduler or workers do not come in time.
    """
    pod = _known_pod()
    wanted = [completed(read_manifest(str(settings.manifest)), pod, settings.workers)]
    if settings.maximum_workers is not None:
        wanted.append(autoscaler(pod, settings.workers, settings.maximum_workers))
    deadline = _Deadline(settings.ready_timeout_s, time.monotonic() + settings.ready_timeout_s)
    namespace = _namespace(pod)
    _remove(namespace, pod, "left by an earlier pod of the Job")
    try:
        for resource in wanted:
            _create(namespace, resource, deadline)
        with _client(settings, pod, deadline) as client:
            if not first_worker(client, max(deadline.left_s, _PAUSE_S)):
                raise _not_ready(pod, "no worker has come", deadline)
            yield client
    finally:
        _remove(namespace, pod, "of this pod")


def _known_pod() -> Pod:
    """The pod, its Job known: only what a Job owns is gone when the Job is."""
    pod = this_pod()
    if pod.unknown:
        msg = (
            f"cluster.kind operator needs {', '.join(pod.unknown)} in the environment, told by the downward API:"
            " the Job has to own the cluster"
        )
        raise ConfigError(msg)
    return pod


def _namespace(pod: Pod) -> Namespace:
    try:
        return Namespace(pod.namespace)
    except NoAccessError as error:
        msg = f"cluster.kind operator needs a service account whose token is mounted: {error}"
        raise ConfigError(msg) from error
    except ApiError as error:
        if error.passing:
            raise InterruptedRunError(str(error)) from error
        msg = f"the Kubernetes API refuses the service account of this pod: {error}"
        raise ConfigError(msg) from error


def _create(namespace: Namespace, resource: dict[str, Any], deadline: _Deadline) -> None:
    """Create an object; what may pass (an API that is away, a namesake that is still ending) is waited for."""
    kind = resource["kind"]
    while True:
        try:
            namespace.create(resource)
        except ApiError as error:
            if not error.passing:
                raise ConfigError(_refusal(error, kind, namespace.name)) from error
            if not deadline.left_s:
                msg = f"the {kind} could not be created in {deadline.seconds:g} s: {error}"
                raise InterruptedRunError(msg) from error
            time.sleep(_PAUSE_S)
        else:
            _log.info("%s %s created", kind, resource["metadata"]["name"])
            return


def _refusal(error: ApiError, kind: str, namespace: str) -> str:
    """What is missing."""
    if error.forbidden:
        return f"the service account may not create {_PLURALS[kind]} in namespace {namespace}: {error}"
    if error.missing:
        return f"this Kubernetes knows no {kind}: the dask-kubernetes operator is not installed: {error}"
    return f"Kubernetes refuses the {kind} that cluster.manifest describes: {error}"


def _remove(namespace: Namespace, pod: Pod, which: str) -> None:
    """Delete the clusters of the Job, with which the rest goes; what can't be deleted goes with the Job."""
    try:
        for found in namespace.listed("DaskCluster", labels=f"{JOB_LABEL}={pod.job}"):
            name = found["metadata"]["name"]
            namespace.delete("DaskCluster", name)
            _log.info("DaskCluster %s removed, %s", name, which)
    except ApiError as error:
        _log.warning("the DaskCluster %s can't be removed; it goes when the Job does: %s", which, error)


def _client(settings: config.Cluster, pod: Pod, deadline: _Deadline) -> Client:
    """A client of the scheduler, once that answers: its name and its pod come when the operator has made them."""
    address = scheduler_address(pod, settings.scheduler_port)
    _log.info("waiting for the scheduler at %s", address)
    while deadline.left_s:
        if asyncio.run(answers(address, min(_ANSWER_S, deadline.left_s))):
            try:
                return Client(address, timeout=max(settings.connect_timeout_s, settings.ready_timeout_s))
            except OSError as error:
                _log.warning("the scheduler was there, and is gone: %s", error)
        time.sleep(_PAUSE_S)
    raise _not_ready(pod, "no scheduler answers", deadline)


def _not_ready(pod: Pod, what: str, deadline: _Deadline) -> InterruptedRunError:
    selector = f"{CLUSTER_LABEL}={cluster_name(pod.name)}"
    return InterruptedRunError(f"{what} in {deadline.seconds:g} s; {seen(pod.namespace, selector)}")

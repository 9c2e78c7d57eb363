"""What can be seen of pods that do not come up: phases, events, last log lines, as far as the rights allow."""

from collections.abc import Iterator
from typing import Any, Final

from gnssice_batch.cluster.kubernetes import ApiError, Namespace, NoAccessError
from gnssice_batch.config.pod import Pod

_MOST_PODS: Final = 4
_MOST_EVENTS: Final = 3
_MOST_LINES: Final = 5


def job_selector(pod: Pod) -> str:
    """The label selector of the pods of a Job; empty where the Job is not told."""
    return f"batch.kubernetes.io/job-name={pod.job}" if pod.job else ""


def seen(namespace: str, selector: str) -> str:
    """What can be seen of the pods that a label selector names, a line each; else how to look at them."""
    if not selector:
        return "no Job is told (JOB_NAME), so there are no pods to look at"
    look = f"to see the pods: kubectl get pods -n {namespace or 'default'} -l {selector}"
    try:
        there = Namespace(namespace)
        pods = there.listed("Pod", labels=selector)
    except (ApiError, NoAccessError) as error:
        return f"{look} (this pod can't: {error})"
    lines = [line for pod in sorted(pods, key=_ready)[:_MOST_PODS] for line in _told(there, pod)]
    return "\n  ".join([look, *(lines or ["there are none"])])


def _ready(pod: dict[str, Any]) -> bool:
    statuses = pod.get("status", {}).get("containerStatuses") or ()
    return bool(statuses) and all(each.get("ready") for each in statuses)


def _told(there: Namespace, pod: dict[str, Any]) -> Iterator[str]:
    name = pod["metadata"]["name"]
    yield f"{name}: {', '.join(_state(pod.get('status', {})))}"
    for part in (_events, _log):
        try:
            yield from (f"  {line}" for line in part(there, name))
        except ApiError as error:
            yield f"  {part.__name__.strip('_')} can't be read: {error}"


def _state(status: dict[str, Any]) -> Iterator[str]:
    """Phase of a pod, why it is not scheduled, why its containers wait or have ended."""
    yield status.get("phase", "unknown")
    for condition in status.get("conditions") or ():
        if condition.get("status") == "False" and condition.get("type") == "PodScheduled":
            yield f"{condition.get('reason')}: {condition.get('message')}"
    for container in status.get("containerStatuses") or ():
        state = container.get("state") or {}
        for why in (state.get("waiting"), state.get("terminated")):
            if why:
                yield " ".join(str(why[key]) for key in ("reason", "exitCode", "message") if why.get(key) is not None)


def _events(there: Namespace, pod: str) -> list[str]:
    found = there.listed("Event", fields=f"involvedObject.name={pod}")
    return [f"event {each.get('reason')}: {each.get('message')}" for each in found[-_MOST_EVENTS:]]


def _log(there: Namespace, pod: str) -> list[str]:
    """The last lines; a container that has not started has none, which is no fault."""
    try:
        return [f"log {line.rstrip()}" for line in there.last_lines(pod, _MOST_LINES)]
    except ApiError as error:
        if error.code == _NOT_STARTED:
            return []
        raise


_NOT_STARTED: Final = 400

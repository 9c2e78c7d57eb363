"""What can be seen of pods that do not come up: phases, events, last log lines, as far as the rights allow."""

from gnssice_batch.config.pod import Pod


def job_selector(pod: Pod) -> str:
    """The label selector of the pods of a Job; empty where the Job is not told."""
    return f"batch.kubernetes.io/job-name={pod.job}" if pod.job else ""


def seen(namespace: str, selector: str) -> str:
    """What can be seen of the pods that a label selector names, in sentences."""
    if not selector:
        return "no Job is told (JOB_NAME), so there are no pods to look at"
    return f"look at the pods: kubectl get pods -n {namespace or 'default'} -l {selector}"

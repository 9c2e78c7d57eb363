"""The pod that this process runs in, as Kubernetes tells it by the downward API."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Self

_VARIABLES: Final = {
    "name": "POD_NAME",
    "namespace": "POD_NAMESPACE",
    "job": "JOB_NAME",
    "job_uid": "JOB_UID",
}


@dataclass(frozen=True, slots=True)
class Pod:
    """A pod and the Job that has made it; what is not told is empty."""

    name: str = ""
    namespace: str = ""
    job: str = ""
    job_uid: str = ""
    index: int = 0
    """Completion index of the pod in an Indexed Job; 0 leads, and where there is none."""

    @classmethod
    def told(cls, environment: Mapping[str, str]) -> Self:
        """Read the pod from the variables that the chart sets and the one that Kubernetes does."""
        index = environment.get("JOB_COMPLETION_INDEX", "")
        known = {field: environment.get(variable, "") for field, variable in _VARIABLES.items()}
        return cls(**known, index=int(index) if index.isdecimal() else 0)

    @property
    def unknown(self) -> list[str]:
        """The variables that tell nothing."""
        return [variable for field, variable in _VARIABLES.items() if not getattr(self, field)]


def this_pod() -> Pod:
    """The pod of this process."""
    return Pod.told(os.environ)

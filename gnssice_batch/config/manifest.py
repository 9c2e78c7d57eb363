"""The manifest of a DaskCluster, read from its YAML file."""

from pathlib import Path
from typing import Any, Final

from gnssice_batch.config.text import read_yaml_file
from gnssice_batch.errors import ConfigError

KIND: Final = "DaskCluster"
API_VERSION: Final = "kubernetes.dask.org/v1"


def read_manifest(path: str | Path) -> dict[str, Any]:
    """Read the DaskCluster that the coordinator completes and creates.

    Raises
    ------
    ConfigError
        When there is no such file, or it holds anything but one DaskCluster with scheduler and worker.
    """
    tree = read_yaml_file("cluster.manifest", path)
    found = (tree.get("apiVersion"), tree.get("kind")) if isinstance(tree, dict) else (None, None)
    if found != (API_VERSION, KIND):
        msg = f"cluster.manifest {path} should hold one {KIND} of {API_VERSION}"
        raise ConfigError(msg)
    spec = tree.get("spec")
    parts = [isinstance(spec, dict) and isinstance(spec.get(part), dict) for part in ("scheduler", "worker")]
    if not all(parts):
        msg = f"cluster.manifest {path} should have spec.scheduler and spec.worker"
        raise ConfigError(msg)
    return {str(key): value for key, value in tree.items()}

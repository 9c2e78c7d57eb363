"""The chart as its users get it: linted and rendered by Helm's own engine, without a cluster."""

from functools import cache
from pathlib import Path

import helm_python
import yaml

from tests.support.real_cluster import merged

ROOT = Path(__file__).resolve().parents[2]
CHART = ROOT / "helm" / "gnssice-batch"
FLAVOURS = {
    path.name.removesuffix("-values.yaml"): yaml.safe_load(path.read_text(encoding="utf-8"))
    for path in sorted((CHART / "ci").glob("*-values.yaml"))
}
LEAST = {"settings": {"site": "s", "archive": {"url": "s3://archive/s"}, "store": {"url": "s3://stores/gnss"}}}
"""Values without which nothing is rendered."""
MODES = {
    "indexed": {},
    "operator": {"cluster": {"mode": "operator"}, "workers": {"maximum": 9}},
    "local": {"cluster": {"mode": "local"}},
    "inline": {"cluster": {"mode": "inline"}},
    "address": {"cluster": {"mode": "address", "address": "tcp://scheduler:8786"}},
}
"""Values of every mode."""
HOOK = "helm.sh/hook"


@cache
def _chart():
    return helm_python.Chart.load(CHART)


def texts(values, name="rosalia", namespace="gnss", **release):
    """Return what every template renders."""
    return _chart().render(values, name=name, namespace=namespace, **release)


def render(*values, **release):
    """Return the objects of a release with the least values and those given."""
    rendered = texts(merged(LEAST, *values), **release)
    names = [name for name in sorted(rendered) if name.endswith(".yaml")]
    return [each for name in names for each in yaml.load_all(rendered[name], Loader=yaml.CSafeLoader) if each]


def notes(*values):
    """Return what Helm says after an installation."""
    return next(text for name, text in texts(merged(LEAST, *values)).items() if name.endswith("NOTES.txt"))


def faults(*values):
    """Return the errors and warnings of `helm lint --strict`."""
    report = helm_python.lint(CHART, merged(LEAST, *values), strict=True)
    return [message["error"] for message in report["messages"] if message["severity"] > 1]


def only(objects, kind, suffix=""):
    """Return the one object of a kind whose name ends so."""
    (found,) = [each for each in objects if each["kind"] == kind and each["metadata"]["name"].endswith(suffix)]
    return found


def kinds(objects):
    """Return the kinds of the objects, in order."""
    return sorted(each["kind"] for each in objects if HOOK not in each["metadata"].get("annotations", {}))


def job_spec(objects):
    """Return the spec of the Job, or of those that the CronJob makes."""
    (found,) = [each for each in objects if each["kind"] in {"Job", "CronJob"}]
    return found["spec"] if found["kind"] == "Job" else found["spec"]["jobTemplate"]["spec"]


def settings(objects):
    """Return the settings file."""
    return yaml.safe_load(only(objects, "ConfigMap", "gnssice-batch")["data"]["settings.yaml"])


def dask_cluster(objects):
    """Return the DaskCluster of mode operator."""
    return yaml.safe_load(only(objects, "ConfigMap", "gnssice-batch")["data"]["daskcluster.yaml"])


def pods(objects):
    """Return the metadata and spec of every pod that comes of the objects, by role."""
    spec = job_spec(objects)["template"]
    found = {"job": (spec["metadata"], spec["spec"])}
    tests = [(each["metadata"], each["spec"]) for each in objects if each["kind"] == "Pod"]
    found |= {"test": tests[0]} if tests else {}
    if settings(objects)["cluster"]["kind"] == "operator":
        parts = dask_cluster(objects)["spec"]
        found |= {role: (parts[role]["metadata"], parts[role]["spec"]) for role in ("scheduler", "worker")}
    return found


def container(spec):
    """Return the one container of a pod."""
    (found,) = spec["containers"]
    return found

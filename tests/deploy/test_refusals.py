"""What `helm lint`, and so every installation, refuses, and what it lets pass."""

import re

import helm_python
import pytest
import yaml

from tests.support.charts import CHART, FLAVOURS, MODES, ROOT, faults, merged, render

VALUES = yaml.safe_load((CHART / "values.yaml").read_text(encoding="utf-8"))
FREE = {"settings", "commonLabels", "commonAnnotations", "securityContext", "containerSecurityContext", "affinity"}
FREE |= {"labels", "annotations", "nodeSelector", "requests", "limits"}
"""Keys whose own keys are Kubernetes' or the user's."""


def levels(tree, above=()):
    """Yield the path of every mapping of ours."""
    yield above
    for key, value in tree.items():
        if isinstance(value, dict) and key not in FREE:
            yield from levels(value, (*above, key))


def nested(path, value):
    for key in reversed(path):
        value = {key: value}
    return value


@pytest.mark.parametrize("flavour", FLAVOURS)
def test_every_flavour_passes(flavour):
    assert faults(FLAVOURS[flavour]) == []


@pytest.mark.parametrize("mode", MODES)
def test_every_mode_passes(mode):
    assert faults(MODES[mode]) == []


PAGES = ("docs/kubernetes.md", "docs/backfill.md", "helm/gnssice-batch/README.md")


@pytest.mark.parametrize("page", PAGES)
def test_the_values_of_a_page_pass(page):
    blocks = re.findall(r"```yaml\n(.*?)```", (ROOT / page).read_text(encoding="utf-8"), re.DOTALL)
    values = [yaml.safe_load(block) for block in blocks if "apiVersion" not in block]
    assert values
    assert [fault for each in values for fault in faults(each)] == []


def test_an_unknown_value_is_refused_at_every_level():
    passed = [
        path for path in levels(VALUES) if not any("tpyo" in fault for fault in faults(nested((*path, "tpyo"), 1)))
    ]
    assert passed == []


def test_an_unknown_setting_is_refused_at_every_level():
    sections = ["archive", "store", "icechunk", "chunks", "grid", "encoding", "reader", "cluster", "run", "log"]
    paths = [(), *((section,) for section in sections), ("archive", "storage_options"), ("archive", "receivers", "r")]
    passed = [path for path in paths if not any("tpyo" in e for e in faults(nested(("settings", *path, "tpyo"), 1)))]
    assert passed == []


def test_what_has_no_default_is_asked_for():
    report = helm_python.lint(CHART, {"settings": {"archive": {}}})
    assert any("'site'" in error and "'store'" in error for error in report["errors"])
    assert any("at '/settings/archive': missing property 'url'" in error for error in report["errors"])


WRONG = {
    "cluster.mode": "dask",
    "workers.count": 0,
    "workers.patienceSeconds": "1h",
    "image.digest": "sha256:1",
    "image.pullPolicy": "Sometimes",
    "cronjob.concurrencyPolicy": "Allow",
    "cronjob.startingDeadlineSeconds": 5,
    "job.failOnExitCodes": [0],
    "job.suspend": "yes",
    "identity.aws.roleArn": "gnssice",
    "identity.gcp.serviceAccount": "gnssice",
    "persistence.store.mountPath": "stores",
    "persistence.store.accessModes": ["ReadWrite"],
    "pod.env": [{"value": "1"}],
    "pod.tolerations": {"key": "spot"},
    "metrics.port": 70000,
    "settings.site": "../up",
    "settings.archive.ahead_bytes": "much",
    "settings.run.overlap": "newest",
    "settings.run.grace_s": 0,
    "settings.cluster.memory_limit": "4 parsecs",
    "settings.log.level": "loud",
    "settings.chunks.epoch": 0,
    "settings.attributes.Institution": 1,
}


@pytest.mark.parametrize("path", WRONG)
def test_a_wrong_value_is_refused_and_named(path):
    found = faults(nested(path.split("."), WRONG[path]))
    assert any(f"/{path.replace('.', '/')}" in fault for fault in found), found


RIGHT = {
    "settings.cluster.memory_limit": "4GiB",
    "settings.reader.max_unpacked_bytes": "512 MiB",
    "settings.grid.earliest": "1994-01-01",
    "settings.store.storage_options": {"sas_token": "${STORES_SAS}"},
    "job.run": 20261126,
    "job.maxFailedIndexes": 0,
    "image.digest": f"sha256:{'0' * 64}",
    "resources.requests.cpu": 2,
}


@pytest.mark.parametrize("path", RIGHT)
def test_a_right_value_passes(path):
    assert faults(nested(path.split("."), RIGHT[path])) == []


REFUSED = {
    "cluster.mode: address and cluster.address go together": [
        {"cluster": {"mode": "address"}},
        {"cluster": {"address": "tcp://scheduler:8786"}},
    ],
    "workers.maximum needs cluster.mode: operator": [{"workers": {"maximum": 5}}],
    "workers.maximum is less than workers.count": [merged(MODES["operator"], {"workers": {"count": 10}})],
    "settings.cluster.kind is not set here": [{"settings": {"cluster": {"kind": "local"}}}],
    "settings.cluster.workers is not set here": [{"settings": {"cluster": {"workers": 3}}}],
    "settings.log.metrics_port is not set here": [{"settings": {"log": {"metrics_port": 1}}}],
    "indexed needs Kubernetes 1.31": [{"kubeVersion": "1.30.4"}, {"kubeVersion": "v1.30.4-gke.100"}],
    "at least 20 more than settings.run.grace_s": [
        {"pod": {"terminationGracePeriodSeconds": 29}},
        {"settings": {"run": {"grace_s": 12.5}}, "pod": {"terminationGracePeriodSeconds": 32}},
    ],
    "job.suspend is of the Job": [{"job": {"suspend": True}, "cronjob": {"enabled": True}}],
}


@pytest.mark.parametrize(("sentence", "values"), [(each, one) for each, many in REFUSED.items() for one in many])
def test_what_cannot_work_is_refused_in_a_sentence(sentence, values):
    with pytest.raises(helm_python.HelmRenderError, match=sentence):
        render(values)


@pytest.mark.parametrize("mode", sorted(set(MODES) - {"indexed"}))
def test_kubernetes_1_30_gets_all_other_modes(mode):
    assert render(MODES[mode], {"kubeVersion": "1.30.4"})


def test_what_just_works_is_let_pass():
    assert render({"kubeVersion": "1.31.0-eks-1"})
    assert render({"settings": {"run": {"grace_s": 12.5}}, "pod": {"terminationGracePeriodSeconds": 33}})

"""Every pod alike: coordinator, scheduler, workers and test are made of one place of settings, and are restricted."""

import copy

import pytest
import typer
from distributed.cli.dask_scheduler import main as scheduler_command

from gnssice_batch.cli.entry import app
from tests.support.charts import FLAVOURS, MODES, container, job_spec, merged, only, pods, render

CASES = {f"flavour {name}": values for name, values in FLAVOURS.items()} | {f"mode {m}": v for m, v in MODES.items()}
ROLES = {"indexed": {"job", "test"}, "operator": {"job", "test", "scheduler", "worker"}}

VOLUMES = {"configMap", "csi", "downwardAPI", "emptyDir", "ephemeral", "persistentVolumeClaim", "projected", "secret"}


def violations(spec):
    """Yield what the restricted profile of the Pod Security Standards does not allow, and what it does not ask for."""
    pod = spec.get("securityContext", {})
    yield from (key for key in ("hostNetwork", "hostPID", "hostIPC") if spec.get(key))
    yield from (str(volume) for volume in spec.get("volumes", []) if not set(volume) - {"name"} <= VOLUMES)
    for each in [*spec["containers"], *spec.get("initContainers", [])]:
        own = each.get("securityContext", {})
        both = pod | own
        capabilities = own.get("capabilities", {})
        yield from (f"port {port}" for port in each.get("ports", []) if "hostPort" in port)
        wanted = {
            "privileged": not own.get("privileged", False),
            "escalation": own.get("allowPrivilegeEscalation") is False,
            "capabilities": capabilities.get("drop") == ["ALL"] and not capabilities.get("add"),
            "root": both.get("runAsNonRoot") is True and both.get("runAsUser") != 0,
            "seccomp": both.get("seccompProfile", {}).get("type") in {"RuntimeDefault", "Localhost"},
            "sysctls": not both.get("sysctls"),
            "procMount": own.get("procMount", "Default") == "Default",
            "writable root": own.get("readOnlyRootFilesystem") is True,
            "memory": "memory" in each.get("resources", {}).get("limits", {}),
        }
        yield from (name for name, holds in wanted.items() if not holds)


@pytest.mark.parametrize("case", CASES)
def test_every_pod_is_restricted(case):
    found = pods(render(CASES[case]))
    assert {role: list(violations(spec)) for role, (_, spec) in found.items()} == {role: [] for role in found}


def test_the_check_sees_what_is_not_restricted():
    spec = copy.deepcopy(job_spec(render())["template"]["spec"])
    spec["hostNetwork"] = True
    spec["volumes"].append({"name": "host", "hostPath": {"path": "/"}})
    spec["containers"][0]["securityContext"] = {"privileged": True}
    spec["securityContext"] = {"runAsUser": 0}
    assert len(list(violations(spec))) == 8


@pytest.mark.parametrize("mode", MODES)
def test_every_role_is_there(mode):
    assert set(pods(render(MODES[mode]))) == ROLES.get(mode, {"job", "test"})


@pytest.mark.parametrize("mode", MODES)
def test_only_a_coordinator_that_makes_a_cluster_has_a_token(mode):
    objects = render(MODES[mode])
    tokens = {role for role, (_, spec) in pods(objects).items() if spec["automountServiceAccountToken"]}
    assert tokens == ({"job"} if mode == "operator" else set())
    assert only(objects, "ServiceAccount")["automountServiceAccountToken"] is False


SETTINGS = {
    "labels": {"team": "geodesy"},
    "annotations": {"a.org/b": "c"},
    "securityContext": {"runAsUser": 4711, "supplementalGroups": [7]},
    "containerSecurityContext": {"seccompProfile": {"type": "RuntimeDefault"}},
    "nodeSelector": {"disk": "fast"},
    "tolerations": [{"key": "batch", "operator": "Exists"}],
    "affinity": {"nodeAffinity": {}},
    "topologySpreadConstraints": [
        {"maxSkew": 1, "topologyKey": "zone", "whenUnsatisfiable": "ScheduleAnyway"},
        {
            "maxSkew": 2,
            "topologyKey": "host",
            "whenUnsatisfiable": "DoNotSchedule",
            "labelSelector": {"matchLabels": {"x": "y"}},
        },
    ],
    "priorityClassName": "low",
    "runtimeClassName": "gvisor",
    "terminationGracePeriodSeconds": 60,
    "env": [{"name": "A", "value": "1"}],
    "envFrom": [{"configMapRef": {"name": "proxy"}}],
    "volumes": [{"name": "v", "configMap": {"name": "v"}}],
    "volumeMounts": [{"name": "v", "mountPath": "/v"}],
    "tmp": {"sizeLimit": "1Gi", "medium": "Memory"},
}


@pytest.mark.parametrize("role", ["job", "test", "scheduler", "worker"])
def test_what_is_set_for_pods_is_set_for_each(role):
    metadata, spec = pods(render(MODES["operator"], {"pod": SETTINGS, "imagePullSecrets": [{"name": "r"}]}))[role]
    (each,) = spec["containers"]
    assert metadata["labels"].items() >= SETTINGS["labels"].items()
    assert metadata["annotations"].items() >= SETTINGS["annotations"].items()
    assert spec["securityContext"].items() >= {**SETTINGS["securityContext"], "runAsNonRoot": True}.items()
    assert each["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    for key in ("nodeSelector", "tolerations", "affinity", "priorityClassName", "runtimeClassName"):
        assert spec[key] == SETTINGS[key]
    assert spec["terminationGracePeriodSeconds"] == 60
    assert spec["imagePullSecrets"] == [{"name": "r"}]
    assert each["env"][-1] == SETTINGS["env"][0]
    assert each["envFrom"] == SETTINGS["envFrom"]
    assert spec["volumes"][-1] == SETTINGS["volumes"][0]
    assert each["volumeMounts"][-1] == SETTINGS["volumeMounts"][0]
    assert spec["volumes"][0] == {"name": "tmp", "emptyDir": SETTINGS["tmp"]}
    release, own = [constraint["labelSelector"]["matchLabels"] for constraint in spec["topologySpreadConstraints"]]
    assert release.items() <= metadata["labels"].items()
    assert own == {"x": "y"}


def test_a_user_id_that_the_cluster_chooses_is_left_to_it():
    chosen = {"runAsUser": None, "runAsGroup": None, "fsGroup": None}
    for _, spec in pods(render(MODES["operator"], {"pod": {"securityContext": chosen}})).values():
        assert not set(chosen) & set(spec["securityContext"])
        assert list(violations(spec)) == []


def test_resources_are_by_role_where_a_mode_has_pods_of_its_own_for_them():
    def memory(*values):
        return {
            role: container(spec)["resources"]["limits"]["memory"] for role, (_, spec) in pods(render(*values)).items()
        }

    own = {
        role: {"resources": {"limits": {"memory": size}}}
        for role, size in {"scheduler": "2Gi", "workers": "9Gi"}.items()
    }
    assert memory(MODES["operator"]) == dict.fromkeys(("job", "test", "scheduler", "worker"), "4Gi")
    assert memory(MODES["operator"], {"operator": own})["scheduler"] == "2Gi"
    assert memory(MODES["operator"], {"operator": own})["worker"] == "9Gi"
    assert memory(MODES["operator"], {"operator": own})["job"] == "4Gi"


def test_workers_alone_go_to_spot_nodes():
    found = pods(render(FLAVOURS["operator"]))
    spot = {role for role, (_, spec) in found.items() if spec.get("nodeSelector") or spec.get("tolerations")}
    assert spot == {"worker"}
    both = {"pod": {"tolerations": [{"key": "a"}], "nodeSelector": {"a": "1", "b": "1"}}}
    own = {"operator": {"workers": {"tolerations": [{"key": "b"}], "nodeSelector": {"b": "2"}}}}
    spec = pods(render(MODES["operator"], both, own))["worker"][1]
    assert spec["tolerations"] == [{"key": "a"}, {"key": "b"}]
    assert spec["nodeSelector"] == {"a": "1", "b": "2"}


class TestIdentity:
    def test_a_secret_is_the_environment_of_every_pod(self):
        for _, spec in pods(render(MODES["operator"], {"identity": {"secretName": "keys"}})).values():
            assert container(spec)["envFrom"] == [{"secretRef": {"name": "keys"}}]

    def test_azure_wants_a_label_on_every_pod(self):
        objects = render(MODES["operator"], {"identity": {"azure": {"clientId": "1", "tenantId": "2"}}})
        assert {m["labels"].get("azure.workload.identity/use") for m, _ in pods(objects).values()} == {"true"}
        annotations = only(objects, "ServiceAccount")["metadata"]["annotations"]
        assert annotations["azure.workload.identity/client-id"] == "1"
        assert annotations["azure.workload.identity/tenant-id"] == "2"

    def test_aws_and_google_want_an_annotation(self):
        role = "arn:aws:iam::123456789012:role/gnssice"
        values = {"identity": {"aws": {"roleArn": role}, "gcp": {"serviceAccount": "g@p.iam"}}}
        account = only(render(values, {"serviceAccount": {"annotations": {"a": "b"}}}), "ServiceAccount")
        assert account["metadata"]["annotations"] == {
            "a": "b",
            "eks.amazonaws.com/role-arn": role,
            "iam.gke.io/gcp-service-account": "g@p.iam",
        }

    def test_every_pod_has_the_account(self):
        found = pods(render(MODES["operator"]))
        assert {spec["serviceAccountName"] for _, spec in found.values()} == {"rosalia-gnssice-batch"}
        given = pods(render({"serviceAccount": {"create": False, "name": "mine"}}))
        assert {spec["serviceAccountName"] for _, spec in given.values()} == {"mine"}
        assert pods(render({"serviceAccount": {"create": False}}))["job"][1]["serviceAccountName"] == "default"


class TestVolumes:
    def test_are_mounted_in_every_pod_and_claimed(self):
        objects = render(MODES["operator"], {"persistence": {"archive": {"enabled": True}, "store": {"enabled": True}}})
        for _, spec in pods(objects).values():
            mounts = {mount["name"]: mount for mount in container(spec)["volumeMounts"]}
            assert (mounts["archive"]["mountPath"], mounts["archive"]["readOnly"]) == ("/archive", True)
            assert (mounts["store"]["mountPath"], mounts["store"]["readOnly"]) == ("/stores", False)
            claims = {
                v["name"]: v["persistentVolumeClaim"]["claimName"]
                for v in spec["volumes"]
                if v["name"] in mounts and "persistentVolumeClaim" in v
            }
            assert claims == {"archive": "rosalia-gnssice-batch-archive", "store": "rosalia-gnssice-batch-store"}
        claim = only(objects, "PersistentVolumeClaim", "-store")
        assert claim["metadata"]["annotations"] == {"helm.sh/resource-policy": "keep"}
        assert claim["spec"] == {"accessModes": ["ReadWriteMany"], "resources": {"requests": {"storage": "100Gi"}}}

    def test_a_claim_that_is_there_is_not_made(self):
        objects = render(FLAVOURS["pvc"])
        assert [each["metadata"]["name"] for each in objects if each["kind"] == "PersistentVolumeClaim"] == [
            "rosalia-gnssice-batch-store"
        ]
        assert {"claimName": "rinex", "readOnly": True} in [
            v.get("persistentVolumeClaim") for v in pods(objects)["job"][1]["volumes"]
        ]

    def test_a_claim_may_go_with_the_release(self):
        store = {"enabled": True, "keep": False, "storageClassName": "fast"}
        claim = only(render({"persistence": {"store": store}}), "PersistentVolumeClaim")
        assert "annotations" not in claim["metadata"]
        assert claim["spec"]["storageClassName"] == "fast"


@pytest.mark.parametrize(
    ("image", "wanted"),
    [
        ({}, "gnssice-batch:0.1.0"),
        ({"registry": "r.org/x", "tag": "7"}, "r.org/x/gnssice-batch:7"),
        ({"registry": "r.org", "tag": "7", "digest": f"sha256:{'0' * 64}"}, f"r.org/gnssice-batch@sha256:{'0' * 64}"),
    ],
)
def test_every_pod_runs_the_one_image(image, wanted):
    found = pods(render(MODES["operator"], {"image": {**image, "pullPolicy": "Never"}}))
    assert {container(spec)["image"] for _, spec in found.values()} == {wanted}
    assert {container(spec)["imagePullPolicy"] for _, spec in found.values()} == {"Never"}


def test_a_pod_of_the_job_is_told_who_it_is():
    told = {"POD_NAME", "POD_NAMESPACE", "NODE_NAME", "JOB_NAME", "JOB_UID", "TERMINATION_LOG"}
    environment = {each["name"]: each for each in container(job_spec(render())["template"]["spec"])["env"]}
    assert set(environment) == told
    assert (
        environment["JOB_UID"]["valueFrom"]["fieldRef"]["fieldPath"]
        == "metadata.labels['batch.kubernetes.io/controller-uid']"
    )
    assert (
        environment["TERMINATION_LOG"]["value"]
        == container(job_spec(render())["template"]["spec"])["terminationMessagePath"]
    )


@pytest.mark.parametrize("mode", MODES)
def test_no_variable_of_the_chart_is_taken_for_a_setting(mode):
    names = [each["name"] for _, spec in pods(render(MODES[mode])).values() for each in container(spec)["env"]]
    assert [name for name in names if name.startswith("GNSSICE_")] == []


def test_the_template_of_a_pod_does_not_change_with_the_version_of_the_chart():
    for metadata, _ in pods(render(MODES["operator"])).values():
        if "helm.sh/hook" not in metadata.get("annotations", {}):
            assert not {"helm.sh/chart", "app.kubernetes.io/version"} & set(metadata["labels"])


class TestDaskCluster:
    def parts(self, *values):
        return {role: container(spec) for role, (_, spec) in pods(render(MODES["operator"], *values)).items()}

    def test_arguments_are_written_out(self):
        found = self.parts({"settings": {"cluster": {"threads_per_worker": 3, "memory_limit": "4GiB"}}})
        assert found["scheduler"]["command"] == ["dask"]
        assert found["scheduler"]["args"] == ["scheduler", "--host=0.0.0.0", "--port=8786", "--dashboard-address=:8787"]
        assert found["worker"]["args"] == [
            "worker",
            "--scheduler=$(DASK_SCHEDULER_ADDRESS)",
            "--name=$(DASK_WORKER_NAME)",
            "--threads=3",
            "--patience=3600",
            "--grace=30",
            "--memory-limit=4GiB",
        ]
        assert self.parts({"cluster": {"dashboard": False}})["scheduler"]["args"][-1] == "--no-dashboard"

    def test_probes_are_patient(self):
        scheduler = self.parts()["scheduler"]
        for probe in (scheduler["readinessProbe"], scheduler["livenessProbe"]):
            assert probe["httpGet"] == {"path": "/health", "port": "http-dashboard"}
            assert probe["timeoutSeconds"] >= 15
            assert probe["periodSeconds"] * probe["failureThreshold"] >= 60

    def test_workers_know_nothing_of_the_settings_file(self):
        assert {mount["name"] for mount in self.parts()["worker"]["volumeMounts"]} == {"tmp"}


def test_the_test_plans_the_run_without_workers():
    (pod,) = [each for each in render(MODES["operator"]) if each["kind"] == "Pod"]
    assert container(pod["spec"])["args"] == ["plan", "--config=/etc/gnssice-batch/inline.yaml"]
    assert pod["metadata"]["annotations"]["helm.sh/hook"] == "test"
    assert pod["metadata"]["labels"]["app.kubernetes.io/component"] == "test"
    assert "Pod" not in [each["kind"] for each in render({"test": {"enabled": False}})]


def test_labels_annotations_and_objects_of_ones_own():
    values = {
        "commonLabels": {"team": "geodesy"},
        "commonAnnotations": {"owner": "me"},
        "extraObjects": [
            {
                "apiVersion": "v1",
                "kind": "Secret",
                "metadata": {
                    "name": "{{ .Release.Name }}-x",
                    "labels": {"team": "geodesy"},
                    "annotations": {"owner": "me"},
                },
            }
        ],
    }
    objects = render(merged(MODES["operator"], values))
    assert only(objects, "Secret")["metadata"]["name"] == "rosalia-x"
    assert {each["metadata"]["labels"]["team"] for each in objects} == {"geodesy"}
    assert {each["metadata"]["annotations"]["owner"] for each in objects} == {"me"}
    assert {metadata["labels"]["team"] for metadata, _ in pods(objects).values()} == {"geodesy"}


@pytest.mark.parametrize("mode", MODES)
def test_the_program_takes_the_arguments_of_every_pod(mode):
    values = {"settings": {"cluster": {"memory_limit": "4GiB"}}}
    for _, spec in pods(render(MODES[mode], values)).values():
        each = container(spec)
        if "command" not in each:
            name, *arguments = each["args"]
            command = typer.main.get_command(app).commands[name]
            assert command.make_context(name, [*arguments], resilient_parsing=False).params


def test_dask_takes_the_arguments_of_the_scheduler():
    each = container(pods(render(MODES["operator"], {"cluster": {"dashboard": False}}))["scheduler"][1])
    assert each["args"][0] == "scheduler"
    assert scheduler_command.make_context("scheduler", each["args"][1:]).params["port"] == "8786"

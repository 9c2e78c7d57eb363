"""Who may do what, and who may reach whom."""

import pytest

from tests.support.charts import FLAVOURS, MODES, kinds, merged, only, pods, render

DASK, CORE = "kubernetes.dask.org", ""
CLUSTERS = {(DASK, "daskclusters"): {"list", "create", "delete"}}
SCALING = {(DASK, "daskautoscalers"): {"create"}}
DIAGNOSIS = {(CORE, "pods"): {"list"}, (CORE, "events"): {"list"}, (CORE, "pods/log"): {"get"}}
"""What the coordinator asks the Kubernetes API for in mode operator."""
FIXED = merged(MODES["operator"], {"workers": {"maximum": None}})


def rights(objects):
    found = {}
    for rule in only(objects, "Role")["rules"]:
        assert set(rule) == {"apiGroups", "resources", "verbs"}
        for group in rule["apiGroups"]:
            for resource in rule["resources"]:
                assert (group, resource) not in found
                found[group, resource] = set(rule["verbs"])
    return found


class TestRights:
    def test_are_those_that_the_coordinator_asks_for(self):
        assert rights(render(MODES["operator"])) == CLUSTERS | SCALING | DIAGNOSIS
        assert rights(render(FIXED)) == CLUSTERS | DIAGNOSIS

    def test_may_be_without_diagnosis(self):
        assert rights(render(FIXED, {"operator": {"diagnosis": False}})) == CLUSTERS

    def test_are_those_of_the_account_of_the_pods(self):
        objects = render(MODES["operator"], {"serviceAccount": {"create": False, "name": "mine"}}, namespace="n")
        binding = only(objects, "RoleBinding")
        assert binding["subjects"] == [{"kind": "ServiceAccount", "name": "mine", "namespace": "n"}]
        assert binding["roleRef"]["name"] == only(objects, "Role")["metadata"]["name"]
        assert pods(objects)["job"][1]["serviceAccountName"] == "mine"

    @pytest.mark.parametrize("mode", sorted(set(MODES) - {"operator"}))
    def test_no_other_mode_has_any(self, mode):
        assert not {"Role", "RoleBinding", "ClusterRole", "ClusterRoleBinding"} & set(kinds(render(MODES[mode])))

    def test_may_be_given_elsewhere(self):
        assert "Role" not in kinds(render(MODES["operator"], {"rbac": {"create": False}}))


class TestNetworkPolicy:
    def spec(self, *values):
        return only(render(*values), "NetworkPolicy")["spec"]

    @pytest.mark.parametrize("mode", MODES)
    def test_is_about_every_pod_of_the_release(self, mode):
        selected = self.spec(MODES[mode])["podSelector"]["matchLabels"].items()
        assert all(selected <= metadata["labels"].items() for metadata, _ in pods(render(MODES[mode])).values())

    def test_the_scheduler_is_reached_by_the_releases_own_pods_only(self):
        own, metrics = self.spec()["ingress"]
        selector = {"app.kubernetes.io/name": "gnssice-batch", "app.kubernetes.io/instance": "rosalia"}
        assert own == {"from": [{"podSelector": {"matchLabels": selector}}]}
        assert metrics == {"ports": [{"port": "metrics", "protocol": "TCP"}]}
        assert self.spec()["policyTypes"] == ["Ingress"]
        assert len(self.spec({"metrics": {"enabled": False}})["ingress"]) == 1

    def test_metrics_may_be_for_few(self):
        peers = [{"namespaceSelector": {"matchLabels": {"a": "b"}}}]
        assert self.spec({"networkPolicy": {"metricsFrom": peers}})["ingress"][1]["from"] == peers

    def test_the_operator_reaches_the_schedulers_http_port(self):
        rule = self.spec(FLAVOURS["operator"])["ingress"][2]
        assert rule["ports"] == [{"port": "http-dashboard", "protocol": "TCP"}]
        assert rule["from"] == FLAVOURS["operator"]["networkPolicy"]["operatorFrom"]

    def test_out_go_dns_own_pods_and_the_object_store(self):
        spec = self.spec(FLAVOURS["minio"])
        dns, own, store = spec["egress"]
        assert spec["policyTypes"] == ["Ingress", "Egress"]
        assert {(port["port"], port["protocol"]) for port in dns["ports"]} == {(53, "UDP"), (53, "TCP")}
        assert own["to"] == spec["ingress"][0]["from"]
        assert store["ports"] == [{"port": 9000, "protocol": "TCP"}]
        assert store["to"] == FLAVOURS["minio"]["networkPolicy"]["egress"]["to"]

    def test_may_be_left_out(self):
        assert "NetworkPolicy" not in kinds(render({"networkPolicy": {"enabled": False}}))


class TestCoordinator:
    @pytest.mark.parametrize("mode", MODES)
    def test_budget_and_monitor_are_of_its_pod_alone(self, mode):
        objects = render(
            MODES[mode], {"podDisruptionBudget": {"enabled": True}, "metrics": {"podMonitor": {"enabled": True}}}
        )
        found = pods(objects)
        for selector in (
            only(objects, "PodDisruptionBudget")["spec"]["selector"]["matchLabels"],
            only(objects, "PodMonitor")["spec"]["selector"]["matchLabels"],
        ):
            index = selector.pop("batch.kubernetes.io/job-completion-index", None)
            assert index == ("0" if mode == "indexed" else None)
            chosen = {role for role, (metadata, _) in found.items() if selector.items() <= metadata["labels"].items()}
            assert chosen == {"job"}

    def test_the_budget_is_a_number_as_jobs_have_no_scale(self):
        spec = only(render({"podDisruptionBudget": {"enabled": True}}), "PodDisruptionBudget")["spec"]
        assert (spec["minAvailable"], spec["unhealthyPodEvictionPolicy"]) == (1, "AlwaysAllow")

    def test_metrics_have_a_port(self):
        objects = render({"metrics": {"port": 9999, "podMonitor": {"enabled": True, "labels": {"release": "p"}}}})
        (each,) = pods(objects)["job"][1]["containers"]
        assert {"name": "metrics", "containerPort": 9999, "protocol": "TCP"} in each["ports"]
        monitor = only(objects, "PodMonitor")
        assert monitor["spec"]["podMetricsEndpoints"] == [{"port": "metrics", "interval": "30s"}]
        assert monitor["metadata"]["labels"]["release"] == "p"

    def test_metrics_may_be_off(self):
        objects = render(MODES["local"], {"metrics": {"enabled": False, "podMonitor": {"enabled": True}}})
        (each,) = pods(objects)["job"][1]["containers"]
        assert "ports" not in each
        assert "PodMonitor" not in kinds(objects)

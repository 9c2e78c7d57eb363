"""The Job and the CronJob: modes, exit codes, names, deadlines, queues."""

import re

import pytest

from tests.support.charts import FLAVOURS, MODES, container, job_spec, kinds, notes, only, render, settings

FIXED = {"ConfigMap", "Job", "NetworkPolicy", "ServiceAccount"}
WITH_LEAST = {
    "indexed": [*FIXED, "Service", "Service"],
    "operator": [*FIXED, "Role", "RoleBinding"],
    "local": [*FIXED],
    "inline": [*FIXED],
    "address": [*FIXED],
}


@pytest.mark.parametrize("mode", MODES)
def test_a_mode_has_the_objects_that_it_needs_and_no_other(mode):
    assert kinds(render(MODES[mode])) == sorted(WITH_LEAST[mode])


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("command", ["run", "vod", "virtualize"])
def test_the_job_does_what_it_is_told(mode, command):
    pod = job_spec(render({**MODES[mode], "job": {"command": command}}))["template"]["spec"]
    arguments = container(pod)["args"]
    assert arguments[0] == ("job" if mode == "indexed" else command)
    told = [each for each in arguments if each.startswith("--command")]
    assert told == ([f"--command={command}"] if mode == "indexed" and command != "run" else [])


class TestIndexed:
    def test_index_0_leads_and_ends_the_job(self):
        spec = job_spec(render({"workers": {"count": 5}}))
        assert (spec["completionMode"], spec["parallelism"], spec["completions"]) == ("Indexed", 6, 6)
        assert spec["successPolicy"] == {"rules": [{"succeededIndexes": "0"}]}
        assert spec["backoffLimitPerIndex"] == 6
        assert "backoffLimit" not in spec

    def test_workers_find_the_scheduler_by_the_name_that_the_service_gives(self):
        objects = render()
        pod = job_spec(objects)["template"]["spec"]
        service = only(objects, "Service", "gnssice-batch")
        assert pod["subdomain"] == service["metadata"]["name"] == "rosalia-gnssice-batch"
        assert container(pod)["args"] == [
            "job",
            "--config=/etc/gnssice-batch/settings.yaml",
            "--scheduler=tcp://$(JOB_NAME)-0.rosalia-gnssice-batch:8786",
            "--patience=3600",
            "--grace=30",
        ]
        assert service["spec"]["clusterIP"] == "None"
        assert service["spec"]["publishNotReadyAddresses"] is True
        labels = job_spec(objects)["template"]["metadata"]["labels"]
        assert service["spec"]["selector"].items() <= labels.items()

    def test_the_dashboard_is_that_of_index_0(self):
        selector = only(render(), "Service", "-dashboard")["spec"]["selector"]
        assert selector["batch.kubernetes.io/job-completion-index"] == "0"
        without = render({"cluster": {"dashboard": False}})
        assert kinds(without).count("Service") == 1
        assert settings(without)["cluster"]["dashboard_port"] is None
        assert kinds(render({"service": {"dashboard": False}})).count("Service") == 1

    def test_the_settings_say_what_the_job_is(self):
        cluster = settings(render({"workers": {"count": 5}, "settings": {"cluster": {"threads_per_worker": 3}}}))[
            "cluster"
        ]
        assert cluster == {
            "kind": "indexed",
            "workers": 5,
            "scheduler_port": 8786,
            "dashboard_port": 8787,
            "ready_timeout_s": 900,
            "threads_per_worker": 3,
        }

    def test_indexes_that_may_fail(self):
        assert "maxFailedIndexes" not in job_spec(render())
        assert job_spec(render({"job": {"maxFailedIndexes": 0}}))["maxFailedIndexes"] == 0


@pytest.mark.parametrize("mode", sorted(set(MODES) - {"indexed"}))
def test_other_modes_are_one_pod(mode):
    spec = job_spec(render(MODES[mode], {"job": {"backoffLimit": 3}}))
    assert (spec["completionMode"], spec["parallelism"], spec["completions"]) == ("NonIndexed", 1, 1)
    assert spec["backoffLimit"] == 3
    assert not {"successPolicy", "backoffLimitPerIndex", "maxFailedIndexes"} & set(spec)
    assert container(spec["template"]["spec"])["args"] == ["run", "--config=/etc/gnssice-batch/settings.yaml"]


class TestExitCodes:
    def rules(self, *values):
        return job_spec(render(*values))["podFailurePolicy"]["rules"]

    @pytest.mark.parametrize("mode", MODES)
    def test_disruption_is_not_counted_and_final_codes_fail_the_job(self, mode):
        disrupted, final, *_ = self.rules(MODES[mode])
        assert disrupted == {"action": "Ignore", "onPodConditions": [{"type": "DisruptionTarget", "status": "True"}]}
        codes = {"containerName": "gnssice-batch", "operator": "In", "values": [1, 2, 4, 70]}
        assert final == {"action": "FailJob", "onExitCodes": codes}

    @pytest.mark.parametrize("mode", MODES)
    def test_a_worker_without_scheduler_fails_its_index(self, mode):
        more = self.rules(MODES[mode])[2:]
        codes = {"containerName": "gnssice-batch", "operator": "In", "values": [8]}
        assert more == ([{"action": "FailIndex", "onExitCodes": codes}] if mode == "indexed" else [])

    def test_the_container_is_the_one_that_the_rules_name(self):
        pod = job_spec(render())["template"]["spec"]
        assert container(pod)["name"] == "gnssice-batch"
        assert pod["restartPolicy"] == "Never"
        assert job_spec(render())["podReplacementPolicy"] == "Failed"

    def test_codes_can_be_chosen(self):
        assert self.rules({"job": {"failOnExitCodes": [2]}})[1]["onExitCodes"]["values"] == [2]
        assert [rule["action"] for rule in self.rules({"job": {"failOnExitCodes": []}})] == ["Ignore", "FailIndex"]


class TestNameOfTheJob:
    """A Job's template can't be changed, so what changes it makes another Job; Helm removes the one before."""

    def name(self, *values, **release):
        return only(render(*values, **release), "Job")["metadata"]["name"]

    def test_is_the_releases_with_a_digest(self):
        assert re.fullmatch(r"rosalia-gnssice-batch-[0-9a-f]{8}", self.name())

    @pytest.mark.parametrize(
        "values",
        [
            {"image": {"tag": "2"}},
            {"settings": {"run": {"verify": "full"}}},
            {"settings": {"cluster": {"threads_per_worker": 2}}},
            {"resources": {"limits": {"memory": "5Gi"}}},
            {"pod": {"env": [{"name": "A", "value": "1"}]}},
            {"job": {"failOnExitCodes": [2]}},
            {"job": {"backoffLimitPerIndex": 1}},
            {"job": {"run": "again"}},
            {"identity": {"azure": {"clientId": "1"}}},
            MODES["local"],
        ],
    )
    def test_changes_with_what_a_job_cannot_change(self, values):
        assert self.name(values) != self.name()

    @pytest.mark.parametrize(
        "values",
        [
            {"workers": {"count": 50}},
            {"job": {"suspend": True}},
            {"job": {"activeDeadlineSeconds": 5, "ttlSecondsAfterFinished": None, "labels": {"a": "b"}}},
            {"podDisruptionBudget": {"enabled": True}},
            {"networkPolicy": {"enabled": False}},
        ],
    )
    def test_stays_with_what_a_job_can_change(self, values):
        assert self.name(values) == self.name()

    def test_changes_with_the_workers_that_the_operator_starts(self):
        operated = MODES["operator"]
        assert self.name(operated) != self.name(operated, {"operator": {"workers": {"tolerations": [{"key": "spot"}]}}})

    def test_is_the_same_for_every_revision(self):
        assert self.name(revision=7, is_upgrade=True) == self.name(revision=1)

    def test_leaves_room_for_the_numbers_of_jobs_and_pods(self):
        long = {"name": "a" * 53}
        assert len(f"{self.name(**long)}-10000") <= 63
        cron = only(render({"cronjob": {"enabled": True}}, **long), "CronJob")["metadata"]["name"]
        assert len(f"{cron}-12345678-10000") <= 63


class TestTimes:
    def test_are_those_of_the_values(self):
        spec = job_spec(render({"job": {"activeDeadlineSeconds": 60, "ttlSecondsAfterFinished": 5, "suspend": False}}))
        assert (spec["activeDeadlineSeconds"], spec["ttlSecondsAfterFinished"], spec["suspend"]) == (60, 5, False)

    def test_are_left_out_where_there_are_none(self):
        spec = job_spec(render({"job": {"ttlSecondsAfterFinished": None}}))
        assert not {"activeDeadlineSeconds", "ttlSecondsAfterFinished", "suspend"} & set(spec)

    def test_the_pod_has_longer_than_the_run_takes_to_stop(self):
        assert job_spec(render())["template"]["spec"]["terminationGracePeriodSeconds"] == 45


def test_kueue_gets_a_suspended_job_with_its_labels():
    job = only(render({"kueue": {"queue": "q", "priorityClass": "p"}}), "Job")
    assert job["spec"]["suspend"] is True
    labels = job["metadata"]["labels"]
    assert (labels["kueue.x-k8s.io/queue-name"], labels["kueue.x-k8s.io/priority-class"]) == ("q", "p")
    cron = only(render({"kueue": {"queue": "q"}, "cronjob": {"enabled": True}}), "CronJob")["spec"]["jobTemplate"]
    assert cron["metadata"]["labels"]["kueue.x-k8s.io/queue-name"] == "q"


class TestCronJob:
    def test_never_runs_twice_at_once_and_keeps_few(self):
        spec = only(render({"cronjob": {"enabled": True}}), "CronJob")["spec"]
        job = spec.pop("jobTemplate")["spec"]
        assert spec == {
            "schedule": "15 3 * * *",
            "timeZone": "Etc/UTC",
            "concurrencyPolicy": "Forbid",
            "startingDeadlineSeconds": 3600,
            "successfulJobsHistoryLimit": 3,
            "failedJobsHistoryLimit": 5,
            "suspend": False,
        }
        assert job["activeDeadlineSeconds"] == 43200

    @pytest.mark.parametrize("mode", MODES)
    def test_makes_the_job_that_would_be_made_without_it(self, mode):
        alone = job_spec(render(MODES[mode], {"job": {"activeDeadlineSeconds": 43200}}))
        assert job_spec(render(MODES[mode], {"cronjob": {"enabled": True}})) == alone

    def test_is_not_beside_a_job(self):
        assert kinds(render(FLAVOURS["cronjob"])) == sorted(FIXED - {"Job"} | {"CronJob"})


def test_a_release_without_its_job_has_all_else():
    assert kinds(render({"job": {"enabled": False}})) == sorted([*(FIXED - {"Job"}), "Service", "Service"])


class TestNotes:
    @pytest.mark.parametrize("mode", MODES)
    def test_name_the_job_and_the_next_commands(self, mode):
        job = only(render(MODES[mode]), "Job")["metadata"]["name"]
        said = notes(MODES[mode])
        for command in (f'job/{job} -p \'{{"spec":{{"suspend":true}}}}\'', "logs -f -l", "helm -n gnss test rosalia"):
            assert command in said
        assert ("port-forward" in said) == (mode in {"indexed", "operator"})

    def test_say_where_the_report_is(self):
        assert "set settings.run.report_url" in notes()
        assert "written to s3://b/reports" in notes({"settings": {"run": {"report_url": "s3://b/reports"}}})

    def test_of_a_cronjob_start_a_run(self):
        assert "create job rosalia-gnssice-batch-now --from=cronjob/rosalia-gnssice-batch" in notes(
            {"cronjob": {"enabled": True}}
        )

    def test_without_a_job(self):
        assert "All is there but the Job" in notes({"job": {"enabled": False}})

"""What is made of the chart is up to date, and what the chart makes is what the program reads."""

import json
import runpy
import shutil
import subprocess

import helm_python
import pytest
import yaml

from gnssice_batch.config import json_schema, load
from tests.support import charts
from tests.support.charts import FLAVOURS, MODES, ROOT, merged, only, render, settings

MAKE_CHART = runpy.run_path(str(ROOT / "helm" / "make_chart.py"))
MANIFESTS = runpy.run_path(str(ROOT / "k8s" / "make_manifests.py"))
SCHEMA = json.loads((charts.CHART / "values.schema.json").read_text(encoding="utf-8"))


def test_the_readme_is_up_to_date():
    """After a change of values.yaml: `make chart`."""
    assert (charts.CHART / "README.md").read_text(encoding="utf-8") == MAKE_CHART["readme"]()


def test_every_value_has_a_comment():
    def leaves(tree, above=""):
        for key, value in tree.items():
            named = f"{above}{key}"
            if named not in documented and isinstance(value, dict) and value:
                yield from leaves(value, f"{named}.")
            else:
                yield named

    documented = {".".join(path) for path, _ in MAKE_CHART["documented"](MAKE_CHART["VALUES"].read_text("utf-8"))}
    assert set(leaves(yaml.safe_load(MAKE_CHART["VALUES"].read_text("utf-8")))) <= documented
    assert len(documented) > 100


def test_the_schema_of_the_settings_is_that_of_the_program():
    """After a change of the settings: `make chart`."""
    embedded = json.dumps(SCHEMA["definitions"]["settings"])
    assert json.loads(embedded.replace("#/definitions/settings/$defs/", "#/$defs/")) == json_schema()
    assert SCHEMA["properties"]["settings"] == {"$ref": "#/definitions/settings"}


def test_schema_and_values_have_the_same_keys():
    def differing(values, schema, above=""):
        known = schema.get("properties", {})
        for key in set(values) ^ set(known):
            yield f"{above}{key}"
        for key in set(values) & set(known):
            if isinstance(values[key], dict) and "properties" in known[key]:
                yield from differing(values[key], known[key], f"{above}{key}.")

    values = yaml.safe_load(MAKE_CHART["VALUES"].read_text("utf-8"))
    assert set(differing(values, SCHEMA)) == {"global", "resources.claims"} | {
        f"operator.{role}.resources.{key}" for role in ("scheduler", "workers") for key in SCHEMA_OF_RESOURCES
    }


SCHEMA_OF_RESOURCES = SCHEMA["properties"]["resources"]["properties"]


@pytest.mark.parametrize("flavour", FLAVOURS)
def test_the_program_reads_the_settings_of_every_flavour(flavour, tmp_path):
    found = only(render(FLAVOURS[flavour]), "ConfigMap", "gnssice-batch")["data"]
    for name in ("settings.yaml", "inline.yaml"):
        path = tmp_path / name
        path.write_text(found[name], encoding="utf-8")
        read = load(path, {})
        assert read.site == "rosalia"
        assert read.cluster.kind == (
            settings(render(FLAVOURS[flavour]))["cluster"]["kind"] if name[0] == "s" else "inline"
        )


@pytest.mark.parametrize("mode", MODES)
def test_the_program_reads_the_settings_of_every_mode(mode, tmp_path):
    path = tmp_path / "settings.yaml"
    path.write_text(yaml.safe_dump(settings(render(MODES[mode]))), encoding="utf-8")
    assert load(path, {}).cluster.kind == mode


def test_the_settings_reach_the_program_unchanged(tmp_path):
    given = {
        "archive": {"ahead_bytes": 67108864, "exclude": ["**/*.d", "a: b", "007"]},
        "grid": {"interval_s": 0.1, "earliest": "1994-01-01"},
        "run": {"max_refused_fraction": 0.001, "tag": "2026-11-26", "report_url": "s3://b/${WHERE}/r"},
        "attributes": {"Institution": "BOKU & TU: Ökologie", "1": "yes"},
        "reader": {"max_unpacked_bytes": "512MiB", "signal_overrides": {"G": {"C1": "C1C"}}},
    }
    path = tmp_path / "settings.yaml"
    objects = render({"settings": given})
    path.write_text(only(objects, "ConfigMap", "gnssice-batch")["data"]["settings.yaml"], encoding="utf-8")
    wanted = tmp_path / "wanted.yaml"
    tree = merged(
        charts.LEAST["settings"], given, {"cluster": settings(objects)["cluster"], "log": settings(objects)["log"]}
    )
    wanted.write_text(yaml.safe_dump(tree), encoding="utf-8")
    assert load(path, {"WHERE": "x"}) == load(wanted, {"WHERE": "x"})
    assert load(path, {"WHERE": "x"}).run.report_url == "s3://b/x/r"


def test_the_manifests_are_up_to_date():
    """After a change of the chart: `make chart`."""
    made = MANIFESTS["files"]()
    kept = [path for name in ("base", "overlays") for path in (ROOT / "k8s" / name).rglob("*") if path.is_file()]
    committed = {path.relative_to(ROOT / "k8s").as_posix(): path.read_text("utf-8") for path in [*kept, RUN]}
    assert committed == made


RUN = ROOT / "k8s" / "run.yaml"


def by_name(objects):
    return {(each["kind"], each["metadata"]["name"]): each for each in objects}


def wanted_objects(flavour):
    return by_name(MANIFESTS["plain"](each) for each in MANIFESTS["rendered"](FLAVOURS[flavour]))


def built(folder):
    """Return the objects of a kustomization, of whose means only those that ours use are known."""
    tree = yaml.safe_load((folder / "kustomization.yaml").read_text("utf-8"))
    assert set(tree) <= {"apiVersion", "kind", "resources", "patches"}
    found = {}
    for name in tree["resources"]:
        path = folder / name
        found |= built(path) if path.is_dir() else by_name([yaml.safe_load(path.read_text("utf-8"))])
    for entry in tree.get("patches", []):
        patch = yaml.safe_load(entry["patch"])
        if "target" in entry:
            key = entry["target"]["kind"], entry["target"]["name"].strip("^$")
            found[key] = patched(found[key], patch)
        else:
            assert patch["$patch"] == "delete"
            del found[patch["kind"], patch["metadata"]["name"]]
    return found


def patched(tree, operations):
    """Apply a JSON patch that changes keys of mappings."""
    for operation in operations:
        *above, last = [part.replace("~1", "/").replace("~0", "~") for part in operation["path"].split("/")[1:]]
        place = tree
        for key in above:
            place = place[key]
        assert (last in place) == (operation["op"] != "add")
        if operation["op"] == "remove":
            del place[last]
        else:
            place[last] = operation["value"]
    return tree


@pytest.mark.parametrize("flavour", FLAVOURS)
def test_an_overlay_is_the_objects_that_the_chart_renders(flavour):
    assert built(ROOT / "k8s" / "overlays" / flavour) == wanted_objects(flavour)


@pytest.mark.skipif(shutil.which("kubectl") is None, reason="there is no kubectl")
@pytest.mark.parametrize("flavour", FLAVOURS)
def test_kubectl_builds_the_same_objects(flavour):
    command = ["kubectl", "kustomize", ROOT / "k8s" / "overlays" / flavour]
    text = subprocess.run(command, check=True, capture_output=True, encoding="utf-8").stdout
    assert by_name(yaml.safe_load_all(text)) == wanted_objects(flavour)


def test_what_is_left_out_of_the_manifests_is_helms():
    for flavour in FLAVOURS.values():
        chart = MANIFESTS["rendered"](flavour)
        for before, after in zip(chart, map(MANIFESTS["plain"], chart), strict=True):
            changes = {change["path"].rpartition("/")[2] for change in MANIFESTS["difference"](before, after)}
            renamed = {"name"} if before["kind"] == "Job" else set()
            kept = {"annotations"} if before["kind"] == "PersistentVolumeClaim" else set()
            assert changes <= {"helm.sh~1chart", "app.kubernetes.io~1managed-by"} | renamed | kept


def test_a_single_run_is_the_job_of_the_chart_under_a_name_of_its_own():
    run = yaml.safe_load(RUN.read_text("utf-8"))
    (job,) = [each for each in MANIFESTS["rendered"](MANIFESTS["BASE_VALUES"]) if each["kind"] == "Job"]
    assert run["metadata"].pop("generateName") == "gnssice-batch-"
    job = MANIFESTS["plain"](job)
    assert job["metadata"].pop("name") == "gnssice-batch"
    assert run == job


def test_the_chart_has_the_version_of_the_program():
    program = (ROOT / "pyproject.toml").read_text("utf-8").partition('\nversion = "')[2].partition('"')[0]
    metadata = helm_python.Chart.load(charts.CHART).metadata
    assert (metadata["version"], metadata["appVersion"]) == (program, program)

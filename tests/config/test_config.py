import json
import pickle
import re
from itertools import pairwise
from pathlib import Path

import pytest
import yaml
from pydantic import BaseModel

from gnssice_batch.config import Settings, json_schema, load
from gnssice_batch.config.pod import Pod
from gnssice_batch.errors import ConfigError
from gnssice_batch.storage.options import StorageOptions

CONFIG = Path(__file__).resolve().parents[2] / "config"
REQUIRED = {"site": "s", "archive": {"url": "a"}, "store": {"url": "b"}}
OVERRIDES = ["site=s", "archive.url=a", "store.url=b"]


def refusal(*overrides, environment=None):
    with pytest.raises(ConfigError) as raised:
        load(None, environment or {}, [*OVERRIDES, *overrides])
    return str(raised.value)


def model_keys(model, above=()):
    for name, field in model.model_fields.items():
        yield (*above, name)
        kind = field.annotation
        if isinstance(kind, type) and issubclass(kind, BaseModel) and kind is not StorageOptions:
            yield from model_keys(kind, (*above, name))


def test_processing_yaml_holds_every_key_and_no_other():
    def file_keys(tree, above=()):
        for name, value in tree.items():
            yield (*above, name)
            if isinstance(value, dict) and (above == () or name == "orbits") and name != "attributes":
                yield from file_keys(value, (*above, name))

    tree = yaml.safe_load((CONFIG / "processing.yaml").read_text())
    assert list(file_keys(tree)) == list(model_keys(Settings))


def test_processing_yaml_states_the_defaults():
    stated = load(CONFIG / "processing.yaml", {}).model_dump()
    defaults = Settings.model_validate(REQUIRED).model_dump()
    for section in REQUIRED:
        if section == "site":
            defaults[section] = stated[section]
        else:
            defaults[section]["url"] = stated[section]["url"]
    assert stated == defaults


def test_every_key_of_processing_yaml_has_a_comment():
    lines = (CONFIG / "processing.yaml").read_text().splitlines()
    bare = [
        line
        for before, line in pairwise(lines)
        if re.match(r"  \w+:", line) and not before.strip().startswith("#") and not before.startswith("chunks")
    ]
    assert bare == ['  Institution: ""']


def test_seeds_defaults():
    settings = load(None, {}, OVERRIDES)
    assert settings.icechunk.model_dump() == {
        "compression_algorithm": "zstd",
        "compression_level": 5,
        "inline_threshold": 512,
        "get_concurrency": 1,
        "max_concurrent_requests": 256,
        "requests_per_object": 18,
        "request_bytes": 12 << 20,
        "max_tries": 12,
        "max_backoff_s": 20,
        "connect_timeout_s": 5,
        "read_timeout_s": 30,
    }
    assert settings.chunks.model_dump() == {"epoch": 34560, "sid": -1}


def test_demo_yaml_loads():
    settings = load(CONFIG / "demo.yaml", {})
    assert (settings.site, settings.cluster.kind, settings.cluster.workers) == ("demo", "local", 2)
    assert (settings.archive.url, settings.store.url) == ("demo/archive", "demo/stores")


@pytest.mark.parametrize(
    ("override", "sentence"),
    [
        ("archive.ulr=x", "archive.ulr is not a setting; did you mean archive.url?"),
        ("archve.url=x", "archve is not a setting; did you mean archive?"),
        ("workers=3", "workers is not a setting; did you mean cluster.workers?"),
        ("grid.interval=5", "grid.interval is not a setting; did you mean grid.interval_s?"),
        (
            "archive.receivers.a={station: x, grid: {intervals: 1}}",
            "archive.receivers.a.grid.intervals is not a setting; did you mean archive.receivers.a.grid.interval_s?",
        ),
        ("chunks.epoch=0", "chunks.epoch should be greater than 0."),
        ("chunks.sid=64", "chunks.sid should be -1."),
        ("cluster.kind=remote", "cluster.kind should be 'inline', 'local', 'address', 'indexed' or 'operator'."),
        ("cluster.workers=many", "cluster.workers should be a valid integer"),
        ("icechunk={compression_algorithm: gzip, compression_level: 19}", "compression_level of gzip should be 9"),
        ("reader.max_unpacked_bytes=lots", "reader.max_unpacked_bytes should be a number of bytes"),
        ("archive.layout={station}/**", "archive.layout should be auto, or a pattern that holds {receiver} once."),
        ("archive.layout={station}/{receiver}", "archive.layout knows no placeholder but {receiver}."),
        ("archive.receivers.a={}", "archive.receivers.a: a receiver needs a station or include globs."),
        ("archive.receivers={a b: {station: x}}", "archive.receivers: 'a b' can't name a group"),
        ("grid.interval_s=0", "grid.interval_s should be greater than 0."),
        ("grid.interval_s=0.00000001", "grid.interval_s should be a multiple of 0.0000001 s"),
        ("grid={tolerance_s: 0.005, interval_s: 0.01}", "grid: tolerance_s should be less than half of interval_s."),
        ("grid={interval_s: 5, phase_s: 5}", "grid: phase_s should be less than interval_s."),
        ("grid.latest=1990-01-01", "grid: latest should not lie before earliest."),
        ("grid.interval_s=.inf", "grid.interval_s should be a valid number"),
        ("reader.signal_overrides={X: {C1: C1C}}", "reader.signal_overrides: 'X' is no system"),
        ("reader.signal_overrides={G: {C2: C2}}", "reader.signal_overrides: 'C2' is not a RINEX 3 observation code"),
        (
            "archive.receivers.a={station: x, signal_overrides: {X: {C1: C1C}}}",
            "archive.receivers.a.signal_overrides: 'X' is no system",
        ),
        ("site=a/b", "site should begin with a letter (A to Z, a to z) or a digit"),
        ("site.name=x", "site.name can't be set: site is a value"),
        ("nonsense", "the override 'nonsense' should be written key=value"),
    ],
)
def test_refused_with_a_sentence(override, sentence):
    assert sentence in refusal(override)


def test_a_receivers_signal_overrides_are_put_over_the_common_ones():
    common = "reader.signal_overrides={G: {C2: C2L, C1: C1C}, R: {L1: L1P}}"
    own = "archive.receivers.a={station: x, signal_overrides: {G: {C2: C2S}, E: {C1: C1C}}}"
    chosen = load(None, {}, ["site=s", "archive.url=a", "store.url=b", common, own])
    assert chosen.signal_overrides_of("a") == {"G": {"C2": "C2S", "C1": "C1C"}, "R": {"L1": "L1P"}, "E": {"C1": "C1C"}}
    assert chosen.signal_overrides_of("b") == chosen.reader.signal_overrides


def test_receiver_grid_must_fit_the_common_one():
    said = refusal("grid.interval_s=5", "archive.receivers.a={station: x, grid: {phase_s: 18}}")
    assert said == "archive.receivers.a.grid does not fit: phase_s should be less than interval_s."


def test_all_faults_are_said_at_once():
    assert len(refusal("chunks.epoch=-1", "run.window=0", "grid.colour=red").splitlines()) == 3


def test_missing_keys_are_named():
    with pytest.raises(ConfigError, match=r"(?s)site is missing.*archive is missing.*store is missing"):
        load(None, {})


def test_environment_wins_over_file_and_override_over_both(tmp_path):
    path = tmp_path / "a.yaml"
    path.write_text("site: s\narchive: {url: a}\nstore: {url: b}\ncluster: {workers: 3}\nchunks:\n")
    assert load(path, {}).cluster.workers == 3
    assert load(path, {"GNSSICE_CLUSTER__WORKERS": "4"}).cluster.workers == 4
    assert load(path, {"GNSSICE_CLUSTER__WORKERS": "4"}, ["cluster.workers=5"]).cluster.workers == 5


def test_every_kind_of_value_comes_from_the_environment():
    settings = load(
        None,
        {
            "GNSSICE_SITE": "0123",
            "GNSSICE_ARCHIVE__LAYOUT": "{receiver}/**",
            "GNSSICE_ARCHIVE__INCLUDE": "[a, b]",
            "GNSSICE_ARCHIVE__URL": "s3://bucket/archive",
            "GNSSICE_ARCHIVE__STORAGE_OPTIONS__REGION": "1e5",
            "GNSSICE_ARCHIVE__RECEIVERS__CANOPY_01__STATION": "ract",
            "GNSSICE_STORE__URL": "b",
            "GNSSICE_CHUNKS__SID": "-1",
            "GNSSICE_GRID__LATEST": "2030-01-01",
            "GNSSICE_CLUSTER__MEMORY_LIMIT": "1.5 GiB",
            "GNSSICE_LOG__PROGRESS": "false",
            "GNSSICE_ATTRIBUTES__RESEARCH_GROUP": "climers",
            "GNSSICE_SCHEDULER_SERVICE_HOST": "10.0.0.1",
            "GNSSICE_SCHEDULER_PORT_8786_TCP_ADDR": "10.0.0.1",
        },
    )
    assert (settings.site, settings.archive.layout) == ("0123", "{receiver}/**")
    assert settings.archive.include == ("a", "b")
    assert settings.archive.storage_options.region == "1e5"
    assert settings.archive.receivers["canopy_01"].station == "ract"
    assert settings.cluster.memory_limit == 3 * 2**29
    assert not settings.log.progress
    assert settings.attributes == {"Institution": "", "Research Group": "climers"}


def test_unknown_variable_is_refused():
    assert "did you mean archive?" in refusal(environment={"GNSSICE_ARCHVE__URL": "x"})


def test_placeholders(tmp_path):
    path = tmp_path / "a.yaml"
    path.write_text("site: s\narchive: {url: 's3://${BUCKET}/$${x}', include: ['${WHAT}']}\nstore: {url: b}\n")
    settings = load(path, {"BUCKET": "bucket", "WHAT": "*.gz"})
    assert (settings.archive.url, settings.archive.include) == ("s3://bucket/${x}", ("*.gz",))
    with pytest.raises(ConfigError, match=r"archive\.include holds \$\{WHAT\}, .* no variable WHAT"):
        load(path, {"BUCKET": "bucket"})


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("site: a\nsite: b\n", "'site' appears twice"),
        ("- a\n", "should contain keys and values"),
        ("site: [", "is not valid YAML"),
    ],
)
def test_bad_files(tmp_path, text, sentence):
    path = tmp_path / "a.yaml"
    path.write_text(text)
    with pytest.raises(ConfigError, match=sentence):
        load(path, {})
    with pytest.raises(ConfigError, match="can't be read"):
        load(tmp_path / "absent.yaml", {})


def test_secrets_are_never_shown():
    keys = {"access_key_id": "hunter2-id", "secret_access_key": "hunter2"}
    variables = {f"GNSSICE_ARCHIVE__STORAGE_OPTIONS__{name.upper()}": value for name, value in keys.items()}
    settings = load(None, variables, [*OVERRIDES, "archive.url=s3://bucket/archive"])
    assert settings.archive.storage_options.secrets() == keys
    assert "hunter2" not in repr(settings)
    assert "hunter2" not in str(settings.model_dump()) + settings.model_dump_json()
    assert "hunter2" not in refusal("archive.storage_options=hunter2")


def test_grid_of_puts_the_receivers_own_keys_over_the_common_ones():
    settings = load(
        None, {}, [*OVERRIDES, "grid.interval_s=30", "archive.receivers.a={station: x, grid: {phase_s: 18}}"]
    )
    assert (settings.grid_of("a").interval_ns, settings.grid_of("a").phase_ns) == (30 * 10**9, 18 * 10**9)
    assert settings.grid_of("b") is settings.grid
    assert settings.grid.tolerance_ns is None
    assert settings.grid.model_copy(update={"tolerance_s": 0.005}).tolerance_ns == 5_000_000


def test_frozen_and_picklable():
    settings = load(None, {}, [*OVERRIDES, "archive.receivers.a={station: x, grid: {interval_s: 1}}"])
    assert pickle.loads(pickle.dumps(settings)).grid_of("a").interval_s == 1
    with pytest.raises(ValueError, match="frozen"):
        settings.site = "x"


def test_json_schema_is_closed_and_described():
    schema = json.loads(json.dumps(json_schema()))
    sections = [schema, *schema["$defs"].values()]
    assert all(section["additionalProperties"] is False for section in sections)
    assert all("description" in section for section in sections)
    assert set(schema["required"]) == set(REQUIRED)


class TestStaticKeys:
    KEY = "planted-secret-0123456789"

    def written(self, tmp_path, value, allowed=""):
        path = tmp_path / "settings.yaml"
        path.write_text(
            "site: s\narchive: {url: a}\nstore:\n  url: az://c/x\n"
            f"  storage_options: {{account_name: a, account_key: '{value}'}}\n{allowed}"
        )
        return path

    def test_are_refused_in_the_file_and_on_the_command_line(self, tmp_path):
        with pytest.raises(ConfigError, match=r"store.storage_options.account_key is a static key") as raised:
            load(self.written(tmp_path, self.KEY), {})
        assert self.KEY not in str(raised.value)
        with pytest.raises(ConfigError, match=r"store.allow_static_credentials"):
            load(self.written(tmp_path, f"x${{NAME}}{self.KEY}"), {"NAME": "x"})
        with pytest.raises(ConfigError, match=r"static key"):
            load(None, {}, [*OVERRIDES, "store.url=az://c/x", f"store.storage_options.account_key={self.KEY}"])

    def test_are_taken_where_that_is_said(self, tmp_path):
        settings = load(self.written(tmp_path, self.KEY, "  allow_static_credentials: true\n"), {})
        assert settings.store.storage_options.secrets() == {"account_key": self.KEY}

    def test_a_variable_of_the_environment_is_none(self, tmp_path):
        settings = load(self.written(tmp_path, "${NAME}"), {"NAME": self.KEY})
        assert settings.store.storage_options.secrets() == {"account_key": self.KEY}
        variables = {"GNSSICE_STORE__STORAGE_OPTIONS__ACCOUNT_KEY": self.KEY}
        settings = load(None, variables, [*OVERRIDES, "store.url=az://c/x"])
        assert settings.store.storage_options.secrets() == {"account_key": self.KEY}

    def test_an_unknown_option_has_the_nearest_beside_it(self):
        assert "did you mean store.storage_options.region?" in refusal("store.storage_options.regoin=x")

    def test_keys_are_no_part_of_the_identity_of_a_run(self):
        one, other = (
            load(None, {"GNSSICE_STORE__STORAGE_OPTIONS__ACCOUNT_KEY": key}, [*OVERRIDES, "store.url=az://c/x"])
            for key in ("first-key-0123", "other-key-0123")
        )
        assert one.identity() == other.identity()

    def test_nor_is_what_a_worker_may_hold_of_the_archive(self):
        sizes = ["archive.ahead_bytes=1", "archive.kept_bytes=0"]
        assert load(None, {}, OVERRIDES).identity() == load(None, {}, [*OVERRIDES, *sizes]).identity()
        others = ["archive.exclude=[x]"]
        assert load(None, {}, OVERRIDES).identity() != load(None, {}, [*OVERRIDES, *others]).identity()


@pytest.mark.parametrize(
    ("overrides", "said"),
    [
        (["cluster.kind=operator"], "kind: operator and cluster.manifest go together"),
        (["cluster.manifest=a.yaml"], "kind: operator and cluster.manifest go together"),
        (["cluster.maximum_workers=3"], "cluster.maximum_workers needs kind: operator"),
        (
            ["cluster.kind=operator", "cluster.manifest=a", "cluster.workers=4", "cluster.maximum_workers=3"],
            "cluster.maximum_workers should be cluster.workers or more",
        ),
        (["cluster.scheduler_port=0"], "cluster.scheduler_port should be greater than or equal to 1"),
    ],
)
def test_a_cluster_that_does_not_fit_together_is_refused(overrides, said):
    assert said in refusal(*overrides)


def test_where_tasks_run_does_not_make_another_run_of_it():
    here = load(None, {}, OVERRIDES)
    there = load(None, {}, [*OVERRIDES, "cluster.kind=indexed", "cluster.workers=9", "cluster.scheduler_port=9000"])
    assert here.identity() == there.identity()


def test_a_pod_is_what_the_downward_api_tells():
    told = {"POD_NAME": "a-3-x", "POD_NAMESPACE": "n", "JOB_NAME": "a", "JOB_UID": "u", "JOB_COMPLETION_INDEX": "3"}
    assert Pod.told(told) == Pod("a-3-x", "n", "a", "u", 3)
    assert Pod.told({}) == Pod()
    assert Pod.told({"POD_NAME": "a"}).unknown == ["POD_NAMESPACE", "JOB_NAME", "JOB_UID"]

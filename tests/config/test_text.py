"""YAML that is damaged, absurd or hostile is refused in a sentence that quotes nothing of it."""

import time

import pytest

from gnssice_batch.config import load
from gnssice_batch.config.manifest import read_manifest
from gnssice_batch.config.text import MOST_LEVELS, MOST_VALUES, read_yaml
from gnssice_batch.errors import ConfigError

REQUIRED = "site: s\narchive: {url: a}\nstore: {url: b}\n"
OVERRIDES = ["site=s", "archive.url=a", "store.url=b"]
BOMB = "a0: &a0 [x, x, x]\n" + "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 12))


def written(folder, text):
    path = folder / "settings.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def refusal(folder, text):
    with pytest.raises(ConfigError) as raised:
        load(written(folder, text), {})
    return str(raised.value)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("attributes: &a {x: *a}\n", "an alias of what it is itself a part of, in line 4, column 20"),
        ("chunks: " + "[" * 5000 + "]" * 5000, f"more than {MOST_LEVELS} levels deep, in line 4"),
        ("x: &x [1]\n" + "".join(f"x{n}: &x{n} [*x{n - 1}]\n" for n in range(1, 99)).replace("*x0", "*x"), "levels"),
        (BOMB, f"more than {MOST_VALUES:,} values"),
        ("x: !!int abc\n", "should be of YAML's type int is none, in line 4, column 4"),
        ("x: !!timestamp abc\n", "type timestamp is none"),
        ("x: !!bool abc\n", "type bool is none"),
        ("x: !!int\n", "type int is none"),
        ("x: !!binary abc\n", "is not valid YAML"),
        (f"x: {'9' * 5000}\n", "type int is none"),
        ("1: 2\n", "1 should have text as its key"),
        ("[a]: 2\n", "unhashable key"),
        ("chunks: !!set {a}\n", "chunks should hold settings"),
        ("site: s\n", "the key 'site' appears twice, the second time in line 4, column 1"),
        ("<<: 5\n", "expected a mapping or list of mappings for merging"),
        ("---\na: b\n", "another document"),
        ("x: \x07\n", "a character that can't be there, at position"),
        ('x: "a\\0b"\n', "should not hold the character NUL"),
    ],
)
def test_what_is_no_settings_file_is_refused_at_once(tmp_path, text, said):
    began = time.monotonic()
    assert said in refusal(tmp_path, REQUIRED + text)
    assert time.monotonic() - began < 5


@pytest.mark.parametrize(
    "value", ["hunter2: x", "*hunter2", "!hunter2 x", "'hunter2", "@hunter2", "[hunter2, {", "%h hunter2"]
)
def test_a_complaint_has_line_and_column_and_nothing_of_the_text(tmp_path, value):
    said = refusal(tmp_path, f"site: s\nstore:\n  account_key: {value}\n")
    assert "hunter2" not in said
    assert "in line " in said
    assert ", column " in said


def test_a_file_without_end_or_of_other_bytes_is_refused(tmp_path):
    with pytest.raises(ConfigError, match="more than 4,000,000 characters"):
        load("/dev/zero", {})
    path = tmp_path / "latin.yaml"
    path.write_bytes(b"site: Z\xfcrich\n")
    with pytest.raises(ConfigError, match="are no text"):
        load(path, {})
    with pytest.raises(ConfigError, match="can't be read"):
        load(tmp_path, {})


def test_merge_keys_work_and_the_own_key_wins(tmp_path):
    text = (
        "site: s\nstore: {url: b}\narchive:\n  url: a\n  receivers:\n"
        "    one: &d {station: x, grid: {interval_s: 30}}\n    two: &e {<<: *d, station: y}\n    three: {<<: *e}\n"
    )
    settings = load(written(tmp_path, text), {})
    assert {name: one.station for name, one in settings.archive.receivers.items()} == {
        "one": "x",
        "two": "y",
        "three": "y",
    }
    assert settings.grid_of("three").interval_s == 30


def test_dates_stay_text_for_the_setting_that_reads_them(tmp_path):
    assert read_yaml("2025-13-01") == "2025-13-01"
    assert str(load(written(tmp_path, REQUIRED + "grid: {earliest: 2025-12-01}\n"), {}).grid.earliest) == "2025-12-01"
    said = refusal(tmp_path, REQUIRED + "grid: {earliest: 2025-13-01}\n")
    assert said.startswith("grid.earliest should be a valid date")
    assert load(written(tmp_path, REQUIRED + "run: {tag: 2025-01-01}\n"), {}).run.tag == "2025-01-01"


def test_a_manifest_is_read_in_the_same_way(tmp_path):
    path = tmp_path / "cluster.yaml"
    path.write_text("apiVersion: &a [*a]\n")
    with pytest.raises(ConfigError, match=r"cluster\.manifest .* itself a part of"):
        read_manifest(path)


@pytest.mark.parametrize(
    ("override", "said"),
    [
        ("grid.earliest=2025-13-01", "grid.earliest should be a valid date"),
        ("grid.earliest=1600-01-01", "grid.earliest should be greater than or equal to 1900-01-01"),
        ("chunks.epoch=1e23", "chunks.epoch should be a valid integer"),
        ("chunks.epoch=100000000000", "chunks.epoch should be less than or equal to 10000000"),
        (f"chunks.epoch={'9' * 5000}", "chunks.epoch"),
        (f"chunks.epoch={'[' * 5000}", "the value of chunks.epoch is more than 40 levels deep"),
        ("chunks.epoch=&a [*a]", "the value of chunks.epoch holds an alias"),
        ("icechunk.max_tries=65536", "icechunk.max_tries should be less than or equal to 65535"),
        ("icechunk.max_backoff_s=1e300", "icechunk.max_backoff_s should be less than or equal to"),
        ("cluster.memory_limit=99999999TB", "cluster.memory_limit should be less than or equal to"),
        ("grid.max_gap_days=1000000", "grid.max_gap_days should be less than or equal to"),
        ("archive.include=5.5.5", None),
        ("archive.include={a: b}", "archive.include should be a list of globs"),
        ("site=" + "x" * 300, "site should have at most 200 characters"),
        ("site=Zürich", "site should begin with a letter (A to Z, a to z) or a digit"),
        ("log.level=7", "log.level should be 'debug'"),
        ("chunks=5", "chunks should hold settings, a key and a value each"),
        ("attributes.A=\udce9", "'attributes.a' should be UTF-8"),
        ("attributes.\udce9=A", "should be UTF-8"),
        ("", "should be written key=value"),
        ("foo", "should be written key=value"),
        ("=hunter2", "names no setting"),
        ("a..b=hunter2", "names no setting"),
    ],
)
def test_overrides_are_refused_in_words(override, said):
    if said is None:
        assert load(None, {}, [*OVERRIDES, override]).archive.include == ("5.5.5",)
        return
    with pytest.raises(ConfigError) as raised:
        load(None, {}, [*OVERRIDES, override])
    assert said in str(raised.value)
    assert "hunter2" not in str(raised.value)


def test_what_a_setting_can_only_take_as_text_is_text():
    settings = load(
        None,
        {"GNSSICE_STORE__STORAGE_OPTIONS__ACCOUNT_KEY": "[hunter2]"},
        ["site=true", "archive.url=a", "store.url=az://c/x", "archive.layout={receiver}", "run.tag=", "run.branch=[x]"],
    )
    assert (settings.site, settings.archive.layout) == ("true", "{receiver}")
    assert (settings.run.tag, settings.run.branch) == (None, "[x]")
    assert settings.store.storage_options.secrets() == {"account_key": "[hunter2]"}


def test_one_glob_is_a_list_of_one_and_a_level_may_be_written_in_any_case(tmp_path):
    text = "site: s\nstore: {url: b}\narchive: {url: a, include: '**/*.gz'}\nlog: {level: DEBUG}\n"
    settings = load(written(tmp_path, text), {}, ["archive.exclude=**/*.txt"])
    assert (settings.archive.include, settings.archive.exclude) == (("**/*.gz",), ("**/*.txt",))
    assert settings.log.level == "debug"


@pytest.mark.parametrize("name", ["GNSSICE_", "GNSSICE_ARCHIVE____URL"])
def test_a_variable_without_a_name_is_refused(name):
    with pytest.raises(ConfigError, match=f"the variable {name} names no setting"):
        load(None, {name: "1"}, OVERRIDES)

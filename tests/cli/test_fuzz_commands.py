"""Whatever settings and arguments a command gets: an exit code of the table, a few lines, no traceback."""

import contextlib
import io
import logging

import hypothesis
import pytest
from hypothesis import strategies as st
from pydantic import BaseModel

from gnssice_batch.cli import main
from gnssice_batch.config import Settings
from tests.failures.small import hourly
from tests.support.netcdf import archive as days
from tests.support.runs import write

CODES = frozenset(range(8))
"""Those of `gnssice_batch.errors`."""
MOST_LINES = 5
READING = (
    ["status"],
    ["log"],
    ["diff", "1"],
    ["plan"],
    ["doctor"],
    ["quarantine", "list"],
    ["runs", "list"],
    ["gc", "--older-than", "1"],
    ["expire", "--older-than", "1", "--dry-run"],
    ["migrate", "--dry-run"],
    ["trim", "--dry-run"],
    ["maintain", "--dry-run"],
    ["virtualize", "--dry-run"],
    ["virtualize", "status"],
)
WRITING = (["run"], ["quarantine", "retry"], ["trim"], ["maintain"], ["migrate"], ["runs", "abandon", "x"])
PLACES = ("archive.url", "store.url", "run.journal_url", "run.report_url")
LEFT_OUT = ("cluster.address", "cluster.manifest", "log.metrics_port", "log.progress")
"""What would open ports."""
VALUES = (
    *("", "null", "~", "true", "no", "-1", "0", "1", "07", "1.5", "1e300", "9" * 30, "9" * 5000, "nan", ".inf", "-0.0"),
    *(
        "[]",
        "{}",
        "[1, a]",
        "{a: b}",
        "{a: {b: c}}",
        "&a [*a]",
        "*a",
        "!!int x",
        "[" * 200,
        "<<: 1",
        "'",
        '"',
        "a: b: c",
    ),
    *("2025-13-01", "2025-01-01", "0001-01-01", "9999-12-31", "1900-01-01", "12:30:45"),
    *(
        "ü",
        "\x1b[31m",
        "a\nb",
        "\t",
        " ",
        "x" * 300,
        "\udce9",
        "\u202e",
        "a/b",
        "..",
        ".",
        "*",
        "**/*.gz",
        "%s",
        "{}{}",
    ),
    *("{receiver}", "{receiver}/{receiver}", "{a}", "${HOME}", "$${x}", "debug", "json", "inline", "skip", "append"),
    *("512MiB", "1 KB", "99999TB", "0 B", "-5MB", "main", "georinex", "hatanaka", "compact", "gzip", "full", "fail"),
)
TEXTS = (
    *(
        "",
        "\x00",
        "\x07",
        "\t",
        " ",
        "- ",
        ": ",
        "{",
        "}",
        "[",
        "]",
        "&a ",
        "*a",
        "!!int ",
        "|",
        ">",
        "---\n",
        "#",
        '"',
    ),
    *("'", "<<: "),
)
ARGUMENTS = (
    *("--set", "-c", "--json", "--report", "--tag", "--branch", "--nope", "x", "", "-", "--older-than", "-1", "\x1b"),
    "--sample",
)
ODD_KEYS = (
    *("", ".", "a", "archive", "archive.receivers.x", "archive.receivers.x.grid", "attributes", "attributes.A"),
    *("GRID.EARLIEST", "grid..x", "sité", "\x1b"),
    *("virtual.layout", "virtual.container", "virtual.exclude", "virtual.storage_options.region", "virtual.x"),
)


def keys(model, above=()):
    """Every setting as a dotted path."""
    for name, field in model.model_fields.items():
        kind = field.annotation
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            yield from keys(kind, (*above, name))
        else:
            yield ".".join((*above, name))


KEYS = sorted(set(keys(Settings)) - set(PLACES) - set(LEFT_OUT))
SETTINGS = st.tuples(st.one_of(st.sampled_from(KEYS), st.sampled_from(ODD_KEYS)), st.sampled_from(VALUES))


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    """A settings file over a small store that a run has filled; commands run in its folder."""
    folder = tmp_path_factory.mktemp("fuzz")
    archive = write(folder / "archive", hourly(0, 1))
    path = folder / "settings.yaml"
    path.write_text(
        f"site: here\narchive:\n  url: {archive}\n  layout: '{{receiver}}/**'\nstore: {{url: {folder}/stores}}\n"
        "chunks: {epoch: 720}\nattributes: {Author: me}\nlog: {level: error}\n"
        f"virtual: {{url: {folder}/nc}}\n"
    )
    days(folder / "nc", (0,))
    with contextlib.chdir(folder):
        assert called("run", "-c", path)[0] == 0
        yield path


def called(*arguments):
    """Run a command; its exit code and its lines on standard error."""
    out, err = io.StringIO(), io.StringIO()
    try:
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err), pytest.raises(SystemExit) as end:
            main([str(argument) for argument in arguments])
    finally:
        logging.getLogger("gnssice_batch").handlers[:] = [logging.NullHandler()]
    code = end.value.code or 0
    lines = err.getvalue().splitlines()
    assert "Traceback" not in err.getvalue() + out.getvalue()
    assert code in CODES, (arguments, code, err.getvalue())
    assert "\x1b" not in out.getvalue() + err.getvalue()
    assert len(lines) <= MOST_LINES, (arguments, err.getvalue())
    assert lines or code in {0, 1}, (arguments, code)
    return code, lines


def overridden(base, command, settings):
    called(*command, "-c", base, *(word for key, value in settings for word in ("--set", f"{key}={value}")))


def mutated(base, at, text, cut):
    content = base.read_text()
    place = at % (len(content) + 1)
    other = base.with_name("mutated.yaml")
    other.write_text(content[:place] + text + content[place + cut :], encoding="utf-8")
    called("status", "-c", other)


MUTATION = (st.integers(0, 10_000), st.sampled_from(TEXTS), st.integers(0, 12))
FEW = hypothesis.settings(max_examples=60, deadline=None, suppress_health_check=list(hypothesis.HealthCheck))
MANY = hypothesis.settings(FEW, max_examples=3000)
READ = (st.sampled_from(READING), st.lists(SETTINGS, min_size=1, max_size=2))
WRITE = (st.sampled_from(WRITING), st.lists(SETTINGS, min_size=1, max_size=2))


@FEW
@hypothesis.given(*READ)
def test_settings_of_reading_commands(base, command, settings):
    overridden(base, command, settings)


@FEW
@hypothesis.given(*MUTATION)
def test_a_settings_file_with_a_fault(base, at, text, cut):
    mutated(base, at, text, cut)


@FEW
@hypothesis.given(st.lists(st.sampled_from(ARGUMENTS), max_size=4))
def test_arguments(base, arguments):
    called("status", "-c", base, *arguments)


@pytest.mark.fuzz
@MANY
@hypothesis.given(*READ)
def test_many_settings_of_reading_commands(base, command, settings):
    overridden(base, command, settings)


@pytest.mark.fuzz
@hypothesis.settings(MANY, max_examples=500)
@hypothesis.given(*WRITE)
def test_many_settings_of_writing_commands(base, command, settings):
    overridden(base, command, settings)


@pytest.mark.fuzz
@MANY
@hypothesis.given(*MUTATION)
def test_many_settings_files_with_a_fault(base, at, text, cut):
    mutated(base, at, text, cut)

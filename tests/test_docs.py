"""The documentation: every block that a user would run is run, and every link leads somewhere."""

import re
import subprocess
import sys
from contextlib import redirect_stdout
from io import StringIO
from itertools import product

import pytest
import typer

import gnssice_batch
from gnssice_batch.cli.entry import app
from tests.conftest import ROOT
from tests.support.pages import DOCS, blocks, commands_named, snippets, user_pages
from tests.support.terminal import environment

ELSEWHERE = {
    "first-steps.md": "tests/test_first_steps.py",
    "object-stores.md": "tests/test_object_store_page.py",
    "reading.md": "tests/test_reading_page.py",
    "versions.md": "tests/test_versions_page.py",
    "working-hour.md": "tests/test_working_hour.py",
}
"""Pages whose blocks another test runs."""
HERE = [page for page in user_pages() if page not in ELSEWHERE and blocks(page)]
_LINK = re.compile(r"\]\((?!https?:)([^)#\s]*)(?:#([^)\s]*))?\)")


def commands(block):
    """Return a block as a script: of a console its lines after the prompt."""
    if block.language != "console":
        return block.body
    return "\n".join(line[2:] for line in block.body.splitlines() if line.startswith("$ ")) + "\n"


def shown(block):
    """Return the lines of a console block that hold no times, ids and sizes: what any machine prints."""
    lines = (line for line in block.body.splitlines() if block.language == "console" and not line.startswith("$ "))
    return [" ".join(line.split()) for line in lines if line.strip() and not re.search(r"[\d─]", line)]


@pytest.mark.processes
@pytest.mark.heavy
@pytest.mark.filterwarnings("ignore::FutureWarning:georinex.obs3")
@pytest.mark.parametrize("page", HERE)
def test_a_page_runs_from_its_first_block_to_its_last(page, tmp_path, monkeypatch):
    folder, names = tmp_path / "work", {}
    folder.mkdir()
    monkeypatch.chdir(folder)
    where = environment(tmp_path / "tools", COLUMNS="100")
    for block in blocks(page):
        if block.not_run:
            continue
        if block.language == "python":
            with redirect_stdout(StringIO()) as output:
                exec(compile(block.body, f"docs/{page}", "exec"), names)
            said = output.getvalue().splitlines()
            assert [line for line in block.printed.splitlines() if line not in said] == [], said
        else:
            said = [" ".join(line.split()) for line in shell(commands(block), where).splitlines()]
            assert [line for line in shown(block) if line not in said] == [], said
    names["gnssice_batch"] = gnssice_batch
    for snippet in snippets(page) if "ds" in names else ():
        assert eval(snippet, names) is not None, snippet


def test_the_snippets_in_tables_are_on_a_page_that_runs_them():
    calls = {page: found for page in user_pages() if (found := [one for one in snippets(page) if "(" in one])}
    assert {page: len(found) for page, found in calls.items()} == {"coming-from.md": 5}
    assert "coming-from.md" in HERE


@pytest.mark.parametrize("page", ["README.md", *(f"docs/{page}" for page in user_pages())])
def test_commands_that_are_named_are_there(page):
    """In lines and tables, with their options; blocks are run."""
    program = typer.main.get_command(app)
    for said in commands_named((ROOT / page).read_text(encoding="utf-8")):
        for alternative in _alternatives(said.split()):
            _check(program, alternative, said)


def _alternatives(words):
    """Return the ways that words with ``a|b`` in them can be read."""
    choices = [word.replace("\\|", "|").split("|") if not word.startswith("-") else [word] for word in words]
    return product(*choices)


def _check(command, words, said):
    for word in words:
        if word.startswith("--"):
            options = {name for parameter in command.params for name in (*parameter.opts, *parameter.secondary_opts)}
            assert word.partition("=")[0] in {*options, "--help", "--version"}, said
        elif word in getattr(command, "commands", {}):
            command = command.commands[word]
        else:
            assert not getattr(command, "commands", {}) or not word.isalpha() or word.isupper(), said


def shell(script, where):
    """Run a script in this folder; every command of it has to end with 0. Return what it says."""
    program = ["bash", "-euo", "pipefail", "-c", script]
    done = subprocess.run(program, env=where, capture_output=True, text=True, check=False)
    assert done.returncode == 0, (script, done.stdout, done.stderr)
    return done.stdout + done.stderr


def test_what_is_not_run_says_why():
    """And so does no block without need: one that is marked needs a cluster, a cloud or a registry."""
    left_out = {page: [block for block in blocks(page) if block.not_run] for page in HERE}
    for page, some in left_out.items():
        for block in some:
            print(f"{page}: {block.not_run}: {block.body.splitlines()[0]}")
            assert re.match(r"it (needs|is) ", block.not_run), (page, block)
    assert {page for page, some in left_out.items() if some} <= {"backfill.md", "daily-job.md", "kubernetes.md"}


def test_pages_that_others_run_are_there():
    for page, test in ELSEWHERE.items():
        assert f'"{page}"' in (ROOT / test).read_text(encoding="utf-8")
        assert blocks(page)


def test_the_decisions_are_listed():
    listed = re.findall(r"\((0\d+[^)]+)\)", (DOCS / "decisions" / "README.md").read_text(encoding="utf-8"))
    assert listed == [path.name for path in sorted((DOCS / "decisions").glob("0*.md"))]


@pytest.mark.parametrize("name", ["README.md", "helm/gnssice-batch/README.md", "k8s/README.md"])
def test_links_beside_the_site_lead_somewhere(name):
    page = ROOT / name
    for path, anchor in _LINK.findall(page.read_text(encoding="utf-8")):
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), path
        assert not anchor or anchor in _anchors(target), (path, anchor)


def _anchors(page):
    titles = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


@pytest.mark.processes
@pytest.mark.heavy
def test_the_site_is_built_without_a_warning_and_loads_nothing_from_afar(tmp_path):
    site = tmp_path / "site"
    build = [sys.executable, "-m", "mkdocs", "build", "--quiet", "--strict", "--site-dir", str(site)]
    where = environment(tmp_path / "tools", NO_MKDOCS_2_WARNING="1")
    done = subprocess.run(build, cwd=ROOT, env=where, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout + done.stderr) == (0, "")
    pages = list(site.rglob("*.html"))
    assert len(pages) > len(user_pages())
    loaded = re.compile(
        r"<(?:script|link|img|iframe)\b[^>]*\b(?:src|href)=[\"']?(?:https?:)?//[^>]*>|url\([\"']?https?:"
    )
    for page in [*pages, *site.rglob("*.css")]:
        assert not loaded.findall(page.read_text(encoding="utf-8")), page

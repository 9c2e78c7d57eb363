"""The documentation: every block that a user would run is run, and every link leads somewhere."""

import re
import subprocess
import sys
from contextlib import redirect_stdout
from io import StringIO

import pytest

from tests.conftest import ROOT
from tests.support.pages import DOCS, blocks, user_pages
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

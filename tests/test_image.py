"""The recipe of the image: what it copies is let into the build, and nothing of it is for development."""

import re
from pathlib import Path

import gnssice_batch

ROOT = Path(__file__).resolve().parent.parent
RECIPE = (ROOT / "Dockerfile").read_text(encoding="utf-8")
PIN = re.compile(r"^([a-z0-9-]+)==(\S+)", re.MULTILINE)


def pins(name):
    return dict(PIN.findall((ROOT / name).read_text(encoding="utf-8")))


def test_what_is_copied_is_let_into_the_build():
    copied = {word for line in re.findall(r"^COPY (?!--from)(.+) \S+$", RECIPE, re.MULTILINE) for word in line.split()}
    let_in = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    assert copied == let_in
    assert all((ROOT / name).exists() for name in copied)


def test_the_base_is_an_argument_and_every_stage_is_made_from_it():
    assert "ARG PYTHON=3.12\nARG BASE=python:${PYTHON}-slim\n" in RECIPE
    assert re.findall(r"^FROM (\S+)", RECIPE, re.MULTILINE) == ["${BASE}", "libraries", "${BASE}"]


def test_the_wheel_is_built_with_the_build_backend_alone():
    build = pins("requirements-build.txt")
    assert "hatchling" in build
    assert len(build) < 10
    dev = pins("requirements-dev.txt")
    assert {name: version for name, version in build.items() if dev.get(name, version) != version} == {}


def test_its_version_is_the_programs():
    assert f"ARG VERSION={gnssice_batch.__version__}\n" in RECIPE


def test_it_runs_as_a_user_without_rights_who_owns_nothing_but_the_kernels():
    after_last_stage = RECIPE.rpartition("FROM ")[2]
    assert "USER 1000:1000\n" in after_last_stage
    assert "pip" not in after_last_stage

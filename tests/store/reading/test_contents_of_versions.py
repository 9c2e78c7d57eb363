"""What a version of a repository holds, and of which kind it is, asked of small repositories made by hand."""

import shutil
from dataclasses import replace

import pytest

from gnssice_batch.errors import StoreError
from gnssice_batch.model.values import Span
from gnssice_batch.model.vod_contents import VOD
from gnssice_batch.store.layout.coverage import coverage_attributes
from gnssice_batch.store.layout.virtual_groups import file_attributes
from gnssice_batch.store.reading.contents import (
    Snapshot,
    branch_head,
    contents,
    first_snapshot,
    history,
    not_for_writing,
    not_of_receivers,
    of_ledgers,
    other_groups,
    stored_groups,
    stored_receivers,
    stored_templates,
)
from gnssice_batch.store.repository import make_branch, open_existing, open_repository
from tests.support.small_groups import committed, made_group
from tests.support.templates import template

NAMES = ("zeta", "beta", "omega", "alpha", "mid", "kappa")
ROW = {"uri": "a.rnx", "status": "ok", "epochs_written": 4}


@pytest.fixture
def empty(tmp_path):
    return open_repository(str(tmp_path / "site" / "rinex"))


@pytest.fixture(scope="module")
def stored(tmp_path_factory):
    """A repository with six receivers and groups of another program; its versions, the second with one group less."""
    repository = open_repository(str(tmp_path_factory.mktemp("contents") / "rinex"))

    def begun(root):
        for number, name in enumerate(NAMES):
            made_group(root, template(signals=number + 1, receiver=name), [{**ROW, "uri": f"{name}.rnx"}])
        for name in ("weather", "soil", "b", "a"):
            root.create_group(name)
        root.create_array("loose", shape=(), dtype="f4")

    def gone(root):
        del root["soil"], root["zeta"]

    return repository, [repository.head(), committed(repository, begun, message="begun"), committed(repository, gone)]


def test_the_head_of_a_branch_is_its_newest_version_and_of_none_there_is_none(stored):
    repository, versions = stored
    assert branch_head(repository, "main") == versions[2]
    assert branch_head(repository, "other") is None


def test_a_repository_begins_with_one_and_the_same_version(stored):
    repository, versions = stored
    assert first_snapshot(repository) == versions[0]


def test_a_new_repository_is_at_its_first_version_and_holds_nothing(empty):
    assert first_snapshot(empty) == empty.head()
    assert (stored_receivers(empty), other_groups(empty), stored_groups(empty), stored_templates(empty)) == (
        *((), ()),
        *({}, {}),
    )
    assert (not_for_writing(empty), not_of_receivers(empty)) == ("", "")
    with pytest.raises(StoreError, match=r"^the repository has no receiver 'rec'$"):
        of_ledgers(empty, ["rec"], ["uri"], lambda *told: told)


def test_receivers_and_other_groups_are_told_sorted_of_a_branch_or_a_version(stored):
    repository, versions = stored
    assert stored_receivers(repository) == tuple(sorted(NAMES[1:]))
    assert stored_receivers(repository, snapshot=versions[1]) == tuple(sorted(NAMES))
    assert other_groups(repository) == ("/", "a", "b", "weather")
    assert other_groups(repository, snapshot=versions[1]) == ("/", "a", "b", "soil", "weather")
    for asked in (stored_receivers, other_groups, not_for_writing):
        with pytest.raises(StoreError, match="no branch 'other'"):
            asked(repository, "other")


def test_templates_and_groups_are_read_by_their_names(stored):
    repository, versions = stored
    wanted = {name: template(signals=at + 1, receiver=name) for at, name in enumerate(NAMES)}
    assert stored_templates(repository, versions[1]) == wanted
    groups = stored_groups(repository)
    assert {name: group.template for name, group in groups.items()} == {name: wanted[name] for name in NAMES[1:]}
    assert list(groups) == sorted(NAMES[1:])
    assert groups["mid"].ledger.uri.tolist() == ["mid.rnx"]
    assert groups["mid"].span is None


def test_a_group_says_between_which_epochs_it_holds_anything(empty):
    made = template()

    span = Span(made.grid.time_ns(100), made.grid.time_ns(199))
    committed(empty, lambda root: made_group(root, made, [ROW]).attrs.update(coverage_attributes(span)))
    assert stored_groups(empty)["rec"].span == span
    assert contents(empty, [], lambda group, *_: group.span).receivers == {"rec": span}


def test_columns_of_ledgers_are_given_in_the_order_that_was_asked_for(stored):
    repository, versions = stored
    asked = ["zeta", "alpha", "kappa"]
    found = of_ledgers(repository, asked, ["uri"], lambda name, files: (name, files), snapshot=versions[1])
    assert list(found) == asked
    for name, (told, files) in found.items():
        assert told == name
        assert {column: cells.tolist() for column, cells in files.items()} == {"uri": [f"{name}.rnx"]}


@pytest.mark.parametrize("name", ["soil", "loose", "nothing"])
def test_a_ledger_is_asked_of_a_receiver_alone(stored, name):
    repository, versions = stored
    said = "was not made by gnssice-batch" if name == "soil" else f"^the repository has no receiver '{name}'$"
    with pytest.raises(StoreError, match=said):
        of_ledgers(repository, [name], ["uri"], lambda *told: told, snapshot=versions[1])


def test_a_repository_is_written_to_where_a_receiver_is_in_it_or_nothing(stored, empty):
    assert not_for_writing(stored[0]) == ""
    committed(empty, lambda root: root.create_group("weather"))
    said = not_for_writing(empty)
    assert said.startswith(f"the repository {empty.url} was not made by gnssice-batch")
    assert "it holds weather and no receiver of ours; nothing was written" in said


def test_a_repository_of_a_later_layout_is_not_written_to(empty):
    def later(root):
        made_group(root, template()).attrs["layout_version"] = 99

    committed(empty, later)
    said = not_for_writing(empty)
    assert said.startswith(f"the repository {empty.url}: group 'rec' has layout version 99")


def test_other_kinds_of_repositories_are_told_with_what_reads_them(stored, empty):
    assert not_of_receivers(stored[0]) == ""
    first = committed(empty, lambda root: root.attrs.update(file_attributes("a.nc")))
    assert not_of_receivers(empty).startswith(f"{empty.url} is a repository of virtual datasets")

    def vod(root):
        root.attrs.clear()
        made_group(root, replace(template(), contents=VOD, joins=False))

    committed(empty, vod)
    assert not_of_receivers(empty).startswith(f"{empty.url} is a repository of vegetation optical depth")
    assert "virtual" in not_of_receivers(empty, snapshot=first)


def test_a_history_tells_the_versions_of_a_branch_newest_first(stored):
    repository, versions = stored
    make_branch(repository, "trial", versions[1])
    found = list(history(repository, "trial"))
    assert [one.id for one in found] == [versions[1], versions[0]]
    written = repository.handle.lookup_snapshot(versions[1]).written_at
    assert found[0] == Snapshot(versions[1], f"{written:%Y-%m-%dT%H:%M:%S+00:00}", "begun")
    assert [one.id for one in history(repository)] == versions[::-1]
    with pytest.raises(StoreError, match="no branch 'other'"):
        list(history(repository, "other"))


def test_other_groups_are_told_beside_what_is_made_of_receivers(stored):
    found = contents(stored[0], ["uri"], lambda group, files, _: (group.template.receiver, files["uri"].tolist()))
    assert found.others == ("/", "a", "b", "weather")
    assert found.receivers == {name: (name, [f"{name}.rnx"]) for name in sorted(NAMES[1:])}


def test_damage_is_told_with_the_version_that_it_is_in(tmp_path):
    url = str(tmp_path / "rinex")
    version = committed(open_repository(url), lambda root: made_group(root, template(), [ROW]))
    shutil.rmtree(tmp_path / "rinex" / "manifests")
    with pytest.raises(StoreError, match=f"version {version} can't be read in manifests/"):
        stored_groups(open_existing(url))


def test_a_history_that_can_t_be_read_is_an_error_of_the_store(tmp_path):
    url = str(tmp_path / "rinex")
    open_repository(url)
    repository = open_existing(url)
    shutil.rmtree(tmp_path / "rinex")
    with pytest.raises(StoreError, match=f"the repository {url}"):
        list(history(repository))

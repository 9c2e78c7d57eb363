"""The coordinates that follow from the names of signals, of the groups whose signals a structure has written."""

import numpy as np
import pytest
import zarr

from gnssice_batch.model.template import DERIVED_COORDINATES, signal_columns
from gnssice_batch.store.repository import open_repository
from gnssice_batch.store.writing import signals as module
from gnssice_batch.store.writing.changes import changed_units
from gnssice_batch.store.writing.signals import complete_signals
from gnssice_batch.store.writing.structure import StructureChange, make_structure
from tests.support.templates import template

MADE = {name: template(receiver=name, signals=count) for name, count in (("rec", 3), ("tau/two", 70), ("new", 1))}


@pytest.fixture(scope="module")
def stored(tmp_path_factory):
    repository = open_repository(str(tmp_path_factory.mktemp("signals") / "site" / "rinex"))
    structure = make_structure(
        repository, repository.head(), "staging-run", StructureChange([*MADE.values()], "rinex3")
    )
    return repository, structure


@pytest.mark.parametrize("at_once", [2, 32])
def test_each_group_has_those_of_its_own_signals(stored, monkeypatch, at_once):
    monkeypatch.setattr(module, "_GROUPS_AT_ONCE", at_once)
    repository, structure = stored
    session = repository.handle.writable_session(structure.branch)
    written = complete_signals(session, structure.units)
    chunks = {"rec": {(0,)}, "tau/two": {(0,), (1,)}, "new": {(0,)}}
    assert written == {f"/{name}/{one}": chunks[name] for name in MADE for one in DERIVED_COORDINATES}
    assert changed_units(session) == written
    for name, made in MADE.items():
        group = zarr.open_group(session.store, path=name, mode="r")
        columns = signal_columns(made.axis.sids, {})
        for one in DERIVED_COORDINATES:
            np.testing.assert_array_equal(np.asarray(group[one][:]), columns[one], one)


def test_groups_whose_signals_are_as_they_were_are_left_alone(stored):
    repository, structure = stored
    session = repository.handle.writable_session(structure.branch)
    units = {"/rec/epoch": frozenset({(0,)}), "/new/sid": structure.units["/new/sid"]}
    assert {path.split("/")[1] for path in complete_signals(session, units)} == {"new"}
    others = repository.handle.writable_session(structure.branch)
    assert complete_signals(others, {"/rec/epoch": frozenset({(0,)})}) == {}
    assert changed_units(others) == {}


def test_an_empty_repository_has_none(tmp_path):
    session = open_repository(str(tmp_path / "r")).handle.writable_session("main")
    assert complete_signals(session, {}) == {}

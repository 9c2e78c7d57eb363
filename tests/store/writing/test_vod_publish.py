"""What a vod run publishes: rows of its ledgers, what a group says from now on, what does not fit another head."""

import json
import shutil
from dataclasses import replace

import numpy as np
import pytest
import zarr

from gnssice_batch.model.grid import GPS_EPOCH
from gnssice_batch.model.template import unit_chunks
from gnssice_batch.model.values import Span
from gnssice_batch.store.forks import fork_of
from gnssice_batch.store.layout.vod_ledger import UNIT_COLUMNS, read_vod_ledger
from gnssice_batch.store.writing.structure import StructureChange, make_structure, staging_branch
from gnssice_batch.store.writing.vod_publish import MadeRow, VodGroupChange, VodPublication
from tests.support.histories import commit, on_disk
from tests.support.vod_plans import RUN, analysis_template, facts, made_unit, start

GROUP = "tau_omega/a"
FULL = made_unit(
    1, hashes={"r": "2", "c": "1"}, pairs=10, values=8, epochs=5, first_ns=start(1) + 60, last_ns=start(1) + 90,
    without_orbits={"R": 2},
)  # fmt: skip
EMPTY = made_unit(0)
ROWS = (MadeRow(1, start(1), start(2), True, FULL), MadeRow(0, start(0), start(1), False, EMPTY))


WANTED = StructureChange((analysis_template("a"),), "")


@pytest.fixture(scope="module")
def once(tmp_path_factory):
    """A repository, and the structure of an analysis made in it."""
    folder = tmp_path_factory.mktemp("vod")
    repository = on_disk(folder)
    return folder, make_structure(repository, repository.head(), staging_branch(RUN, 0), WANTED)


@pytest.fixture
def repository(once, tmp_path):
    return on_disk(shutil.copytree(once[0], tmp_path / "copy"))


@pytest.fixture
def structure(once):
    return once[1]


def change(**more):
    words = {
        "template": analysis_template("a"), "current": None, "rows": 0, "orbits": [facts("x"), None, facts("y")],
        "units": ROWS, "rinex_snapshot": "NEWER", "waiting": [7, 8], "attributes": {"orbits": "broadcast"},
    }  # fmt: skip
    return VodGroupChange(**words | more)


def publication(structure, groups=None, *, planned=None):
    return VodPublication(
        run=RUN, structure=structure, forks=(), groups={GROUP: change()} if groups is None else groups,
        planned=planned or {}, message="vod: 2 units, a", metadata={}, written_at="2025-01-01T00:00:00+00:00",
        source_url="s3://site/rinex",
    )  # fmt: skip


def published(repository, found, *, structure=True):
    """Publish without any cell; the chunks that are said to be written."""
    session = repository.handle.writable_session("main")
    complete = found.completing(session)
    if structure:
        session.merge(fork_of(found.structure.change))
    written = complete()
    session.commit("published")
    return written


def group(repository, mode="r"):
    return zarr.open_group(repository.handle.readonly_session("main").store, path=GROUP, mode=mode)


def rows(repository):
    columns = {name: np.asarray(group(repository)[f"metadata/table/{name}"][:]).tolist() for name in UNIT_COLUMNS}
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]


def stored_ns(time_ns):
    return int((GPS_EPOCH + np.timedelta64(time_ns, "ns")).astype(np.int64))


class TestRows:
    """The table has a row for each unit, in the words of canvodpy."""

    def test_say_all_of_a_unit(self, repository, structure):
        published(repository, publication(structure))
        first, _ = rows(repository)
        assert json.loads(first["attrs"]) == {
            "unit_start_ns": start(1),
            "orbits_digest": "digest 1",
            "orbits": "broadcast",
            "rinex_snapshot": FULL.snapshot,
            "pairs": 10,
            "values": 8,
            "without_orbits": {"R": 2},
        }
        assert ": " not in first.pop("attrs")
        assert first == {
            "index": 0,
            "source_file_hashes": '{"c": "1", "r": "2"}',
            "source_gnss_stores": '{"c": "s3://site/rinex", "r": "s3://site/rinex"}',
            "start": stored_ns(start(1) + 60),
            "end": stored_ns(start(1) + 90),
            "snapshot_id": "",
            "action": "overwrite",
            "commit_msg": "vod: 2 units, a",
            "run_id": RUN,
            "written_at": "2025-01-01T00:00:00+00:00",
            "write_strategy": "overwrite",
            "calculator_name": "tau_omega",
            "preprocessing": "",
            "epochs": 5,
        }

    def test_of_a_unit_that_holds_nothing_have_its_bounds(self, repository, structure):
        published(repository, publication(structure))
        _, row = rows(repository)
        assert (row["index"], row["action"], row["epochs"]) == (1, "write", 0)
        assert (row["start"], row["end"]) == (stored_ns(start(0)), stored_ns(start(1) - 1))

    def test_are_put_behind_those_that_there_are(self, repository, structure):
        found = publication(structure)
        published(repository, found)
        published(repository, found, structure=False)
        assert [row["index"] for row in rows(repository)] == [0, 1, 2, 3]
        assert [row["action"] for row in rows(repository)] == ["overwrite", "write"] * 2
        ledger = read_vod_ledger(group(repository))
        assert (ledger.rows, ledger.orbits) == (6, {("x", "e"): 3, ("y", "e"): 5})
        assert ledger.units.keys() == {start(0), start(1)}
        texts = [json.loads(text) for text in group(repository)["metadata/orbits"][:].tolist()]
        assert [(one.get("uri"), one.get("run")) for one in texts] == [("x", RUN), (None, None), ("y", RUN)] * 2

    def test_are_none_where_nothing_was_made(self, repository, structure):
        found = publication(structure, {GROUP: change(orbits=[], units=())})
        written = published(repository, found)
        assert not [path for path in written if "metadata" in path]
        assert (rows(repository), read_vod_ledger(group(repository)).rows) == ([], 0)

    def test_are_told_chunk_by_chunk(self, repository, structure):
        written = published(repository, publication(structure))
        ledger = {path: set(chunks) for path, chunks in written.items() if path.startswith(f"/{GROUP}/metadata/")}
        empty = {f"/{GROUP}/metadata/table/{name}" for name in ("snapshot_id", "preprocessing")}
        paths = {f"/{GROUP}/metadata/table/{name}" for name in UNIT_COLUMNS} - empty | {f"/{GROUP}/metadata/orbits"}
        assert ledger == {path: {(0,)} for path in paths}
        assert f"/{GROUP}/sv" in written


class TestGroup:
    """What a group says of itself."""

    def test_what_it_was_brought_up_to_and_what_it_holds(self, repository, structure):
        published(repository, publication(structure))
        told = dict(group(repository).attrs)
        assert (told["rinex_snapshot"], told["units_without_orbits"], told["orbits"]) == ("NEWER", [7, 8], "broadcast")
        assert (told["first_epoch_ns"], told["last_epoch_ns"]) == (start(1) + 60, start(1) + 90)
        assert told["Institution"] == "none"
        root = zarr.open_group(repository.handle.readonly_session("main").store, mode="r")
        assert dict(root.attrs) == dict(root["tau_omega"].attrs) == {}

    def test_what_it_held_before_counts_too(self, repository, structure):
        found = publication(structure)
        published(repository, found)
        later = replace(FULL, first_ns=start(3), last_ns=start(4))
        more = replace(found, groups={GROUP: change(units=[MadeRow(3, start(3), start(4), False, later)])})
        published(repository, more, structure=False)
        told = group(repository).attrs
        assert (told["first_epoch_ns"], told["last_epoch_ns"]) == (start(1) + 60, start(4))
        published(repository, replace(found, groups={GROUP: change(units=ROWS[1:])}), structure=False)
        assert group(repository).attrs["last_epoch_ns"] == start(4)

    def test_nothing_of_a_span_where_it_holds_nothing(self, repository, structure):
        published(repository, publication(structure, {GROUP: change(units=ROWS[1:])}))
        assert "first_epoch_ns" not in group(repository).attrs

    @pytest.mark.parametrize(
        ("spans", "wanted"),
        [
            ([(5, 9), (1, 3), (None, None), (2, 12)], Span(1, 12)),
            ([(0, 0)], Span(0, 0)),
            ([(None, None)], None),
            ([], None),
        ],
    )
    def test_its_span_is_that_of_all_units(self, spans, wanted):
        units = [MadeRow(0, 0, 9, False, made_unit(0, first_ns=first, last_ns=last)) for first, last in spans]
        assert change(units=units).span == wanted

    def test_the_units_that_hold_nothing_any_more(self):
        assert change().empty == {0}


class TestMisfits:
    """What does not fit a head that has moved."""

    def head(self, repository):
        return repository.handle.writable_session("main")

    def moved(self, repository, structure, rows):
        """Publish, then let another run add an orbit file; what does not fit any more."""
        found = publication(structure)
        published(repository, found)
        current = analysis_template("a")
        base = replace(found.structure, base=repository.head())
        found = replace(found, structure=base, groups={GROUP: change(current=current, rows=rows)})
        commit(repository, 1)
        return found.misfits(repository, self.head(repository))

    def test_a_new_analysis_fits(self, repository, structure):
        found = publication(structure)
        assert found.misfits(repository, self.head(repository)) == ()
        commit(repository, 1)
        assert found.misfits(repository, self.head(repository)) == ()

    def test_one_that_no_other_run_made_fits(self, repository, structure):
        assert self.moved(repository, structure, rows=3) == ()

    @pytest.mark.parametrize("rows", [2, 4])
    def test_rows_of_orbit_files_that_another_run_added_do_not(self, repository, structure, rows):
        assert self.moved(repository, structure, rows) == (f"{GROUP} was made by another run too",)

    @pytest.mark.parametrize(("rows", "fits"), [(0, True), (1, False)])
    def test_a_group_that_has_no_rows_of_orbit_files_has_none(self, repository, structure, rows, fits):
        found = publication(structure, {GROUP: change(current=analysis_template("a"), rows=rows)})
        commit(repository, 1)
        found = replace(found, structure=replace(structure, base=repository.head()))
        assert (found.misfits(repository, self.head(repository)) == ()) is fits

    def test_a_group_that_another_run_has_made_does_not(self, repository, structure):
        found = publication(structure)
        published(repository, found)
        wrong = found.misfits(repository, self.head(repository))
        assert len(wrong) >= 1
        assert GROUP in wrong[0]

    def test_units_that_another_run_has_written_do_not(self, repository, structure):
        found = publication(structure)
        published(repository, found)
        current, base = analysis_template("a"), repository.head()
        session = self.head(repository)
        zarr.open_group(session.store, path=GROUP, mode="r+")["VOD"][:720] = 1
        session.commit("another run")
        planned = unit_chunks(current, (0,), 3)
        groups = {GROUP: change(current=current, rows=3)}
        mine = replace(found, structure=replace(found.structure, base=base), planned=planned, groups=groups)
        wrong = mine.misfits(repository, self.head(repository))
        assert len(wrong) == 1
        assert "VOD" in wrong[0]


class TestDifferences:
    """The chunks that were merged are held against those that were planned."""

    def found(self, structure, **more):
        planned = unit_chunks(analysis_template("a"), (0, 1), 3)
        found = publication(structure, planned=planned)
        read_units = {(0,), (1,)}
        merged = {**found.structure.units, **planned, f"/{GROUP}/source_orbit": frozenset(read_units)}
        return found.differences(merged | more)

    def test_none_where_all_that_was_planned_was_written(self, structure):
        assert self.found(structure) == []

    def test_a_unit_that_nobody_planned(self, structure):
        (wrong,) = self.found(structure, **{f"/{GROUP}/VOD": frozenset({(0, 0), (1, 0), (2, 0)})})
        assert wrong.startswith(f"/{GROUP}/VOD: ")

    def test_a_coordinate_outside_the_units(self, structure):
        (wrong,) = self.found(structure, **{f"/{GROUP}/source_orbit": frozenset({(0,), (1,), (7,)})})
        assert "outside the written units" in wrong

    def test_a_unit_that_holds_nothing_needs_no_coordinate(self, structure):
        assert self.found(structure, **{f"/{GROUP}/source_orbit": frozenset({(1,)})}) == []
        (wrong,) = self.found(structure, **{f"/{GROUP}/source_orbit": frozenset({(0,)})})
        assert "no chunk in 1 of the written units" in wrong

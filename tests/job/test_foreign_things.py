"""What other programs have put into the repository: told, left alone, never made unreadable."""

import icechunk
import numpy as np
import pytest
import zarr

from gnssice_batch import open_dataset, plan, run, status, verify
from gnssice_batch.errors import PlanError, StoreError
from tests.support.runs import DAY_ONE_S, DAY_S, name, repository, rinex, settings, span_s, write

SAME_UNIT, OTHER_UNIT = DAY_ONE_S + 3600, DAY_ONE_S + 2 * DAY_S


def file_of(start_s):
    return {name(start_s, "01H"): rinex(span_s(start_s, 1))}


@pytest.fixture
def chosen(tmp_path):
    write(tmp_path / "archive", file_of(DAY_ONE_S))
    chosen = settings(tmp_path)
    run(chosen)
    return chosen


def changed(chosen, change):
    """Let another program change the repository."""
    stored = icechunk.Repository.open(icechunk.local_filesystem_storage(str(repository(chosen))))
    session = stored.writable_session("main")
    change(zarr.open_group(session.store))
    session.commit("another program")


def weather(root):
    root.create_group("weather").create_array("t", shape=(3,), dtype="f4", chunks=(3,))[:] = 1


def vod(root):
    shape = root["rec/SNR"].shape
    root["rec"].create_array("vod", shape=shape, dtype="f4", chunks=shape, dimension_names=("epoch", "sid"))


def test_a_group_of_another_program_is_listed_and_left_alone(chosen, tmp_path):
    changed(chosen, weather)
    assert status(chosen).other_groups == ("weather",)
    assert status(chosen).as_json()["other_groups"] == ["weather"]
    write(tmp_path / "archive", file_of(OTHER_UNIT))
    assert run(chosen).snapshot
    assert verify(chosen, None).agrees
    session = icechunk.Repository.open(icechunk.local_filesystem_storage(str(repository(chosen)))).readonly_session(
        "main"
    )
    assert (np.asarray(zarr.open_group(session.store, mode="r")["weather/t"]) == 1).all()


def test_a_receiver_does_not_take_the_name_of_such_a_group(chosen, tmp_path):
    changed(chosen, weather)
    new = {path.replace("rec/", "weather/"): content for path, content in file_of(DAY_ONE_S).items()}
    write(tmp_path / "archive", new)
    for work in (plan, run):
        with pytest.raises(PlanError, match="weather: the repository has a group of this name that another"):
            work(chosen)


def test_a_variable_over_the_axes_stops_a_run_that_has_to_grow_them(chosen, tmp_path):
    changed(chosen, vod)
    write(tmp_path / "archive", file_of(SAME_UNIT))
    assert run(chosen).snapshot
    write(tmp_path / "archive", file_of(OTHER_UNIT))
    with pytest.raises(PlanError, match="rec: its axes have to grow, and vod over them"):
        run(chosen)
    with open_dataset(str(repository(chosen)), "rec") as dataset:
        assert "vod" in dataset


def test_an_array_beside_the_axes_is_no_matter(chosen, tmp_path):
    changed(chosen, lambda root: root["rec"].create_array("notes", shape=(3,), dtype="f4", dimension_names=("note",)))
    write(tmp_path / "archive", file_of(OTHER_UNIT))
    assert run(chosen).snapshot


def test_arrays_that_were_written_over_are_told(chosen):
    def unsharded(root):
        group = root["rec"]
        del group["SNR"]
        group.create_array("SNR", shape=(10, 3), dtype="f4", chunks=(10, 3), dimension_names=("epoch", "sid"))

    changed(chosen, unsharded)
    for work in (status, plan, run):
        with pytest.raises(StoreError, match="the arrays of group 'rec' are not sharded: another program has written"):
            work(chosen)

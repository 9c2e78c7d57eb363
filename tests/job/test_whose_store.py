"""A repository of another program, or of a later version of this one, is told and never written to."""

import hashlib
import json

import icechunk
import numpy as np
import pytest
import xarray as xr
import zarr

from gnssice_batch import ledger, open_dataset, status
from gnssice_batch.cli import main
from gnssice_batch.errors import PlanError, StoreError
from gnssice_batch.job.run import run
from gnssice_batch.operate.trim import trim
from tests.support.object_stores.stores import icechunk_storage
from tests.support.runs import DAY_ONE_S, name, repository, rinex, settings, span_s, write

READING = [["status"], ["versions"], ["diff", "1", "main"], ["branch", "list"], ["tag", "list"], ["runs", "list"]]
"""What may look at any repository."""
OURS = [
    ["plan"],
    ["run"],
    ["run", "--set", "run.branch=other"],
    ["verify"],
    ["verify", "--store-only"],
    ["repair"],
    ["quarantine", "list"],
    ["quarantine", "retry"],
    ["branch", "create", "x"],
    ["branch", "publish", "main"],
    ["tag", "create", "x"],
    ["rollback", "1"],
    ["expire", "--older-than", "0"],
    ["gc", "--older-than", "0", "--delete"],
    ["maintain"],
    ["trim"],
    ["migrate"],
]
LOOKS_INSIDE = [["status"], ["diff", "1", "main"]]


def canvodpy(session):
    """A group as canvodpy makes it, with what is stored as it is."""
    times = np.datetime64("2025-01-01", "ns") + np.arange(4) * np.timedelta64(30, "s")
    coordinates = {"epoch": times, "sid": ["G01|L1|C", "G02|L1|C"]}
    found = xr.Dataset({"SNR": (("epoch", "sid"), np.arange(8, dtype="f4").reshape(4, 2))}, coordinates)
    found.to_zarr(session.store, group="rec", consolidated=False, mode="a")


def plain(session):
    """xarray's own, in no group."""
    xr.Dataset({"t": ("x", np.arange(3.0))}).to_zarr(session.store, consolidated=False)


def later_version(session):
    zarr.open_group(session.store, path="rec", mode="r+").update_attributes({"layout_version": 3})


def changed(chosen, change):
    storage = icechunk.local_filesystem_storage(str(repository(chosen)))
    repository(chosen).parent.mkdir(parents=True, exist_ok=True)
    session = icechunk.Repository.open_or_create(storage).writable_session("main")
    change(session)
    session.commit("another program")


def file_at(hour):
    return {name(DAY_ONE_S + 3600 * hour, "01H"): rinex(span_s(DAY_ONE_S + 3600 * hour, 1))}


def files(chosen):
    place = repository(chosen)
    paths = sorted(path for path in place.rglob("*") if path.is_file())
    return {str(path.relative_to(place)): hashlib.sha256(path.read_bytes()).hexdigest() for path in paths}


@pytest.fixture(params=[canvodpy, plain, later_version])
def foreign(tmp_path, request):
    write(tmp_path / "archive", file_at(0))
    chosen = settings(tmp_path)
    if request.param is later_version:
        run(chosen)
        write(tmp_path / "archive", file_at(1))
    changed(chosen, request.param)
    return chosen, request.param


@pytest.fixture
def call(tmp_path, capsys):
    def command(chosen, words):
        config = tmp_path / "settings.json"
        config.write_text(json.dumps(chosen.model_dump(mode="json")))
        with pytest.raises(SystemExit) as ended:
            main([*words, "-c", str(config), "--set", "log.level=error", "--set", "log.progress=false"])
        said = capsys.readouterr()
        return ended.value.code or 0, said.out, said.err.strip()

    return command


@pytest.mark.heavy
def test_no_command_writes_to_it(foreign, call):
    chosen, whose = foreign
    before = files(chosen)
    for words in OURS:
        code, out, err = call(chosen, words)
        assert (code in {4, 5}, out) == (True, ""), words
        why = "has layout version 3, this program knows" if whose is later_version else "was not made by gnssice-batch"
        assert (why in err, err.count("\n")) == (True, 0), (words, err)
        assert files(chosen) == before, words


@pytest.mark.heavy
def test_what_only_looks_says_whose_it_is(foreign, call):
    chosen, whose = foreign
    before = files(chosen)
    for words in READING:
        code, out, err = call(chosen, words)
        refused = whose is later_version and words in LOOKS_INSIDE
        assert (code, "layout version 3" in err) == ((5, True) if refused else (0, False)), (words, err)
        assert files(chosen) == before, words
        if words == ["status"] and not refused:
            assert f"not ours       {'rec' if whose is canvodpy else '/'}" in out


def test_a_group_of_canvodpy_is_opened_as_it_is(tmp_path):
    chosen = settings(tmp_path)
    changed(chosen, canvodpy)
    url = str(repository(chosen))
    for chunks in ("auto", None, {"epoch": 4}):
        with pytest.warns(
            UserWarning, match=r"group 'rec' of .* was not made by gnssice-batch: it is given as it is"
        ) as told:
            found = open_dataset(url, "rec", chunks=chunks)
        assert told[0].filename == __file__
        assert found.SNR.values.tolist() == np.arange(8).reshape(4, 2).tolist()
        assert found.epoch.values[1] == np.datetime64("2025-01-01T00:00:30")
    with pytest.raises(StoreError, match="can only be had as they are, leave out sids, mask"):
        open_dataset(url, "rec", sids=["G01|L1|C"], mask=True)
    with pytest.raises(StoreError, match="'rec' was not made by gnssice-batch"):
        ledger(url, "rec")


def test_arrays_in_no_group_are_opened_as_they_are(tmp_path):
    chosen = settings(tmp_path)
    changed(chosen, plain)
    with pytest.warns(UserWarning, match="the root of .* was not made by"):
        found = open_dataset(str(repository(chosen)))
    assert found.t.values.tolist() == [0, 1, 2]
    assert status(chosen).other_groups == ("/",)


def test_what_xarray_can_not_open_is_told(tmp_path):
    def odd(session):
        root = zarr.create_group(session.store)
        root.create_group("nested/inner").create_array("a", shape=(2,), dtype="f4")
        group = root.create_group("odd")
        group.create_array("a", shape=(2,), dtype="f4", dimension_names=("x",))
        group.create_array("b", shape=(3,), dtype="f4", dimension_names=("x",))

    chosen = settings(tmp_path)
    changed(chosen, odd)
    with pytest.raises(StoreError, match=r"group 'odd' of .* was not made by gnssice-batch, and xarray can't open it"):
        open_dataset(str(repository(chosen)), "odd")
    with pytest.raises(StoreError, match="has no arrays; it has inner"):
        open_dataset(str(repository(chosen)), "nested")


def test_a_later_layout_is_not_opened(tmp_path):
    write(tmp_path / "archive", file_at(0))
    chosen = settings(tmp_path)
    run(chosen)
    changed(chosen, later_version)
    for opened in (open_dataset, ledger):
        with pytest.raises(StoreError, match="'rec' has layout version 3, this program knows those up to 2: use"):
            opened(str(repository(chosen)), "rec")
    with open_dataset(str(repository(chosen)), "rec", version=1) as dataset:
        assert dataset.sizes["epoch"] == 120


def test_a_group_beside_ours_is_no_hindrance(tmp_path):
    def weather(session):
        zarr.open_group(session.store, mode="r+").create_group("weather").create_array("t", shape=(3,), dtype="f4")

    write(tmp_path / "archive", file_at(0))
    chosen = settings(tmp_path)
    run(chosen)
    changed(chosen, weather)
    assert list(trim(chosen).receivers) == ["rec"]
    write(tmp_path / "archive", file_at(1))
    assert run(chosen).snapshot


@pytest.mark.processes
@pytest.mark.parametrize("object_stores", ["s3"], indirect=True)
@pytest.mark.parametrize("change", [canvodpy, plain])
def test_a_run_writes_nothing_beside_or_into_one_on_a_server(object_stores, proxy, tmp_path, change):
    """Not even the proof that the server is fit for runs."""
    write(tmp_path / "archive", file_at(0))
    made = icechunk.Repository.create(icechunk_storage(object_stores.below("site/rinex")))
    session = made.writable_session("main")
    change(session)
    session.commit("another program")
    way = proxy(object_stores)
    through = object_stores.through(way.address)
    chosen = settings(tmp_path, store={"url": through.url, "storage_options": dict(through.options)})
    way.begin()
    with pytest.raises(PlanError, match="was not made by gnssice-batch"):
        run(chosen)
    requests = way.counts().requests
    assert requests["GET"] > 0
    assert requests.keys() <= {"GET", "HEAD"}

"""Every word of the backend is passed on, on small groups made by hand."""

import numpy as np
import pytest
import xarray as xr
import zarr

from gnssice_batch import ConfigError, StoreError, open_dataset
from gnssice_batch.model.values import Span
from gnssice_batch.store.layout.coverage import coverage_attributes
from gnssice_batch.store.reading.backend import GnssiceBackend
from gnssice_batch.store.repository import make_branch, open_repository
from tests.support.small_groups import committed, made_group
from tests.support.templates import template

SIDS = ["G01|L1|W", "G01|L1|C"]


def added(root, name, **more):
    made = template(receiver=name, signals=3)
    group = made_group(root, made, [{"uri": "a.rnx", "status": "ok", "epochs_written": 4}])
    grid = made.grid
    group["epoch"][:] = grid.time_ns(0) + grid.interval_ns * np.arange(grid.size)
    group["source_file"][10:14] = 0
    group["SNR"][10:14] = np.arange(12).reshape(4, 3)
    group["LLI"][10:14] = 1
    coordinates = " ".join(made.contents.non_index_coordinates)
    group.attrs.update({"coordinates": coordinates, **coverage_attributes(Span(grid.time_ns(10), grid.time_ns(13)))})
    group.attrs.update(more)


@pytest.fixture(scope="module")
def stored(tmp_path_factory):
    """A repository with a receiver, then a second one; on a branch a third one instead."""
    repository = open_repository(str(tmp_path_factory.mktemp("backend") / "rinex"))
    first = committed(repository, lambda root: added(root, "rec"))
    make_branch(repository, "trial", first)
    committed(repository, lambda root: added(root, "Xtra"))
    committed(repository, lambda root: added(root, "third"), "trial")
    return repository.url, first


@pytest.fixture
def url(stored):
    return stored[0]


def opened(url, **words):
    return GnssiceBackend().open_dataset(url, **words)


def test_values_are_lazy_and_whole_unless_signals_are_wanted(url):
    plain, chosen = opened(url, group="rec"), opened(url, group="rec", sids=SIDS)
    assert plain.chunks == {}
    assert chosen.sid.values.tolist() == SIDS
    assert chosen.SNR.chunks is not None
    assert chosen.SNR.encoding["preferred_chunks"] == dict(zip(("epoch", "sid"), chosen.SNR.chunks, strict=True))
    assert chosen.SNR.values.tolist() == [[1, 0], [4, 3], [7, 6], [10, 9]]


@pytest.mark.parametrize(
    "words",
    [{"mask": True}, {"per_epoch": False}, {"trim": False}],
    ids=str,
)
def test_words_mean_what_they_mean_to_open_dataset(url, words):
    wanted = open_dataset(url, "rec", chunks=None, **words)
    found = opened(url, group="rec", **words)
    xr.testing.assert_identical(found, wanted)
    assert found.LLI.dtype == wanted.LLI.dtype
    assert not found.identical(opened(url, group="rec"))


def test_a_receiver_has_to_be_named_and_to_be_there(url):
    with pytest.raises(StoreError, match="say which receiver; it has Xtra, rec"):
        opened(url)
    with pytest.raises(StoreError, match="third"):
        opened(url, group="third")
    assert opened(url, group="third", branch="trial").sizes["epoch"] == 4


@pytest.mark.parametrize("call", ["open_dataset", "open_groups_as_dict", "open_datatree"])
def test_options_of_the_storage_are_looked_at(url, call):
    with pytest.raises(ConfigError, match="did you mean region"):
        getattr(GnssiceBackend(), call)(url, group="rec", storage_options={"regoin": "x"})


def test_variables_that_are_not_wanted_are_left_out_if_they_are_there(url):
    everything = set(opened(url, group="rec").variables)
    assert set(opened(url, group="rec", drop_variables="SNR").variables) == everything - {"SNR"}
    found = opened(url, group="rec", drop_variables=["SNR", "no such one", "Phase"])
    assert set(found.variables) == everything - {"SNR", "Phase"}


@pytest.mark.parametrize(
    ("words", "paths"),
    [
        ({}, ["/", "/Xtra", "/rec"]),
        ({"version": 1}, ["/", "/rec"]),
        ({"branch": "trial"}, ["/", "/rec", "/third"]),
        ({"group": "/rec/"}, ["/", "/rec"]),
        ({"group": "Xtra/"}, ["/", "/Xtra"]),
    ],
    ids=str,
)
def test_all_receivers_of_a_version_or_the_one_that_is_named_are_groups(url, words, paths):
    found = GnssiceBackend().open_groups_as_dict(url, **words, trim=False)
    assert list(found) == paths
    assert not found["/"].variables
    assert {path: group.sizes["epoch"] for path, group in found.items() if path != "/"} == dict.fromkeys(
        paths[1:], 1440
    )
    assert found[paths[1]].SNR[10].values.tolist() == [0, 1, 2]


def test_all_receivers_are_read_at_one_version(stored):
    url, first = stored
    found = GnssiceBackend().open_groups_as_dict(url, version=first)
    assert list(found) == ["/", "/rec"]
    tree = GnssiceBackend().open_datatree(url, version=first)
    assert list(tree.children) == ["rec"]
    xr.testing.assert_identical(tree["rec"].to_dataset(), found["/rec"])


def test_only_a_folder_of_a_repository_with_receivers_is_claimed(url, tmp_path):
    backend = GnssiceBackend()
    for name, parts in {"whole": ("repo", "snapshots"), "half": ("repo",), "other half": ("snapshots",)}.items():
        for part in parts:
            (tmp_path / name / part).mkdir(parents=True)
    foreign = open_repository(str(tmp_path / "foreign"))
    committed(foreign, lambda root: root.create_group("weather"))
    zarr.create_group(tmp_path / "plain.zarr")
    assert backend.guess_can_open(url) is backend.guess_can_open(f"file://{url}") is True
    names = ("whole", "half", "other half", "foreign", "plain.zarr", "nothing", ".")
    for other in (*(tmp_path / name for name in names), "s3://nowhere/rinex", "gs://x", b"CDF", None, 3):
        assert backend.guess_can_open(other) is False, other

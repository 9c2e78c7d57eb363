"""Manifests are counted, and written again in one commit that changes nothing that a reader sees."""

import shutil
from dataclasses import replace

import icechunk
import numpy as np
import pytest
import zarr

from gnssice_batch.errors import StoreError
from gnssice_batch.storage.urls import local_path
from gnssice_batch.store.versions import versions
from gnssice_batch.store.writing.compaction import Manifests, manifests_of, rewrite_manifests
from tests.support.histories import commit, far, on_disk, requests


@pytest.mark.parametrize(
    ("found", "needed", "scattered"),
    [
        (5, 4, True),
        (4, 4, False),
        (9, 8, False),
        (10, 8, True),
        (0, 0, False),
        (1, 0, False),
        (2, 0, True),
        (0, 4, False),
    ],
)
def test_a_quarter_more_than_needed_is_too_many(found, needed, scattered):
    assert Manifests(found, needed).scattered is scattered


def arrays(session, chunks):
    """Arrays along epochs, along a ledger's files, along signals; one without cells, one without a dimension."""
    root = zarr.open_group(session.store, mode="a")
    for name, dims, shape, length in (
        ("SNR", ("epoch", "sid"), (chunks * 10, 6), (10, 3)),
        ("files", ("file",), (9,), (1,)),
        ("sid", ("sid",), (6,), (1,)),
        ("none", ("none",), (0,), (1,)),
        ("empty", ("epoch",), (100,), (1,)),
    ):
        made = root.create_array(name, shape=shape, chunks=length, dtype="f8", dimension_names=dims)
        if name not in {"none", "empty"}:
            made[...] = np.random.default_rng(1).random(shape)


def scattered(repository):
    """Commit arrays with a manifest for each chunk along epochs and files."""
    configuration = repository.handle.config
    named = icechunk.ManifestSplitDimCondition.DimensionName
    lengths = {named("epoch"): 1, named("file"): 1}
    splitting = {icechunk.ManifestSplitCondition.AnyArray(): lengths}
    configuration.manifest = icechunk.ManifestConfig(splitting=icechunk.ManifestSplittingConfig.from_dict(splitting))
    session = repository.handle.reopen(config=configuration).writable_session("main")
    arrays(session, 4)
    return session.commit("scattered")


def test_those_of_a_version_are_held_against_those_that_its_arrays_need(tmp_path):
    repository = on_disk(tmp_path)
    snapshot = scattered(repository)
    assert manifests_of(repository, snapshot) == Manifests(found=4 + 9 + 1, needed=1 + 3 + 1)


def test_an_array_whose_dimensions_have_no_names_needs_one(tmp_path):
    """Such arrays are others' own, beside those of this program."""
    repository = on_disk(tmp_path)
    assert manifests_of(repository, commit(repository, 1)) == Manifests(found=1, needed=1)


def test_they_are_written_again_and_nothing_else(tmp_path):
    repository = on_disk(tmp_path)
    before = scattered(repository)
    values = zarr.open_group(repository.handle.readonly_session("main").store, mode="r")["SNR"][:]
    repository.handle.create_branch("other", before)
    after = rewrite_manifests(repository, "main")
    assert versions(repository) == [before, after]
    assert manifests_of(repository, after) == Manifests(5, 5)
    np.testing.assert_array_equal(
        zarr.open_group(repository.handle.readonly_session("main").store, mode="r")["SNR"][:], values
    )
    again = rewrite_manifests(repository, "other")
    assert (repository.head("other"), repository.head()) == (again, after)


def test_the_manifests_are_among_what_was_written_to_an_object_store():
    repository = far()
    commit(repository, 1)
    assert requests(rewrite_manifests, repository, "main") == {"PUT": 4 + 1}


class Rival:
    """A repository whose branch somebody else moves."""

    def rewrite_manifests(self, message, branch):  # noqa: ARG002 - as Icechunk's
        raise icechunk.ConflictError("the branch has moved")


def test_who_is_too_late_is_told_so(tmp_path):
    repository = on_disk(tmp_path)
    with pytest.raises(StoreError, match="another run moved 'main' meanwhile"):
        rewrite_manifests(replace(repository, handle=Rival()), "main")


@pytest.mark.parametrize("call", [manifests_of, rewrite_manifests])
def test_a_storage_that_fails_is_told_of(tmp_path, call):
    repository = on_disk(tmp_path)
    name = commit(repository, 1) if call is manifests_of else "main"
    shutil.rmtree(local_path(repository.url))
    with pytest.raises(StoreError):
        call(replace(repository, handle=repository.handle), name)

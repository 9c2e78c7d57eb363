"""The backend of xarray: opened by its name, as `open_dataset` opens."""

import os
import subprocess
import sys
from importlib.metadata import EntryPoint

import numpy as np
import pytest
import xarray as xr
import zarr

from gnssice_batch import IcechunkStore, StoreError, open_dataset
from gnssice_batch.store.reading.backend import GnssiceBackend
from tests.conftest import ROOT
from tests.support.published import GROUP, ingested
from tests.support.runs import DAY_ONE_S, name, repository, rinex, span_s


@pytest.fixture(scope="module")
def url(tmp_path_factory):
    return str(repository(ingested(tmp_path_factory.mktemp("published"))[0]))


def opened(url, **how):
    return xr.open_dataset(url, engine=GnssiceBackend, **how)


def test_is_what_open_dataset_gives(url):
    plain = open_dataset(url, GROUP)
    with opened(url, group=GROUP) as lazy:
        assert lazy.SNR.chunks is None
        assert not lazy.SNR.variable._in_memory
        assert lazy.identical(plain)
    cut = opened(url, group=GROUP, chunks={})
    assert cut.chunks == plain.chunks
    assert opened(url, group=GROUP, chunks={"epoch": 1440}).SNR.chunks[0][0] == 1440
    sids = ["E21|E1|C", "G01|L1|C"]
    of_some = opened(url, group=GROUP, chunks={}, sids=sids)
    assert of_some.chunks == open_dataset(url, GROUP, sids=sids).chunks
    assert type(cut.xindexes["epoch"]) is type(plain.xindexes["epoch"])


def test_chunks_are_whole_write_units_also_where_the_data_begin_within_one(tmp_path):
    start_s = DAY_ONE_S + 7 * 3600
    chosen, _ = ingested(tmp_path, {name(start_s, "12H"): rinex(span_s(start_s, 12))})
    url = str(repository(chosen))
    plain = open_dataset(url, GROUP)
    assert plain.chunks["epoch"] == (600, 720, 120)
    assert opened(url, group=GROUP, chunks={}).chunks == plain.chunks


def test_passes_on_what_is_wanted(url, tmp_path):
    sids = ["E21|E1|C", "G01|L1|C"]
    found = opened(url, group=GROUP, version=1, mask=True, sids=sids, drop_variables="Doppler", per_epoch=False)
    expected = open_dataset(url, GROUP, 1, mask=True, sids=sids, per_epoch=False).drop_vars("Doppler")
    assert found.identical(expected)
    masked = opened(url, group=GROUP, mask=True)
    assert not masked.LLI.variable._in_memory
    assert masked.identical(open_dataset(url, GROUP, mask=True))
    found.to_zarr(tmp_path / "copy", consolidated=False, mode="w")
    np.testing.assert_array_equal(xr.open_zarr(tmp_path / "copy", consolidated=False).SNR, found.SNR)


def test_says_what_is_wrong(url, tmp_path):
    with pytest.raises(StoreError, match=f"say which receiver; it has {GROUP}"):
        opened(url)
    with pytest.raises(StoreError, match="there is no repository at"):
        xr.open_datatree(str(tmp_path / "nothing"), engine=GnssiceBackend)


def test_all_receivers_are_a_tree(url):
    tree = xr.open_datatree(url, engine=GnssiceBackend, chunks={})
    assert list(tree.children) == [GROUP]
    assert tree[GROUP].to_dataset().identical(open_dataset(url, GROUP))
    assert list(xr.open_groups(url, engine=GnssiceBackend, version=1)) == ["/", f"/{GROUP}"]


def test_claims_repositories_of_ours_alone(url, tmp_path):
    backend = GnssiceBackend()
    assert backend.guess_can_open(url)
    assert backend.guess_can_open(f"file://{url}")
    store = IcechunkStore.open_or_create(tmp_path / "other")
    with store.transaction() as transaction:
        xr.Dataset({"x": ("time", np.arange(3.0))}).to_zarr(store)
        transaction.commit("somebody else's")
    zarr.create_group(tmp_path / "plain.zarr")
    others = [tmp_path / "other", tmp_path / "plain.zarr", tmp_path, tmp_path / "nothing", "s3://nowhere/rinex", b"CDF"]
    assert [other for other in others if backend.guess_can_open(other)] == []


def test_the_project_says_so():
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    assert 'entry-points."xarray.backends"]\ngnssice = "gnssice_batch.store.reading.backend:GnssiceBackend"' in text
    value = "gnssice_batch.store.reading.backend:GnssiceBackend"
    assert EntryPoint("gnssice", value, "xarray.backends").load() is GnssiceBackend


def test_an_installed_package_is_found_by_its_name(url, tmp_path):
    """With the metadata of an installation, which a checkout alone does not have."""
    installed = tmp_path / "site" / "gnssice_batch_of_the_test-1.dist-info"
    installed.mkdir(parents=True)
    (installed / "METADATA").write_text("Metadata-Version: 2.1\nName: gnssice-batch-of-the-test\nVersion: 1\n")
    (installed / "entry_points.txt").write_text(
        "[xarray.backends]\ngnssice = gnssice_batch.store.reading.backend:GnssiceBackend\n"
    )
    code = f"""
import xarray as xr
assert "gnssice" in xr.backends.list_engines()
ds = xr.open_dataset({url!r}, engine="gnssice", group={GROUP!r})
print(ds.sizes["sid"], len(ds.gnss.by_system("GPS").sid), xr.open_dataset({url!r}, group={GROUP!r}).sizes["sid"])
"""
    environment = {**os.environ, "PYTHONPATH": f"{tmp_path / 'site'}:{ROOT}"}
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.stdout.split() == ["3", "2", "3"], done.stderr

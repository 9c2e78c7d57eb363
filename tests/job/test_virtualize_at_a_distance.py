"""Virtualize with its archive, its store, or both in S3."""

import pytest
import xarray as xr

from gnssice_batch.errors import StoreError
from gnssice_batch.job.materialise import Wanted, materialise
from gnssice_batch.job.virtualize import virtualize
from gnssice_batch.operate.virtual import verify
from gnssice_batch.storage import credentials
from gnssice_batch.storage.location import location
from gnssice_batch.store.forks import fork_bytes, fork_of
from gnssice_batch.store.reading.virtual_opening import open_virtual
from gnssice_batch.store.repository import open_existing
from tests.support.netcdf import archive, padded, together, write
from tests.support.object_stores.stores import filesystem, fresh
from tests.support.virtual import settings_of

pytest.importorskip("virtualizarr")


@pytest.fixture
def bucket(tmp_path, object_servers):
    return fresh("s3", tmp_path, object_servers("moto"))


def upload(paths, root, bucket, prefix="nc"):
    """Put files of a folder into a bucket."""
    opened, place = filesystem(bucket)
    for path in paths:
        opened.pipe_file(f"{place}/{prefix}/{path.relative_to(root).as_posix()}", path.read_bytes())


def in_s3(root, bucket, *, store):
    """Settings with the archive in a bucket, the store there too or on the disk."""
    virtual = {"url": f"{bucket.url}/nc", "storage_options": bucket.options, "allow_static_credentials": True}
    more = {"virtual": virtual}
    if store:
        more["store"] = {"url": bucket.url, "storage_options": bucket.options, "allow_static_credentials": True}
    return settings_of(root, f"{bucket.url}/nc", **more)


@pytest.mark.parametrize("store", [False, True], ids=["local store", "all in S3"])
def test_an_archive_in_s3(tmp_path, bucket, store):
    paths = archive(tmp_path / "nc")
    upload(paths, tmp_path / "nc", bucket)
    settings = in_s3(tmp_path, bucket, store=store)
    assert [one.files for one in virtualize(settings).series] == [3]
    assert virtualize(settings).snapshot is None
    credentials.forget()
    options = {"storage_options": bucket.options} if store else {"archive_options": bucket.options}
    url = f"{settings.store.url}/demo/virtual"
    xr.testing.assert_equal(open_virtual(url, "canopy_01", **options).load(), together(paths))
    assert verify(settings).found.number == 0
    assert [row.file.uri for row in materialise(settings, Wanted()).rows] == [
        f"canopy_01/day+00{day}.nc" for day in range(3)
    ]
    filesystem(bucket)[0].rm(f"{bucket.bucket}/{bucket.prefix}/nc", recursive=True)
    xr.testing.assert_equal(open_virtual(url, "canopy_01", **options).load(), together(paths))


def test_objects_that_are_gone_or_replaced_are_told(tmp_path, bucket):
    paths = archive(tmp_path / "nc")
    upload(paths, tmp_path / "nc", bucket)
    settings = in_s3(tmp_path, bucket, store=False)
    virtualize(settings)
    opened, place = filesystem(bucket)
    opened.rm(f"{place}/nc/canopy_01/day+000.nc")
    write(padded(1, seed=8), paths[1])
    upload(paths[1:2], tmp_path / "nc", bucket)
    found = open_virtual(f"{settings.store.url}/demo/virtual", "canopy_01", archive_options=bucket.options)
    with pytest.raises(StoreError, match=r"^canopy_01/day\+000.nc: the file is not in the archive any more"):
        found.SNR.isel(epoch=slice(0, 10)).load()
    with pytest.raises(StoreError, match=r"^canopy_01/day\+001.nc: the file was touched or replaced"):
        found.SNR.isel(epoch=slice(96, 100)).load()
    assert found.SNR.isel(epoch=slice(192, None)).notnull().any()
    told = verify(settings).found
    assert (told.missing, told.changed) == (("canopy_01/day+000.nc",), ("canopy_01/day+001.nc",))


def test_an_archive_on_the_disk_and_a_store_in_s3(tmp_path, bucket):
    paths = archive(tmp_path / "nc")
    store = {"url": bucket.url, "storage_options": bucket.options, "allow_static_credentials": True}
    settings = settings_of(tmp_path, store=store)
    virtualize(settings)
    found = open_virtual(f"{bucket.url}/demo/virtual", "canopy_01", storage_options=bucket.options)
    xr.testing.assert_equal(found.load(), together(paths))


def test_no_key_is_in_what_is_written(tmp_path, bucket):
    """Neither in the repository with its container, nor in forks, which go to workers and journals."""
    upload(archive(tmp_path / "nc"), tmp_path / "nc", bucket)
    settings = in_s3(tmp_path, bucket, store=False)
    virtualize(settings)
    secret = bucket.options["secret_access_key"].encode()
    files = [path for path in (tmp_path / "stores").rglob("*") if path.is_file()]
    assert files
    assert not any(secret in path.read_bytes() for path in files)
    where = location(f"{settings.store.url}/demo/virtual")
    fork = fork_bytes(open_existing(where).handle.writable_session("main").fork())
    assert secret not in fork
    assert fork_of(fork).chunk_type("/canopy_01/SNR", (0, 0))


def test_without_credentials_only_the_archive_is_closed(tmp_path, bucket):
    upload(archive(tmp_path / "nc"), tmp_path / "nc", bucket)
    settings = in_s3(tmp_path, bucket, store=False)
    virtualize(settings)
    credentials.forget()
    found = open_virtual(f"{settings.store.url}/demo/virtual", "canopy_01")
    assert found.clock.notnull().all()
    with pytest.raises(StoreError, match=r"^canopy_01/day\+000.nc: this process has no credentials for the archive"):
        found.SNR.load()

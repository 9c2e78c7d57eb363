"""The stub that lists keys which are nowhere, as a client sees it."""

import time

import pytest
from s3fs import S3FileSystem

from tests.support.object_stores.listing_stub import BUCKET, SIZE, ListingStub, names

pytestmark = pytest.mark.processes

KEYS, RECEIVERS = 4_001, 2


@pytest.fixture(scope="module")
def stub():
    with ListingStub(KEYS, RECEIVERS) as running:
        yield running


@pytest.fixture
def files(stub):
    return S3FileSystem(
        anon=True, endpoint_url=f"http://{stub.address}", client_kwargs={"region_name": "us-east-1"},
        use_listings_cache=False, skip_instance_cache=True,
    )  # fmt: skip


def test_every_key_is_listed_page_by_page(stub, files):
    stub.begin()
    assert files.find(BUCKET) == [f"{BUCKET}/{name}" for name in names(KEYS, RECEIVERS)]
    assert stub.counts().requests["LIST"] == -(-KEYS // 1000)


def test_folders_and_what_is_below_a_prefix(files):
    expected = names(KEYS, RECEIVERS)
    assert files.ls(BUCKET, detail=False) == [f"{BUCKET}/rec_000", f"{BUCKET}/rec_001"]
    days = {name.split("/")[1] for name in expected if name.startswith("rec_001/")}
    assert files.ls(f"{BUCKET}/rec_001", detail=False) == [f"{BUCKET}/rec_001/{day}" for day in sorted(days)]
    one = [name for name in expected if name.startswith("rec_001/01002/")]
    assert files.ls(f"{BUCKET}/rec_001/01002", detail=False) == [f"{BUCKET}/{name}" for name in one]


def test_size_and_content_agree(files):
    name = f"{BUCKET}/{names(1, 1)[0]}"
    assert files.info(name)["size"] == SIZE == len(files.cat_file(name))


@pytest.mark.heavy
def test_every_page_comes_after_the_delay(stub, files):
    stub.begin(latency_s=0.1)
    started = time.monotonic()
    files.find(BUCKET)
    assert time.monotonic() - started >= 0.1 * 5
    assert stub.counts().answers == {"200": sum(stub.counts().requests.values())}
    stub.begin()

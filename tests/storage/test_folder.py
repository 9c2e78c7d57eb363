"""Folders on a disk and in object stores: what was removed is gone, or it is said that it is not."""

import json
import os

import pytest

from gnssice_batch.storage.folder import folder_at
from gnssice_batch.storage.location import location
from tests.support.object_stores.servers import OTHER_S3
from tests.support.object_stores.stores import filesystem, fresh

pytestmark = pytest.mark.processes


def test_what_is_removed_is_gone_and_nothing_else(object_stores):
    folder = folder_at(location(object_stores.url, object_stores.options))
    for name in ("run/a", "run/b/c", "running"):
        folder.write(name, b"x")
    folder.remove("run")
    assert set(folder.entries()) == {"running"}
    folder.remove("run")
    folder.remove()
    assert folder.entries() == {}


@pytest.mark.skipif(OTHER_S3 in os.environ, reason="the owner of a bucket of another server is bound by no policy")
def test_what_can_not_be_removed_is_said(tmp_path, object_servers):
    """A server answers a request to delete many with 200, and names in its body those that it has not deleted."""
    place = fresh("s3", tmp_path, object_servers("moto"))
    folder = folder_at(location(place.url, place.options))
    folder.write("run/a", b"x")
    denied = {
        "Effect": "Deny",
        "Principal": "*",
        "Action": "s3:DeleteObject",
        "Resource": f"arn:aws:s3:::{place.bucket}/*",
    }
    policy = json.dumps({"Version": "2012-10-17", "Statement": [denied]})
    filesystem(place)[0].call_s3("put_bucket_policy", Bucket=place.bucket, Policy=policy)
    with pytest.raises(PermissionError, match=r"1 of the objects below .*run are still there"):
        folder.remove("run")
    assert set(folder.entries()) == {"run/a"}

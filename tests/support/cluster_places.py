"""The archive and the stores of the tests on a cluster: one simulated archive in S3 and in Azure."""

import os
import secrets
from dataclasses import dataclass

import botocore.session
import pytest
import xarray as xr
from azure.storage.blob import BlobServiceClient

from gnssice_batch import open_dataset
from gnssice_batch.config import Settings
from gnssice_batch.job.target import target_of
from gnssice_batch.operate.open_runs import open_runs
from gnssice_batch.operate.status import existing_repository
from gnssice_batch.storage.folder import folder_at
from gnssice_batch.storage.location import location
from gnssice_batch.store.reading.contents import history
from tests.support.real_cluster import merged, until

SITE = "rosalia"
PAIR = "tau_omega/canopy_01_vs_reference_01"
START, DAYS, INTERVAL_S = "2025-01-01", 2, 15.0
CREDENTIALS = "object-store"
"""Name of the Secret."""
UNITS = {"chunks": {"epoch": 480}, "run": {"partition_units": 1, "sample_files": 2}, "log": {"level": "info"}}
"""Write units of two hours, each a partition: 48 of them, so that there is a middle of a run."""


@dataclass(frozen=True)
class Place:
    """Where the archive is, and where stores go: URLs, how they are reached, and the keys as variables of the pods."""

    scheme: str
    bucket: str
    options: dict
    keys: dict
    variables: dict

    def url(self, path):
        return f"{self.scheme}://{self.bucket}/{path}"

    def settings(self, store, **own):
        """Settings as the pods have them, without keys."""
        archive = {"url": self.url("archive"), "layout": "{receiver}/**", "storage_options": self.options}
        stores = {"url": self.url(store), "storage_options": self.options}
        return merged({"site": SITE, "archive": archive, "store": stores}, UNITS, own)

    def here(self, store, **own):
        """The same settings for this process, with keys."""
        tree = self.settings(store, **own)
        for section in ("archive", "store"):
            tree[section] |= {"storage_options": self.options | self.keys, "allow_static_credentials": True}
        return Settings.model_validate(tree)

    def dataset(self, store, group, product="rinex"):
        options = self.options | self.keys
        return open_dataset(self.url(f"{store}/{SITE}/{product}"), group, storage_options=options)


def s3_place():
    endpoint = os.environ.get("AWS_ENDPOINT_URL")
    if not endpoint:
        pytest.skip("AWS_ENDPOINT_URL names no S3 server that tests and pods can reach")
    options = {"region": os.environ.get("AWS_REGION", "us-east-1"), "endpoint_url": endpoint, "path_style": True}
    options |= {"allow_http": endpoint.startswith("http:")}
    names = {"access_key_id": "AWS_ACCESS_KEY_ID", "secret_access_key": "AWS_SECRET_ACCESS_KEY"}
    bucket = f"gnssice-{secrets.token_hex(4)}"
    place = Place("s3", bucket, options, *_keys(names))
    client = botocore.session.get_session().create_client("s3", options["region"], endpoint_url=endpoint)
    client.create_bucket(Bucket=bucket)
    return place


def azure_place():
    endpoint = os.environ.get("AZURE_STORAGE_ENDPOINT")
    if not endpoint:
        pytest.skip("AZURE_STORAGE_ENDPOINT names no Azure Blob server that tests and pods can reach")
    account = os.environ["AZURE_STORAGE_ACCOUNT_NAME"]
    options = {"account_name": account, "endpoint_url": endpoint, "allow_http": endpoint.startswith("http:")}
    container = f"gnssice-{secrets.token_hex(4)}"
    place = Place("az", container, options, *_keys({"account_key": "AZURE_STORAGE_ACCOUNT_KEY"}))
    credential = {"account_name": account} | place.keys
    BlobServiceClient(endpoint, credential=credential, api_version="2023-11-03").create_container(container)
    return place


def _keys(names):
    return {option: os.environ[name] for option, name in names.items()}, {n: os.environ[n] for n in names.values()}


def filled(place, files, folder="archive"):
    archive = folder_at(location(place.url(folder), place.options | place.keys))
    for name, path in files.items():
        archive.write(name, path.read_bytes())
    return place


def in_the_middle(place, store, least=4):
    """Wait until a run has finished some partitions, and is not over."""
    return until(lambda: [r for r in open_runs(place.here(store)) if r.partitions >= least], "a run under way", 180)


def same(place, store, reference):
    """Whether a store equals that of the local run, cell by cell; signals may have come in another order."""
    for receiver, wanted in reference.items():
        with place.dataset(store, receiver) as found:
            xr.testing.assert_identical(found.load().drop_attrs().sortby("sid"), wanted.sortby("sid"))
    assert open_runs(place.here(store)) == ()
    return True


def same_but_for_the_ledger(place, store, reference, receiver):
    """Whether all but the rows of the ledger of one receiver equals the local run."""
    with place.dataset(store, receiver) as found:
        left = found.load().drop_attrs().drop_vars("source_file").sortby("sid")
    wanted = reference[receiver].drop_vars("source_file").sortby("sid")
    xr.testing.assert_identical(left, wanted)
    return same(place, store, {name: each for name, each in reference.items() if name != receiver})


def versions(place, store):
    """Return the messages of the versions of a store, newest first."""
    target = target_of(place.here(store))
    return [each.message for each in history(existing_repository(target), target.branch)]

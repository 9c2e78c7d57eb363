"""Where a test may write: a fresh bucket, container or folder, as a URL with options, and plain clients for it.

The options are words of the settings; `filesystem` and `icechunk_storage` translate them independently of the product.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

KINDS = ("local", "s3", "azure")
SERVER = {"s3": "moto", "azure": "azurite"}
ACCOUNT = "devstoreaccount1"
KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
"""Account and key that every emulator of Azure has, published with it."""

_PREFIX = "stores"
"""Icechunk makes no repository at the root of a bucket."""


@dataclass(frozen=True, slots=True)
class ObjectStore:
    """A place to write to, on a disk or on a server."""

    kind: str
    url: str
    options: Mapping[str, Any] = field(default_factory=dict)

    @property
    def address(self):
        """The ``host:port`` of the server."""
        return urlsplit(self.options["endpoint_url"]).netloc

    @property
    def bucket(self):
        """The bucket or container."""
        return urlsplit(self.url).netloc

    @property
    def prefix(self):
        """What comes after the bucket, without slashes at its ends."""
        return urlsplit(self.url).path.strip("/")

    def below(self, name):
        """Return a place in this one."""
        return replace(self, url=f"{self.url}/{name}")

    def through(self, address):
        """Return the same place, reached by way of a proxy."""
        endpoint = self.options["endpoint_url"].replace(self.address, address)
        return replace(self, options={**self.options, "endpoint_url": endpoint})


def fresh(kind, folder, address):
    """Make a place that nobody has written to: a folder below `folder`, or a bucket or container of a server."""
    name = f"gnssice-{uuid4().hex[:12]}"
    if kind == "local":
        (folder / name).mkdir(parents=True)
        return ObjectStore("local", str(folder / name))
    store = _on_s3(name, address) if kind == "s3" else _on_azure(name, address)
    _make(store)
    return store


def _on_s3(name, address):
    key, secret, address = _keys(address)
    options = {
        "region": "us-east-1",
        "endpoint_url": f"http://{address}",
        "path_style": True,
        "allow_http": True,
        "access_key_id": key,
        "secret_access_key": secret,
    }
    return ObjectStore("s3", f"s3://{name}/{_PREFIX}", options)


def _keys(address):
    """Split ``key:secret@host:port``; a server that checks nothing has any keys."""
    keys, _, address = address.rpartition("@")
    key, _, secret = (keys or "test:testtest").partition(":")
    return key, secret, address


def _on_azure(name, address):
    options = {
        "account_name": ACCOUNT,
        "account_key": KEY,
        "endpoint_url": f"http://{address}/{ACCOUNT}",
        "allow_http": True,
    }
    return ObjectStore("azure", f"az://{name}/{_PREFIX}", options)


def _make(store):
    """Make the bucket or container."""
    if store.kind == "s3":
        words = store.options
        signed = (words["endpoint_url"], words["region"], words["access_key_id"], words["secret_access_key"])
        _client_of_s3(*signed).create_bucket(Bucket=store.bucket)
    else:
        from azure.storage.blob import BlobServiceClient

        with BlobServiceClient.from_connection_string(connection_string(store)) as client:
            client.create_container(store.bucket).close()


@cache
def _client_of_s3(endpoint, region, key, secret):
    from botocore.session import get_session

    return get_session().create_client(
        "s3", endpoint_url=endpoint, region_name=region, aws_access_key_id=key, aws_secret_access_key=secret
    )


def connection_string(store):
    """Return what Azure's own clients need."""
    words = store.options
    return (
        f"DefaultEndpointsProtocol=http;AccountName={words['account_name']};AccountKey={words['account_key']};"
        f"BlobEndpoint={words['endpoint_url']};"
    )


def filesystem(store, **more):
    """Return a file system of fsspec that shares nothing with others, and the path of the place in it."""
    path = f"{store.bucket}/{store.prefix}".rstrip("/")
    if store.kind == "s3":
        from s3fs import S3FileSystem

        words = store.options
        return S3FileSystem(
            key=words["access_key_id"], secret=words["secret_access_key"], endpoint_url=words["endpoint_url"],
            client_kwargs={"region_name": words["region"]}, skip_instance_cache=True, use_listings_cache=False, **more,
        ), path  # fmt: skip
    if store.kind == "azure":
        from adlfs import AzureBlobFileSystem

        return AzureBlobFileSystem(
            connection_string=connection_string(store), skip_instance_cache=True, use_listings_cache=False, **more
        ), path
    from fsspec.implementations.local import LocalFileSystem

    return LocalFileSystem(skip_instance_cache=True, auto_mkdir=True), store.url


def icechunk_storage(store):
    """Return the storage of Icechunk for the place."""
    import icechunk

    words = store.options
    if store.kind == "s3":
        return icechunk.s3_storage(
            bucket=store.bucket, prefix=store.prefix, region=words["region"], endpoint_url=words["endpoint_url"],
            access_key_id=words["access_key_id"], secret_access_key=words["secret_access_key"],
            allow_http=words["allow_http"], force_path_style=words["path_style"],
        )  # fmt: skip
    if store.kind == "azure":
        return icechunk.azure_storage(
            account=words["account_name"], container=store.bucket, prefix=store.prefix, access_key=words["account_key"],
            config={"azure_storage_endpoint": words["endpoint_url"], "azure_allow_http": "true"},
        )  # fmt: skip
    return icechunk.local_filesystem_storage(store.url)

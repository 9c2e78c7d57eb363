"""Objects by their version: written on condition that they still have it, in S3 or Azure."""

from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any, Final, Protocol

from gnssice_batch.redaction import redacted
from gnssice_batch.storage.urls import Kind

REFUSED: Final = frozenset({304, 404, 409, 412})
"""Servers say one and the same refusal in these ways."""
CONDITIONAL: Final = frozenset({Kind.S3, Kind.AZURE})
"""Storages whose servers decide between writers."""
_TAKEN: Final = 200


@dataclass(frozen=True, slots=True)
class Answer:
    """What a server said to a conditional write."""

    status: int
    etag: str = ""

    @property
    def won(self) -> bool:
        """Whether it was written."""
        return self.status == _TAKEN


class Client(Protocol):
    """Reads and writes objects by their version."""

    async def get(self, key: str) -> tuple[bytes, str]:
        """The bytes of an object and their ETag, which belong together."""

    async def put(self, key: str, content: bytes, *, if_match: str | None = None) -> Answer:
        """Write if the object has this ETag; without one, if there is no such object."""

    async def remove(self, key: str) -> None:
        """Remove the object."""


def client(kind: Kind, filesystem: Any) -> Client:
    """The client of a file system of fsspec, with its connections and credentials."""
    return (_S3 if kind is Kind.S3 else _Azure)(filesystem)


@dataclass(frozen=True, slots=True)
class _S3:
    filesystem: Any

    async def get(self, key: str) -> tuple[bytes, str]:
        bucket, _, name = key.partition("/")
        found = await self._call("get_object", Bucket=bucket, Key=name)
        async with found["Body"] as body:
            return await body.read(), found["ETag"]

    async def put(self, key: str, content: bytes, *, if_match: str | None = None) -> Answer:
        condition = {"IfNoneMatch": "*"} if if_match is None else {"IfMatch": if_match}
        bucket, _, name = key.partition("/")

        async def write() -> Answer:
            said = await self._call("put_object", Bucket=bucket, Key=name, Body=content, **condition)
            return Answer(_TAKEN, said["ETag"])

        return await _answer(write, _s3_status)

    async def remove(self, key: str) -> None:
        bucket, _, name = key.partition("/")
        await self._call("delete_object", Bucket=bucket, Key=name)

    async def _call(self, method: str, **arguments: Any) -> Any:
        return await self.filesystem._call_s3(method, **arguments)  # noqa: SLF001 - s3fs calls clients from here only


@dataclass(frozen=True, slots=True)
class _Azure:
    filesystem: Any

    async def get(self, key: str) -> tuple[bytes, str]:
        from azure.core.exceptions import ResourceNotFoundError  # noqa: PLC0415 - only where Azure is used

        async with self._blob(key) as blob:
            try:
                found = await blob.download_blob()
            except ResourceNotFoundError:
                raise FileNotFoundError(key) from None
            return await found.readall(), found.properties.etag

    async def put(self, key: str, content: bytes, *, if_match: str | None = None) -> Answer:
        from azure.core import MatchConditions  # noqa: PLC0415 - only where Azure is used

        condition = (
            {"match_condition": MatchConditions.IfMissing}
            if if_match is None
            else {"etag": if_match, "match_condition": MatchConditions.IfNotModified}
        )

        async def write() -> Answer:
            async with self._blob(key) as blob:
                said = await blob.upload_blob(content, overwrite=True, **condition)
            return Answer(_TAKEN, said["etag"])

        return await _answer(write, _azure_status)

    async def remove(self, key: str) -> None:
        from azure.core.exceptions import ResourceNotFoundError  # noqa: PLC0415 - only where Azure is used

        async with self._blob(key) as blob:
            try:
                await blob.delete_blob()
            except ResourceNotFoundError:
                return

    def _blob(self, key: str) -> Any:
        container, _, name = key.partition("/")
        return self.filesystem.service_client.get_blob_client(container, name)


async def _answer(
    write: Callable[[], Coroutine[Any, Any, Answer]], status_of: Callable[[Exception], int | None]
) -> Answer:
    try:
        return await write()
    except Exception as error:  # noqa: BLE001 - what has no status is raised again
        status = status_of(error)
        if (status is not None and status < 500) or status == 501:
            return Answer(status)
        msg = f"a conditional write can't be made: {redacted(str(error).strip().partition(chr(10))[0])}"
        raise OSError(msg) from None


def _s3_status(error: BaseException | None) -> int | None:
    while error is not None:
        response = getattr(error, "response", None)
        if isinstance(response, dict):
            return int(response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)) or None
        error = error.__cause__
    return None


def _azure_status(error: BaseException) -> int | None:
    status = getattr(error, "status_code", None)
    return status if isinstance(status, int) else None

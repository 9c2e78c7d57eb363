"""Whether a server honours conditional writes, found out by trying."""

import asyncio
from collections.abc import Callable, Coroutine, Iterator
from dataclasses import dataclass
from itertools import chain
from typing import Any, Final, Protocol
from uuid import uuid4

from fsspec.asyn import sync

from gnssice_batch.redaction import redacted
from gnssice_batch.storage.filesystems import filesystem
from gnssice_batch.storage.location import Location
from gnssice_batch.storage.urls import Kind

_RIVALS: Final = 8
_REFUSED: Final = frozenset({304, 404, 409, 412})
"""Servers say one and the same refusal in these ways."""
_TAKEN: Final = 200
_UNABLE: Final = frozenset({400, 405, 501})
_FALSE_ETAG: Final = "00000000000000000000000000000000"


@dataclass(frozen=True, slots=True)
class Answer:
    """What a server said to a conditional write."""

    status: int
    etag: str = ""

    @property
    def won(self) -> bool:
        """Whether it was written."""
        return self.status == _TAKEN


class _Client(Protocol):
    """Writes an object on a condition."""

    async def put(self, key: str, *, if_match: str | None = None) -> Answer:
        """Write if the object has this ETag; without one, if there is no such object."""

    async def remove(self, key: str) -> None:
        """Remove the object."""


def faults_of_conditional_writes(where: Location) -> list[str]:
    """Try conditional writes beside a location, and race for them; a sentence for each that was not honoured.

    Raises
    ------
    OSError
        When the server does not answer, or does not let this be written at all.
    """
    opened, root = filesystem(where.url, where.options)
    client: _Client = (_S3 if where.place.kind is Kind.S3 else _Azure)(opened)
    keys = [f"{root}.probe-{uuid4().hex}" for _ in range(4)]
    faults: list[str] = sync(opened.loop, _faults, client, keys)
    return faults


async def _faults(client: _Client, keys: list[str]) -> list[str]:
    new, missing, raced, swapped = keys
    try:
        first = await client.put(new)
        if not first.won:
            if first.status in _UNABLE:
                return [_unable(first, "If-None-Match")]
            msg = f"{new} can't be written: the server answered {first.status}"
            raise OSError(msg)
        tries = {
            "a new object was written over, in spite of If-None-Match": client.put(new),
            "an object was written over in spite of If-Match with another ETag": client.put(new, if_match=_FALSE_ETAG),
            "an object was made in spite of If-Match": client.put(missing, if_match=_FALSE_ETAG),
        }
        answers, *races = await asyncio.gather(
            asyncio.gather(*tries.values()), _race(client, raced), _race_for(client, swapped)
        )
        return list(_passed(zip(tries, answers, strict=True))) or list(chain(*races))
    finally:
        await asyncio.gather(*(client.remove(key) for key in keys))


def _passed(answers: Any) -> Iterator[str]:
    for sentence, answer in answers:
        if answer.status in _UNABLE:
            yield _unable(answer, "If-Match" if "If-Match" in sentence else "If-None-Match")
        elif answer.status not in _REFUSED:
            yield sentence if answer.won else _denied(answer)


async def _race_for(client: _Client, key: str) -> list[str]:
    """Let rivals write an object that is there."""
    return await _race(client, key, await client.put(key))


async def _race(client: _Client, key: str, held: Answer | None = None) -> list[str]:
    """Let rivals write one object at once: exactly one of them may win."""
    etags = [None] if held is None else [held.etag, held.etag.strip('"')]
    for etag in etags:
        answers = await asyncio.gather(*(client.put(key, if_match=etag) for _ in range(_RIVALS)))
        winners = sum(answer.won for answer in answers)
        if winners:
            break
    condition = "If-None-Match" if held is None else "If-Match"
    return [] if winners == 1 else [f"of {_RIVALS} writers at once {winners} won with the same {condition}"]


def _unable(answer: Answer, condition: str) -> str:
    return f"{condition} was answered with {answer.status}: the server does not know it"


def _denied(answer: Answer) -> str:
    return f"a conditional write was answered with {answer.status}"


@dataclass(frozen=True, slots=True)
class _S3:
    filesystem: Any

    async def put(self, key: str, *, if_match: str | None = None) -> Answer:
        condition = {"IfNoneMatch": "*"} if if_match is None else {"IfMatch": if_match}
        bucket, _, name = key.partition("/")

        async def write() -> Answer:
            said = await self._call("put_object", Bucket=bucket, Key=name, Body=_content(), **condition)
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

    async def put(self, key: str, *, if_match: str | None = None) -> Answer:
        from azure.core import MatchConditions  # noqa: PLC0415 - only where Azure is used

        condition = (
            {"match_condition": MatchConditions.IfMissing}
            if if_match is None
            else {"etag": if_match, "match_condition": MatchConditions.IfNotModified}
        )

        async def write() -> Answer:
            async with self._blob(key) as blob:
                said = await blob.upload_blob(_content(), overwrite=True, **condition)
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


def _content() -> bytes:
    """Bytes that no other write has: the ETag of an object may be a digest of them."""
    return uuid4().bytes


async def _answer(
    write: Callable[[], Coroutine[Any, Any, Answer]], status_of: Callable[[Exception], int | None]
) -> Answer:
    try:
        return await write()
    except Exception as error:  # noqa: BLE001 - what has no status is raised again
        status = status_of(error)
        if (status is not None and status < 500) or status == 501:
            return Answer(status)
        msg = f"a conditional write can't be tried: {redacted(str(error).strip().partition(chr(10))[0])}"
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

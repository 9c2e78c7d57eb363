"""Sizes of files behind a web server, whose listings tell names alone."""

import asyncio
from collections.abc import Mapping
from typing import Any, Final

from fsspec.asyn import sync

_AT_ONCE: Final = 16


def told_by_header(opened: Any, paths: list[str]) -> dict[str, Mapping[str, Any]]:
    """What the server says of each file, by a HEAD request: size, and the ETag or time of modification.

    Nothing of a file that it does not give: that is a file of no bytes, which can't be read.

    Raises
    ------
    OSError
        When it tells neither of a file, so that nobody would notice another one in its place.
    """
    found: list[Mapping[str, Any]] = sync(opened.loop, _all, opened, paths) if paths else []
    for path, told in zip(paths, found, strict=True):
        if told and told.get("size") is None and not told.keys() & {"ETag", "Last-Modified", "Content-MD5", "Digest"}:
            msg = (
                f"{path}: the server tells neither its size nor an ETag or a time, so that a change would go unnoticed:"
                " copy such an archive to a disk or an object store"
            )
            raise OSError(msg)
    return dict(zip(paths, found, strict=True))


def leads_back(name: str) -> bool:
    """Whether what a page links to is the page itself in another order, as servers offer that list folders."""
    return name.rpartition("/")[2].startswith("?")


async def _all(opened: Any, paths: list[str]) -> list[Mapping[str, Any]]:
    turn = asyncio.Semaphore(_AT_ONCE)

    async def told(path: str) -> Mapping[str, Any]:
        async with turn:
            try:
                said: Mapping[str, Any] = await opened._info(path)  # noqa: SLF001 - the coroutine of fsspec's `info`
            except FileNotFoundError:
                return {}
            return said

    return await asyncio.gather(*map(told, paths))

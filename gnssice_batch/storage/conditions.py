"""Whether a server honours conditional writes, found out by trying."""

import asyncio
from collections.abc import Iterator
from functools import partial
from itertools import chain
from typing import Any, Final
from uuid import uuid4

from fsspec.asyn import sync

from gnssice_batch.storage.conditional import REFUSED, Answer, Client, client
from gnssice_batch.storage.filesystems import filesystem
from gnssice_batch.storage.folder import as_os_errors
from gnssice_batch.storage.location import Location

_RIVALS: Final = 8
_TRIALS: Final = 3
_UNABLE: Final = frozenset({400, 405, 501})
_FALSE_ETAG: Final = "00000000000000000000000000000000"


def faults_of_conditional_writes(where: Location) -> list[str]:
    """Try conditional writes beside a location, and race for them; a sentence for each that was not honoured.

    Raises
    ------
    OSError
        When the server does not answer, or does not let this be written at all.
    """
    opened, root = filesystem(where.url, where.options)
    rival = client(where.place.kind, opened)
    for number in range(_TRIALS):
        keys = [f"{root}.probe-{uuid4().hex}" for _ in range(4)]
        try:
            with as_os_errors():
                faults: list[str] = sync(opened.loop, _faults, rival, keys)
        except _LostAnswerError:
            if number == _TRIALS - 1:
                raise
        else:
            break
    return faults


class _LostAnswerError(OSError):
    """Nobody could write, which is also what it looks like where the answer to a write is lost and it is made again."""


async def _faults(rival: Client, keys: list[str]) -> list[str]:
    """Try, and remove what was written; where the server has not answered, as far as it does now."""
    try:
        faults = await _tried(rival, *keys)
    except OSError:
        await asyncio.gather(*(rival.remove(key) for key in keys), return_exceptions=True)
        raise
    await asyncio.gather(*(rival.remove(key) for key in keys))
    return faults


async def _tried(rival: Client, new: str, missing: str, raced: str, swapped: str) -> list[str]:
    first = await rival.put(new, _content())
    if not first.won:
        if first.status in _UNABLE:
            return [_unable(first, "If-None-Match")]
        raise _unwritten(new, first)
    falsely = partial(rival.put, content=_content(), if_match=_FALSE_ETAG)
    tries = {
        "a new object was written over, in spite of If-None-Match": rival.put(new, _content()),
        "an object was written over in spite of If-Match with another ETag": falsely(new),
        "an object was made in spite of If-Match": falsely(missing),
    }
    answers, *races = await asyncio.gather(
        asyncio.gather(*tries.values()), _race(rival, raced), _race_for(rival, swapped)
    )
    return list(_passed(zip(tries, answers, strict=True))) or list(chain(*races))


def _passed(answers: Any) -> Iterator[str]:
    for sentence, answer in answers:
        if answer.status in _UNABLE:
            yield _unable(answer, "If-Match" if "If-Match" in sentence else "If-None-Match")
        elif answer.status not in REFUSED:
            yield sentence if answer.won else _denied(answer)


async def _race_for(rival: Client, key: str) -> list[str]:
    """Let rivals write an object that is there."""
    held = await rival.put(key, _content())
    if not held.won:
        raise _unwritten(key, held)
    return await _race(rival, key, held)


async def _race(rival: Client, key: str, held: Answer | None = None) -> list[str]:
    """Let rivals write one object at once: exactly one of them may win."""
    etags = [None] if held is None else [held.etag, held.etag.strip('"')]
    for etag in etags:
        answers = await asyncio.gather(*(rival.put(key, _content(), if_match=etag) for _ in range(_RIVALS)))
        winners = sum(answer.won for answer in answers)
        if winners:
            break
    condition = "If-None-Match" if held is None else "If-Match"
    if not winners and all(answer.status in REFUSED for answer in answers):
        msg = f"of {_RIVALS} writers at once none won with the same {condition}"
        raise _LostAnswerError(msg)
    return [] if winners == 1 else [f"of {_RIVALS} writers at once {winners} won with the same {condition}"]


def _unwritten(key: str, answer: Answer) -> OSError:
    msg = f"{key} can't be written: the server answered {answer.status}"
    return (_LostAnswerError if answer.status in REFUSED else OSError)(msg)


def _unable(answer: Answer, condition: str) -> str:
    return f"{condition} was answered with {answer.status}: the server does not know it"


def _denied(answer: Answer) -> str:
    return f"a conditional write was answered with {answer.status}"


def _content() -> bytes:
    """Bytes that no other write has: the ETag of an object may be a digest of them."""
    return uuid4().bytes

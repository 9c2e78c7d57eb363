"""The texts in a compressed file or archive of files, each read, the results in one list."""

from collections import Counter
from collections.abc import Callable
from typing import Final

from gnssice_batch.errors import ReadError, Reason
from gnssice_batch.rinex.containers.unpack import Member, members

MOST_BYTES: Final = 1 << 28
"""What one file of orbits may unpack to."""


def texts[T](
    content: bytes, max_bytes: int, read: Callable[[bytes], T], counted: Callable[[Counter[Reason]], T]
) -> list[T]:
    """Return what is read of each member of a file, and what was lost or passed over, counted.

    Raises
    ------
    ReadError
        If no member can be read: the first one's error.
    """
    results: list[T] = []
    counts: Counter[Reason] = Counter()
    errors: list[ReadError] = []
    for member in members(content, max_bytes):
        try:
            results.append(read(_whole(member)))
        except ReadError as error:
            errors.append(error)
            counts[_passed_over(error)] += 1
        if member.fault is not None and member.content:
            counts[member.fault] += 1
    if errors and not results:
        raise errors[0]
    return [*results, counted(counts)] if counts else results


def _whole(member: Member) -> bytes:
    """Return a member's text, or raise why there is none."""
    if member.fault is not None and not member.content:
        raise ReadError(member.fault, member.detail)
    return member.content


def _passed_over(error: ReadError) -> Reason:
    """Name the loss of a member: none where it never was a file of orbits."""
    foreign = {Reason.NOT_RINEX, Reason.NOT_ORBITS, Reason.EMPTY}
    return Reason.OTHER_MEMBER if error.reason in foreign else Reason.MEMBER_REFUSED

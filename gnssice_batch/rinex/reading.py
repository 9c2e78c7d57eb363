"""The entry of the reader: bytes of a file to observations."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Final, Literal, NamedTuple

from gnssice_batch.errors import ReadError, Reason
from gnssice_batch.rinex.containers.unpack import (
    NOT_UNPACKED,
    Member,
    container_of,
    members,
    not_unpacked,
    unpack_prefix,
)
from gnssice_batch.rinex.header.text import header_text, is_compact, with_line_feeds
from gnssice_batch.rinex.header.values import Header
from gnssice_batch.rinex.kernels.body import observations_of
from gnssice_batch.rinex.names import claims_observations
from gnssice_batch.rinex.observations.values import Accounting, Observations, Offence
from gnssice_batch.rinex.readers.georinex_reader import georinex_observations
from gnssice_batch.rinex.readers.hatanaka_decoder import text_of

_FOREIGN: Final = {Reason.NOT_RINEX, Reason.NOT_OBSERVATIONS, Reason.EMPTY}


@dataclass(frozen=True, slots=True)
class ReadOptions:
    """How files are read."""

    reader: Literal["native", "georinex"] = "native"
    decoder: Literal["native", "hatanaka"] = "native"
    """What undoes CRINEX."""
    max_unpacked_bytes: int = 2**30
    """A file that unpacks to more is refused."""
    signal_overrides: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    """By system, declared code to the RINEX 3 code it is to be read as."""


@dataclass(frozen=True, slots=True)
class Reading:
    """All observations of one archive file."""

    parts: tuple[Observations, ...]
    """In the order of the file: one a member of a container, a header, or a station."""
    accounting: Accounting
    """Of all parts and refused members together."""
    others: tuple[str, ...] = ()
    """Names of the members that never claimed to be observations; passed over, ``other_member``."""


def read(content: bytes, options: ReadOptions | None = None) -> Reading:
    """Read a RINEX observation file.

    Parameters
    ----------
    content
        Bytes of the archive's file: RINEX or CRINEX, in any container.
    options
        How to read it.

    Returns
    -------
    Reading
        Its observations, and what was skipped.

    Raises
    ------
    ReadError
        If nothing in it can be used.
    """
    chosen = options or ReadOptions()
    parts: list[Observations] = []
    refused: list[_RefusedMember] = []
    others: list[_RefusedMember] = []
    for member in members(content, chosen.max_unpacked_bytes):
        try:
            parts.extend(_parts_of(member, chosen))
        except ReadError as error:
            nothing = _RefusedMember(member.name, error, _line_count(member.content))
            (others if _claims_nothing(member, error) else refused).append(nothing)
    if not parts:
        raise _nothing_readable([*refused, *others])
    accounting = _with_others(_sum(parts, refused), others)
    return Reading(tuple(parts), accounting, tuple(member.name for member in others))


def read_header(prefix: bytes) -> Header:
    """Read the header of a file of which only the first bytes are there.

    Parameters
    ----------
    prefix
        First bytes of the archive's file, in any container.

    Raises
    ------
    ReadError
        If there is no complete header of RINEX observations in it, or it is packed in a way that is not unpacked.
    """
    content = unpack_prefix(prefix)
    kind = container_of(content)
    if kind in NOT_UNPACKED:
        raise not_unpacked(kind)
    return header_text(with_line_feeds(content), 0).header


def _claims_nothing(member: Member, error: ReadError) -> bool:
    """Whether a member of a container that gives nothing was never called observations: then nothing is lost."""
    if error.reason == Reason.NOT_OBSERVATIONS:
        return True
    claimed = claims_observations(member.name) if member.name else True
    return claimed is False or (claimed is None and error.reason in {Reason.NOT_RINEX, Reason.EMPTY})


def _with_others(accounting: Accounting, others: "list[_RefusedMember]") -> Accounting:
    """Count the members that are no observations, and their lines."""
    if not others:
        return accounting
    lines = sum(member.lines for member in others)
    return replace(
        accounting,
        lines=accounting.lines + lines,
        line_counts={**accounting.line_counts, Reason.OTHER_MEMBER: lines},
        counts={**accounting.counts, Reason.OTHER_MEMBER: len(others)},
    )


class _RefusedMember(NamedTuple):
    """A member of a container that gives nothing."""

    name: str
    error: ReadError
    lines: int

    @property
    def told(self) -> str:
        """Which member it is and what is wrong with it."""
        return f"{self.name or 'a member'}: {self.error.reason}, {self.error.detail}"


def _parts_of(member: Member, options: ReadOptions) -> list[Observations]:
    """Read one member of a container."""
    if member.fault is not None and (member.fault != Reason.TRUNCATED or not member.content):
        raise ReadError(member.fault, member.detail)
    content = with_line_feeds(member.content)
    if options.decoder == "hatanaka" and is_compact(content):
        content = text_of(content)
    if options.reader == "georinex":
        parts = [georinex_observations(content, options.signal_overrides)]
    else:
        parts = list(observations_of(content, options.signal_overrides))
    if not any(part.time_100ns.size for part in parts):
        raise _no_epochs(parts)
    if member.fault is not None:
        parts[-1] = _truncated(parts[-1], member.content)
    if member.oddity is not None:
        parts[-1] = _with_oddity(parts[-1], member.oddity)
    return [_in_member(part, member.name) for part in parts]


def _no_epochs(parts: list[Observations]) -> ReadError:
    """Return the error for parts without an epoch, with the first thing that was wrong and all that was."""
    accounting = _sum(parts, [])
    offence = accounting.offence
    if offence is None:
        return ReadError(Reason.NO_EPOCHS, "there is no epoch in it", counts=accounting.counts, lines=accounting.lines)
    return ReadError(
        Reason.NO_EPOCHS,
        f"there is no usable epoch in it; first comes {offence.reason}",
        line=offence.line,
        first_bytes=offence.first_bytes,
        counts=accounting.counts,
        lines=accounting.lines,
    )


def _nothing_readable(refused: list[_RefusedMember]) -> ReadError:
    """Return the error for a file without a readable member: its only one's, or the one that most members have.

    What is no observation file at all says least about a container, whatever number there is of it.
    """
    if not refused:
        return ReadError(Reason.EMPTY, "there is nothing in it")
    if len(refused) == 1:
        return refused[0].error
    counts = Counter(member.error.reason for member in refused)
    first = min(refused, key=lambda member: (member.error.reason in _FOREIGN, -counts[member.error.reason]))
    return ReadError(
        first.error.reason,
        f"none of {len(refused)} members can be read; {first.told}",
        line=first.error.line,
        first_bytes=first.error.first_bytes,
        counts=counts,
        lines=sum(member.lines for member in refused),
    )


def _in_member(part: Observations, name: str) -> Observations:
    """Say in which member of a container the first offence of a part is."""
    accounting = part.accounting
    if not name or accounting.offence is None:
        return part
    offence = replace(accounting.offence, detail=f"in {name}")
    return replace(part, accounting=replace(accounting, offence=offence))


def _truncated(part: Observations, content: bytes) -> Observations:
    """Say that a part ends early, where the end of its text has not shown it."""
    accounting = part.accounting
    if Reason.TRUNCATED in accounting.counts:
        return part
    offence = accounting.offence or Offence(Reason.TRUNCATED, _line_count(content), b"")
    counts = {**accounting.counts, Reason.TRUNCATED: 1}
    return replace(part, accounting=replace(accounting, counts=counts, offence=offence))


def _with_oddity(part: Observations, oddity: Reason) -> Observations:
    """Count something odd about a part's container that has cost nothing."""
    accounting = part.accounting
    return replace(part, accounting=replace(accounting, counts={**accounting.counts, oddity: 1}))


def _line_count(content: bytes) -> int:
    return content.count(b"\n") + (not content.endswith(b"\n") and bool(content))


def _sum(parts: list[Observations], refused: list[_RefusedMember]) -> Accounting:
    """Add up what was skipped in all parts."""
    if len(parts) == 1 and not refused:
        return parts[0].accounting
    lines, counts = Counter[str](), Counter[Reason]()
    for part in parts:
        lines.update(part.accounting.line_counts)
        counts.update(part.accounting.counts)
    for member in refused:
        lines[Reason.MEMBER_REFUSED] += member.lines
        counts[Reason.MEMBER_REFUSED] += 1
    offences = [part.accounting.offence for part in parts if part.accounting.offence is not None]
    offences += [
        Offence(Reason.MEMBER_REFUSED, member.error.line, member.error.first_bytes, member.told) for member in refused
    ]
    return Accounting(
        lines=lines.total(),
        line_counts=dict(lines),
        counts=dict(counts),
        offence=offences[0] if offences else None,
    )

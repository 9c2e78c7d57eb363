"""Numbers as an operator reads them."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from gnssice_batch.visible import visible
from gnssice_batch.wording import count, duration, size

if TYPE_CHECKING:
    from gnssice_batch.model.values import Refusal, Span, Status
    from gnssice_batch.store.writing.garbage import Collected

__all__ = ["count", "duration", "garbage_lines", "outcome_text", "shown", "size", "span"]


def shown(text: str) -> str:
    """Text of the user's for a table: neither markup nor anything that steers a terminal."""
    from rich.markup import escape

    return escape(visible(text))


def span(first_and_last: "Span | None") -> str:
    """``2025-01-01 00:00:00 to 2025-01-01 11:59:55``."""
    from gnssice_batch.inspection.moments import moment

    if first_and_last is None:
        return "none"
    return f"{moment(first_and_last.first_ns // 100)} to {moment(first_and_last.last_ns // 100)}"


def garbage_lines(found: "Collected", *, deleted: bool) -> tuple[str, ...]:
    """What garbage collection has deleted, or would delete."""
    objects = ", ".join(
        (count(found.chunks, "chunk"), count(found.manifests, "manifest"), f"{found.copies:,} copies of the state")
    )
    return (
        f"{count(found.expired, 'version')} {'expired' if deleted else 'would expire'}",
        f"{objects}, {size(found.size_bytes)} {'deleted' if deleted else 'would be deleted'}",
        f"{count(found.objects, 'object')} listed, {found.seconds:.1f} s",
    )


def outcome_text(status: "Status", refusal: "Refusal | None", reasons: Mapping[str, int]) -> str:
    """Why a file was rejected, or what of it was lost: every reason with its count, and the place of the first offence.

    Parameters
    ----------
    reasons
        As `gnssice_batch.model.reasons.ranked_reasons` gives them.
    """
    detail = f", {refusal.detail}" if refusal and refusal.detail else ""
    where = f" (line {refusal.line:,})" if refusal and refusal.line else ""
    if refusal and status == "rejected":
        others = _counted({reason: number for reason, number in reasons.items() if reason != refusal.reason})
        return f"{status}: {refusal.reason}{detail}{where}" + (f"; also {others}" if others else "")
    named = f", first {refusal.reason}" if refusal and set(reasons) != {refusal.reason} else ""
    return f"{status}: {_counted(reasons)}{named}{detail}{where}"


def _counted(reasons: Mapping[str, int]) -> str:
    return ", ".join(f"{number:,} x {reason}" for reason, number in reasons.items())

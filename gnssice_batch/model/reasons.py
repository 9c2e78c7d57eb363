"""All reasons of a file with their counts, the one that matters most first."""

from collections.abc import Mapping

from gnssice_batch.errors import Reason
from gnssice_batch.model.values import Tally


def ranked_reasons(
    rejected_for: Reason | None, skipped: Mapping[Reason, int], refused: Mapping[Reason, Tally]
) -> dict[Reason, int]:
    """Why a file was rejected or lost something, with counts.

    Parameters
    ----------
    rejected_for
        What a rejected file was rejected for; None for a file that was taken.
    skipped
        What the reader could not read, in the unit of each reason (lines, epochs, values, members).
    refused
        What was read and not written.

    Returns
    -------
    dict
        In this order: what it was rejected for, then the largest count; refused things count in epochs, in values where
        no epoch is refused whole. Reasons that lose nothing are left out, unless a rejected file has no others beside
        the one it was rejected for.
    """
    counts = {reason: count for reason, count in skipped.items() if reason.loses}
    if rejected_for and not counts.keys() - {rejected_for}:
        counts = dict(skipped)
    for reason, tally in refused.items():
        if reason.loses:
            counts[reason] = counts.get(reason, 0) + (tally.epochs or tally.observations)
    if rejected_for:
        counts.setdefault(rejected_for, 1)
    return dict(sorted(counts.items(), key=lambda item: (item[0] != rejected_for, -item[1], item[0])))

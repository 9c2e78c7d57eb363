"""The page of a repository."""

from dataclasses import dataclass
from typing import Final

from markupsafe import Markup

from gnssice_batch.reporting import drawing
from gnssice_batch.reporting.facts import Gap, ReceiverFacts, StoreFacts
from gnssice_batch.reporting.page import SYSTEM_NAMES, page, percent
from gnssice_batch.reporting.samples import QUANTILES

_LONGEST_GAPS: Final = 10
"""Shown at once."""


@dataclass(frozen=True, slots=True)
class _Drawn:
    """A receiver with its drawings; what can't be drawn is empty."""

    key: str
    facts: ReceiverFacts
    strip: Markup
    calendar: Markup
    signals: Markup
    strength: Markup
    by_band: Markup
    longest_gaps: tuple[Gap, ...]
    """The longest first."""


def store_page(facts: StoreFacts) -> str:
    """A page that says and shows what a repository holds."""
    there = [each.presence for each in facts.receivers if each.presence]
    hours = [(each.hours.first, each.hours.first + each.hours.filled.size) for each in there]
    ends = (min(first for first, _ in hours), max(end for _, end in hours)) if hours else (0, 1)
    receivers = [_drawn(f"r{number}", each, ends) for number, each in enumerate(facts.receivers, 1)]
    return page(
        "store.html",
        facts=facts,
        receivers=receivers,
        first_ns=min((each.first_ns for each in facts.receivers if each.first_ns is not None), default=None),
        last_ns=max((each.last_ns for each in facts.receivers if each.last_ns is not None), default=None),
        filled=sum(each.filled for each in there),
        possible=sum(each.possible for each in there),
        classes=[(name, colour) for name, _, colour in drawing.CLASSES],
        quantiles=[f"{100 * quantile:.0f} %" for quantile in QUANTILES],
    )


def _drawn(key: str, facts: ReceiverFacts, ends: tuple[int, int]) -> _Drawn:
    there, name = facts.presence, facts.receiver
    samples = facts.samples.samples if facts.samples else ()
    nothing = Markup()
    bands = facts.samples.by_band if facts.samples else {}
    names = [f"{SYSTEM_NAMES.get(band[0], band[0])} {band[2:]}" for band in bands]
    return _Drawn(
        key=key,
        facts=facts,
        strip=drawing.strip(there.hours, *ends) if there else nothing,
        calendar=drawing.calendar(there.hours, f"{key}c", _says(facts)) if there else nothing,
        signals=drawing.signals(samples, f"{key}s", f"Signals of {name} over time") if samples else nothing,
        strength=drawing.strength(samples, f"{key}q", f"SNR of {name} over time") if bands else nothing,
        by_band=drawing.by_band(bands, names, f"{key}b", f"SNR of {name} by band") if bands else nothing,
        longest_gaps=tuple(sorted(there.longest_gaps, key=_longest_first)[:_LONGEST_GAPS]) if there else (),
    )


def _longest_first(gap: Gap) -> tuple[int, int]:
    return -gap.epochs, gap.first_ns


def _says(facts: ReceiverFacts) -> str:
    there = facts.presence
    held = f", {percent(there.filled, there.possible)} of its epochs" if there else ""
    return f"Hours of {facts.receiver} by how much of them the store holds{held}"

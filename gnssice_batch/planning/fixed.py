"""What a group keeps of the settings that it was made with, though they are others now."""

from collections.abc import Iterator, Mapping

from gnssice_batch.ingest.header_facts import overrides_text
from gnssice_batch.model.grid import SECOND_NS, write_unit
from gnssice_batch.model.template import GroupTemplate
from gnssice_batch.planning.rules import Rules
from gnssice_batch.wording import several


def not_followed(rules: Rules, receiver: str, template: GroupTemplate) -> tuple[str, ...]:
    """The settings that a group does not follow, a sentence each.

    Parameters
    ----------
    template
        Of the group as it is stored.
    """
    return (
        *_of_the_grid(rules, receiver, template),
        *_of_arrays(rules, template),
        *_of_names(rules, receiver, template),
    )


def by_sentence(sentences: Mapping[str, tuple[str, ...]]) -> dict[str, str]:
    """Sentence to the receivers that it holds for, the first few of them by name.

    Parameters
    ----------
    sentences
        By receiver.
    """
    receivers: dict[str, list[str]] = {}
    for receiver, said in sorted(sentences.items()):
        for sentence in said:
            receivers.setdefault(sentence, []).append(receiver)
    return {sentence: several(of) for sentence, of in receivers.items()}


def _of_the_grid(rules: Rules, receiver: str, template: GroupTemplate) -> Iterator[str]:
    grid, widest_ns = rules.grid_of(receiver), template.grid.interval_ns // 2
    tolerance_ns = None if grid.tolerance_ns is None else min(grid.tolerance_ns, widest_ns)
    pairs = {
        "interval_s": (grid.interval_ns, template.grid.interval_ns),
        "phase_s": (grid.phase_ns, template.grid.phase_ns),
        "tolerance_s": (tolerance_ns, template.tolerance_ns),
    }
    for name, (wanted, kept) in pairs.items():
        if wanted is not None and kept is not None and wanted != kept:
            yield f"grid.{name} is {wanted / SECOND_NS:g}, the group keeps the {kept / SECOND_NS:g} it was made with"


def _of_arrays(rules: Rules, template: GroupTemplate) -> Iterator[str]:
    groups = rules.groups
    pairs: dict[str, tuple[object, object]] = {
        "chunks.epoch": (write_unit(template.grid.interval_ns, groups.unit_epochs), template.grid.unit),
        "encoding.profile": (groups.profile, template.profile),
    }
    if template.profile == groups.profile == "default":
        pairs["icechunk.compression_algorithm"] = (groups.algorithm, template.algorithm)
        pairs["icechunk.compression_level"] = (groups.level, template.level)
    for name, (wanted, kept) in pairs.items():
        if wanted != kept:
            yield f"{name} is {wanted}, the group keeps the {kept} it was made with"


def _of_names(rules: Rules, receiver: str, template: GroupTemplate) -> Iterator[str]:
    wanted, kept = overrides_text(rules.overrides_of(receiver)), template.attributes.get("mapping_overrides", "")
    if wanted != kept:
        yield (
            f"signal_overrides are {wanted or 'none'}, earlier files were read with {kept or 'none'}: values of both"
            " stand under one name, and the ledger's column mapping says which file was read how"
        )

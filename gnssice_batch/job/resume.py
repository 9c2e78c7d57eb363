"""What of an interrupted run can be resumed: its structure, its finished partitions."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from gnssice_batch.job.journal import Journal
from gnssice_batch.log import logger
from gnssice_batch.model.template import GroupTemplate, digest, unit_chunks
from gnssice_batch.model.values import Done
from gnssice_batch.store.reading.contents import stored_templates
from gnssice_batch.store.repository import Repository
from gnssice_batch.store.writing.changes import Units
from gnssice_batch.store.writing.conflicts import conflicts_at
from gnssice_batch.store.writing.structure import Structure, is_available

_log = logger(__name__)


@dataclass(frozen=True, slots=True)
class Resumed:
    """Where a run goes on from; everything empty for a new one."""

    structure: Structure | None = None
    templates: Mapping[str, GroupTemplate] = field(default_factory=dict)
    """Groups as the structure makes them."""
    done: Mapping[str, Done] = field(default_factory=dict)
    """Partition key to what was finished."""
    head: str | None = None
    """Head of the branch that the work was held against: what remains has to be planned on that very one."""


def resume(repository: Repository, branch: str, journal: Journal) -> Resumed:
    """Hold a journal against the head of the branch, and drop from it what does not fit any more.

    The structure holds while its staging branch is there and no other run has touched the same groups in a way that
    contradicts it. Without it, partitions of groups that were there before still hold where nobody else wrote their
    units.
    """
    structure, done = journal.structure(), journal.take_in()
    if structure is None or not is_available(repository, structure):
        _drop(journal, done)
        return Resumed()
    made = stored_templates(repository, branch=structure.branch)
    before = stored_templates(repository, structure.base)
    done = _matching_axis(journal, done, made)
    units = {key: _units(made[one.partition.receiver], one) for key, one in done.items()}
    wanted = {name: (template, before.get(name)) for name, template in made.items()}
    head = repository.head(branch)
    fit = conflicts_at(repository, head, structure.base, wanted, units)
    if not fit.structure and not any(fit.units.values()):
        return Resumed(structure, _changed(made, before), done, head)
    _log.warning("the structure is made again: %s", "; ".join(fit.structure) or "another run wrote the same units")
    journal.drop_structure()
    lost = {key for key, one in done.items() if one.partition.receiver not in before or fit.units[key]}
    _drop(journal, lost)
    return Resumed(done={key: one for key, one in done.items() if key not in lost}, head=head)


def _changed(made: Mapping[str, GroupTemplate], before: Mapping[str, GroupTemplate]) -> dict[str, GroupTemplate]:
    """The groups that the structure makes or changes; the others are planned as they stand at the head."""
    return {name: template for name, template in made.items() if template != before.get(name)}


def _matching_axis(journal: Journal, done: Mapping[str, Done], made: Mapping[str, GroupTemplate]) -> dict[str, Done]:
    """Without the partitions whose group or signals are not those of the structure."""
    held = {
        key: one
        for key, one in done.items()
        if (template := made.get(one.partition.receiver))
        and digest(template.axis.sids[: one.axis_length]) == one.axis_digest
        and template.grid.origin_ns == one.origin_ns
    }
    _drop(journal, done.keys() - held.keys())
    return held


def _units(template: GroupTemplate, one: Done) -> Units:
    return unit_chunks(template, one.outcome.written_units, one.axis_length)


def _drop(journal: Journal, keys: Mapping[str, Done] | set[str]) -> None:
    for key in keys:
        journal.drop(key)

"""The repair of a store: damaged or differing write units made again from the archive, in one commit."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from gnssice_batch import config
from gnssice_batch.job.counting import Progress
from gnssice_batch.job.execution import execution
from gnssice_batch.job.report import RunReport
from gnssice_batch.job.run import run
from gnssice_batch.job.target import target_of
from gnssice_batch.model.damage import DamagedError
from gnssice_batch.model.grid import gps_datetime
from gnssice_batch.operate.integrity import Damaged, places_at_head, scanned
from gnssice_batch.operate.verification import verified
from gnssice_batch.planning.backlog import find_backlog
from gnssice_batch.planning.rewriting import Rewrite, Rewriting, older_rows, reaching_units
from gnssice_batch.planning.rules import rules_of
from gnssice_batch.store.reading.contents import StoredGroup, stored_groups
from gnssice_batch.store.repository import Repository


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a repair looks for, beside damage."""

    receivers: Sequence[str] = ()
    """Those to repair; empty: all."""
    differing: bool = False
    """Write units too that differ from the archive: all files are read again to find them."""
    older_reader: bool = False
    """Write units too with files that another version of the reader has read."""


@dataclass(frozen=True, slots=True)
class UnitRepair:
    """A write unit that is to be made again."""

    receiver: str
    unit: int
    start_ns: int
    end_ns: int
    reasons: tuple[str, ...]
    """``damaged``, ``differs from the archive``, ``read by an older reader``."""

    def __str__(self) -> str:
        """In one line."""
        first, end = (str(gps_datetime(time).astype("datetime64[s]")) for time in (self.start_ns, self.end_ns))
        return f"{self.receiver} {first} to {end} (write unit {self.unit}): {', '.join(self.reasons)}"


@dataclass(frozen=True, slots=True)
class RepairPlan:
    """What a repair would do."""

    url: str
    units: tuple[UnitRepair, ...]
    """What is made again."""
    damaged: tuple[Damaged, ...]
    files: Mapping[str, int]
    """By receiver the files that are read again."""
    gone: tuple[str, ...]
    """Files that the units hold something of and that the archive lacks."""
    changed: tuple[str, ...]
    """Files that the units hold something of and that the archive has with other content now."""
    not_mendable: tuple[str, ...]
    """What can't be made again from the archive, a sentence each."""
    rewrite: Rewrite

    def as_json(self) -> dict[str, object]:
        """The plan as plain JSON values."""
        return {
            "url": self.url,
            "write_units": [
                {
                    "receiver": one.receiver,
                    "write_unit": one.unit,
                    "first_epoch": str(gps_datetime(one.start_ns)),
                    "end": str(gps_datetime(one.end_ns)),
                    "reasons": list(one.reasons),
                }
                for one in self.units
            ],
            "damaged": [each.as_json() for each in self.damaged],
            "files": dict(self.files),
            "gone": list(self.gone),
            "changed": list(self.changed),
            "not_mendable": list(self.not_mendable),
        }


def plan_repair(settings: config.Settings, wanted: Wanted, progress: Progress | None = None) -> RepairPlan:
    """Find the write units to make again: every chunk is read, and what else is wanted; nothing is changed.

    Raises
    ------
    ArchiveError, StoreError
        When archive or store can't be read.
    """
    repository, snapshot, places = places_at_head(target_of(settings), wanted.receivers)
    with execution(settings, progress) as workers:
        damaged = scanned(repository.url, snapshot, places, workers).damaged
        differing = verified(settings, places, None, workers).differing if wanted.differing else {}
    beyond = tuple(f"{each.damage}; no file gives it" for each in damaged if not each.damage.mendable)
    try:
        groups = stored_groups(repository, snapshot)
    except DamagedError:
        return RepairPlan(repository.url, (), damaged, {}, (), (), beyond, Rewrite({}))
    chosen = {place.receiver: groups[place.receiver] for place in places}
    reasons: dict[tuple[str, int], list[str]] = {}
    _note(reasons, _damaged_units(damaged), "damaged")
    _note(reasons, differing, "differs from the archive")
    if wanted.older_reader:
        present = rules_of(settings).reader
        older = {name: _reached(group, older_rows(group.ledger, present)) for name, group in chosen.items()}
        _note(reasons, older, "read by an older reader")
    plan = RepairPlan(repository.url, _units(chosen, reasons), damaged, {}, (), (), beyond, _rewrite(chosen, reasons))
    return _with_files(plan, settings, repository, target_of(settings).branch, chosen) if reasons else plan


def repair(
    settings: config.Settings, plan: RepairPlan, progress: Progress | None = None, *, accept_loss: bool = False
) -> RunReport:
    """Make the write units of a plan again, in one commit; a repair that died is gone on with when it is planned again.

    Raises
    ------
    ArchiveError
        When the archive lacks files that the units hold something of, and that is not accepted.
    GnssiceError
        As `run` says; readers see nothing of it then.
    """
    return run(settings, progress, replace(plan.rewrite, accept_loss=accept_loss))


def _damaged_units(damaged: Iterable[Damaged]) -> dict[str, set[int]]:
    found: dict[str, set[int]] = {}
    for one in (each.damage for each in damaged):
        if one.mendable and one.unit is not None:
            found.setdefault(one.receiver, set()).add(one.unit)
    return found


def _note(reasons: dict[tuple[str, int], list[str]], units: Mapping[str, Iterable[int]], reason: str) -> None:
    for name, numbers in units.items():
        for unit in numbers:
            reasons.setdefault((name, unit), []).append(reason)


def _reached(group: StoredGroup, rows: Iterable[int]) -> frozenset[int]:
    return reaching_units(group.ledger, group.template.grid, rows)


def _units(groups: Mapping[str, StoredGroup], reasons: Mapping[tuple[str, int], list[str]]) -> tuple[UnitRepair, ...]:
    return tuple(
        UnitRepair(name, unit, _start_ns(groups[name], unit), _start_ns(groups[name], unit + 1), tuple(why))
        for (name, unit), why in sorted(reasons.items())
    )


def _rewrite(groups: Mapping[str, StoredGroup], units: Iterable[tuple[str, int]]) -> Rewrite:
    starts: dict[str, set[int]] = {}
    for name, unit in units:
        starts.setdefault(name, set()).add(_start_ns(groups[name], unit))
    return Rewrite({name: frozenset(of_receiver) for name, of_receiver in starts.items()})


def _start_ns(group: StoredGroup, unit: int) -> int:
    grid = group.template.grid
    return grid.origin_ns + unit * grid.unit_ns


def _nothing_left(found: Rewriting) -> str:
    """What is to be said of units that there is no file for."""
    has = "other content now of every file" if found.changed else "no file"
    return f"the archive has {has} of these write units" + ("" if found.changed else " any more")


def _with_files(
    plan: RepairPlan,
    settings: config.Settings,
    repository: Repository,
    branch: str,
    groups: Mapping[str, StoredGroup],
) -> RepairPlan:
    """The plan, with what the archive has of the files that its units are made of."""
    wish = replace(plan.rewrite, accept_loss=True)
    found = find_backlog(rules_of(settings, wish), repository, branch, wish).rewriting
    empty = [name for name in plan.rewrite.units if not found[name].files]
    beyond = tuple(f"{name}: {_nothing_left(found[name])}" for name in empty)
    return replace(
        plan,
        units=tuple(one for one in plan.units if one.receiver not in empty),
        files={name: len(one.files) for name, one in found.items() if one.files},
        gone=tuple(name for one in found.values() for name in one.gone),
        changed=tuple(name for one in found.values() for name in one.changed),
        not_mendable=(*plan.not_mendable, *beyond),
        rewrite=_rewrite(groups, [(one.receiver, one.unit) for one in plan.units if one.receiver not in empty]),
    )

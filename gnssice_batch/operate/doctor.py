"""What a run would trip over: each thing that it needs, tried without one."""

import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from secrets import token_hex
from shutil import disk_usage
from typing import Final

from gnssice_batch import config
from gnssice_batch.cluster.memory import memory_of_a_task
from gnssice_batch.errors import ConfigError, GnssiceError, StoreError
from gnssice_batch.job.coordinator import BASE_MEMORY_BYTES
from gnssice_batch.job.preview import PlanSummary, preview
from gnssice_batch.job.target import Target, check_place, target_of
from gnssice_batch.operate.open_runs import CLOCKS, open_runs_at
from gnssice_batch.storage.urls import local_path
from gnssice_batch.store.conditional_writes import is_proven, prove
from gnssice_batch.store.reading.contents import branch_head, stored_groups
from gnssice_batch.store.repository import Repository, open_existing
from gnssice_batch.store.tags import check_tag

_MIB: Final = 1 << 20
_GIB: Final = 1 << 30
_ROOM: Final = 2
"""So many times what is planned should be free on a disk: the size of the chunks is a guess."""


class State(StrEnum):
    """What a check has come to."""

    OK = "ok"
    NOTE = "note"
    """A run goes on; worth a look."""
    BAD = "bad"
    """A run would end by it."""
    UNKNOWN = "unknown"
    """Not looked at, or not to be known beforehand."""


@dataclass(frozen=True, slots=True)
class Finding:
    """What a check has found."""

    check: str
    state: State
    text: str
    exit_code: int = 0
    """That a run would end with; 0 where it would not end by this."""

    def as_json(self) -> dict[str, object]:
        """The finding as plain JSON values."""
        return {"check": self.check, "state": str(self.state), "text": self.text, "exit_code": self.exit_code}


@dataclass(slots=True)
class _Looked:
    """What checks leave for those after them."""

    target: Target
    repository: Repository | None = None
    plan: PlanSummary | None = None
    clock_s: float | None = None
    """How far the clock of the store is ahead of ours."""
    findings: list[Finding] = field(default_factory=list)

    def note(self, check: str, look: Callable[[], tuple[State, str]]) -> bool:
        """Look, and take down what is found; whether it is not bad."""
        try:
            state, text = look()
            code = StoreError.exit_code if state is State.BAD else 0
        except GnssiceError as error:
            state, text, code = State.BAD, "; ".join(str(error).split("\n")), error.exit_code
        except OSError as error:
            state, text, code = State.BAD, str(error), StoreError.exit_code
        self.findings.append(Finding(check, state, text, code))
        return state is not State.BAD


def examined(settings: config.Settings) -> tuple[Finding, ...]:
    """Try what a run with these settings would need: archive, layout, store, writing, room, memory, clock, other runs.

    What it writes it removes again; of receivers that are new a sample of files is read, as `preview` does.
    """
    looked = _Looked(target_of(settings))
    opened = looked.note("store", lambda: _store(looked))
    looked.note("writing", lambda: _writing(looked))
    looked.note("conditional writes", lambda: _conditional(looked))
    looked.note("clock", lambda: _clock(looked))
    if opened:
        looked.note("other runs", lambda: _other_runs(looked))
        looked.note("archive, plan", lambda: _plan(looked, settings))
    else:
        looked.note("archive, plan", lambda: (State.UNKNOWN, "not looked at: the store can't be opened"))
    looked.note("memory", lambda: _memory(looked, settings))
    looked.note("room on the disk", lambda: _room(looked))
    return tuple(looked.findings)


def _store(looked: _Looked) -> tuple[State, str]:
    target = looked.target
    looked.repository = repository = open_existing(target.location)
    if repository is None:
        check_place(target)
        return State.OK, f"{target.url} is not there yet: the first run makes it"
    head = branch_head(repository, target.branch)
    if head is None:
        return State.OK, f"{target.url} has no branch {target.branch} yet: the next run makes it"
    groups = stored_groups(repository, head)
    if target.tag:
        check_tag(repository, target.tag, head)
    return State.OK, f"{target.url} at {head}, receivers: {len(groups)}; verify --store-only reads every chunk"


def _writing(looked: _Looked) -> tuple[State, str]:
    target, began_s = looked.target, time.time()
    if target.location.local:
        folder = _nearest(target.url)
        with tempfile.NamedTemporaryFile(dir=folder) as file:
            modified_s: float | None = Path(file.name).stat().st_mtime
        where = str(folder)
    else:
        name = f".doctor-{token_hex(8)}"
        target.journals.write(name, b"can this be written?")
        try:
            modified_s = target.journals.entries()[name].modified_s
        finally:
            target.journals.remove_file(name)
        where = target.journals.url
    looked.clock_s = None if modified_s is None else modified_s - (began_s + time.time()) / 2
    return State.OK, f"a file was written in {where}, and removed"


def _conditional(looked: _Looked) -> tuple[State, str]:
    location, repository = looked.target.location, looked.repository
    if location.local:
        return State.OK, "a disk: a lock decides between two runs"
    if repository is not None and is_proven(repository.handle, location):
        return State.OK, "the server was tried when the repository was made"
    prove(location)
    return State.OK, "the server lets one of several writers win"


def _clock(looked: _Looked) -> tuple[State, str]:
    if looked.clock_s is None:
        return State.UNKNOWN, "the storage did not tell its time"
    difference = f"{abs(looked.clock_s):.0f} s between the clocks of this machine and the store"
    if abs(looked.clock_s) > CLOCKS.total_seconds():
        return State.BAD, f"{difference}: leases and gc allow {CLOCKS.total_seconds():.0f} s"
    return State.OK, difference


def _other_runs(looked: _Looked) -> tuple[State, str]:
    runs = open_runs_at(looked.target)
    for run in runs:
        if run.at_work and run.lease:
            text = f"run {run.run} is at work on {run.lease.host}, process {run.lease.process}"
            return State.NOTE, f"{text}: the same run ends with 6, another may have to plan again"
    if runs:
        return State.NOTE, f"{len(runs)} unpublished: runs list shows them; a run with their settings goes on with them"
    return State.OK, "none is at work, none is unpublished"


def _plan(looked: _Looked, settings: config.Settings) -> tuple[State, str]:
    here = settings.model_copy(update={"cluster": config.Cluster()})
    looked.plan = plan = preview(here)
    lost = sum(file.observations for file in plan.skipped_files)
    files = plan.totals.files + plan.up_to_date + plan.left
    text = f"{files:,} files of receivers in {plan.archive}, {plan.totals.files:,} of them to take"
    notes = [f"{lost:,} files of observations are no receiver's (plan names them)"] if lost else []
    notes += [f"{len(plan.gone):,} files of the store are gone"] if plan.gone else []
    notes += [f"{len(plan.refused):,} of the sample are rejected"] if plan.refused else []
    notes += [f"{name} is left out: {why}" for name, why in plan.left_out.items()]
    notes += [f"{one.receiver}: {warning}" for one in plan.receivers for warning in one.warnings]
    return (State.NOTE if notes else State.OK), "; ".join([text, *notes])


def _memory(looked: _Looked, settings: config.Settings) -> tuple[State, str]:
    if looked.plan is None:
        return State.UNKNOWN, "not known without a plan"
    needed = looked.plan.totals.task_memory_bytes + BASE_MEMORY_BYTES
    limit = memory_of_a_task(settings.cluster)
    text = f"a task needs about {needed // _MIB:,} MiB"
    if limit is None:
        return State.UNKNOWN, f"{text}; what a worker has is known when there is one"
    if needed > limit:
        lower = "raise cluster.memory_limit, or lower cluster.workers, cluster.threads_per_worker or chunks.epoch"
        raise ConfigError(f"{text} and may use {limit // _MIB:,} MiB: {lower}")
    return State.OK, f"{text} and may use {limit // _MIB:,} MiB"


def _room(looked: _Looked) -> tuple[State, str]:
    if not looked.target.location.local:
        return State.OK, "an object store has no end"
    free = disk_usage(_nearest(looked.target.url)).free
    text = f"{free / _GIB:,.1f} GiB free"
    if looked.plan is None:
        return State.UNKNOWN, f"{text}; what is needed is not known without a plan"
    needed = looked.plan.requests.sent_bytes
    text = f"{text}, the next run writes about {needed / _GIB:,.1f} GiB"
    if needed > free:
        return State.BAD, text
    return (State.NOTE if _ROOM * needed > free else State.OK), text


def _nearest(url: str) -> Path:
    """The folder of a local URL, or the nearest above it that is there."""
    return next(folder for folder in _upwards(local_path(url).absolute()) if folder.is_dir())


def _upwards(path: Path) -> Iterator[Path]:
    yield path
    yield from path.parents

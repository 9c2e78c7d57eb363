"""The work of a job of any kind so far."""

from concurrent.futures import Future
from dataclasses import dataclass, field

from gnssice_batch.job.aside import Aside
from gnssice_batch.job.journal import Journal
from gnssice_batch.job.making import Making
from gnssice_batch.model.values import Assignment, Done
from gnssice_batch.store.repository import Repository
from gnssice_batch.store.writing.structure import Staged, Structure


@dataclass(frozen=True, slots=True)
class Begun:
    """What a job needs before anything is written that outlives it."""

    repository: Repository
    journal: Journal
    staged: Staged | None
    """Where the first structure is made; None where an earlier start has made one."""


@dataclass(slots=True)
class Work:
    """What a job has done so far."""

    aside: Aside
    """Makes what is asked of it one after the other, while partitions are made."""
    begun: Future[Begun]
    done: dict[str, Done] = field(default_factory=dict)
    """Partition key to what was done last."""
    making: Making | None = None
    """The latest structure; each extends the one before, so it holds everything."""
    set_aside: dict[str, Assignment] = field(default_factory=dict)
    """Partitions that killed their workers."""
    structures: int = 0
    """How many structures this start has made."""
    resumed: int = 0
    """Partitions that an earlier start had finished."""

    @property
    def repository(self) -> Repository:
        """The repository, once it is open."""
        return self.begun.result().repository

    @property
    def journal(self) -> Journal:
        """The journal, once it is this process's."""
        return self.begun.result().journal

    @property
    def structure(self) -> Structure | None:
        """The latest structure, once it is made; None where none is needed."""
        return self.making.result() if self.making else None

"""A structure that is made when it is needed, or beside other work before that."""

import threading
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Optional

from gnssice_batch.model.template import GroupTemplate
from gnssice_batch.store.writing.structure import Structure


@dataclass(slots=True)
class Making:
    """The structure of a round: the groups that it makes or changes, and how that is begun."""

    templates: Mapping[str, GroupTemplate]
    extended: Optional["Making"]
    """That of an earlier round; its arrays stay the same arrays."""
    start: Callable[["Making"], Future[Structure]]
    made: Future[Structure] | None = None
    """None as long as it was not begun."""
    _one_at_a_time: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def begin(self) -> Future[Structure]:
        """Begin to make it, unless that has begun."""
        with self._one_at_a_time:
            if self.made is None:
                self.made = self.start(self)
            return self.made

    def result(self) -> Structure:
        """The structure, once it is made; what making it has raised."""
        return self.begin().result()


def made_before(structure: Structure) -> Making:
    """A structure that an earlier start has made."""
    made: Future[Structure] = Future()
    made.set_result(structure)
    return Making({}, None, lambda _: made, made)


def extending(
    earlier: Making | None, templates: Mapping[str, GroupTemplate], start: Callable[[Making], Future[Structure]]
) -> Making:
    """The structure that extends another one; takes its place where that was not begun."""
    if earlier is None or earlier.made is not None:
        return Making(templates, earlier, start)
    return Making({**earlier.templates, **templates}, earlier.extended, start)

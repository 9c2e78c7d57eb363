"""Small archives for single failures, written by hand, and what to hold of their stores."""

import shutil

from gnssice_batch.job.execution import NoProgress
from gnssice_batch.job.run import run
from gnssice_batch.model.values import Status
from tests.support.runs import (
    DAY_ONE_S,
    assert_same,
    branches,
    check_ledger,
    name,
    repository,
    rinex,
    settings,
    span_s,
    stored,
    write,
)

GROUP = "rec"
EMPTY_REPOSITORY = "1CECHNKREP0F1RSTCMT0"
"""The version that every repository begins with."""


class Interrupt(Exception):  # noqa: N818 - it stands for the end of a process, which is none of our errors
    """The end of a run from outside."""


class Hook(NoProgress):
    """Does something once, when so many tasks of a stage are over; counts the partitions that were finished."""

    def __init__(self, stage="", action=None, after=1):
        self.wanted, self.action, self.left, self.current, self.ingested = stage, action, after, "", []

    def stage(self, name, tasks):  # noqa: ARG002 - the coordinator gives it
        self.current = name

    def finished(self, key, size_bytes):  # noqa: ARG002 - the coordinator gives it
        if self.current.startswith("ingest"):
            self.ingested.append(key)
        if self.action and self.current.startswith(self.wanted):
            self.left -= 1
            if not self.left:
                action, self.action = self.action, None
                action()


def interrupt():
    """End a run as if its process had died."""
    raise Interrupt


def hourly(*hours, **content):
    """Files of an hour each, one a write unit where the hours are six apart."""
    starts = [DAY_ONE_S + 3600 * hour for hour in hours]
    return {name(start_s, "01H"): rinex(span_s(start_s, 1), **content) for start_s in starts}


def other_group(files):
    """The same files as another receiver's."""
    return {path.replace("rec/", "other/"): content for path, content in files.items()}


def site(folder, files, archive="archive", **sections):
    """Settings of the site of a folder, with files in an archive; several archives may write one site."""
    return settings(folder, write(folder / archive, files), **sections)


def journal_of(chosen):
    """Folder of the journals."""
    return repository(chosen).with_name("rinex.runs")


def journal_files(chosen, kind=""):
    """Files of the journals whose path below theirs holds a word."""
    folder = journal_of(chosen)
    return sorted(path for path in folder.rglob("*") if path.is_file() and kind in str(path.relative_to(folder)))


_ONCE = {}
"""Files and grid to the settings of the store that one run has made of them: tests share these."""


def one_run(folder, chosen, files):
    """Settings of a store that one run over these files has written."""
    grid = chosen.grid.model_dump(include={"interval_s", "phase_s"})
    made_of = (tuple(sorted(files.items())), tuple(grid.items()))
    if made_of not in _ONCE:
        _ONCE[made_of] = site(folder / "once", files, grid=grid)
        run(_ONCE[made_of])
    return _ONCE[made_of]


def hold_same(chosen, once, *groups):
    """Hold that two stores say the same, and that nothing is left beside the first."""
    for group in groups or (GROUP,):
        assert_same(stored(chosen, group), stored(once, group))
        check_ledger(chosen, group)
    assert branches(chosen) == {"main"}, branches(chosen)
    left = journal_files(chosen)
    assert left == [], left


def check_as_in_one_run(folder, chosen, files, *groups):
    """Hold that a store has what one run over these files would have written, and nothing is left beside it."""
    hold_same(chosen, one_run(folder, chosen, files), *groups)


class States:
    """States of the stores of a folder, journals included, by name: many tests begin from one of them."""

    def __init__(self, folder):
        self.folder, self.kept = folder, folder / "states"

    def keep(self, name):
        """Keep the stores as they are now."""
        shutil.copytree(self.folder / "stores", self.kept / name)

    def bring_back(self, name):
        """Make the stores again as they were."""
        shutil.rmtree(self.folder / "stores", ignore_errors=True)
        shutil.copytree(self.kept / name, self.folder / "stores")


def rejected(report):
    """URI to reason of the files that a run refused."""
    outcomes = (outcome for files in report.files.values() for outcome in files)
    return {each.file.uri: each.refusal.reason for each in outcomes if each.status is Status.REJECTED}

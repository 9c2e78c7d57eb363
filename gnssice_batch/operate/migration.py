"""A store of an older layout brought to the present one, in a version of its own."""

from dataclasses import dataclass

from gnssice_batch import config
from gnssice_batch.job.target import target_of
from gnssice_batch.model.template import LAYOUT_VERSION
from gnssice_batch.operate.changing import held_still
from gnssice_batch.store.reading.contents import other_groups
from gnssice_batch.store.writing.migration import Migration, migrate_groups


@dataclass(frozen=True, slots=True)
class MigrationReport:
    """What a migration has come to, or would."""

    url: str
    snapshot: str | None
    """The new version; None where nothing had to be done, or was only asked for."""
    receivers: tuple[Migration, ...]
    other_groups: tuple[str, ...]
    """Groups that other programs made; left alone."""

    @property
    def needed(self) -> bool:
        """Whether anything was to be done."""
        return any(one.steps for one in self.receivers)


def migrate(settings: config.Settings, *, dry_run: bool = False) -> MigrationReport:
    """Bring all receivers at the head of the settings' branch to the present layout, in one commit.

    Observations and earlier versions stay as they are.

    Parameters
    ----------
    dry_run
        Only say what would be done.

    Raises
    ------
    StoreError
        When there is no repository, when another program or a later one made it, when a run is open, or when storage
        fails; nothing has changed then.
    """
    target = target_of(settings)
    with held_still(target, "began with the layout as it is", "migrated", dry_run=dry_run) as repository:
        snapshot, receivers = migrate_groups(repository, target.branch, dry_run=dry_run)
    return MigrationReport(repository.url, snapshot, receivers, other_groups(repository, target.branch))


def as_json(report: MigrationReport) -> dict[str, object]:
    """The report as plain JSON values."""
    return {
        "url": report.url,
        "snapshot": report.snapshot,
        "layout": LAYOUT_VERSION,
        "receivers": {one.receiver: {"layout": one.layout, "steps": list(one.steps)} for one in report.receivers},
        "other_groups": list(report.other_groups),
    }

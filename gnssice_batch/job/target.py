"""Where a run publishes, looked up once."""

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from gnssice_batch import config
from gnssice_batch.storage.folder import Folder
from gnssice_batch.storage.location import Location
from gnssice_batch.storage.options import StorageOptions
from gnssice_batch.storage.urls import place
from gnssice_batch.store.damage import check_free
from gnssice_batch.store.repository import RepositoryOptions, repository_url

if TYPE_CHECKING:
    from gnssice_batch.planning.rules import Wish

RINEX: Final = "rinex"
"""The product of `run`; its journals are where the settings say, those of others beside them."""

VIRTUAL: Final = "virtual"
"""The product of `virtualize`."""

RETRY: Final = " again: "
"""Between the digest of the settings and what a run takes instead of what is new, in the record of such a run."""


@dataclass(frozen=True, slots=True)
class Target:
    """The repository of a site, the branch to publish on, and the journals beside it."""

    location: Location
    options: RepositoryOptions
    branch: str
    tag: str | None
    """Tag of what is published."""
    journals: Folder
    """Where the journals of unpublished runs are."""
    reports: Folder | None
    """Where the reports of runs are kept; None for nowhere."""
    identity: str
    """Equal for starts that go on with one run."""
    product: str
    """What the repository holds."""

    @property
    def url(self) -> str:
        """URL of the repository."""
        return self.location.url


def target_of(settings: config.Settings, retry: "Wish | None" = None, product: str = RINEX) -> Target:
    """Where a job with these settings publishes.

    Parameters
    ----------
    retry
        What it takes instead of what is new.
    product
        What its repository holds: the last part of the URL, and of that of its journals.
    """
    run, codec, store = settings.run, settings.icechunk, settings.store
    location = Location(repository_url(store.url, settings.site, product), store.storage_options)
    journals = run.journal_url and (run.journal_url if product == RINEX else f"{run.journal_url}.{product}")
    return Target(
        location=location,
        options=RepositoryOptions(**codec.model_dump(exclude={"compression_algorithm"})),
        branch=run.branch,
        tag=run.tag,
        journals=_folder(location, journals or f"{location.url}.runs"),
        reports=_folder(location, run.report_url) if run.report_url else None,
        identity=settings.identity(product) + (f"{RETRY}{retry}" if retry else ""),
        product=product,
    )


def at_url(target: Target, url: str) -> Target:
    """A target with the repository of a URL, to be read there."""
    location = Location(url.rstrip("/"), target.location.options)
    return replace(target, location=location, journals=_folder(location, f"{location.url}.runs"))


def check_place(target: Target) -> None:
    """Refuse to take for a new repository what is something else; for where there is none yet.

    Raises
    ------
    StoreError
        When other files are there.
    """
    if target.location.local:
        check_free(target.url)


def _folder(location: Location, url: str) -> Folder:
    """A folder of a run; the options of the store are its too where it lies in a storage of the same kind."""
    return Folder(url, location.options if place(url).kind is location.place.kind else StorageOptions())

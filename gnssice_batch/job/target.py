"""Where a run publishes, looked up once."""

from dataclasses import dataclass
from typing import Final

from gnssice_batch import config
from gnssice_batch.archive.folder import Folder
from gnssice_batch.planning.plan import Retry
from gnssice_batch.store.repository import RepositoryOptions, repository_url

RETRY: Final = " again: "
"""Between the digest of the settings and what refused files a run takes again, in the record of such a run."""


@dataclass(frozen=True, slots=True)
class Target:
    """The repository of a site, the branch to publish on, and the journals beside it."""

    url: str
    options: RepositoryOptions
    branch: str
    tag: str | None
    """Tag of what is published."""
    journals: Folder
    """Where the journals of unpublished runs are."""
    secrets: frozenset[str]
    """Static keys of the storage that a journal must not hold."""
    identity: str
    """Equal for starts that go on with one run."""


def target_of(settings: config.Settings, retry: Retry | None = None) -> Target:
    """Where a run with these settings publishes.

    Parameters
    ----------
    retry
        What refused files it takes again, and nothing else.
    """
    url, run, codec = repository_url(settings.store.url, settings.site), settings.run, settings.icechunk
    return Target(
        url=url,
        options=RepositoryOptions(codec.compression_level, codec.inline_threshold, codec.get_concurrency),
        branch=run.branch,
        tag=run.tag,
        journals=Folder(run.journal_url or f"{url}.runs", settings.store.storage_options),
        secrets=settings.journal_secrets(),
        identity=settings.identity() + (f"{RETRY}{retry}" if retry else ""),
    )

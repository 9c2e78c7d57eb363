"""Fixtures that several test files share."""

import os
from pathlib import Path

import hypothesis
import pytest

ROOT = Path(__file__).resolve().parent.parent

hypothesis.settings.register_profile("default", deadline=None)
hypothesis.settings.register_profile("repeatable", derandomize=True, deadline=None)
hypothesis.settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "repeatable"))
"""The default run draws the same examples everywhere; HYPOTHESIS_PROFILE=default explores.

No example has a deadline: the first one of a process pays for what libraries load when they are first used.
"""


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Folder of the real RINEX files, which are not part of the repository."""
    path = ROOT.parent / "shared" / "data"
    if not path.is_dir():
        pytest.skip("the real RINEX files are not on this machine (../shared/data)")
    return path


@pytest.fixture
def published(tmp_path):
    """Settings of the small store of `support.published`, made without proof."""
    from tests.support.published import ingested

    return ingested(tmp_path)[0]

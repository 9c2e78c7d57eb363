"""Kernels that were compiled in the build of an image are used from a read-only folder, by any user."""

import subprocess
import sys

import pytest

from gnssice_batch.rinex.primitives.kept_kernels import writable, writable_copy
from tests.rinex.primitives.test_jit import CALL, run
from tests.support.other_user import ended, locked, open_folder, owned, start

pytestmark = pytest.mark.processes

AT_ONCE = 4
ONLY_THERE = {"NUMBA_CACHE_LOCATOR_CLASSES": "UserProvidedCacheLocator"}


@pytest.fixture
def place():
    with open_folder() as folder:
        (folder / "kernels").mkdir()
        yield folder
        (folder / "kernels").chmod(0o755)


def copies(folder):
    return [path.name for path in folder.iterdir() if path.name.startswith("gnssice-kernels-")]


@pytest.mark.heavy
def test_kernels_of_a_read_only_folder_are_not_compiled_again(place):
    assert run(CALL, place / "kernels") == "0 1"
    locked(place / "kernels")
    temporary = owned(place / "tmp")
    variables = {"NUMBA_CACHE_DIR": str(place / "kernels"), **ONLY_THERE}
    beside = [start("-c", CALL, temporary=temporary, **variables) for _ in range(AT_ONCE)]
    assert [ended(each).strip() for each in beside] == ["1 0"] * AT_ONCE
    assert len(copies(temporary)) == 1
    assert ended(start("-c", CALL, temporary=temporary, **variables)).strip() == "1 0"
    assert len(copies(temporary)) == 1


@pytest.mark.heavy
def test_where_a_folder_is_missing_kernels_are_kept_in_the_temporary_one(place):
    temporary = owned(place / "tmp")
    variables = {"NUMBA_CACHE_DIR": "/dev/null/nowhere", **ONLY_THERE}
    found = [ended(start("-c", CALL, temporary=temporary, **variables)).strip() for _ in range(2)]
    assert found == ["0 1", "1 0"]


def test_a_folder_that_is_rebuilt_is_copied_again(tmp_path):
    kernels = tmp_path / "kernels"
    (kernels / "below").mkdir(parents=True)
    (kernels / "below" / "one.nbc").write_bytes(b"one")
    first = writable_copy(kernels, tmp_path)
    assert writable_copy(kernels, tmp_path) == first
    assert (first / "below" / "one.nbc").read_bytes() == b"one"
    (kernels / "below" / "one.nbc").write_bytes(b"other")
    assert writable_copy(kernels, tmp_path) != first
    assert writable(first)


def test_a_copy_that_others_may_write_to_is_not_used(tmp_path):
    kernels = tmp_path / "kernels"
    kernels.mkdir()
    writable_copy(kernels, tmp_path).chmod(0o777)
    with pytest.raises(PermissionError, match="this user alone"):
        writable_copy(kernels, tmp_path)


def test_no_room_for_a_copy_is_no_error(place):
    code = (
        "import tempfile, sys; tempfile.tempdir = '/dev/null'; from numba import config;"
        "from gnssice_batch.rinex.primitives.kept_kernels import use_writable_folder as use; use();"
        "print(config.CACHE_DIR)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        env={"NUMBA_CACHE_DIR": "/dev/null/nowhere", "PYTHONPATH": ":".join(sys.path)},
    )
    assert done.stdout.strip() == "/dev/null/nowhere"
    assert place.exists()

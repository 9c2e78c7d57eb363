"""Two containers that share a volume and a host name: each numbers its processes for itself."""

import shutil
import subprocess
import sys

import pytest

from gnssice_batch.errors import RunConflictError
from gnssice_batch.job.lease import HeldError, read_lease, take, wait_for
from gnssice_batch.storage.folder import Folder

HOLDER = """
import sys
import time
from gnssice_batch.job.lease import take
from gnssice_batch.storage.folder import Folder
holding = take(Folder(sys.argv[1]), "run", new=True)
print("held", flush=True)
while True:
    time.sleep(0.5)
    holding.renew()
"""
CONTAINER = ["unshare", "--pid", "--fork", "--mount-proc", "--kill-child"]


@pytest.fixture
def holder(tmp_path):
    """A process with process numbers of its own that is at work on a run."""
    if not shutil.which(CONTAINER[0]) or subprocess.run([*CONTAINER, "true"], check=False).returncode:
        pytest.skip("process numbers of one's own (unshare --pid) need rights that this user lacks")
    command = [*CONTAINER, sys.executable, "-c", HOLDER, str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "held\n"
        yield process
        process.kill()


@pytest.mark.heavy
@pytest.mark.processes
@pytest.mark.usefixtures("holder")
def test_a_run_of_another_container_is_not_taken_for_a_dead_one(tmp_path):
    folder = Folder(str(tmp_path))
    lease, _ = read_lease(folder)
    assert lease.alive()
    assert not lease.here
    with pytest.raises(HeldError, match="is at work on") as held:
        take(folder, "run")

    with pytest.raises(RunConflictError, match="is at work on"):
        wait_for(held.value, lambda: None)

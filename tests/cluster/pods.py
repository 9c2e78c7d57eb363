"""The pods of an Indexed Job as processes of this machine: their settings, their start, their end."""

import contextlib
import socket

import psutil

from tests.failures.field import write_settings
from tests.failures.processes import DONE_S, finished, start, wait_until
from tests.failures.small import hourly
from tests.support.runs import write


def free_port():
    """Return a port that nobody listens on."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


class IndexedJob:
    """A coordinator and its workers, over small files; whoever is still there in the end is killed."""

    def __init__(self, folder, files, **cluster):
        self.folder, self.files, self.port, self.processes = folder, files, free_port(), []
        self.pods = {}
        section = {"kind": "indexed", "scheduler_port": self.port, "dashboard_port": None, **cluster}
        archive = write(folder / "files", files)
        self.config = write_settings(
            folder, archive, archive={"layout": "{receiver}/**"}, chunks={"epoch": 720}, cluster=section
        )

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for process in self.processes:
            for child in family(process):
                with contextlib.suppress(psutil.NoSuchProcess):
                    child.kill()
            process.wait()

    def pod(self, index, *options):
        """Start the pod of an index."""
        address = f"tcp://127.0.0.1:{self.port}"
        process = start(
            "gnssice_batch",
            "job",
            *("-c", self.config, "--scheduler", address, "--patience", DONE_S, *options),
            log=self.log(index),
            environment={"JOB_COMPLETION_INDEX": str(index), "POD_NAME": f"job-{index}-{len(self.processes)}"},
        )
        self.processes.append(process)
        self.pods[index] = process
        return process

    def log(self, index):
        """File that a pod's output goes to."""
        return self.folder / f"pod-{index}.log"

    def said(self, index):
        """Return what the pods of an index have said so far."""
        return self.log(index).read_text() if self.log(index).exists() else ""

    def wait_for(self, index, words):
        """Wait until a pod has said something; a pod that has ended says no more."""
        wait_until(lambda: words in self.said(index) or self.pods[index].poll() is not None, DONE_S)
        assert words in self.said(index), self.said(index)[-3000:]

    def ended(self, process, index):
        """Return the exit code of a pod."""
        try:
            return finished(process)
        except AssertionError:
            raise AssertionError(self.said(index)[-3000:]) from None


def family(process):
    """Return a process and its children, those that are there."""
    try:
        mother = psutil.Process(process.pid)
        return [*mother.children(recursive=True), mother]
    except psutil.NoSuchProcess:
        return []


def four_days():
    """Return files of sixteen partitions."""
    return hourly(*range(0, 96, 6))

"""Leases that are written by version: a server of one file in this process, and leases of another machine."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from gnssice_batch.job.lease import NAME, Lease
from gnssice_batch.job.sealing import seal, unseal
from gnssice_batch.records import dump
from gnssice_batch.storage.folder import Folder


def beat(age_s):
    return (datetime.now(UTC) - timedelta(seconds=age_s)).isoformat()


def others(age_s=0, **more):
    """A lease of another machine."""
    return replace(Lease("another-host", 7, "", beat(age_s), 4, "theirs"), **more)


class Server:
    """Files with versions, of which a write has to name the last: what an object store does, in this process."""

    def __init__(self, monkeypatch):
        self.content, self.version, self.written, self.reads, self.refusals = None, 0, [], 0, []
        monkeypatch.setattr(Folder, "conditional", True)
        monkeypatch.setattr(Folder, "read_version", self.read)
        monkeypatch.setattr(Folder, "write_version", self.write)

    def read(self, name):
        assert name == NAME
        self.reads += 1
        if self.content is None:
            raise FileNotFoundError(name)
        return self.content, f"v{self.version}"

    def write(self, name, content, version):
        assert name == NAME
        self.written.append(version)
        refusal = self.refusals.pop(0) if self.refusals else None
        if refusal == "refused" or version != (None if self.content is None else f"v{self.version}"):
            return None
        self.put(content)
        return None if refusal == "answer lost" else f"v{self.version}"

    def put(self, content):
        """Write whatever is there."""
        self.content, self.version = content, self.version + 1

    def leave(self, lease):
        self.put(seal(dump(lease)))

    @property
    def lease(self):
        found = unseal(self.content)
        return found["token"], found["start"], found["released"]

"""One coordinator for a thousand workers and a million files.

Coordinator: the real one over a million daily files of a hundred receivers, twelve to a partition, from the listed
names to the report; a stub of the executor stands for the workers, and nothing is merged or published (`scale` measures
that). Processor time is that of its thread and of the journal's. How busy it is follows from how long a worker is at a
partition: a second for a daily file of 1.4 MB, which is what `ingest` takes on one core.

Scheduler: the one in the coordinator's process, by the real Dask protocol over TCP, with a thousand workers in another
process whose tasks have the arguments and results of such partitions.
"""

from collections.abc import Iterator

from benchmarks.figures import Figure, at_least, at_most
from benchmarks.timing import in_child

TITLE = "Cluster: a coordinator for a thousand workers"

_WORKERS = 1_000
_FILE_S = 1.0


def figures() -> Iterator[Figure]:
    """Every figure; each part in a process of its own."""
    found = in_child("cluster_run")
    name = f"{found['files'] / 1e6:g} M files, {found['partitions']:.0f} partitions, stub of the executor"
    partition_s = found["cpu"] / found["partitions"]
    task_s = _FILE_S * found["files"] / found["partitions"]
    yield at_least(f"{name}: partitions taken in", 1 / partition_s, 300, "/s", f" ({1000 * partition_s:.2f} ms each)")
    busy = f" (one comes every {1000 * task_s / _WORKERS:.3g} ms)"
    yield at_most(f"{name}: coordinator busy", 100 * partition_s * _WORKERS / task_s, 10, "%", busy)
    yield at_most(f"{name}: memory of the process", found["peak"] / 1e9, 4, "GB")
    journal = f"{1000 * found['journal'] / found['partitions']:.3g} ms a partition"
    yield Figure(f"{name}: of it the journal's thread", journal)
    found = in_child("cluster_dask")
    name = f"scheduler and client in its process, {found['workers']:.0f} workers, real protocol"
    yield Figure(f"{name}: busy with idle workers", f"{100 * found['idle']:.3g} %")
    each = 1000 * found["cpu"] / found["tasks"]
    yield Figure(f"{name}: a task", f"{each:.3g} ms ({found['tasks'] / found['seconds']:.0f}/s in all)")
    yield Figure(f"{name}: share at that pace", f"{100 * (found['idle'] + each * _WORKERS / task_s / 1000):.3g} %")

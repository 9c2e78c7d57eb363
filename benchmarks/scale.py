"""A large archive on the coordinator: the plan, the merge and publication, and what the journal costs.

Plan: a million names of 15-minute files (28 years at 5 s) against a ledger of a million rows, as one receiver and as
fifty. Everything is counted but asking the archive for its list: names, owners, selection, partitions, totals.

Publish: `store.publish.publish` of 100,000 partitions, each with a fork of one chunk of each data variable and of the
two coordinates that such a day has along the epochs, the sources of a day at 30 s and one file's ledger row; twenty
receivers. The chunks of the variables are 16 bytes long, so they stand in the manifests, where the references to real
ones would be, and take about as much there; those of the coordinates are real ones, and as short. Once more with
10,000 partitions on a head whose ledgers have grown since the plan, where every `source_file` is written again.

Journal: the time in `Journal`'s methods that a run calls, against that run.
"""

from collections.abc import Iterator

from benchmarks.figures import Figure, at_most
from benchmarks.files import RACT
from benchmarks.timing import in_child

TITLE = "Scale: plan, publish and journal"

_STEPS = ("merge", "sources", "ledger", "commit")


def figures() -> Iterator[Figure]:
    """Every figure of scale; each part in a process of its own."""
    for receivers in (1, 50):
        found = in_child("scale_plan", str(receivers))
        name = f"plan of {found['files'] / 1e6:g} M files against {found['rows'] / 1e6:g} M rows, {receivers} receivers"
        yield at_most(name, found["seconds"], 60, "s", f" ({found['partitions']:.0f} partitions)")
        yield at_most(f"{name}: memory of the process", found["peak"] / 1e9, 2, "GB")
    found = in_child("scale_publish")
    name = f"merge and publish of {found['partitions']:.0f} partitions"
    yield at_most(name, found["seconds"], 20, "s")
    for part in _STEPS:
        yield Figure(f"{name}: {part}", f"{found[part]:.3g} s")
    yield Figure(f"{name}: memory of the process", f"{found['peak'] / 1e9:.3g} GB")
    found = in_child("scale_publish", "moved", "10000")
    steps = ", ".join(f"{part} {found[part]:.3g} s" for part in _STEPS)
    yield Figure(
        f"merge and publish of {found['partitions']:.0f} partitions on ledgers that have grown",
        f"{found['seconds']:.3g} s ({steps})",
    )
    if RACT.is_dir():
        found = in_child("scale_journal")
        what = f"journal of a run of ract, {found['partitions']:.0f} partitions in {found['run']:.3g} s"
        yield at_most(what, 100 * found["journal"] / found["run"], 3, "%", f" ({1000 * found['journal']:.1f} ms)")

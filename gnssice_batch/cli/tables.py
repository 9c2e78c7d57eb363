"""The results of commands as text that fits 80 columns."""

from collections.abc import Mapping, Sequence
from typing import Final

from rich import box
from rich.console import Console
from rich.table import Table

from gnssice_batch.archive.skipped import SkippedFile, by_kind
from gnssice_batch.cli.blocks import MOST_SHOWN, Facts, block, only_if, say_list, say_marked
from gnssice_batch.cli.formatting import count, duration, outcome_text, shown, size, span
from gnssice_batch.cli.store_tables import older_reader, sampling
from gnssice_batch.inspection.facts import KINDS, Gap, Inspection, Part
from gnssice_batch.inspection.moments import moment
from gnssice_batch.job.preview import PlanSummary, ReceiverPlan
from gnssice_batch.job.report import Proof, RunReport, all_reasons, refused_files
from gnssice_batch.model.grid import SECOND_NS
from gnssice_batch.model.markers import told_apart
from gnssice_batch.model.values import FileOutcome, Status
from gnssice_batch.operate.verification import StoreReport
from gnssice_batch.planning.changes import Change
from gnssice_batch.planning.requests import Requests
from gnssice_batch.rinex import Header

_MOST_GAPS: Final = 5
_MOST_REASONS: Final = 5


def show_plan(console: Console, found: PlanSummary, *, all_skipped: bool = False) -> None:
    """The plan: totals, then a block per receiver, then what is rejected, left out or skipped.

    Parameters
    ----------
    all_skipped
        Name every skipped file, not only those that look like observations.
    """
    totals = found.totals
    block(
        console,
        "Plan",
        [
            ("archive", found.archive),
            ("store", found.store),
            ("files", f"{totals.files:,} to take ({size(totals.size_bytes)}), {found.up_to_date:,} up to date"),
            *only_if(found.left, "left", _left(found.left)),
            *only_if(found.skipped_files, "skipped", _kinds(found.skipped_files)),
            *only_if(found.gone, "gone", _gone(found.gone)),
            *only_if(found.older_reader, "older reader", older_reader(found.older_reader)),
            ("partitions", f"{totals.partitions:,}"),
            ("write units", f"{totals.write_units:,}"),
            ("references", f"{totals.references:,} at most"),
            ("task memory", size(totals.task_memory_bytes)),
            ("unpacking", f"{size(found.max_unpacked_bytes)} more for a file that unpacks to as much as is allowed"),
            ("requests", _requests(found.requests)),
            ("transfer", _transfer(found.requests)),
        ],
    )
    for each in found.receivers:
        block(console, each.receiver + (" (new)" if each.new else ""), _plan_facts(each))
    _changes(console, "Changes in the sample", found.changes)
    _outcome_lines(console, "Rejected in the sample", found.refused)
    say_list(console, "Left out", [f"{receiver}: {why}" for receiver, why in found.left_out.items()])
    _markers(console, {each.receiver: each.markers for each in found.receivers})
    _skipped(console, found.skipped_files, named=all_skipped)
    if not found.receivers and not found.left_out:
        elsewhere = (
            "no file that was asked for is new" if found.left else "every file of the archive stands in the store"
        )
        say_marked(console, f"Nothing to do: {elsewhere}.")


def show_report(console: Console, report: RunReport) -> None:
    """The end of a run: what was written, and what was rejected, left out or skipped."""
    block(
        console,
        "Run",
        [
            ("store", report.url),
            ("snapshot", report.snapshot or "none: nothing to publish"),
            *only_if(report.tagged, "tag", _tagged(report)),
            ("partitions", f"{report.partitions:,}" + (f", {report.resumed:,} done earlier" if report.resumed else "")),
            *only_if(report.set_aside, "set aside", f"{', '.join(report.set_aside)}: killed their workers"),
            ("read", f"{size(report.bytes_read)} in {duration(report.seconds)}"),
            *only_if(report.up_to_date, "up to date", count(report.up_to_date, "file")),
            *only_if(report.left, "left", _left(report.left)),
            *only_if(report.skipped_files, "skipped", _kinds(report.skipped_files)),
            *only_if(report.gone, "gone", _gone(report.gone)),
            *only_if(report.snapshot, "proven", _proven(report)),
            *only_if(report.proof.declined, "declined", _declined(report.proof)),
            *only_if(report.used, "requests", _used(report)),
            *only_if(report.peak_memory_bytes, "peak memory", f"{size(report.peak_memory_bytes)} of one process"),
        ],
    )
    if report.files:
        console.print(_outcomes(report))
    _failed(console, report.proof)
    _changes(console, "Changes over the files", report.changes)
    _outcome_lines(console, "Rejected or partially ingested", refused_files(report))
    say_list(console, "Left out", [f"{receiver}: {why}" for receiver, why in report.left_out.items()])
    _markers(console, report.markers)
    _skipped(console, report.skipped_files)


def _tagged(report: RunReport) -> str:
    return f"given to {report.tagged}" + ("" if report.snapshot else ", the head of the branch, as nothing is new")


def _left(number: int) -> str:
    return f"{count(number, 'new file')} for a later run, as was asked for"


def _gone(files: Sequence[str]) -> str:
    return f"{count(len(files), 'file')} of the store that the archive lacks now, {', '.join(files[:1])} for one"


def _proven(report: RunReport) -> str:
    proof = report.proof
    units = count(proof.units, "write unit")
    if not proof.partitions:
        return f"{units} as planned"
    compared = f"{count(proof.cells, 'cell')} of {count(proof.partitions, 'partition')} ({proof.level})"
    return f"{units} as planned, {compared} as a fresh reading gives them ({_rereaders(proof)})"


_REREADERS: Final = {
    "plain": "a second reader",
    "hatanaka": "the reference decoder",
    "native": "the same reader",
}


def _rereaders(proof: Proof) -> str:
    """How many files each reader has read again."""
    return ", ".join(f"{name}: {proof.readers[key]:,}" for key, name in _REREADERS.items() if key in proof.readers)


def _declined(proof: Proof) -> str:
    """How many files the second reader has declined, and the most frequent reasons."""
    most = sorted(proof.declined.items(), key=lambda one: (-one[1], one[0]))
    listed = ", ".join(f"{why}: {number:,}" for why, number in most[:_MOST_REASONS])
    more = f", and {len(most) - _MOST_REASONS:,} other reasons" if len(most) > _MOST_REASONS else ""
    return f"{count(sum(proof.declined.values()), 'file')} by the second reader ({listed}{more})"


def _failed(console: Console, proof: Proof) -> None:
    lines = [f"{count(number, 'file')}: {raised}" for raised, number in proof.failed.items()]
    say_list(console, "Warning: the second reader failed, and the first one has read these files again", lines)


def show_inspection(console: Console, seen: Inspection, odd: Sequence[str]) -> None:
    """What the parser sees in one file."""
    block(console, seen.name, _file_facts(seen))
    for part in seen.parts:
        block(console, part.header.marker_name or "(no marker name)", [*_header_facts(part.header), *_body_facts(part)])
    if odd:
        say_marked(console, "[bold]Odd[/]")
        for sentence in odd:
            say_marked(console, f"  - {shown(sentence)}")


def show_verification(console: Console, report: StoreReport) -> None:
    """What of a published store was held against the archive."""
    proof = report.proof
    facts = [
        ("store", report.url),
        ("snapshot", report.snapshot),
        ("compared", f"{count(proof.files, 'file')} of {report.taken:,} taken, {count(proof.epochs, 'epoch')}"),
        ("read again by", _rereaders(proof) or "nothing"),
        *only_if(proof.declined, "declined", _declined(proof)),
        ("cells", f"{proof.cells:,}"),
        ("differences", f"{report.differences:,}" if report.differences else "none"),
    ]
    block(console, "Verified", facts)
    _failed(console, proof)
    say_list(console, "Not compared", report.absent, "--json")


def _requests(found: Requests) -> str:
    return f"about {found.gets:,} GET, {found.puts:,} PUT, {found.archive_lists:,} LIST"


def _used(report: RunReport) -> str:
    """What of a run's requests can be counted, beside what was planned."""
    used, planned = report.used_in_all, report.planned
    gets, puts, lists = (used.requests.get(kind, 0) for kind in ("GET", "PUT", "LIST"))
    sent, received = size(used.sent_bytes), size(used.received_bytes)
    return (
        f"{gets:,} GET without those of Icechunk, {puts:,} PUT ({planned.puts:,} planned), {lists:,} LIST;"
        f" {received} received, {sent} sent"
    )


def _transfer(found: Requests) -> str:
    return f"{size(found.received_bytes)} from the archive, about {size(found.sent_bytes)} to the store"


def _plan_facts(each: ReceiverPlan) -> Facts:
    grid = each.grid
    note = f"; {each.unit_note}" if each.unit_note else ""
    return [
        ("files", f"{each.files:,}, {size(each.size_bytes)}"),
        ("span", span(each.span)),
        ("sampling", sampling(grid.interval_ns / SECOND_NS, grid.phase_ns / SECOND_NS)),
        ("tolerance", f"{each.tolerance_ns / SECOND_NS:g} s"),
        ("signals", f"{each.signals:,} known before reading" if each.new else f"{each.signals:,}"),
        ("write unit", f"{count(grid.unit, 'epoch')}, {duration(grid.unit_ns / SECOND_NS)}{note}"),
        ("partitions", f"{each.partitions:,}, with {count(each.write_units, 'write unit')}"),
        *(("warning", sentence) for sentence in each.warnings),
    ]


def _outcomes(report: RunReport) -> Table:
    """A line per receiver: files by status, epochs and values written."""
    table = Table(box=box.SIMPLE, pad_edge=False, padding=(0, 1))
    table.add_column("receiver", overflow="fold")
    for name in (*(str(status) for status in Status), "epochs read", "written", "values"):
        table.add_column(name, justify="right", overflow="fold")
    for receiver, outcomes in report.files.items():
        files = [sum(outcome.status is status for outcome in outcomes) for status in Status]
        read = sum(outcome.facts.epochs for outcome in outcomes)
        epochs = sum(outcome.written.epochs for outcome in outcomes)
        values = sum(outcome.written.observations for outcome in outcomes)
        table.add_row(shown(receiver), *(f"{number:,}" for number in (*files, read, epochs, values)))
    return table


def _kinds(files: Sequence[SkippedFile]) -> str:
    kinds = ", ".join(f"{number:,} {kind.replace('_', ' ')}" for kind, number in by_kind(files).items())
    return f"{count(len(files), 'file')}: {kinds}"


def _skipped(console: Console, files: Sequence[SkippedFile], *, named: bool = False) -> None:
    """The skipped files that look like observations, as a warning; all others where they are to be named."""
    lines = [f"{file.uri}: {file.why}" for file in files if file.observations]
    say_list(console, "Warning: skipped, though these look like observations", lines, "plan --skipped")
    if named:
        lines = [f"{file.kind.replace('_', ' ')}  {file.uri}: {file.why}" for file in files]
        say_list(console, "Skipped", lines, most=len(lines))


def _markers(console: Console, by_receiver: Mapping[str, Mapping[str, int]]) -> None:
    lines = [f"{receiver}: {text}" for receiver, markers in by_receiver.items() if (text := told_apart(markers))]
    say_list(console, "Warning: files of several markers in one receiver (archive.one_marker rejects them)", lines)


def _outcome_lines(console: Console, heading: str, outcomes: Sequence[FileOutcome]) -> None:
    if not outcomes:
        return
    say_marked(console, f"[bold]{heading}[/]")
    for outcome in outcomes[:MOST_SHOWN]:
        say_marked(console, f"  {shown(outcome.file.uri)}")
        say_marked(console, f"      {shown(_why(outcome))}")
    if len(outcomes) > MOST_SHOWN:
        say_marked(console, f"  and {len(outcomes) - MOST_SHOWN:,} more: the JSON report has them all")


def _changes(console: Console, heading: str, changes: Mapping[str, Sequence[Change]]) -> None:
    """What is other in some files than in those before them, a line each."""
    every = [(receiver, change) for receiver, of_receiver in changes.items() for change in of_receiver]
    if every:
        say_marked(console, f"[bold]{heading}[/]")
    for receiver, change in every[:MOST_SHOWN]:
        say_marked(console, f"  {shown(receiver)}: {shown(str(change))}")
    if len(every) > MOST_SHOWN:
        say_marked(console, f"  and {len(every) - MOST_SHOWN:,} more: the JSON report has them all")


def _why(outcome: FileOutcome) -> str:
    reasons = {str(reason): number for reason, number in all_reasons(outcome).items()}
    kept = f"; {count(outcome.written.epochs, 'epoch')} written" if outcome.status is Status.PARTIAL else ""
    return outcome_text(outcome.status, outcome.refusal, reasons) + kept


def _file_facts(seen: Inspection) -> Facts:
    packing = " in ".join(word for word in ("compact RINEX" if seen.compact else "plain text", seen.container) if word)
    skipped = ", ".join(f"{number:,} {reason}" for reason, number in sorted(seen.skipped.items()))
    facts = [("status", str(seen.status)), ("packed as", f"{packing}, {size(seen.size_bytes)}")]
    if seen.refusal:
        reasons = {str(reason): number for reason, number in seen.reasons.items()}
        facts.append(("because", outcome_text(seen.status, seen.refusal, reasons).removeprefix(f"{seen.status}: ")))
        facts += only_if(seen.refusal.first_bytes, "line begins", ascii(seen.refusal.first_bytes.decode("latin-1")))
    return [*facts, *only_if(seen.lines, "lines", f"{seen.lines:,}"), *only_if(skipped, "skipped", skipped)]


def _header_facts(header: Header) -> Facts:
    position = " ".join(f"{metres:.4f}" for metres in header.position_xyz_m or ())
    return [
        ("version", header.version),
        ("receiver", " ".join(filter(None, (header.receiver_type, header.receiver_number, header.receiver_version)))),
        ("antenna", " ".join(filter(None, (header.antenna_type, header.antenna_number)))),
        ("position", f"{position} m" if position else ""),
        *((f"types {system}".rstrip(), " ".join(codes)) for system, codes in header.obs_types.items()),
    ]


def _body_facts(part: Part) -> Facts:
    stated = f"{part.header.interval_s:g} s" if part.header.interval_s else "nothing"
    values = ", ".join(f"{number:,} {KINDS[kind]}" for kind, number in part.values.items())
    return [
        ("first epoch", moment(part.first_100ns)),
        ("last epoch", moment(part.last_100ns)),
        ("interval", f"{part.interval_s:g} s found, {stated} stated"),
        ("epochs", f"{part.epochs:,}"),
        *only_if(part.gaps, "gaps", _gaps(part.gaps)),
        ("satellites", _satellites(part)),
        ("signals", f"{len(part.signals):,}"),
        ("values", values),
    ]


def _gaps(gaps: Sequence[Gap]) -> str:
    shown = [f"{count(gap.missing, 'epoch')} after {moment(gap.after_100ns)}" for gap in gaps[:_MOST_GAPS]]
    more = [f"and {len(gaps) - _MOST_GAPS:,} more"] if len(gaps) > _MOST_GAPS else []
    return ", ".join([*shown, *more])


def _satellites(part: Part) -> str:
    systems = sorted({sv[0] for sv in part.satellites})
    numbers = (f"{sum(sv[0] == system for sv in part.satellites)} {system}" for system in systems)
    return f"{len(part.satellites)} ({', '.join(numbers)})"

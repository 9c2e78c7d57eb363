"""One file read on a worker: whatever the reader raises is that file's outcome, and the marker it may have."""

import random
import sys
from collections.abc import Callable
from types import FunctionType

import numpy as np
import pytest

import gnssice_batch.archive.listing
from gnssice_batch.archive.listing import ArchiveAccess
from gnssice_batch.errors import InterruptedRunError, Reason, StoreError
from gnssice_batch.ingest import reading
from gnssice_batch.ingest.reading import ReadContext, read_file
from gnssice_batch.inspection import facts
from gnssice_batch.job.report import as_json, exit_code
from gnssice_batch.job.run import run
from gnssice_batch.model.values import Status
from gnssice_batch.planning.rules import rules_of
from tests.support.runs import (
    DAY_ONE_S,
    check_ledger,
    name,
    repository,
    rinex,
    row,
    settings,
    span_s,
    stored,
    write,
)

GROUP = "rec"
FILES = tuple(name(DAY_ONE_S + 3600 * hour, "01H") for hour in range(4))
VICTIM = FILES[2]
RAISED = (
    ValueError, KeyError, IndexError, MemoryError, RecursionError, ZeroDivisionError, OSError, AssertionError,
    TypeError, AttributeError, StopIteration, OverflowError, NotImplementedError, EOFError, StoreError,
)  # fmt: skip
NOT_OF_THE_READER = ("gnssice_batch.rinex.failures", "gnssice_batch.rinex.names")
AROUND_THE_READER = {"read_file", "fetch", "read_content", "_rejected"}


def content_of(uri):
    return rinex(span_s(DAY_ONE_S + 3600 * FILES.index(uri), 1))


@pytest.fixture
def chosen(tmp_path):
    write(tmp_path / "archive", {uri: content_of(uri) for uri in FILES})
    write(tmp_path / "archive", {VICTIM.replace("rec/", "other/"): content_of(VICTIM)})
    return settings(tmp_path)


def source_file(chosen, uri=VICTIM):
    files = gnssice_batch.archive.listing.list_files(chosen.archive).files
    return next(file for file in files if file.uri == uri)


def context_of(chosen, **changes):
    made = rules_of(chosen).context([GROUP])
    return ReadContext(made.archive, made.options, made.bounds, **changes)


def functions_of_the_reader(chosen):
    """Module and qualified name of every Python function that reading a file calls."""
    called = set()
    file, context = source_file(chosen), context_of(chosen)
    read_file(file, context)

    def note(frame, event, _):
        module, qualified = frame.f_globals.get("__name__", ""), frame.f_code.co_qualname
        ours = module.startswith("gnssice_batch.rinex") or module == reading.__name__
        if event == "call" and ours and "<" not in qualified and module not in NOT_OF_THE_READER:
            called.add((module, qualified))

    sys.setprofile(note)
    try:
        read_file(file, context)
    finally:
        sys.setprofile(None)
    return sorted(one for one in called if one[1] not in AROUND_THE_READER)


class Trap:
    """Raises once wherever a function is called while a file is read; told of files by what is fetched."""

    def __init__(self, monkeypatch, uri):
        self.armed, self.raised, self.uri, self.error = False, 0, uri, ValueError
        self.monkeypatch = monkeypatch
        fetch = ArchiveAccess.fetch

        def watched(access, asked, size_bytes=None):
            self.armed = asked == self.uri
            return fetch(access, asked, size_bytes)

        monkeypatch.setattr(ArchiveAccess, "fetch", watched)

    def lay(self, module, qualified, error):
        """Replace a function in every module that has imported it, a method in its class."""
        self.error = error
        above, _, last = qualified.rpartition(".")
        if above:
            holder = getattr(sys.modules[module], above)
            self.monkeypatch.setattr(holder, last, self._instead_of(holder.__dict__[last]))
            return
        function = getattr(sys.modules[module], last)
        trap = self._instead_of(function)
        for other in [each for key, each in sys.modules.items() if key.startswith("gnssice_batch")]:
            for attribute in [key for key, value in vars(other).items() if value is function]:
                self.monkeypatch.setattr(other, attribute, trap)

    def _instead_of(self, function):
        if isinstance(function, property):
            return property(self._instead_of(function.fget))
        if isinstance(function, classmethod):
            return classmethod(self._instead_of(function.__func__))
        if isinstance(function, staticmethod):
            return staticmethod(self._instead_of(function.__func__))
        assert isinstance(function, FunctionType | Callable)

        def trapped(*arguments, **named):
            if self.armed:
                self.armed, self.raised = False, self.raised + 1
                raise self.error("out of the blue")
            return function(*arguments, **named)

        return trapped


def test_whatever_function_of_the_reader_raises_the_file_is_rejected(chosen):
    functions = functions_of_the_reader(chosen)
    assert len(functions) > 25
    dice = random.Random(1)
    file, context = source_file(chosen), context_of(chosen)
    missed = []
    for module, qualified in functions:
        with pytest.MonkeyPatch.context() as monkeypatch:
            trap = Trap(monkeypatch, VICTIM)
            error = dice.choice(RAISED)
            trap.lay(module, qualified, error)
            result = read_file(file, context)
            if not trap.raised:
                assert result.status is Status.OK
                missed.append((module, qualified))
                continue
            if module == "gnssice_batch.rinex.header.records" and issubclass(error, ValueError) and not result.refusal:
                assert result.facts.skipped[Reason.HEADER_ODDITY], qualified
                continue
            assert (result.status, result.refusal.reason) == (Status.REJECTED, Reason.READER_FAILED), qualified
            assert "out of the blue" in result.refusal.detail or error is StopIteration, qualified
            assert ", in gnssice_batch." in result.refusal.detail
            assert result.refusal.detail.endswith("please report this with the file")
            assert result.facts.sha256
    assert len(missed) < len(functions) / 10, missed


def test_the_place_is_the_innermost_function_of_ours(chosen, monkeypatch):
    monkeypatch.setattr(reading, "values_per_epoch", lambda part: np.zeros(2).reshape(part.time_100ns.size + 7, 3))
    refusal = read_file(source_file(chosen), context_of(chosen)).refusal
    assert refusal.detail.startswith("ValueError: cannot reshape array of size 2")
    assert "in gnssice_batch.ingest.reading._total, line " in refusal.detail


def test_a_process_that_is_told_to_stop_rejects_nothing(chosen, monkeypatch):
    def stopped(*_):
        raise InterruptedRunError

    monkeypatch.setattr(reading, "read", stopped)
    with pytest.raises(InterruptedRunError):
        read_file(source_file(chosen), context_of(chosen))


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("sample_files", [1, 8])
def test_a_run_goes_on_whatever_the_reader_raises(chosen, monkeypatch, seed, sample_files, caplog):
    """In the survey (a sample of all files) and in a partition (a sample of one): the others are published."""
    dice = random.Random(seed)
    functions = functions_of_the_reader(chosen)
    trap = Trap(monkeypatch, VICTIM)
    trap.lay(*dice.choice(functions), dice.choice(RAISED))
    chosen = chosen.model_copy(update={"run": chosen.run.model_copy(update={"sample_files": sample_files})})
    report = run(chosen)
    assert trap.raised
    statuses = {outcome.file.uri: outcome.status for outcome in report.files[GROUP]}
    assert statuses == {uri: Status.REJECTED if uri == VICTIM else Status.OK for uri in FILES}
    assert (exit_code(report, 0.05), exit_code(report, 0.2)) == (1, 0)
    (told,) = as_json(report)["refused_files"]
    assert (told["file"], told["reason"], told["reasons"]) == (VICTIM, "reader_failed", {"reader_failed": 1})
    assert row(chosen, GROUP, VICTIM)["reason"] == "reader_failed"
    assert set(stored(chosen, GROUP).uri) == set(FILES) - {VICTIM}
    assert any("Traceback" in caplog.handler.format(record) for record in caplog.records)
    check_ledger(chosen, GROUP)
    check_ledger(chosen, "other")


def test_an_inspection_says_it_too(monkeypatch):
    def fail(_):
        raise MemoryError

    monkeypatch.setattr(facts, "_part", fail)
    seen = facts.inspect(content_of(VICTIM), VICTIM)
    assert (seen.status, seen.refusal.reason) == (Status.REJECTED, Reason.READER_FAILED)
    assert "MemoryError, in gnssice_batch.inspection.facts.inspect" in seen.refusal.detail


@pytest.mark.parametrize("fault", ["obs_types_count_unreadable.rnx", "scale_factor_unknown_system.rnx"])
def test_a_damaged_header_record_stops_no_run(chosen, shared_data, tmp_path, fault):
    uri = "damaged/NAST00XXX_R_20240010000_01D_30S_MO.rnx"
    write(tmp_path / "archive", {uri: (shared_data / "faults" / fault).read_bytes()})
    report = run(chosen)
    (outcome,) = report.files["damaged"]
    assert outcome.status in {Status.PARTIAL, Status.REJECTED}
    assert outcome.refusal.line or outcome.refusal.detail
    assert {one.status for one in report.files[GROUP]} == {Status.OK}
    check_ledger(chosen, GROUP)


def test_a_receiver_without_an_observation_is_left_out_and_taken_when_it_has_one(chosen, tmp_path):
    first, second = (name(DAY_ONE_S + 3600 * hour, "01H").replace("rec/", "mute/") for hour in (0, 1))
    empty = rinex([DAY_ONE_S, DAY_ONE_S + 30]).partition(b"END OF HEADER\n")
    body = b"> 2025 01 01 00 00  0.0000000  0  0\n> 2025 01 01 00 00 30.0000000  0  0\n"
    write(tmp_path / "archive", {first: empty[0] + empty[1] + body})
    report = run(chosen)
    assert report.left_out == {"mute": "no file of it has an observation yet"}
    (outcome,) = report.files["mute"]
    assert (outcome.status, outcome.facts.epochs, outcome.facts.observations) == (Status.OK, 2, 0)
    assert {one.status for one in report.files[GROUP]} == {Status.OK}
    assert (exit_code(report, 0), as_json(report)["left_out"]) == (0, dict(report.left_out))
    write(tmp_path / "archive", {second: content_of(FILES[1])})
    again = run(chosen)
    assert (again.left_out, len(again.files["mute"])) == ({}, 2)
    assert row(chosen, "mute", first)["status"] == "ok"
    check_ledger(chosen, "mute")


def test_an_archive_of_which_nothing_has_an_observation_makes_no_store(tmp_path, shared_data):
    content = (shared_data / "faults" / "epochs_without_satellites.rnx").read_bytes()
    chosen = settings(tmp_path)
    write(tmp_path / "archive", {"mute/NAST00XXX_R_20240010000_01D_30S_MO.rnx": content})
    report = run(chosen)
    assert (report.snapshot, set(report.left_out), exit_code(report, 0)) == (None, {"mute"}, 0)
    assert not repository(chosen).exists()


def test_what_a_header_does_not_say_is_empty_text(tmp_path):
    chosen = settings(tmp_path)
    write(tmp_path / "archive", {VICTIM: rinex(span_s(DAY_ONE_S, 1), marker="")})
    facts = read_file(source_file(chosen), context_of(chosen)).facts
    assert (facts.marker, facts.receiver_type, facts.antenna_type, facts.epochs) == ("", "", "", 120)


def test_a_file_of_two_headers_spans_both(tmp_path):
    """In whichever order they stand."""
    chosen = settings(tmp_path)
    early, late = (rinex(span_s(DAY_ONE_S + 3600 * hour, 1)) for hour in (0, 5))
    for content in (early + late, late + early):
        write(tmp_path / "archive", {VICTIM: content})
        result = read_file(source_file(chosen), context_of(chosen))
        span = result.facts.span
        assert (span.first_ns, span.last_ns) == (DAY_ONE_S * 10**9, (DAY_ONE_S + 6 * 3600 - 30) * 10**9)
        assert (len(result.parts), result.facts.epochs) == (2, 240)

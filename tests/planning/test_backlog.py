"""The template of a new group, from settings and a sample."""

from dataclasses import replace

import numpy as np

from gnssice_batch.errors import Reason
from gnssice_batch.model.grid import SECOND_NS
from gnssice_batch.model.values import FileFacts, FileOutcome, Refusal, SourceFile, Span, Status
from gnssice_batch.planning.backlog import new_template
from gnssice_batch.planning.rules import rules_of
from gnssice_batch.planning.sampling import Marks
from gnssice_batch.planning.survey import FileSurvey, rejected
from gnssice_batch.signals import MAPPING_NAME, MAPPING_VERSION
from tests.support.runs import settings
from tests.support.templates import DAY_ONE_NS


def survey(uri, first_ns=DAY_ONE_NS, interval_s=30, sids=("G01|L1|C",), **facts):
    span = Span(first_ns, first_ns + 99 * interval_s * SECOND_NS)
    outcome = FileOutcome(SourceFile(uri, "rec", 1, "", first_ns), Status.OK, FileFacts(span=span, **facts))
    times_ns = first_ns + np.arange(100) * interval_s * SECOND_NS
    return FileSurvey(outcome, frozenset(sids), interval_s * SECOND_NS, Marks(times_ns, 100))


def made(folder, *surveys, **sections):
    return new_template(
        rules_of(settings(folder, grid={"interval_s": None, "phase_s": None}, **sections)), "rec", surveys
    )


def test_rejected_files_say_nothing_of_it_unless_there_are_no_others(tmp_path):
    refused = rejected(survey("b", sids=("E01|E1|C",), first_ns=0), Refusal(Reason.OTHER_MARKER))
    template = made(tmp_path, survey("a", sids=("G02|L1|C", "G01|L1|C")), refused)
    assert template.axis.sids == ("G01|L1|C", "G02|L1|C")
    assert template.grid.origin_ns > 0
    assert made(tmp_path, refused).axis.sids == ("E01|E1|C",)


def test_its_attributes_are_those_that_readers_look_for(tmp_path):
    chosen = {
        "site": "here",
        "attributes": {"Institution": "none"},
        "reader": {"signal_overrides": {"G": {"C1C": "C1W"}}},
    }
    template = made(
        tmp_path, survey("a", marker="STAT"), survey("b", marker="STAT"), survey("c", marker="ELSE"), **chosen
    )
    told = dict(template.attributes)
    assert str(told.pop("Created")).endswith("+00:00")
    assert str(told.pop("Software")).startswith("gnssice_batch ")
    assert "epoch_flag" in str(told.pop("coordinates")).split()
    assert told == {
        "Institution": "none",
        "File Hash": "see metadata/files",
        "Conventions": "CF-1.11",
        "receiver": "rec",
        "site": "here",
        "time_system": "GPST",
        "mapping": MAPPING_NAME,
        "mapping_version": MAPPING_VERSION,
        "mapping_overrides": "G C1C=C1W",
        "marker": "STAT",
    }


def test_its_arrays_are_encoded_as_the_settings_say(tmp_path):
    icechunk = {"compression_algorithm": "gzip", "compression_level": 2}
    template = made(tmp_path, survey("a"), encoding={"profile": "compact"}, icechunk=icechunk, chunks={"epoch": 1440})
    assert (template.profile, template.algorithm, template.level, template.grid.unit) == ("compact", "gzip", 2, 1440)
    assert (template.grid.interval_ns, template.grid.phase_ns) == (30 * SECOND_NS, 0)


def test_a_file_that_is_sampled_faster_gives_it_nothing(tmp_path):
    fast = survey("b", interval_s=1, sids=("E01|E1|C",))
    fast = replace(fast, outcome=replace(fast.outcome, facts=replace(fast.outcome.facts, interval_s=1.0)))
    assert made(tmp_path, survey("a"), survey("c"), fast).axis.sids == ("G01|L1|C",)

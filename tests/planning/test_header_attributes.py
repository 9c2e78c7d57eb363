"""What a new group's attributes say of its first file's header."""

import numpy as np

from gnssice_batch.model.values import FileFacts, FileOutcome, HeaderFacts, SourceFile, Span, Status
from gnssice_batch.planning.header_attributes import first_header, header_attributes
from gnssice_batch.planning.sampling import Marks
from gnssice_batch.planning.survey import FileSurvey

HEADER = HeaderFacts(
    marker="ROSA",
    marker_number="12345M001",
    receiver_number="7",
    receiver_type="RECEIVER",
    receiver_version="1.0",
    antenna_number="2",
    antenna_type="ANTENNA    NONE",
    position_xyz_m=(4000000.0, 600000.5, -4500000.0),
    antenna_delta_hen_m=(0.1, 0.0, -0.2),
    signal_strength_unit="DBHZ",
    rx_clock_offset_applied=False,
    phase_shifts=("G L1C",),
    wavelength_factors=("1 2 G14",),
    kept_records=("SYS / DCBS APPLIED: G somebody",),
    rinex2_names=("G C1=C1C",),
)


def test_the_names_are_those_of_canvodpy_where_it_has_one():
    assert header_attributes(HEADER) == {
        "Marker Name": "ROSA",
        "Marker Number": "12345M001",
        "Receiver Number": "7",
        "Receiver Type": "RECEIVER",
        "Receiver Version": "1.0",
        "Antenna Number": "2",
        "Antenna Type": "ANTENNA    NONE",
        "Approximate Position": "(X = 4000000.0 m, Y = 600000.5 m, Z = -4500000.0 m)",
        "approx_position_xyz": [4000000.0, 600000.5, -4500000.0],
        "antenna_delta_hen": [0.1, 0.0, -0.2],
        "signal_strength_unit": "DBHZ",
        "rx_clock_offset_applied": 0,
        "phase_shifts": ["G L1C"],
        "wavelength_factors": ["1 2 G14"],
        "correction_records": ["SYS / DCBS APPLIED: G somebody"],
        "rinex2_names": ["G C1=C1C"],
        "header_attributes": "of the first file of the group; those of every file are in metadata/files, as header",
    }


def test_what_a_header_does_not_tell_is_left_out():
    assert header_attributes(HeaderFacts()) == {}
    assert list(header_attributes(HeaderFacts(marker="ROSA"))) == ["Marker Name", "header_attributes"]


def survey(marker, first_ns):
    span = None if first_ns is None else Span(first_ns, first_ns + 9)
    outcome = FileOutcome(SourceFile(marker, "rec", 1, ""), Status.OK, FileFacts(span=span, header=HeaderFacts(marker)))
    return FileSurvey(outcome, frozenset(), 0, Marks(np.empty(0, np.int64), 0))


def test_the_first_file_is_that_of_the_earliest_epoch():
    assert first_header([survey("none", None), survey("later", 5), survey("first", 2)]).marker == "first"

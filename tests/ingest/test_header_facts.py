"""What of a file's header goes to the ledger, and how its codes were read."""

from gnssice_batch.ingest.header_facts import header_facts, mapping_text, overrides_text
from gnssice_batch.rinex import read
from gnssice_batch.signals import MAPPING_NAME, MAPPING_VERSION
from tests.support.samples import WHOLE, epoch2, epoch3, field, header2, header3, record


def facts(*parts, overrides=None):
    return header_facts(read("".join(parts).encode()).parts, overrides or {})


def test_what_numbers_can_not_be_used_without_is_kept():
    header = header3(
        record("12345M001", "MARKER NUMBER"),
        record(f"{'1':<20}{'RECEIVER':<20}{'1.0':<20}", "REC # / TYPE / VERS"),
        record(f"{'2':<20}{'ANTENNA    NONE':<20}", "ANT # / TYPE"),
        record("  4696989.6880   723994.1970  4239678.3040", "APPROX POSITION XYZ"),
        record("        0.1000        0.0000        0.0000", "ANTENNA: DELTA H/E/N"),
        record("DBHZ", "SIGNAL STRENGTH UNIT"),
        record("     1", "RCV CLOCK OFFS APPL"),
        record("G L2X -0.25000  02 G01 G02", "SYS / PHASE SHIFT"),
        record("G L1C", "SYS / PHASE SHIFT"),
        record("G somebody", "SYS / DCBS APPLIED"),
    )
    found = facts(header, epoch3(0, 1), WHOLE)
    assert (found.marker, found.marker_number) == ("TEST", "12345M001")
    assert (found.receiver_number, found.receiver_type, found.receiver_version) == ("1", "RECEIVER", "1.0")
    assert (found.antenna_number, found.antenna_type) == ("2", "ANTENNA    NONE")
    assert found.position_xyz_m == (4696989.688, 723994.197, 4239678.304)
    assert (found.antenna_delta_hen_m, found.signal_strength_unit) == ((0.1, 0.0, 0.0), "DBHZ")
    assert found.rx_clock_offset_applied is True
    assert found.phase_shifts == ("G L2X -0.25 G01 G02", "G L1C")
    assert found.kept_records == ("SYS / DCBS APPLIED: G somebody",)
    assert (found.wavelength_factors, found.rinex2_names) == ((), ())


def test_a_squaring_receiver_is_told_and_how_names_of_rinex_2_were_read():
    header = header2(record("     1     2     1   G14", "WAVELENGTH FACT L1/2"), types="     3    C1    C2    L2")
    found = facts(header, epoch2(0, "G01"), field(1) + field(2) + field(3) + "\n", overrides={"G": {"C2": "C2L"}})
    assert found.wavelength_factors == ("1 2 G14",)
    assert found.rinex2_names == ("G C1=C1C", "G C2=C2L", "G L2=L2L")


def test_what_is_not_in_the_header_is_empty():
    found = facts(header3(), epoch3(0, 1), WHOLE)
    assert (found.position_xyz_m, found.antenna_delta_hen_m, found.rx_clock_offset_applied) == ((), (), None)


def test_the_mapping_is_told_with_the_rules_of_the_settings():
    assert mapping_text({}) == f"{MAPPING_NAME} {MAPPING_VERSION}"
    assert overrides_text({"R": {"L1": "L1P"}, "G": {"C2": "C2L", "C1": "C1X"}}) == "G C1=C1X, G C2=C2L, R L1=L1P"
    assert mapping_text({"R": {"L1": "L1P"}}) == f"{MAPPING_NAME} {MAPPING_VERSION}, R L1=L1P"

"""Every real observation file, cell by cell: this reader, the reference reader behind hatanaka, and georinex."""

import logging
import re
from dataclasses import replace
from pathlib import Path

import hatanaka
import pytest

from gnssice_batch.errors import ReadError, Reason
from gnssice_batch.rinex import ReadOptions, read
from tests.support import cells
from tests.support.marks import most_heavy

SHARED = Path(__file__).parents[3] / "shared" / "data" / "rinex"
NO_OBSERVATIONS = ("nav", "sp3", "met")
DEFAULT_BYTES = 130_000
"""Stored size up to which a file is compared in the default run: pure Python reads some MB/s."""
DEFAULT_SERIES = ("ract001a00.25d.gz", "ract002e45.25d.gz", "ract001l15.25d.gz")

pytestmark = pytest.mark.corpus

REFUSED = {
    "SGL-UT__gnsstk-data/invalid/test_input_rinex2_obs_UnSupVersion.06o": Reason.UNSUPPORTED_VERSION,
    "geospace-code__georinex/obs/badtime.10o": Reason.NO_EPOCHS,
    "geospace-code__georinex/obs/blank.10o": Reason.NO_EPOCHS,
    "neilberkman__sidereon/invalid/regression-crinex-v1-char-boundary.crx": Reason.NO_EPOCHS,
    "nfb2021__canvodpy-test-data/invalid/binary_garbage.25o": Reason.NOT_RINEX,
    "nfb2021__canvodpy-test-data/invalid/empty.25o": Reason.EMPTY,
    "nfb2021__canvodpy-test-data/invalid/header_only.25o": Reason.NO_EPOCHS,
    "nfb2021__canvodpy-test-data/invalid/missing_end_of_header.25o.gz": Reason.NO_END_OF_HEADER,
    "nfb2021__canvodpy-test-data/invalid/missing_obs_types.25o.gz": Reason.NO_OBS_TYPES,
    "nfb2021__canvodpy-test-data/invalid/truncated_header.25o": Reason.NO_END_OF_HEADER,
    "nfb2021__canvodpy-test-data/invalid/truncated_mid_epoch.25o": Reason.NO_EPOCHS,
    "nfb2021__canvodpy-test-data/invalid/wrong_version_v2.25o.gz": Reason.NO_EPOCHS,
    "sharov-am__Rinex-3.0-Parser/TRDS00NOR_S_20181710000_01D_30S_MO.crx": Reason.NO_EPOCHS,
    "sharov-am__Rinex-3.0-Parser/head.14o": Reason.NO_EPOCHS,
}
"""Files without any usable observation. All others are equal to the reference, without exception."""


def observation_files() -> list[str]:
    """Return the paths of the files that are, or should be, observations."""
    if not SHARED.is_dir():
        return []
    paths = (path for path in SHARED.rglob("*") if path.is_file() and path.suffix != ".csv")
    names = (path.relative_to(SHARED) for path in paths)
    return sorted(str(name) for name in names if name.parts[1] not in NO_OBSERVATIONS)


def marked() -> list[object]:
    """Return the files, those that take long marked so."""
    return [name if is_quick(name) else pytest.param(name, marks=pytest.mark.long) for name in observation_files()]


def is_quick(name: str) -> bool:
    if "ract_15min_5s" in name:
        return name.endswith(DEFAULT_SERIES)
    return (SHARED / name).stat().st_size <= DEFAULT_BYTES


def text_of(content: bytes) -> tuple[bytes, str]:
    """Return RINEX text and version, by hatanaka.

    It does not know that CRINEX 3.1 is CRINEX 3.0 around RINEX 4, and takes the picoseconds behind a receiver clock
    offset for a part of the offset.
    """
    if content.startswith(b"3.1 "):
        content = content.replace(b"3.1 ", b"3.0 ", 1).replace(b"     4.02 ", b"     3.05 ", 1)
        content = re.sub(rb"\n(3&\d+) \d{5}\n", rb"\n\1\n", content)
    text = bytes(hatanaka.decompress(content))
    return text, text.removeprefix(b"\xef\xbb\xbf")[:9].decode().strip()


@pytest.mark.parametrize("name", marked())
def test_a_file_is_read_as_the_reference_reads_it(name):
    content = (SHARED / name).read_bytes()
    if name in REFUSED:
        with pytest.raises(ReadError) as caught:
            read(content)
        assert caught.value.reason == REFUSED[name]
        return
    expected = list(cells.reference(*text_of(content)))
    assert expected
    assert list(cells.differences(list(cells.ours(read(content))), expected)) == []


@pytest.mark.parametrize("name", [name for name in REFUSED if SHARED.is_dir()])
def test_the_reference_finds_nothing_in_what_is_refused(name):
    content = (SHARED / name).read_bytes()
    try:
        text, version = text_of(content)
        found = list(cells.reference(text, version))
    except (ValueError, hatanaka.hatanaka.HatanakaException):
        found = []
    assert all(epoch.cells == {} for epoch in found)


GEORINEX_LIMIT_BYTES = 40_000

GEORINEX_LLI = ("L1", "L2")
"""georinex keeps the LLI of these phases only."""

BLANK_NUMBERS = "raises: a header without a satellite system in column 41"
SATELLITE_COUNT = "raises: believes the number of satellites rather than the next epoch record"
NO_EPOCH = "takes the first line that begins no epoch it knows for the end of the file: no epoch at all"
TYPE_COUNT = "raises: the number of observation types is not that of the types listed"
FLAG = "takes every record for an epoch, whatever its flag"

GEORINEX_FAULTS = {
    "SGL-UT__gnsstk-data/invalid/test_input_rinex2_obs_BadEpochFlag.06o": BLANK_NUMBERS,
    "SGL-UT__gnsstk-data/invalid/test_input_rinex2_obs_BadEpochLine.06o": BLANK_NUMBERS,
    "SGL-UT__gnsstk-data/invalid/test_input_rinex2_obs_BadLineSize.06o": BLANK_NUMBERS,
    "SGL-UT__gnsstk-data/invalid/test_input_rinex2_obs_FilterTest2.06o": BLANK_NUMBERS,
    "SGL-UT__gnsstk-data/invalid/test_input_rinex2_obs_InvalidTimeFormat.06o": "raises: the damaged epoch record",
    "SGL-UT__gnsstk-data/invalid/test_input_rinex2_obs_RinexObsFile.06o": BLANK_NUMBERS,
    "SGL-UT__gnsstk-data/obs/mixed211.05o": "raises: event records become epochs, two of one time",
    "SGL-UT__gnsstk-data/obs/test_dfix_karr0880.ed.10o": "raises: has no room for the satellite numbers of SBAS",
    "SGL-UT__gnsstk-data/obs/test_input_rinex2_obs_RinexContData.06o": BLANK_NUMBERS,
    "geospace-code__georinex/obs/wrong_obs2_count.10o": TYPE_COUNT,
    "neilberkman__sidereon/synthetic/crinex_event_clocks_v4.crx": "hatanaka does not know CRINEX 3.1",
    "neilberkman__sidereon/synthetic/crinex_flag_state_v3.crx": FLAG,
    "nfb2021__canvodpy-test-data/invalid/bitflip_numeric.25o": "raises: bytes that are not ASCII",
    "nfb2021__canvodpy-test-data/invalid/blank_lines_in_data.25o": NO_EPOCH,
    "nfb2021__canvodpy-test-data/invalid/duplicate_obs_types.25o": TYPE_COUNT,
    "nfb2021__canvodpy-test-data/invalid/huge_satellite_count.25o": SATELLITE_COUNT,
    "nfb2021__canvodpy-test-data/invalid/invalid_epoch_flag.25o": FLAG,
    "nfb2021__canvodpy-test-data/invalid/invalid_month.25o": NO_EPOCH,
    "nfb2021__canvodpy-test-data/invalid/leap_second.25o": NO_EPOCH,
    "nfb2021__canvodpy-test-data/invalid/mixed_valid_corrupt.25o": SATELLITE_COUNT,
    "nfb2021__canvodpy-test-data/invalid/multiple_end_of_header.25o": NO_EPOCH,
    "nfb2021__canvodpy-test-data/invalid/negative_seconds.25o": NO_EPOCH,
    "nfb2021__canvodpy-test-data/invalid/non_numeric_observations.25o": "drops the LLI of a field that is no number",
    "nfb2021__canvodpy-test-data/invalid/obs_type_count_mismatch.25o": TYPE_COUNT,
    "nfb2021__canvodpy-test-data/invalid/reversed_epochs.25o": "sorts the epochs",
    "nfb2021__canvodpy-test-data/invalid/satellite_count_mismatch.25o": SATELLITE_COUNT,
    "nfb2021__canvodpy-test-data/invalid/truncated_sat_line.25o": "takes 25817476. at the cut for a whole number",
    "nfb2021__canvodpy-test-data/invalid/zero_satellites.25o": "drops an epoch without satellites",
    "sharov-am__Rinex-3.0-Parser/inconsitent_gps.16o": "raises: the byte order mark",
}
"""Where georinex reads otherwise, and why."""


def georinex_files() -> list[str]:
    """Return the files that georinex needs about a second for, at most."""
    names = (name for name in observation_files() if name not in REFUSED and "ract_15min_5s" not in name)
    return [name for name in names if (SHARED / name).stat().st_size <= GEORINEX_LIMIT_BYTES]


@pytest.mark.parametrize("name", most_heavy(georinex_files(), 10))
def test_georinex_reads_the_same_unless_its_fault_is_known(name, caplog):
    content = (SHARED / name).read_bytes()
    with caplog.at_level(logging.CRITICAL):
        faults = georinex_faults(content)
    assert (faults != []) == (name in GEORINEX_FAULTS), faults[:3]


def georinex_faults(content: bytes) -> list[str]:
    """Return what georinex reads otherwise than this reader, what it does not keep left aside."""
    expected = as_georinex_sees_it(list(cells.ours(read(content))))
    try:
        found = as_georinex_sees_it(list(cells.ours(read(content, ReadOptions(reader="georinex")))))
    except ReadError as error:
        return [str(error)]
    return list(cells.differences(found, expected))


def as_georinex_sees_it(epochs: list[cells.EpochCells]) -> list[cells.EpochCells]:
    """Take away what georinex does not keep: flags, clock offsets, most LLI, and times finer than a microsecond."""
    return [
        replace(
            epoch,
            time_100ns=epoch.time_100ns // 10 * 10,
            flag=0,
            clock_ps=None,
            cells={key: cell for key, one in epoch.cells.items() if any(cell := without_lli(key[1], one))},
        )
        for epoch in epochs
    ]


def without_lli(code: str, cell: cells.CellTuple) -> cells.CellTuple:
    value, lli, ssi = cell
    return value, lli if code[:2] in GEORINEX_LLI else None, ssi

"""Names are read by the conventions of RINEX 2, RINEX 3 and canvodpy."""

import csv
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gnssice_batch.rinex.names import NameHint, parse_name

SHARED = Path(__file__).parents[3] / "shared" / "data" / "rinex"
DAY, HOUR = 86_400, 3600


def at(text: str) -> int:
    """Return seconds from 1980-01-06 to an ISO date."""
    return round((datetime.fromisoformat(text).replace(tzinfo=UTC) - datetime(1980, 1, 6, tzinfo=UTC)).total_seconds())


def short(station, start, period_s, kind="observation"):
    return NameHint(station, at(start), period_s, None, kind, "rinex2")


def long(station, start, period_s, interval_s, kind="observation"):
    return NameHint(station, at(start), period_s, interval_s, kind, "rinex3")


def canvodpy(station, start, period_s, interval_s, kind="observation"):
    return NameHint(station, at(start), period_s, interval_s, kind, "canvodpy")


KNOWN = {
    # RINEX 2: daily, hourly, parts of an hour, other sessions
    "zimm0010.21o": short("ZIMM", "2021-01-01", DAY),
    "zimm0010.21d.Z": short("ZIMM", "2021-01-01", DAY),
    "ZIMM0010.21O.GZ": short("ZIMM", "2021-01-01", DAY),
    "zimm0010.21D.bz2": short("ZIMM", "2021-01-01", DAY),
    "kosg0010.95o.zip": short("KOSG", "1995-01-01", DAY),
    "kosg3660.80o": short("KOSG", "1980-12-31", DAY),
    "kosg3650.79o": short("KOSG", "2079-12-31", DAY),
    "zimm001a.21o": short("ZIMM", "2021-01-01", HOUR),
    "zimm001X.21o": short("ZIMM", "2021-01-01T23:00", HOUR),
    "ract001a00.25o": short("RACT", "2025-01-01", 900),
    "ract001b15.25d.gz": short("RACT", "2025-01-01T01:15", 900),
    "ract365x45.25o": short("RACT", "2025-12-31T23:45", 900),
    "ract001a05.25o": short("RACT", "2025-01-01T00:05", None),
    "arlm200z.15o": short("ARLM", "2015-07-19", None),
    "14601736.18o": short("1460", "2018-06-22", None),
    "07590920.05o": short("0759", "2005-04-02", DAY),
    "brdc0910.09g": short("BRDC", "2009-04-01", DAY, "navigation"),
    "brdc0910.09N": short("BRDC", "2009-04-01", DAY, "navigation"),
    "ract001a00.25p": short("RACT", "2025-01-01", 900, "navigation"),
    "abvi0010.15m": short("ABVI", "2015-01-01", DAY, "meteo"),
    "abvi0010.15s": short("ABVI", "2015-01-01", DAY, "other"),
    "site/01_raw/25001/ract001a00.25o": short("RACT", "2025-01-01", 900),
    "s3://noaa-cors-pds/rinex/2021/001/zimm/zimm0010.21o.gz": short("ZIMM", "2021-01-01", DAY),
    "D:\\raw\\zimm0010.21o": short("ZIMM", "2021-01-01", DAY),
    # RINEX 3: all units
    "AJAC00FRA_R_20242090000_01D_30S_MO.crx.gz": long("AJAC00FRA", "2024-07-27", DAY, 30.0),
    "GRAS00FRA_R_20223151700_15M_01S_MO.crx.gz": long("GRAS00FRA", "2022-11-11T17:00", 900, 1.0),
    "gras00fra_s_20223151700_15m_01s_mo.rnx": long("GRAS00FRA", "2022-11-11T17:00", 900, 1.0),
    "GRAS00FRA_U_20223152359_01H_05Z_GO.rnx.Z": long("GRAS00FRA", "2022-11-11T23:59", HOUR, 0.2),
    "GRAS00FRA_R_20223151700_15M_50Z_MO.rnx": long("GRAS00FRA", "2022-11-11T17:00", 900, 0.02),
    "GRAS00FRA_R_20223151700_15M_01C_MO.rnx": long("GRAS00FRA", "2022-11-11T17:00", 900, 0.01),
    "GRAS00FRA_R_20223151700_01D_15M_MO.rnx": long("GRAS00FRA", "2022-11-11T17:00", DAY, 900.0),
    "GRAS00FRA_R_20223151700_01D_01H_MO.rnx": long("GRAS00FRA", "2022-11-11T17:00", DAY, 3600.0),
    "GRAS00FRA_R_20230010000_01Y_01D_MO.rnx": long("GRAS00FRA", "2023-01-01", 365 * DAY, 86400.0),
    "GRAS00FRA_R_20240010000_01Y_30S_MO.rnx": long("GRAS00FRA", "2024-01-01", 366 * DAY, 30.0),
    "GRAS00FRA_R_20230010000_02Y_30S_MO.rnx": long("GRAS00FRA", "2023-01-01", 731 * DAY, 30.0),
    "GRAS00FRA_R_20223151700_00U_00U_MO.rnx": long("GRAS00FRA", "2022-11-11T17:00", None, None),
    "GRAS00FRA_R_20223151700_01U_01U_MO.rnx": long("GRAS00FRA", "2022-11-11T17:00", None, None),
    "LAMA00POL_S_20261881407_04E_01S_MO.rnx": long("LAMA00POL", "2026-07-07T14:07", None, 1.0),
    "AJAC00FRA_R_20242090000_01D_01S_MO.crx.tar": long("AJAC00FRA", "2024-07-27", DAY, 1.0),
    "AJAC00FRA_R_20242090000_01D_01S_MO.crx.tar.gz": long("AJAC00FRA", "2024-07-27", DAY, 1.0),
    "AMEL00NLD_R_20210010000_01D_MN.rnx.gz": long("AMEL00NLD", "2021-01-01", DAY, None, "navigation"),
    "AMEL00NLD_R_20210010000_01D_05M_MM.rnx": long("AMEL00NLD", "2021-01-01", DAY, 300.0, "meteo"),
    "ABMF00GLP_R_20181330000_01D_30S_MO.zip": long("ABMF00GLP", "2018-05-13", DAY, 30.0),
    # canvodpy
    "MOZA01CAL_R_20250011100_01H_15S_AA.rnx.gz": canvodpy("MOZA01CAL", "2025-01-01T11:00", HOUR, 15.0),
    "ROSR01TUW_R_20250010000_15M_05S_AA.sbf": canvodpy("ROSR01TUW", "2025-01-01", 900, 5.0, "other"),
    "ROSA01TUW_R_20250010000_15M_05S_AA.crx": canvodpy("ROSA01TUW", "2025-01-01", 900, 5.0),
}

UNKNOWN = [
    "",
    "README.md",
    "zimm0010",
    "zimm0010.21",
    "zimm0000.21o",
    "zimm3660.21o",
    "zimm4000.21o",
    "zimm001a60.21o",
    "zimm001015.21o",
    "zimm001y00.21o",
    "zi_0010.21o",
    "zimmm0010.21o",
    "york0440.zip",
    "MACROCOSM-2_raw_202401281751.24O",
    "test_dfix_txau047.ed.10o",
    "ESA0OPSRAP_20232390000_01D_15M_ORB.SP3.gz",
    "KUNZ00CZE.crx",
    "AJAC00FRA_R_20233660000_01D_30S_MO.crx.gz",
    "AJAC00FRA_R_20242092400_01D_30S_MO.crx.gz",
    "AJAC00FRA_R_20242090060_01D_30S_MO.crx.gz",
    "AJAC00FRA_X_20242090000_01D_30S_MO.crx.gz",
    "AJAC00FRA_R_20242090000_01D_30S_MO.sp3",
    "AJAC00FRA_R_00000010000_01D_30S_MO.rnx",
    "ZIM200CHE_R_20261330000_01H_30S_MO_120epoch.rnx.gz",
]


@pytest.mark.parametrize("name", KNOWN)
def test_a_name_of_a_known_form_is_read(name):
    assert parse_name(name) == KNOWN[name]


@pytest.mark.parametrize("name", UNKNOWN)
def test_any_other_name_says_nothing(name):
    assert parse_name(name) is None


@given(st.text(max_size=60) | st.from_regex(r"\w{8}(\d\d)?\.\d\d[a-z](\.gz)?", fullmatch=True))
def test_no_name_raises(name):
    hint = parse_name(name)
    assert hint is None or hint.style == "rinex2"


@given(
    start=st.datetimes(datetime(1980, 1, 6), datetime(2079, 12, 31)),  # noqa: DTZ001 - calendar dates as written
    minutes=st.sampled_from([0, 15, 30, 45]),
)
def test_a_date_written_into_a_name_is_read_back(start, minutes):
    start = start.replace(minute=minutes, second=0, microsecond=0)
    brief = parse_name(f"zimm{start:%j}{chr(ord('a') + start.hour)}{start:%M}.{start:%y}o")
    full = parse_name(f"ZIMM00CHE_R_{start:%Y%j%H%M}_15M_01S_MO.rnx")
    assert brief.start_s == full.start_s == (start - datetime(1980, 1, 6)) / timedelta(seconds=1)  # noqa: DTZ001


def shared_names() -> list[tuple[str, dict[str, str]]]:
    if not SHARED.exists():
        return []
    with (SHARED / "MANIFEST.csv").open(newline="") as rows:
        return [(row["file"], row) for row in csv.DictReader(rows)]


FREE_NAMES = re.compile(
    r"(invalid|synthetic|sp3)/|/test_|_120epoch|_trim|valgur__hatanaka|yamatogawa|weisongwen|paarnes|sharov-am.*(head|inc)"
    r"|MACROCOSM|/(badtime|blank|demo|demo3|minimal2|minimal3|rinex2onesat|wrong_obs2_count|mixed211|merge|gps)[.]"
    r"|/(galileo3|qzss_nav3|spare_filled_nav3|valid-v4-cnav|rinex_obs_mixed_types|york0440|KUNZ00CZE)[.](?!15d)"
    r"|/16dBatt|/ucsf_bard|/rover[.]"
)


@pytest.mark.corpus
@pytest.mark.skipif(not SHARED.exists(), reason="the shared data are not here")
def test_names_of_the_real_files_are_read_unless_they_follow_no_convention():
    for name, _ in shared_names():
        assert (parse_name(name) is None) == bool(FREE_NAMES.search(name)), name


@pytest.mark.corpus
@pytest.mark.skipif(not SHARED.exists(), reason="the shared data are not here")
def test_names_of_the_real_observation_files_agree_with_what_is_in_them():
    compared = 0
    disagree = set()
    for name, row in shared_names():
        hint = parse_name(name)
        if hint is None or not row["file_type"].startswith("OBS") or not row["first_epoch"]:
            continue
        compared += 1
        if not hint.start_s <= at(row["first_epoch"]) < hint.start_s + (hint.period_s or DAY):
            disagree.add(name)
    assert compared > 150
    # Recorded in 2021, named 2012 by those who published them.
    assert disagree == {"nav-solutions__data/obs/flrs0010.12o", "nav-solutions__data/obs/flrs0010.12d"}

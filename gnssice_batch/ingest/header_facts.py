"""What the headers of a file say that values can't be used without, as the ledger keeps it."""

from collections.abc import Iterator, Mapping

from gnssice_batch.model.values import HeaderFacts
from gnssice_batch.rinex import Header, Observations
from gnssice_batch.signals import MAPPING_NAME, MAPPING_VERSION, columns

type Overrides = Mapping[str, Mapping[str, str]]


def header_facts(parts: tuple[Observations, ...], overrides: Overrides) -> HeaderFacts:
    """The facts of a file's first part, as in force at its end.

    Parameters
    ----------
    overrides
        The signal overrides that it was read with.
    """
    header = parts[0].header
    return HeaderFacts(
        marker=header.marker_name,
        marker_number=header.marker_number,
        receiver_number=header.receiver_number,
        receiver_type=header.receiver_type,
        receiver_version=header.receiver_version,
        antenna_number=header.antenna_number,
        antenna_type=header.antenna_type,
        position_xyz_m=header.position_xyz_m or (),
        antenna_delta_hen_m=header.antenna_delta_hen_m or (),
        signal_strength_unit=header.signal_strength_unit,
        rx_clock_offset_applied=header.rx_clock_offset_applied,
        phase_shifts=tuple(_phase_shifts(header)),
        wavelength_factors=tuple(_words(one.l1, one.l2, *one.svs) for one in header.wavelength_factors),
        kept_records=header.kept_records,
        rinex2_names=tuple(_rinex2_names(parts, overrides)),
    )


def mapping_text(overrides: Overrides) -> str:
    """How codes are read as signals: the mapping, its version, and the overrides, e.g. ``name 2, G C2=C2L``."""
    return ", ".join(filter(None, (f"{MAPPING_NAME} {MAPPING_VERSION}", overrides_text(overrides))))


def overrides_text(overrides: Overrides) -> str:
    """The overrides in one line, e.g. ``G C2=C2L``; empty for none."""
    return ", ".join(
        f"{system} {declared}={code}"
        for system, pairs in sorted(overrides.items())
        for declared, code in sorted(pairs.items())
    )


def _phase_shifts(header: Header) -> Iterator[str]:
    for shift in header.phase_shifts:
        cycles = () if shift.cycles is None else (f"{shift.cycles:g}",)
        yield _words(shift.system, shift.code, *cycles, *shift.svs)


def _rinex2_names(parts: tuple[Observations, ...], overrides: Overrides) -> Iterator[str]:
    """What each type of a RINEX 2 header is read as, for the systems that were observed."""
    header = parts[0].header
    if header.major >= 3:
        return
    for system in sorted({sv[0] for part in parts for sv in part.svs}):
        codes = header.codes(system)
        for code, signal in zip(codes, columns(system, codes, header.version, overrides), strict=True):
            if signal is not None:
                yield f"{system} {code}={signal.code}"


def _words(*words: object) -> str:
    return " ".join(map(str, words))

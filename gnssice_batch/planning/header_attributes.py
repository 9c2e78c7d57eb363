"""Attributes of a new group that its first file's header tells, by canvodpy's names where it has one."""

from collections.abc import Iterable

from gnssice_batch.model.values import HeaderFacts
from gnssice_batch.planning.survey import FileSurvey

_NOTE = "of the first file of the group; those of every file are in metadata/files, as header"


def first_header(surveys: Iterable[FileSurvey]) -> HeaderFacts:
    """What the header of the earliest surveyed file says."""
    facts = [survey.outcome.facts for survey in surveys]
    earliest = min((one for one in facts if one.span), key=lambda one: one.span.first_ns if one.span else 0)
    return earliest.header


def header_attributes(header: HeaderFacts) -> dict[str, object]:
    """The attributes; what the header does not tell is left out.

    Positions and the antenna's offsets are in metres: ``Approximate Position`` as canvodpy writes and reads it,
    ``approx_position_xyz`` and ``antenna_delta_hen`` as numbers (RINEX 3 table A2).
    """
    told: dict[str, object] = {
        "Marker Name": header.marker,
        "Marker Number": header.marker_number,
        "Receiver Number": header.receiver_number,
        "Receiver Type": header.receiver_type,
        "Receiver Version": header.receiver_version,
        "Antenna Number": header.antenna_number,
        "Antenna Type": header.antenna_type,
        "Approximate Position": _xyz(header.position_xyz_m),
        "approx_position_xyz": list(header.position_xyz_m),
        "antenna_delta_hen": list(header.antenna_delta_hen_m),
        "signal_strength_unit": header.signal_strength_unit,
        "rx_clock_offset_applied": _as_integer(header.rx_clock_offset_applied),
        "phase_shifts": list(header.phase_shifts),
        "wavelength_factors": list(header.wavelength_factors),
        "correction_records": list(header.kept_records),
        "rinex2_names": list(header.rinex2_names),
    }
    kept = {name: value for name, value in told.items() if value not in ("", [], None)}
    return kept | ({"header_attributes": _NOTE} if kept else {})


def _xyz(position: tuple[float, ...]) -> str:
    """``(X = 4000000.0 m, Y = 600000.0 m, Z = 4500000.0 m)``."""
    return (
        f"({', '.join(f'{name} = {metres} m' for name, metres in zip('XYZ', position, strict=True))})"
        if position
        else ""
    )


def _as_integer(flag: bool | None) -> int | None:  # noqa: FBT001 - it is the value itself
    return None if flag is None else int(flag)

"""The accessor ``dataset.gnss``: what is often asked of observations."""

from collections.abc import Iterable
from typing import Final, Literal

import numpy as np
import numpy.typing as npt
import xarray as xr

from gnssice_batch.model.template import NO_FCN
from gnssice_batch.signals import SYSTEMS, frequencies, split_sid
from gnssice_batch.wording import several

_LIGHT_M_S: Final = 299_792_458.0
_NAMES: Final = dict(
    zip(("GPS", "GLONASS", "GALILEO", "BEIDOU", "QZSS", "NAVIC", "IRNSS", "SBAS"), "GRECJIIS", strict=True)
)
_FDMA_BANDS: Final = frozenset({"G1", "G2"})
_SAME_MHZ: Final = 1e-3
_SHOWN: Final = 10

type Kind = Literal["Phase", "Pseudorange"]


class GnssAccessor:
    """What ``dataset.gnss`` knows of a dataset of `open_dataset`, or a selection of it; everything stays lazy.

    It is there once `gnssice_batch.open_dataset` was used, or imported: also where a dataset comes out of a pickle.

    Examples
    --------
    >>> from gnssice_batch import open_dataset
    >>> ds = open_dataset("stores/rosalia/rinex", "canopy_01")
    >>> sorted(set(ds.gnss.by_system("GPS").system.values.tolist()))
    ['G']
    >>> float(ds.gnss.by_band("L1").gnss.frequency_hz[0])
    1575420000.0
    """

    def __init__(self, dataset: xr.Dataset) -> None:
        self._dataset = dataset

    def by_system(self, *systems: str) -> xr.Dataset:
        """The signals of some systems, by letter (``"G"``) or name (``"GPS"``).

        Raises
        ------
        ValueError
            When there is no such system; one without signals here gives none.
        """
        wanted = {_NAMES.get(system.upper(), system.upper()) for system in systems}
        if unknown := sorted(wanted - set(SYSTEMS)):
            known = several([*SYSTEMS, *_NAMES], len(SYSTEMS) + len(_NAMES))
            msg = f"there is no satellite system {several(unknown, _SHOWN)}; there are {known}"
            raise ValueError(msg)
        return self._signals([sv[0] in wanted for sv, _, _ in self._parts()])

    def by_band(self, *bands: str) -> xr.Dataset:
        """The signals of some bands, as ``band`` names them: ``"L1"`` is of GPS and others, ``"E1"`` of Galileo.

        Raises
        ------
        ValueError
            When the dataset has no such band; the message says which it has.
        """
        there = sorted({band for _, band, _ in self._parts()})
        if missing := sorted(set(bands) - set(there)):
            msg = f"the dataset has no band {several(missing, _SHOWN)}; it has {several(there, _SHOWN) or 'none'}"
            raise ValueError(msg)
        return self._signals([band in bands for _, band, _ in self._parts()])

    def by_frequency(self, frequency_mhz: float) -> xr.Dataset:
        """The signals on a carrier, of any system: 1575.42 is L1, E1 and B1C."""
        near = np.abs(self._frequencies_hz() / 1e6 - frequency_mhz) < _SAME_MHZ
        return self._signals(near.tolist())

    @property
    def frequency_hz(self) -> xr.DataArray:
        """Carrier frequency of each signal, exactly; NaN for a GLONASS satellite whose channel is unknown.

        The coordinate ``freq_center`` is float32, which is up to 64 Hz off: too much for phases in metres.
        """
        return self._of_signals(self._frequencies_hz(), "Carrier frequency", "Hz")

    @property
    def wavelength_m(self) -> xr.DataArray:
        """Wavelength of each signal; NaN where the frequency is."""
        return self._of_signals(_LIGHT_M_S / self._frequencies_hz(), "Carrier wavelength", "m")

    def phase_m(self) -> xr.DataArray:
        """Carrier phases in metres."""
        phase = self._dataset["Phase"]
        attributes = {**phase.attrs, "long_name": "Carrier phase in metres", "units": "m"}
        return (phase * self.wavelength_m.variable).rename("Phase").assign_attrs(attributes)

    def geometry_free(self, a: str, b: str, of: Kind = "Phase") -> xr.DataArray:
        """The geometry-free combination over ``(epoch, sv)`` of the satellites that have both signals, in metres.

        It is ``a - b`` of phases and ``b - a`` of pseudoranges, so that both grow with the delay in the ionosphere
        where `a` is the higher frequency.

        Parameters
        ----------
        a, b
            A signal as ``band|code`` (``"L1|C"``), or a band where no satellite has two codes of it (``"L1"``).
        of
            The observable.

        Raises
        ------
        ValueError
            When a band leaves more than one code of a satellite, or no satellite has both.
        """
        columns = {each: self._column_by_satellite(each) for each in (a, b)}
        satellites = sorted(columns[a].keys() & columns[b].keys())
        if not satellites:
            there = several(sorted({f"{band}|{code}" for _, band, code in self._parts()}), _SHOWN)
            msg = f"no satellite has both {a!r} and {b!r}; the dataset has {there}"
            raise ValueError(msg)
        values = self.phase_m() if of == "Phase" else self._dataset["Pseudorange"]
        one, other = (
            self._by_satellite(values, [columns[each][sv] for sv in satellites], satellites) for each in (a, b)
        )
        found = one - other if of == "Phase" else other - one
        attributes = {"long_name": f"Geometry-free {of.lower()} of {a} and {b}", "units": "m"}
        return found.rename("geometry_free").assign_attrs(attributes)

    def _column_by_satellite(self, signal: str) -> dict[str, int]:
        found: dict[str, int] = {}
        for column, (sv, band, code) in enumerate(self._parts()):
            if signal not in {band, f"{band}|{code}"}:
                continue
            if sv in found:
                codes = several(sorted(code for its, at, code in self._parts() if (its, at) == (sv, band)), _SHOWN)
                msg = f"{sv} has more than one signal of {signal!r} ({codes}): say which, such as {band}|{code}"
                raise ValueError(msg)
            found[sv] = column
        return found

    def _by_satellite(self, values: xr.DataArray, columns: list[int], satellites: list[str]) -> xr.DataArray:
        """Values of signals, one of each satellite, over ``(epoch, sv)``."""
        along = [name for name, each in values.coords.items() if "sid" in each.dims]
        chosen = values.drop_vars(along).isel(sid=columns).rename(sid="sv")
        return chosen.assign_coords(sv=("sv", np.array(satellites, str)))

    def _parts(self) -> list[tuple[str, str, str]]:
        return [split_sid(str(sid)) for sid in np.atleast_1d(self._dataset["sid"].values)]

    def _frequencies_hz(self) -> npt.NDArray[np.float64]:
        names = [str(sid) for sid in np.atleast_1d(self._dataset["sid"].values)]
        channels = np.atleast_1d(self._dataset["glonass_fcn"].values).tolist()
        return np.array([_frequency_hz(*each) for each in zip(names, channels, strict=True)], np.float64)

    def _signals(self, wanted: Iterable[bool]) -> xr.Dataset:
        return self._dataset.isel(sid=np.flatnonzero(list(wanted)))

    def _of_signals(self, values: npt.NDArray[np.float64], name: str, units: str) -> xr.DataArray:
        like = self._dataset["sid"]
        return xr.DataArray(
            values.reshape(like.shape), like.coords, like.dims, attrs={"long_name": name, "units": units}
        )


def _frequency_hz(sid: str, channel: int) -> float:
    sv, band, _ = split_sid(sid)
    if band not in _FDMA_BANDS:
        return round(frequencies(sid)[0] * 1e6, 1)
    return float("nan") if channel == NO_FCN else round(frequencies(sid, {sv: channel})[0] * 1e6, 1)

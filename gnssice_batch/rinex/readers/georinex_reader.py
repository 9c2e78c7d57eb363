"""georinex behind the reader's interface: slow, with its own faults; for comparison."""

import io
import warnings
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from gnssice_batch.errors import ReadError, Reason
from gnssice_batch.rinex.header.text import HeaderText, header_text, is_compact
from gnssice_batch.rinex.header.values import Header
from gnssice_batch.rinex.kernels.columns import Layout, Overrides, extend
from gnssice_batch.rinex.observations.values import MISSING, MISSING_INDICATOR, Accounting, Observations
from gnssice_batch.rinex.primitives.time import GPS_EPOCH, to_gpst_100ns
from gnssice_batch.rinex.readers.hatanaka_decoder import text_of
from gnssice_batch.signals import SYSTEMS


def georinex_observations(content: bytes, overrides: Overrides) -> Observations:
    """Read an unpacked file with georinex.

    It gives no event flags, so that all are 0 and no slip is marked after a power failure; receiver clock offsets only
    of RINEX 3, without the epoch each is of, so they are kept where every epoch has one and the epochs are in order; no
    picoseconds, changes of types or parts of a file; the loss-of-lock indicators of the bands 1 and 2
    only. It does not say what it skipped: all lines of the body are accounted for as observations.

    Raises
    ------
    ReadError
        If the header can't be used, or ``READER_FAILED`` if georinex raises.
    """
    text = header_text(content, 0)
    body = text_of(content) if is_compact(content) else content
    loaded = _load(body)
    layout, tables = extend(Layout(), text.header, overrides)
    times, svs = loaded["time"].to_numpy(), tuple(str(sv).replace(" ", "0") for sv in loaded["sv"].to_numpy())
    shape = (times.size, len(svs), layout.width)
    value = np.full(shape, MISSING)
    lli, ssi = np.full(shape, MISSING_INDICATOR, np.int8), np.full(shape, MISSING_INDICATOR, np.int8)
    for index, sv in enumerate(svs):
        number = SYSTEMS.index(sv[0])
        for j, code in enumerate(text.header.codes(sv[0])):
            column = tables.column_of[number, j]
            if column >= 0 and code in loaded:
                _put(loaded, code, index, value[:, index, column], lli[:, index, column], ssi[:, index, column])
    read = _observations(text, times, svs, (value, lli, ssi), layout, _line_count(content))
    return replace(read, rx_clock_offset_ps=_clock_offsets_ps(loaded, body, times.size))


def _clock_offsets_ps(loaded: Any, body: bytes, epochs: int) -> npt.NDArray[np.int64]:
    """Return the receiver clock offset of each epoch, if it is certain which one is of which; else all missing."""
    offsets_s = loaded.attrs.get("time_offset", ())
    dates = [line[:29] for line in body.splitlines() if line.startswith(b">")]
    if len(offsets_s) != epochs or len(dates) != epochs or dates != sorted(dates):
        return np.full(epochs, MISSING)
    return np.rint(np.array(offsets_s) * 1e12).astype(np.int64)


def _load(body: bytes) -> Any:
    """Return georinex's dataset of RINEX text."""
    import georinex  # noqa: PLC0415 - only who asks for it pays for it

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return georinex.rinexobs(io.StringIO(body.decode("latin-1")), useindicators=True)
    except Exception as error:
        raise ReadError(Reason.READER_FAILED, f"georinex: {type(error).__name__}: {error}") from error


def _put(
    loaded: Any,
    code: str,
    sv: int,
    value: npt.NDArray[np.int64],
    lli: npt.NDArray[np.int8],
    ssi: npt.NDArray[np.int8],
) -> None:
    """Store one observable of one satellite: floats as integers of 0.001, indicators as digits."""
    floats = loaded[code].to_numpy()[:, sv]
    seen = np.isfinite(floats) & (floats != 0)
    value[seen] = np.rint(floats[seen] * 1000).astype(np.int64)
    for name, target in ((f"{code}lli", lli), (f"{code}ssi", ssi)):
        if name in loaded:
            digits = loaded[name].to_numpy()[:, sv]
            target[np.isfinite(digits)] = digits[np.isfinite(digits)].astype(np.int8)


def _observations(
    text: HeaderText,
    times: npt.NDArray[np.datetime64],
    svs: tuple[str, ...],
    arrays: tuple[npt.NDArray[np.int64], npt.NDArray[np.int8], npt.NDArray[np.int8]],
    layout: Layout,
    lines: int,
) -> Observations:
    """Return the rows of the satellites that were observed."""
    seen = (arrays[0] != MISSING).any(axis=2)
    sizes = seen.sum(axis=1)
    value, lli, ssi = (array[seen] for array in arrays)
    return Observations(
        header=text.header,
        time_100ns=_gpst_100ns(times, text.header),
        time_ps=np.zeros(times.size, np.int32),
        epoch_flag=np.zeros(times.size, np.int8),
        rx_clock_offset_ps=np.full(times.size, MISSING),
        first_row=np.concatenate(([0], np.cumsum(sizes))).astype(np.int64),
        svs=svs,
        row_sv=np.nonzero(seen)[1].astype(np.int16),
        value=value,
        lli=lli,
        ssi=ssi,
        columns=layout.columns,
        accounting=Accounting(lines, {"header": text.lines, "observation": lines - text.lines}),
    )


def _gpst_100ns(times: npt.NDArray[np.datetime64], header: Header) -> npt.NDArray[np.int64]:
    calendar = (times.astype("datetime64[ns]") - np.datetime64(GPS_EPOCH, "ns")).astype(np.int64) // 100
    return np.array([to_gpst_100ns(int(one), header.time_system) for one in calendar], np.int64)


def _line_count(content: bytes) -> int:
    return content.count(b"\n") + (not content.endswith(b"\n"))

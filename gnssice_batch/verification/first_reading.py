"""Observations of the first reader as a series, which is what cells are made of for a comparison."""

from collections.abc import Iterator

import numpy as np

from gnssice_batch.rinex import Observations
from gnssice_batch.rinex.plain import Block, Series
from gnssice_batch.signals import SignalColumn


def series_of(part: Observations) -> Series:
    """The same observations, satellite by satellite: a block for each system."""
    return Series(
        time_100ns=part.time_100ns,
        time_ps=part.time_ps,
        epoch_flag=part.epoch_flag,
        rx_clock_offset_ps=part.rx_clock_offset_ps,
        blocks=tuple(_blocks(part)),
    )


def _blocks(part: Observations) -> Iterator[Block]:
    epoch = np.repeat(np.arange(part.time_100ns.size), np.diff(part.first_row))
    present = set(np.unique(part.row_sv).tolist())
    for system, columns in part.columns.items():
        svs = [index for index, sv in enumerate(part.svs) if sv[0] == system and index in present]
        rows = [np.flatnonzero(part.row_sv == index) for index in svs]
        if not rows:
            continue
        row, width = np.concatenate(rows), len(columns)
        yield Block(
            svs=tuple(part.svs[index] for index in svs),
            sv=np.repeat(np.arange(len(svs)), [one.size for one in rows]),
            epoch=epoch[row],
            columns=tuple(SignalColumn(one.code, one.kind, one.band, one.letter, one.rank) for one in columns),
            scales=tuple(column.scale for column in columns),
            value=np.ascontiguousarray(part.value[row, :width].T),
            lli=np.ascontiguousarray(part.lli[row, :width].T),
            ssi=np.ascontiguousarray(part.ssi[row, :width].T),
        )

"""One unpacked RINEX or CRINEX file to observations: kernels for the lines, Python for the header records."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from gnssice_batch.errors import ReadError, Reason
from gnssice_batch.rinex import codes
from gnssice_batch.rinex.buffers import SVS, Arcs, Output, Tables
from gnssice_batch.rinex.columns import Layout, Overrides, extend
from gnssice_batch.rinex.crinex import walk_crinex
from gnssice_batch.rinex.header import Header
from gnssice_batch.rinex.header_records import KNOWN_LABELS, Draft, add, label_of
from gnssice_batch.rinex.header_text import HeaderText, header_text
from gnssice_batch.rinex.observations import Accounting, Column, Observations, Offence
from gnssice_batch.rinex.settle import settle
from gnssice_batch.rinex.text2 import walk_text2
from gnssice_batch.rinex.text3 import finish as finish_text3
from gnssice_batch.rinex.text3 import walk_text3
from gnssice_batch.rinex.time import shift_100ns

_SAMPLE_BYTES = 1 << 13
_AT_ZERO = (codes.OPEN, codes.EPOCHS, codes.ROWS, codes.SVS, codes.ZERO_DOPPLERS, codes.WRAPPED, codes.REFUSED_AT)
_SPARE_ROWS = 1100
"""No epoch has more satellites."""


def observations_of(content: bytes, overrides: Overrides) -> Iterator[Observations]:
    """Yield the parts of an unpacked file: one a header, and one a station.

    Raises
    ------
    ReadError
        If its first header can't be used. A later one that can't ends the file there.
    """
    text = header_text(content, 0)
    walk = Walk.begin(content, text, overrides, line=0)
    while True:
        code = walk.run()
        if code == codes.DONE:
            yield walk.finish()
            return
        if code == codes.FULL:
            walk.grow()
            continue
        turn = walk.take_header_records() if code == codes.HEADER_BLOCK else walk.take_labelled_line()
        if turn is not None:
            yield walk.finish()
            walk = turn


def _likely_rows(content: bytes, start: int) -> int:
    """Guess the lines from `start` on by the length of those in the middle; arrays grow where this is too few."""
    size = len(content) - start
    middle = start + max(size - _SAMPLE_BYTES, 0) // 2
    lines = content.count(b"\n", middle, middle + _SAMPLE_BYTES) + 1
    return int(1.3 * lines * size / max(min(size, _SAMPLE_BYTES), 1)) + _SPARE_ROWS


def _named[K](names: Sequence[K], counts: npt.NDArray[np.int64]) -> dict[K, int]:
    """Return the counts that are not zero."""
    return {names[at]: int(counts[at]) for at in counts.nonzero()[0].tolist()}


@dataclass(slots=True)
class Walk:
    """A part of a file being read."""

    content: bytes
    buffer: npt.NDArray[np.uint8]
    header: Header
    overrides: Overrides
    layout: Layout
    tables: Tables
    state: npt.NDArray[np.int64]
    output: Output
    arcs: Arcs | None = None
    block: list[str] = field(default_factory=list)

    @classmethod
    def begin(cls, content: bytes, text: HeaderText, overrides: Overrides, line: int) -> "Walk":
        """Return a walk that stands behind a header; `line` lines come before that header."""
        state = np.zeros(codes.STATE_SIZE, np.int64)
        state[codes.POSITION] = text.end
        state[codes.LINE] = line
        state[codes.COMPACT_MAJOR] = text.compact
        return cls.with_header(content, text.header, overrides, state, text.lines)

    @classmethod
    def with_header(
        cls, content: bytes, header: Header, overrides: Overrides, state: npt.NDArray[np.int64], header_lines: int
    ) -> "Walk":
        """Return a walk that goes on at a state with a header in force."""
        layout, tables = extend(Layout(), header, overrides)
        buffer = np.frombuffer(content, np.uint8)
        rows = _likely_rows(content, int(state[codes.POSITION]))
        output = Output.allocate(rows, rows, layout.width)
        output.line_counts[codes.LINE_HEADER] = header_lines
        state[codes.LINE] += header_lines
        walk = cls(content, buffer, header, overrides, layout, tables, state, output)
        walk._settle_state()
        return walk

    def _settle_state(self) -> None:
        """Set what a walk begins with or what follows from the header."""
        for slot in _AT_ZERO:
            self.state[slot] = 0
        self.state[codes.SKIPPING] = self.state[codes.OFFENCE] = -1
        self._apply_header()

    def _apply_header(self) -> None:
        self.state[codes.UTC] = self.header.time_system == "GLO"
        self.state[codes.SHIFT_100NS] = shift_100ns(self.header.time_system)
        self.state[codes.RINEX_MAJOR] = self.header.major
        self.state[codes.DEFAULT_SYSTEM] = max(codes.SYSTEMS.find(self.header.file_system), 0)
        if self.state[codes.COMPACT_MAJOR]:
            self.arcs = Arcs.allocate(self.tables.column_of.shape[1], self.layout.width)
            self.state[codes.TEXT_LENGTH] = 0

    def run(self) -> int:
        """Walk on until the end of the file or something that is not for kernels."""
        if self.arcs is not None:
            return int(walk_crinex(self.buffer, self.state, self.tables, self.output, self.arcs))
        walk = walk_text2 if self.header.major < 3 else walk_text3
        return int(walk(self.buffer, self.state, self.tables, self.output))

    def grow(self) -> None:
        """Make room for as much again."""
        self.output = self.output.resized(self.state, self.layout.width, factor=2)

    def take_header_records(self) -> "Walk | None":
        """Take the lines that an event record has announced; a walk for the rest if they name another station."""
        lines: list[str] = []
        while len(lines) < self.state[codes.BLOCK_LINES]:
            line = self._current_line()
            if line is None or self._begins_epoch(line):
                break
            lines.append(line)
            self._pass_line(Reason.HEADER_RECORD)
        return self._amend(lines)

    def take_labelled_line(self) -> "Walk | None":
        """Take a header record that no event has announced; a walk for the rest if it begins another file."""
        line = self._current_line() or ""
        label = label_of(line)
        if label in {"RINEX VERSION / TYPE", "CRINEX VERS   / TYPE"}:
            return self._next_file()
        if label not in KNOWN_LABELS:
            self._offend(Reason.STRAY_LINE)
            self._pass_line(Reason.STRAY_LINE, counted=False)
            return None
        self._pass_line(Reason.HEADER_RECORD)
        return self._amend([line])

    def _next_file(self) -> "Walk | None":
        """Begin again at a header in the middle of the file; what can't be begun is passed over."""
        try:
            text = header_text(self.content, int(self.state[codes.POSITION]))
        except ReadError as error:
            self._offend(Reason.BAD_HEADER_RECORD if error.reason != Reason.TRUNCATED else error.reason)
            self._pass_line(Reason.BAD_HEADER_RECORD, counted=False)
            return None
        return Walk.begin(self.content, text, self.overrides, int(self.state[codes.LINE]))

    def _amend(self, lines: list[str]) -> "Walk | None":
        """Put header records into force."""
        draft = Draft.of(self.header)
        for line in lines:
            if label_of(line) and not add(draft, line):
                self._count(Reason.UNKNOWN_LABEL)
        header = draft.freeze(compact=bool(self.state[codes.COMPACT_MAJOR]))
        moved = header.marker_name.casefold() != self.header.marker_name.casefold()
        if moved and self.header.marker_name and self.state[codes.EPOCHS] + self.state[codes.OPEN]:
            return Walk.with_header(self.content, header, self.overrides, self.state.copy(), 0)
        if header != self.header:
            self._change_header(header)
        return None

    def _change_header(self, header: Header) -> None:
        self.header = header
        self.layout, self.tables = extend(self.layout, header, self.overrides)
        if self.layout.width > self.output.value.shape[1]:
            self.output = self.output.resized(self.state, self.layout.width)
        self._apply_header()

    def _current_line(self) -> str | None:
        start = int(self.state[codes.POSITION])
        if start >= len(self.content):
            return None
        end = self.content.find(b"\n", start)
        return self.content[start : len(self.content) if end < 0 else end].decode("latin-1").rstrip("\r\0 ")

    def _begins_epoch(self, line: str) -> bool:
        if self.header.major >= 3:
            return line.startswith(">")
        return bool(self.state[codes.COMPACT_MAJOR]) and line.startswith("&")

    def _pass_line(self, reason: Reason, *, counted: bool = True) -> None:
        """Put the current line into a category and go to the next one."""
        self.output.line_counts[codes.FIRST_REASON + codes.number(reason)] += 1
        if counted:
            self._count(reason)
        end = self.content.find(b"\n", int(self.state[codes.POSITION]))
        self.state[codes.POSITION] = len(self.content) if end < 0 else end + 1
        self.state[codes.LINE] += 1

    def _count(self, reason: Reason) -> None:
        self.output.counts[codes.number(reason)] += 1

    def _offend(self, reason: Reason) -> None:
        self._count(reason)
        if self.state[codes.OFFENCE] < 0:
            self.state[codes.OFFENCE] = codes.number(reason)
            self.state[codes.OFFENCE_LINE] = self.state[codes.LINE] + 1
            self.state[codes.OFFENCE_POSITION] = self.state[codes.POSITION]

    def finish(self) -> Observations:
        """Return what was read; an epoch that a header or another station follows ends there."""
        if self.arcs is None and self.header.major >= 3:
            finish_text3(self.state, self.output)
        epochs = int(self.state[codes.EPOCHS])
        output = self.output
        rows = int(output.first_row[epochs])
        svs = tuple(map(SVS.__getitem__, output.sv_codes[: self.state[codes.SVS]].tolist()))
        return settle(
            Observations(
                header=self.header,
                time_100ns=output.time_100ns[:epochs],
                epoch_flag=output.epoch_flag[:epochs],
                rx_clock_offset_ps=output.clock_ps[:epochs],
                first_row=output.first_row[: epochs + 1],
                svs=svs,
                row_sv=output.row_sv[:rows],
                value=output.value[:rows],
                lli=output.lli[:rows],
                ssi=output.ssi[:rows],
                columns=self._columns({sv[0] for sv in svs}),
                accounting=self._accounting(),
                time_ps=output.time_ps[:epochs],
            ),
            has_zero_doppler=bool(self.state[codes.ZERO_DOPPLERS]),
        )

    def _columns(self, seen: set[str]) -> dict[str, tuple[Column, ...]]:
        """Return the columns of the systems that were declared (RINEX 3) or seen."""
        declared = seen | (set(self.layout.columns) if self.header.major >= 3 else set())
        return {system: self.layout.columns.get(system, ()) for system in codes.SYSTEMS if system in declared}

    def _accounting(self) -> Accounting:
        output, state = self.output, self.state
        faults = len(self.header.faults)
        unknown = sum(self.header.unknown_labels.values())
        output.counts[codes.number(Reason.BAD_HEADER_RECORD)] += faults
        output.counts[codes.number(Reason.UNKNOWN_LABEL)] += unknown
        offence = None
        if state[codes.OFFENCE] >= 0:
            at = int(state[codes.OFFENCE_POSITION])
            first_bytes = self.content[at : at + 80].partition(b"\n")[0]
            offence = Offence(codes.REASONS[state[codes.OFFENCE]], int(state[codes.OFFENCE_LINE]), first_bytes)
        line_counts = _named(codes.LINE_CATEGORIES, output.line_counts)
        return Accounting(
            lines=sum(line_counts.values()),
            line_counts=line_counts,
            counts=_named(codes.REASONS, output.counts),
            offence=offence,
        )

"""One unpacked RINEX or CRINEX file to observations: kernels for the lines, Python for the header records."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from gnssice_batch.errors import ReadError, Reason
from gnssice_batch.rinex.header.draft import Draft
from gnssice_batch.rinex.header.lines import LABEL_COLUMN, label_of
from gnssice_batch.rinex.header.records import add, is_known
from gnssice_batch.rinex.header.text import HeaderText, header_text
from gnssice_batch.rinex.header.values import Header
from gnssice_batch.rinex.kernels import numbers
from gnssice_batch.rinex.kernels.buffers import SVS, Arcs, Output, Tables
from gnssice_batch.rinex.kernels.columns import Layout, Overrides, extend
from gnssice_batch.rinex.kernels.crinex import parse_crinex
from gnssice_batch.rinex.kernels.text2 import parse_text2
from gnssice_batch.rinex.kernels.text3 import finish as finish_text3
from gnssice_batch.rinex.kernels.text3 import parse_text3
from gnssice_batch.rinex.observations.cleaning import clean
from gnssice_batch.rinex.observations.values import Accounting, Column, Observations, Offence
from gnssice_batch.rinex.primitives.time import shift_100ns
from gnssice_batch.signals import SYSTEMS

_SAMPLE_BYTES = 1 << 13
_EPOCH_3 = re.compile(r">( \d{4}( [ \d]\d){4}[ \d][ \d]\d\.\d{7}| {28})  [0-6][ \d]{2}\d", re.ASCII)
_EPOCH_2 = re.compile(r"[ &]([ \d]\d( [ \d]\d){4}[ \d][ \d]\d\.\d{7}| {25})  [0-6][ \d]{2}\d", re.ASCII)
_AT_ZERO = (numbers.OPEN, numbers.EPOCHS, numbers.ROWS, numbers.SVS, numbers.WRAPPED, numbers.REFUSED_AT)
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
    parser = Parser.begin(content, text, overrides, line=0)
    while True:
        code = parser.run()
        if code == numbers.DONE:
            yield parser.finish()
            return
        if code == numbers.FULL:
            parser.grow()
            continue
        turn = parser.take_header_records() if code == numbers.HEADER_BLOCK else parser.take_labelled_line()
        if turn is not None:
            yield parser.finish()
            parser = turn


def _likely_rows(content: bytes, start: int) -> int:
    """Guess the lines from `start` on by the length of those in the middle; arrays grow where this is too few."""
    size = len(content) - start
    middle = start + max(size - _SAMPLE_BYTES, 0) // 2
    lines = content.count(b"\n", middle, middle + _SAMPLE_BYTES) + 1
    return int(1.3 * lines * size / max(min(size, _SAMPLE_BYTES), 1)) + _SPARE_ROWS


def _line_begin(content: bytes, start: int, number: int) -> int:
    """Return the index of the first byte of a line, counted from 1 at `start`."""
    for _ in range(number - 1):
        start = content.find(b"\n", start) + 1
    return start


def _named[K](names: Sequence[K], counts: npt.NDArray[np.int64]) -> dict[K, int]:
    """Return the counts that are not zero."""
    return {names[at]: int(counts[at]) for at in counts.nonzero()[0].tolist()}


@dataclass(slots=True)
class Parser:
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
    def begin(cls, content: bytes, text: HeaderText, overrides: Overrides, line: int, start: int = 0) -> "Parser":
        """Return a parser that stands behind a header, which begins at `start`, behind `line` lines."""
        state = np.zeros(numbers.STATE_SIZE, np.int64)
        state[numbers.POSITION] = text.end
        state[numbers.LINE] = line
        state[numbers.COMPACT_MAJOR] = text.compact
        parser = cls.with_header(content, text.header, overrides, state, text.lines)
        if text.header.faults:
            faulty = max(text.header.fault_place.line, 1) if text.header.fault_place else 1
            parser.mark_offence(Reason.BAD_HEADER_RECORD, line + faulty, _line_begin(content, start, faulty))
        return parser

    @classmethod
    def with_header(
        cls, content: bytes, header: Header, overrides: Overrides, state: npt.NDArray[np.int64], header_lines: int
    ) -> "Parser":
        """Return a parser that goes on at a state with a header in force."""
        layout, tables = extend(Layout(), header, overrides)
        buffer = np.frombuffer(content, np.uint8)
        rows = _likely_rows(content, int(state[numbers.POSITION]))
        output = Output.allocate(rows, rows, layout.width)
        output.line_counts[numbers.LINE_HEADER] = header_lines
        state[numbers.LINE] += header_lines
        parser = cls(content, buffer, header, overrides, layout, tables, state, output)
        parser._settle_state()
        return parser

    def _settle_state(self) -> None:
        """Set what a parser begins with or what follows from the header."""
        for slot in _AT_ZERO:
            self.state[slot] = 0
        self.state[numbers.SKIPPING] = self.state[numbers.OFFENCE] = -1
        self._apply_header()

    def _apply_header(self) -> None:
        self.state[numbers.UTC] = self.header.time_system == "GLO"
        self.state[numbers.SHIFT_100NS] = shift_100ns(self.header.time_system)
        self.state[numbers.RINEX_MAJOR] = self.header.major
        self.state[numbers.PICOSECONDS] = self.header.has_picoseconds
        self.state[numbers.DEFAULT_SYSTEM] = max(SYSTEMS.find(self.header.file_system), 0)
        if self.state[numbers.COMPACT_MAJOR]:
            self.arcs = Arcs.allocate(self.tables.column_of.shape[1], self.layout.width)
            self.state[numbers.TEXT_LENGTH] = 0

    def run(self) -> int:
        """Parser on until the end of the file or something that is not for kernels."""
        if self.arcs is not None:
            return int(parse_crinex(self.buffer, self.state, self.tables, self.output, self.arcs))
        parser = parse_text2 if self.header.major < 3 else parse_text3
        return int(parser(self.buffer, self.state, self.tables, self.output))

    def grow(self) -> None:
        """Make room for as much again."""
        self.output = self.output.resized(self.state, self.layout.width, factor=2)

    def take_header_records(self) -> "Parser | None":
        """Take the lines that an event record has announced; a parser for the rest if they name another station."""
        lines: list[str] = []
        while len(lines) < self.state[numbers.BLOCK_LINES]:
            line = self._current_line()
            if line is None or self._begins_epoch(line):
                break
            lines.append(line)
            self._pass_line(Reason.HEADER_RECORD)
        return self._amend(lines)

    def take_labelled_line(self) -> "Parser | None":
        """Take a header record that no event has announced; a parser for the rest if it begins another file."""
        line = self._current_line() or ""
        label = label_of(line)
        if label in {"RINEX VERSION / TYPE", "CRINEX VERS   / TYPE"}:
            return self._next_file()
        if not is_known(label):
            self._offend(Reason.STRAY_LINE)
            self._pass_line(Reason.STRAY_LINE, counted=False)
            return None
        self._pass_line(Reason.HEADER_RECORD)
        return self._amend([line])

    def _next_file(self) -> "Parser | None":
        """Begin again at a header in the middle of the file; what can't be begun is passed over."""
        start = int(self.state[numbers.POSITION])
        try:
            text = header_text(self.content, start)
        except ReadError as error:
            self._offend(Reason.BAD_HEADER_RECORD if error.reason != Reason.TRUNCATED else error.reason)
            self._pass_line(Reason.BAD_HEADER_RECORD, counted=False)
            return None
        return Parser.begin(self.content, text, self.overrides, int(self.state[numbers.LINE]), start)

    def _amend(self, lines: list[str]) -> "Parser | None":
        """Put header records into force."""
        draft = Draft.of(self.header)
        for index, line in enumerate(lines):
            if label_of(line) and not add(draft, line):
                self._count(Reason.UNKNOWN_LABEL)
            if len(draft.faults) > len(self.header.faults):
                self.mark_offence(Reason.BAD_HEADER_RECORD, *self._passed(len(lines) - index))
        header = draft.freeze(compact=bool(self.state[numbers.COMPACT_MAJOR]))
        if len(header.faults) > len(self.header.faults):
            self.mark_offence(Reason.BAD_HEADER_RECORD, *self._passed(len(lines)))
        moved = header.marker_name.casefold() != self.header.marker_name.casefold()
        if moved and self.header.marker_name and self.state[numbers.EPOCHS] + self.state[numbers.OPEN]:
            return Parser.with_header(self.content, header, self.overrides, self.state.copy(), 0)
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
        start = int(self.state[numbers.POSITION])
        if start >= len(self.content):
            return None
        end = self.content.find(b"\n", start)
        return self.content[start : len(self.content) if end < 0 else end].decode("latin-1").rstrip("\r\0 ")

    def _begins_epoch(self, line: str) -> bool:
        """Whether a line inside an event is an epoch record for certain: by all of its columns, and without a label.

        The number of lines that the event has announced is then wrong; else it rules, whatever they begin with.
        """
        record = _EPOCH_3 if self.header.major >= 3 else _EPOCH_2
        return record.match(line) is not None and not line[LABEL_COLUMN : LABEL_COLUMN + 1].isalpha()

    def _pass_line(self, reason: Reason, *, counted: bool = True) -> None:
        """Put the current line into a category and go to the next one."""
        self.output.line_counts[numbers.FIRST_REASON + numbers.number(reason)] += 1
        if counted:
            self._count(reason)
        end = self.content.find(b"\n", int(self.state[numbers.POSITION]))
        self.state[numbers.POSITION] = len(self.content) if end < 0 else end + 1
        self.state[numbers.LINE] += 1

    def _count(self, reason: Reason) -> None:
        self.output.counts[numbers.number(reason)] += 1

    def _offend(self, reason: Reason) -> None:
        self._count(reason)
        self.mark_offence(reason, int(self.state[numbers.LINE]) + 1, int(self.state[numbers.POSITION]))

    def mark_offence(self, reason: Reason, line: int, position: int) -> None:
        """Note an offence that is counted elsewhere, if it is the first."""
        if self.state[numbers.OFFENCE] < 0:
            self.state[numbers.OFFENCE] = numbers.number(reason)
            self.state[numbers.OFFENCE_LINE] = line
            self.state[numbers.OFFENCE_POSITION] = position

    def _passed(self, lines: int) -> tuple[int, int]:
        """Return number and first byte of the line that so many lines ago was the current one."""
        position = int(self.state[numbers.POSITION])
        for _ in range(lines):
            position = self.content.rfind(b"\n", 0, position - 1) + 1
        return int(self.state[numbers.LINE]) - lines + 1, position

    def finish(self) -> Observations:
        """Return what was read; an epoch that a header or another station follows ends there."""
        if self.arcs is None and self.header.major >= 3:
            finish_text3(self.state, self.output)
        epochs = int(self.state[numbers.EPOCHS])
        output = self.output
        rows = int(output.first_row[epochs])
        svs = tuple(map(SVS.__getitem__, output.sv_codes[: self.state[numbers.SVS]].tolist()))
        return clean(
            Observations(
                header=self.header,
                time_100ns=output.time_100ns[:epochs],
                time_ps=output.time_ps[:epochs],
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
            )
        )

    def _columns(self, seen: set[str]) -> dict[str, tuple[Column, ...]]:
        """Return the columns of the systems that were declared (RINEX 3) or seen."""
        declared = seen | (set(self.layout.columns) if self.header.major >= 3 else set())
        return {system: self.layout.columns.get(system, ()) for system in SYSTEMS if system in declared}

    def _accounting(self) -> Accounting:
        output, state = self.output, self.state
        faults = len(self.header.faults)
        unknown = sum(self.header.unknown_labels.values())
        output.counts[numbers.number(Reason.BAD_HEADER_RECORD)] += faults
        output.counts[numbers.number(Reason.HEADER_ODDITY)] += len(self.header.oddities)
        output.counts[numbers.number(Reason.UNKNOWN_LABEL)] += unknown
        offence = None
        if state[numbers.OFFENCE] >= 0:
            at = int(state[numbers.OFFENCE_POSITION])
            first_bytes = self.content[at : at + 80].partition(b"\n")[0]
            offence = Offence(numbers.REASONS[state[numbers.OFFENCE]], int(state[numbers.OFFENCE_LINE]), first_bytes)
        line_counts = _named(numbers.LINE_CATEGORIES, output.line_counts)
        return Accounting(
            lines=sum(line_counts.values()),
            line_counts=line_counts,
            counts=_named(numbers.REASONS, output.counts),
            offence=offence,
        )

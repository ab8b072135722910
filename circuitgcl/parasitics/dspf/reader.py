"""Reader of DSPF (detailed standard parasitic format) as StarRC, Quantus, Calibre and others write it.

    *|DSPF 1.3
    *|GROUND_NET 0 VSS
    *|NET in 0.0046PF                      begins the section of a net; its total capacitance
    *|P (in I 0 1.0 2.0)                   port
    *|I (x1/M1:G x1/M1 G B 0 1.0 2.0)      pin of a device
    *|S (in:1 1.0 2.0)                     sub-node
    C1 in:1 0 1.2f
    C2 in:1 out:7 3e-17
    R1 in in:1 10
    * Instance Section                     devices from here on, or from the first device card on
    M1 …

Resistors only say that nodes are one net, which the sections say already: they are counted, not read. Ports
and sub-nodes are summed into their net. An undeclared node `in:7` is a sub-node of net `in`. A device pin
that some capacitor names is a node of its own; any other pin lies on its net's own node.

**Coupling listed twice.** Most tools list a coupling in the section of one of its nets. Some list it in both.
A file is of the second kind when, for every two nets that have sections and are coupled, both sections list
the same capacitors: the same pairs of sub-nodes with the same values. Then each is counted once.

**Totals.** The total of `*|NET` is compared with all capacitance of the net, or with that in its section
alone (tools differ). Differences beyond the digits printed are listed among the skipped cards.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from circuitgcl.errors import ParasiticsError, SourceLocation
from circuitgcl.parasitics.blocks import TextBlock, decode, read_blocks
from circuitgcl.parasitics.cards import (
    CARD_FIELDS,
    Lines,
    Mask,
    capacitor_farad,
    numbers,
    shortened,
    sort_lines,
    split_cards,
)
from circuitgcl.parasitics.dspf.network import (
    GROUND_SECTION,
    OWN,
    NodeError,
    SectionedNetwork,
    UnknownNodeError,
)
from circuitgcl.parasitics.records import FloatArray, OffsetArray, Parasitics, SkippedCards
from circuitgcl.units import parse_farad

_DEVICES = -2  # section of the cards between the sections of nets
_BEFORE = -3  # section of the cards before the first net
_RECORD = re.compile(rb"\*\|\s*(\w+)\s*(.*)", re.DOTALL)
_SUBNODE = b"*|S ("
_PIN_FIELDS = 8  # *|I (name instance terminal direction capacitance x y)
_INSTANCE_SECTION = re.compile(rb"(?i)\*+\s*(instance|device)s?\s+section")
_MARKED = re.compile(rb"\((.*)\) // (?:piece|on (\S+))\s*$", re.DOTALL)  # as `write_dspf` does
_CLOSED = re.compile(rb"\((.*?)\)\s*(?://.*|[$;].*)?$", re.DOTALL)
_MANTISSA = re.compile(rb"[+-]?([0-9.]+)")


def read_dspf(path: str | Path) -> Parasitics:
    """Read a DSPF file, plain or gzip'd.

    Nets come in the order of their sections; nodes net by net, the net's own node first.

    Raises:
        ParasiticsError: the file cannot be read, is cut off, holds two designs or no net, a statement is
            malformed, a value is negative, no number or of an unknown unit, or a node belongs to no net.
    """
    known: frozenset[bytes] = frozenset()
    grounds: frozenset[bytes] = frozenset()
    while True:
        reader = _DspfReader(path, known, grounds)
        for block in read_blocks(path):
            reader.take(block)
        late = reader.network.surprises - known
        late_grounds = reader.network.late_grounds - grounds
        if not late and not late_grounds:
            return reader.finish()
        # what names stand for showed after they were used: read again, knowing it
        known |= late
        grounds |= late_grounds


class _DspfReader:
    """State carried from block to block."""

    def __init__(self, path: str | Path, known: frozenset[bytes], grounds: frozenset[bytes]) -> None:
        self._path = path
        self.network = SectionedNetwork(known, grounds)
        self._section = _BEFORE
        self._sections: list[tuple[int, int]] = []  # line and section of each change within the block
        self._pending: list[bytes] = []  # fields of the statement that a `+` line may still continue
        self._pending_line = 0
        self._skipped: dict[str, tuple[int, int]] = {}  # kind → count, first line
        self._design: str | None = None
        self._version_line = 0
        self._scopes: list[tuple[str, int]] = []  # open subcircuits: name, line
        self._scope_line = 0  # of the subcircuit that is open now, 0 outside
        self._home: tuple[str, int] | None = None  # subcircuit of the nets: name, line

    def take(self, block: TextBlock) -> None:
        lines = sort_lines(block.data)
        first = block.first_line
        self._sections = [(first - 1, self._section)]
        cards, subnodes, pins, odd = self._sort(lines)
        for row, text in lines.texts(odd):
            self._take_line(text, first + row)
        if lines.ends_statement(self._pending_line - first):
            self._flush()
        self._take_pins(lines, pins, first)
        self._take_subnodes(lines, subnodes, first)
        rows = np.flatnonzero(cards) + first
        names, ends, values = split_cards(self._words(lines, cards, first))
        farad = numbers(values, parse_farad)
        section = self._sections_of(rows)
        bad = ~((farad >= 0) & (farad < np.inf)) & (section >= GROUND_SECTION)
        for i in np.flatnonzero(bad).tolist():
            farad[i] = self._card_farad([names[i], *ends[2 * i : 2 * i + 2], values[i]], int(rows[i]))
        self._store(rows, ends, farad, section)

    def _words(self, lines: Lines, cards: Mask, first: int) -> list[bytes]:
        """Fields of the plain cards, with `OWN` for the name of the section's net where a sub-node has it."""
        where, sections = zip(*self._sections, strict=True)
        pieces = []
        for row, text in lines.runs(cards):
            section = sections[bisect_right(where, first + row) - 1]
            usual = self.network.subnode_prefix(section)
            if usual:
                text = text.replace(b" " + usual, b" " + OWN + usual[-1:])
            pieces.append(text)
        return b" ".join(pieces).split()

    def _sort(self, lines: Lines) -> tuple[Mask, Mask, Mask, Mask]:
        """Plain C cards, plain `*|S` and `*|I` records, and lines that need a closer look, each [L]."""
        held = lines.continued()
        cards = lines.begin_with(b"Cc") & ~held
        plain = cards & (lines.fields == CARD_FIELDS)
        third, fourth, fifth = (
            lines.buffer[np.minimum(lines.starts + k, len(lines.buffer) - 1)] for k in (2, 3, 4)
        )
        closed = lines.record & ~held & (fourth == ord(" ")) & (fifth == ord("("))
        closed &= lines.buffer[lines.stops - 1] == ord(")")  # no remark, not cut off
        subnodes = closed & (third == ord("S"))
        pins = closed & (third == ord("I")) & (lines.fields == _PIN_FIELDS)
        resistors = lines.begin_with(b"Rr") & ~held
        devices = ~(lines.comment | lines.record | lines.continues | cards | resistors) & ~held
        first = lines.buffer[lines.starts] | 0x20  # lower case
        devices &= (first >= ord("a")) & (first <= ord("z"))
        # within a run of devices only the first one changes anything
        previous = np.concatenate([[-1], lines.owner[:-1]])
        again = devices & (previous >= 0) & devices[previous]
        self._count("R", resistors, lines)
        self._count("device", again, lines)
        odd = ~(lines.comment | plain | subnodes | pins | resistors | again)
        if b"nstance " in lines.data or b"NSTANCE " in lines.data or b"evice" in lines.data:
            for row, text in lines.texts(lines.comment):
                odd[row] = bool(_INSTANCE_SECTION.match(text))
        return plain, subnodes, pins, odd

    def _count(self, kind: str, chosen: Mask, lines: Lines) -> None:
        count = int(np.count_nonzero(chosen))
        if count:
            self._skip(kind, count, self._sections[0][0] + 1 + int(np.argmax(chosen)))

    def _take_line(self, line: bytes, number: int) -> None:
        """Handle one line outside the plain forms."""
        if line.startswith(b"+"):
            if not self._pending:
                raise self._error(number, "continuation line `+` without a statement before it.")
            self._pending += line[1:].split()
            return
        self._flush()
        if line.startswith(b"*|NET ") or (line.startswith(b"*|") and b"(" in line and b")" in line):
            self._take_record(line, number)
        elif line.startswith(b"*") and not line.startswith(b"*|"):
            self._enter(_DEVICES, number)
        else:
            self._pending, self._pending_line = line.split(), number

    def _flush(self) -> None:
        """Interpret the statement collected so far."""
        fields, line = self._pending, self._pending_line
        self._pending = []
        if not fields:
            return
        kind = fields[0][:1].upper()
        if fields[0].startswith(b"*|"):
            self._take_record(b" ".join(fields), line)
        elif kind == b"C":
            if self._section < GROUND_SECTION:
                self._skip("C outside the nets", 1, line)
            else:
                farad = self._card_farad(fields, line)
                self.network.add(fields[1:3], np.array([farad]), np.array([self._section]), np.array([line]))
        elif kind == b".":
            self._directive(fields, line)
        elif kind == b"R":
            self._skip("R", 1, line)
        elif kind.isalpha():
            self._skip("device", 1, line)
            self._enter(_DEVICES, line)
        elif line > 1:  # the first line of a deck may be a title
            raise self._error(line, f"`{shortened(b' '.join(fields))}` is no statement of DSPF or SPICE.")

    def _directive(self, fields: list[bytes], line: int) -> None:
        name = decode(fields[0]).lower()
        if name in {".subckt", ".macro"}:
            if len(fields) < 2:
                raise self._error(line, f"{name} has no name.")
            self._scopes.append((decode(fields[1]), line))
            self.network.ports.update(fields[2:])
        elif name in {".ends", ".eom"}:
            if self._scopes:
                self._scopes.pop()
            self._enter(_BEFORE, line)
        elif name != ".end":
            self._skip(name, 1, line)

    def _take_record(self, line: bytes, number: int) -> None:
        """Handle one whole `*|…` record."""
        match = _RECORD.match(line)
        keyword, rest = (match[1].upper(), match[2]) if match else (b"", line)
        if keyword in {b"I", b"P", b"S"}:
            self._take_node(keyword, rest, number, self._section)
        elif keyword == b"NET":
            self._take_net(rest.split(), number)
        elif keyword == b"GROUND_NET":
            self.network.add_grounds(rest.split())
        elif keyword == b"DELIMITER":
            text = rest.strip().strip(b'"')
            if len(text) != 1:
                raise self._error(number, f"`*|DELIMITER {shortened(text)}`; expected one character.")
            self.network.delimiter = text
        elif keyword == b"DSPF":
            if self._version_line:
                raise self._two_designs(number, f"*|DSPF of line {self._version_line}")
            self._version_line = number
        elif keyword == b"DESIGN":
            name = decode(rest.rstrip())
            name = name[1:-1] if len(name) > 1 and name[0] == name[-1] == '"' else name
            if self._design not in {None, name}:
                raise self._two_designs(number, f"*|DESIGN {self._design}")
            self._design = name

    def _take_net(self, fields: list[bytes], number: int) -> None:
        if not fields:
            raise self._error(number, "`*|NET` has no name; expected `*|NET name total`.")
        home = self._scopes[-1] if self._scopes else ("", 0)
        if self._home not in {None, home}:
            raise self._two_designs(number, f"nets of subcircuit {self._home[0]}" if self._home else "nets")
        self._home = home
        total, slack = None, 0.0
        if len(fields) > 1:
            total, slack = self._total(fields, number)
        try:
            section = self.network.open(fields[0], total, slack, number)
        except NodeError as error:
            raise self._error(number, str(error)) from None
        self._enter(section, number)

    def _total(self, fields: list[bytes], number: int) -> tuple[float, float]:
        """Total of a `*|NET` record, farad, and half a unit of its last printed digit."""
        text = fields[1] + fields[2] if len(fields) > 2 and fields[2].isalpha() else fields[1]
        try:
            value = parse_farad(decode(text))
        except ValueError:
            raise self._error(
                number,
                f"the total `{shortened(text)}` of net {decode(fields[0])} is no capacitance; "
                "expected farad or a known unit such as 0.0046PF, 4.6FF, 4.6e-15.",
            ) from None
        mantissa = _MANTISSA.match(text)[1]  # type: ignore[index]  # a number has one
        scale = abs(value / float(mantissa)) if float(mantissa) else 0.0
        return value, 0.5 * scale * 10.0 ** -len(mantissa.partition(b".")[2])

    def _take_node(self, keyword: bytes, rest: bytes, number: int, section: int) -> None:
        """Handle `*|P (…)`, `*|I (…)` or `*|S (…)`."""
        if section < GROUND_SECTION:
            raise self._error(number, f"`*|{decode(keyword)}` before any `*|NET`; expected it inside a net.")
        marked = _MARKED.match(rest) if b"//" in rest else None
        match = marked or _CLOSED.match(rest)
        if match is None:
            raise self._error(
                number,
                f"`*|{decode(keyword)} {shortened(rest)}` has no closed parentheses; is the file cut off?",
            )
        fields = match[1].split()
        if len(fields) < (3 if keyword == b"I" else 1):
            raise self._error(number, f"`*|{decode(keyword)} {shortened(rest)}` has too few fields.")
        try:
            if keyword == b"I" and marked and marked[2]:
                self.network.put_pin(fields[0], marked[2], section)
            elif keyword == b"I":
                self.network.declare_pin(fields[0], section)
            elif marked:
                self.network.declare_piece(fields[0], section)
            else:
                self.network.declare_part(fields[0], section)
        except NodeError as error:
            raise self._error(number, str(error)) from None

    def _take_pins(self, lines: Lines, pins: Mask, first: int) -> None:
        """Handle the plain `*|I` records section by section."""
        rows = np.flatnonzero(pins)
        if not len(rows):
            return
        names = [word[1:] for word in lines.words(pins)[1::_PIN_FIELDS]]
        for section, here, there in self._by_section(rows, first):
            if section >= 0 and self.network.declare_pins(names[here:there], section):
                continue
            for row in rows[here:there].tolist():
                self._take_node(
                    b"I", lines.data[lines.starts[row] + 4 : lines.stops[row]], first + row, section
                )

    def _by_section(self, rows: OffsetArray, first: int) -> Iterator[tuple[int, int, int]]:
        """Section, and begin and end among the rows of a block, of those that lie in one section."""
        changes = [max(line - first, 0) for line, _ in self._sections]
        counts = [*np.searchsorted(rows, changes).tolist(), len(rows)]
        for (_, section), here, there in zip(self._sections, counts[:-1], counts[1:], strict=True):
            if here != there:
                yield section, here, there

    def _take_subnodes(self, lines: Lines, subnodes: Mask, first: int) -> None:
        """Check the plain `*|S` records section by section; those called after their net need no entry."""
        rows = np.flatnonzero(subnodes)
        for section, here, there in self._by_section(rows, first):
            begin, end = int(lines.starts[rows[here]]), int(lines.stops[rows[there - 1]])
            usual = self.network.subnode_prefix(section)
            # the plain records hold all that is counted unless others stand between them
            if usual and all(
                lines.data.count(mark, begin, end) == there - here for mark in (_SUBNODE + usual, _SUBNODE)
            ):
                continue
            for row in rows[here:there].tolist():
                text = lines.data[lines.starts[row] : lines.stops[row]]
                self._take_node(b"S", text[len(_SUBNODE) - 1 :], first + row, section)

    def _sections_of(self, rows: OffsetArray) -> OffsetArray:
        """Section of each line of a block."""
        lines = np.array([line for line, _ in self._sections])
        sections: OffsetArray = np.array([section for _, section in self._sections])[
            np.searchsorted(lines, rows, side="right") - 1
        ]
        return sections

    def _store(self, rows: OffsetArray, ends: list[bytes], farad: FloatArray, section: OffsetArray) -> None:
        """Keep the plain cards of a block."""
        if not len(rows):
            return
        stray = section < GROUND_SECTION
        if stray.any():
            self._skip("C outside the nets", int(stray.sum()), int(rows[np.argmax(stray)]))
            keep = ~stray
            ends = [end for end, kept in zip(ends, np.repeat(keep, 2).tolist(), strict=True) if kept]
            farad, section, rows = farad[keep], section[keep], rows[keep]
        self.network.add(ends, farad, section, rows)

    def _enter(self, section: int, line: int) -> None:
        self._section = section
        self._sections.append((max(line, self._sections[-1][0]), section))

    def finish(self) -> Parasitics:
        """The record of what was read."""
        self._flush()
        if self._scopes:
            name, line = self._scopes[-1]
            raise self._error(line, f"subcircuit {name} has no .ends; is the file cut off?")
        if self._home is None:
            raise self._error(0, "no `*|NET` found; expected DSPF.")
        path = Path(self._path)
        design = self._design
        if design is None:
            design = self._home[0] or path.name.partition(".")[0]
        skipped = [
            SkippedCards(kind=kind, count=count, first_line=line)
            for kind, (count, line) in self._skipped.items()
        ]
        try:
            return self.network.finish(design, path.name, skipped)
        except UnknownNodeError as error:
            raise self._error(error.line, str(error)) from None

    def _card_farad(self, fields: list[bytes], line: int) -> float:
        try:
            return capacitor_farad(fields, parse_farad)
        except ValueError as error:
            raise self._error(line, str(error)) from None

    def _skip(self, kind: str, count: int, line: int) -> None:
        known, first = self._skipped.get(kind, (0, line))
        self._skipped[kind] = (known + count, min(first, line))

    def _two_designs(self, line: int, earlier: str) -> ParasiticsError:
        return self._error(line, f"a second design begins here, after {earlier}; expected one in a file.")

    def _error(self, line: int, message: str) -> ParasiticsError:
        return ParasiticsError(message, location=SourceLocation(str(self._path), line))

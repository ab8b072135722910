"""Reader of extractions written as SPICE: C cards, with or without resistors and devices among them.

    .subckt NAME ports…
    Cg0 netA 0 1.2e-16         capacitance to the reference node
    Cc0 netA netB 3.4e-17      coupling
    R0 netA:1 netA:2 12.5      two sub-nodes of one net
    *|P piece net pin pin …    (pin-level files) the piece of metal, its net, the device pins on it

One flat cell is read as a stream: C and R cards in the plain four-field form are split and converted a block
at a time; everything else (continuations, `c=…`, inline comments, devices) goes through a statement parser
that knows the line. Whatever has levels, includes or Spectre's syntax is read by `read_circuit`.

A file without resistors is net-level. With resistors, nets are formed as `resistive.py` tells. Capacitors and
resistors with a model or a drawn size are devices of the circuit.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from circuitgcl.errors import ParasiticsError, SourceLocation
from circuitgcl.parasitics.blocks import TextBlock, decode, read_blocks
from circuitgcl.parasitics.cards import (
    CARD_FIELDS,
    Lines,
    Mask,
    capacitor_farad,
    is_design_device,
    numbers,
    resistor_ohm,
    shortened,
    sort_lines,
    split_cards,
)
from circuitgcl.parasitics.records import FloatArray, OffsetArray, Parasitics, SkippedCards
from circuitgcl.parasitics.spice.extracted_circuit import read_circuit
from circuitgcl.parasitics.spice.flat_cell import FlatCell, PieceError
from circuitgcl.parasitics.spice.resistive import BIPOLAR_TERMINALS, MOS_TERMINALS, pin_name
from circuitgcl.parasitics.spice.scopes import (
    NotFlatError,
    Scopes,
    before_parameters,
    includes_a_part,
    is_network_of_a_net,
    is_spectre,
    looks_structured,
    master_of,
)
from circuitgcl.units import parse_farad, parse_number

_TERMINALS = {b"M": MOS_TERMINALS, b"J": MOS_TERMINALS, b"Q": BIPOLAR_TERMINALS}


def read_spice(path: str | Path, *, top: str | None = None) -> Parasitics:
    """Read an extraction in SPICE or Spectre syntax with all it includes, plain or gzip'd.

    Args:
        path: the netlist.
        top: subcircuit to read; needed only where a file holds several designs.

    Raises:
        ParasiticsError: the file or one it includes cannot be read, a card is malformed, a value is negative
            in a flat file or no number, the file holds two designs, is cut off, or has no capacitors.
    """
    if top is not None:
        return read_circuit(path, top)
    try:
        return _read_flat(path)
    except NotFlatError:
        return read_circuit(path)
    except ParasiticsError:
        if not looks_structured(path):
            raise
    return read_circuit(path)


def _read_flat(path: str | Path) -> Parasitics:
    reader = _SpiceReader(path)
    for block in read_blocks(path):
        reader.take(block)
        if reader.lacks_pins:
            break
    else:
        reader.close()
    if reader.lacks_pins:  # devices stood before the first resistor: read again, knowing that pins matter
        reader = _SpiceReader(path, with_pins=True)
        for block in read_blocks(path):
            reader.take(block)
        reader.close()
    return reader.finish()


def _values(texts: list[bytes], resistor: Mask) -> FloatArray:
    """Farad or ohm of the values of K plain cards, [K]; not a number where one cannot be read so."""
    if not resistor.any():
        return numbers(texts, parse_farad)
    found = np.empty(len(texts))
    for chosen, convert in ((~resistor, parse_farad), (resistor, parse_number)):
        own = [text for text, is_own in zip(texts, chosen.tolist(), strict=True) if is_own]
        found[chosen] = numbers(own, convert)
    return found


def _opens_parenthesis(lines: Lines) -> Mask:
    """Lines whose second field begins so, as nodes do in Spectre's language, [L]."""
    found = np.zeros(len(lines.starts), dtype=bool)
    places = np.flatnonzero(lines.buffer == ord("("))
    for row in np.unique(np.searchsorted(lines.starts, places, side="right") - 1).tolist():
        fields = lines.data[lines.starts[row] : lines.stops[row]].split(None, 2)
        found[row] = len(fields) > 1 and fields[1].startswith(b"(")
    return found


class _SpiceReader:
    """State carried from block to block."""

    def __init__(self, path: str | Path, *, with_pins: bool = False) -> None:
        self._path = path
        self._with_pins = with_pins
        self._cell = FlatCell()
        self._scopes = Scopes()
        self._ports: list[list[bytes]] = [[]]  # of each scope
        self._skipped: dict[str, tuple[int, int]] = {}  # kind → count, first line
        self._pending: list[bytes] = []  # fields of the statement that a `+` line may still continue
        self._pending_line = 0
        self._odd_cards: list[tuple[int, bytes, bytes, float, bool]] = []  # line, nodes, value, is a resistor
        self._masters: set[bytes] = set()  # of instances, lower case
        self._defined: set[bytes] = set()  # subcircuits, lower case

    @property
    def lacks_pins(self) -> bool:
        """Whether device pins were passed over that matter after all."""
        return self._cell.has_resistors and self._cell.n_devices > 0 and not self._with_pins

    def take(self, block: TextBlock) -> None:
        lines = sort_lines(block.data)
        plain = lines.begin_with(b"CcRr") & (lines.fields == CARD_FIELDS) & ~lines.continued()
        if b"(" in lines.data:
            plain &= ~_opens_parenthesis(lines)
        for row, text in lines.texts(~plain & ~lines.comment):
            self._take_line(text, block.first_line + row)
        if lines.ends_statement(self._pending_line - block.first_line):
            self._flush()
        chosen = np.flatnonzero(plain)
        rows = chosen + block.first_line
        resistor = lines.begin_with(b"Rr")[chosen]
        names, ends, values = split_cards(lines.words(plain))
        value = _values(values, resistor)
        usual = (value >= 0) & (value < np.inf)
        for i in np.flatnonzero(~usual).tolist():
            fields = [names[i], *ends[2 * i : 2 * i + 2], values[i]]
            value[i] = self._card_value(fields, int(rows[i]))
        self._store(rows, ends, value, resistor)

    def close(self) -> None:
        """Handle the statement at the end of the file."""
        self._flush()
        self._store(np.empty(0, np.int64), [], np.empty(0), np.empty(0, dtype=bool))

    def finish(self) -> Parasitics:
        if self._scopes.open_name:
            raise self._error(
                self._scopes.open_line,
                f"subcircuit {self._scopes.open_name} has no .ends; is the file cut off?",
            )
        if self._masters & self._defined or any(map(is_network_of_a_net, self._masters)):
            raise NotFlatError
        if not self._cell.has_capacitors:
            raise self._error(
                0, f"no capacitors found{self._skipped_text()}; expected C cards of an extraction."
            )
        return self._cell.to_parasitics(
            design=self._scopes.home_name or Path(self._path).name.partition(".")[0],
            source=Path(self._path).name,
            ports=self._ports[self._scopes.home],
            line=self._scopes.home_line,
            skipped=[
                SkippedCards(kind=kind, count=count, first_line=line)
                for kind, (count, line) in self._skipped.items()
            ],
        )

    def _take_line(self, line: bytes, number: int) -> None:
        """Handle one line outside the plain form: part of a statement, or a `*|P` record."""
        if line.startswith(b"*|"):
            self._flush()
            self._take_piece(line, number)
        elif line.startswith(b"+"):
            if not self._pending:
                raise self._error(number, "continuation line `+` without a statement before it.")
            self._pending += line[1:].split()
        else:
            self._flush()
            self._pending, self._pending_line = line.split(), number

    def _take_piece(self, line: bytes, number: int) -> None:
        """Handle `*|P node net [pin …]`."""
        fields = line.split(None, 3)
        if fields[0] != b"*|P" or (fields[1:2] and fields[1].startswith(b"(")):
            raise self._error(number, f"`{shortened(line)}` belongs to DSPF; expected SPICE capacitors.")
        if len(fields) < 3:
            raise self._error(number, "`*|P` needs a node and its net: *|P node net [pin …].")
        node, net = fields[1:3]
        if node == b"0":
            self._skip("*|P on node 0", number)
            return
        try:
            self._cell.put_piece(node, net, fields[3] if len(fields) > 3 else b"")
        except PieceError as error:
            raise self._error(number, str(error)) from None

    def _flush(self) -> None:
        """Interpret the statement collected so far."""
        fields, line = self._pending, self._pending_line
        self._pending = []
        if not fields:
            return
        kind = fields[0][:1].upper()
        if is_spectre(fields):
            raise NotFlatError
        if kind in {b"C", b"R"}:
            value = self._card_value(fields, line)
            if value == value:
                self._odd_cards.append((line, fields[1], fields[2], value, kind == b"R"))
        elif kind == b".":
            self._directive(fields, line)
        elif kind.isalpha():
            self._skip(decode(kind), line)
            self._take_device(fields, kind, line)
        elif line > 1:  # the first line of a deck may be a title
            raise self._error(
                line,
                f"`{shortened(b' '.join(fields))}` is no SPICE statement; is this an extraction result?",
            )

    def _directive(self, fields: list[bytes], line: int) -> None:
        name = decode(fields[0]).lower()
        if name in {".subckt", ".macro"}:
            if len(fields) < 2:
                raise self._error(line, f"{name} has no name.")
            self._scopes.enter(decode(fields[1]), line)
            self._ports.append([port for port in fields[2:] if b"=" not in port])
            self._defined.add(fields[1].lower())
        elif name in {".ends", ".eom"}:
            self._scopes.leave(line)
        elif name in {".include", ".inc"} and includes_a_part(self._path, fields):
            raise NotFlatError
        elif name != ".end":
            self._skip(name, line)

    def _take_device(self, fields: list[bytes], kind: bytes, line: int) -> None:
        """Note the master of an instance, and the pins of a device where they matter."""
        if kind == b"X":
            self._masters.add(master_of(fields))
        self._cell.n_devices += 1
        if not self._with_pins:
            return
        words = before_parameters(fields)
        nodes = words[1:5] if kind == b"M" else words[1:3] if kind in {b"C", b"R"} else words[1:-1]
        letters = _TERMINALS.get(kind, "")
        device = decode(fields[0])
        for position, node in enumerate(nodes):
            self._cell.add_pin(line, node, pin_name(device, letters, position))

    def _card_value(self, fields: list[bytes], line: int) -> float:
        """Value of a C or R card; not a number for a device of the circuit."""
        kind = fields[0][:1].upper()
        if is_design_device(fields):
            self._skip(f"{decode(kind)} with a model", line)
            self._take_device(fields, kind, line)
            return float("nan")
        try:
            return capacitor_farad(fields, parse_farad) if kind == b"C" else resistor_ohm(fields)
        except ValueError as error:
            raise self._error(line, str(error)) from None

    def _store(self, lines: OffsetArray, ends: list[bytes], value: FloatArray, resistor: Mask) -> None:
        """Keep the cards of a block, plain ones and others, in file order."""
        if self._odd_cards:
            odd_lines, odd_a, odd_b, odd_value, odd_resistor = zip(*self._odd_cards, strict=True)
            self._odd_cards = []
            order = np.argsort(np.concatenate([lines, odd_lines]), kind="stable")
            lines = np.concatenate([lines, odd_lines])[order]
            value = np.concatenate([value, odd_value])[order]
            resistor = np.concatenate([resistor, odd_resistor])[order]
            a, b = [*ends[0::2], *odd_a], [*ends[1::2], *odd_b]
            ends = [end for i in order.tolist() for end in (a[i], b[i])]
        if not len(lines):
            return
        self._scopes.claim(lines)
        shorted = self._cell.add(ends, value, resistor)
        if len(shorted):
            self._skip("C with both ends on one node", int(lines[shorted[0]]), len(shorted))
        if self._cell.has_resistors and not self._cell.n_devices:
            self._with_pins = True

    def _skip(self, kind: str, line: int, count: int = 1) -> None:
        known, first = self._skipped.get(kind, (0, line))
        self._skipped[kind] = (known + count, min(first, line))

    def _skipped_text(self) -> str:
        counts = {kind: count for kind, (count, _) in self._skipped.items()}
        if self._cell.has_resistors:
            counts["R"] = self._cell.n_resistors
        return " among " + ", ".join(f"{n} {kind}" for kind, n in list(counts.items())[:8]) if counts else ""

    def _error(self, line: int, message: str) -> ParasiticsError:
        return ParasiticsError(message, location=SourceLocation(str(self._path), line))
